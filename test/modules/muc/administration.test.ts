// What moderators and admins do (XEP-0045 sections 8 and 9), at a core in memory.

import { describe, expect, test } from 'vitest';
import { type CoreClient, conditionOf } from '../../support/core.js';
import {
  ADMIN,
  administers,
  codes,
  configured,
  entered,
  heard,
  house,
  listed,
  OWNER,
  opened,
  ROOM,
  refused,
  settled,
  standing,
  USER,
} from '../../support/muc.js';

const role = (nick: string, as: string, reason = '') =>
  `<item nick='${nick}' role='${as}'>${reason && `<reason>${reason}</reason>`}</item>`;
const stands = (name: string, as: string, reason = '') =>
  `<item jid='${name}@example.test' affiliation='${as}'>${reason && `<reason>${reason}</reason>`}</item>`;

/** Owner, admin, member, and one who is nothing; all are here under their names. */
async function four(fields: Record<string, string> = {}, options = {}) {
  const tested = house(options);
  const names = ['owner', 'admin', 'member', 'nobody'];
  const [owner, admin, member, nobody] = await Promise.all(names.map((name) => tested.guest(name)));
  await opened(owner, 'owner', fields);
  await administers(owner, stands('admin', 'admin'), stands('member', 'member'));
  for (const client of [admin, member, nobody]) await entered(client, client.account);
  const all = { owner, admin, member, nobody };
  for (const client of Object.values(all)) await settled(client);
  return { ...tested, ...all };
}

type Four = Awaited<ReturnType<typeof four>>;
type Name = 'owner' | 'admin' | 'member' | 'nobody';

describe('8.1 the subject', () => {
  const subject = (client: CoreClient, text: string, more = '') =>
    client.say(
      `<message xmlns='jabber:client' type='groupchat' to='${ROOM}' id='s'><subject>${text}</subject>${more}</message>`,
    );

  test('is changed by a moderator, seen by all, and by who enters later', async () => {
    const { owner, nobody, guest } = await four();
    subject(owner, 'Fire burn');
    const came = await heard(nobody, '<subject>');
    expect([came.textOf('subject'), came.attr('from')]).toEqual(['Fire burn', `${ROOM}/owner`]);
    const all = await entered(await guest('late'), 'late');
    const last = all[all.length - 1];
    expect([last.textOf('subject'), last.attr('from')]).toEqual(['Fire burn', `${ROOM}/owner`]);
    expect(last.child('delay')?.attr('from')).toBe(ROOM);
  });

  test('is not changed by others, until the owner lets participants', async () => {
    const { owner, nobody } = await four();
    subject(nobody, 'x');
    expect(conditionOf(await heard(nobody, "type='error'"))).toBe('forbidden');
    await configured(owner, { changesubject: '1' });
    subject(nobody, 'Fire burn');
    await heard(owner, 'Fire burn');
  });

  test('of a message with a body is only part of it', async () => {
    const { owner, nobody, guest } = await four();
    subject(nobody, 'x', '<body>hi</body>');
    await heard(owner, '<body>hi');
    const late = await guest('late');
    await entered(late, 'late');
    expect((await heard(late, '<subject/>')).attr('from')).toBe(ROOM);
  });

  test('is not too long', async () => {
    const { owner } = await four({}, { max_subject_bytes: 5 });
    subject(owner, 'äöü');
    expect(conditionOf(await heard(owner, "type='error'"))).toBe('not-acceptable');
  });
});

describe('roles', () => {
  test('8.2 who is kicked is told by 307, by whom and why; he may come back', async () => {
    const { admin, nobody, owner } = await four();
    expect(await administers(admin, role('nobody', 'none', 'Avaunt'))).toBeUndefined();
    for (const [client, expected] of [
      [nobody, [307, 110]],
      [owner, [307]],
    ] as const) {
      const seen = await heard(client, 'unavailable');
      const item = seen.child('x', USER)?.child('item');
      expect([codes(seen), item?.textOf('reason'), item?.child('actor')?.attr('nick')]).toEqual([
        expected,
        'Avaunt',
        'admin',
      ]);
      expect(standing(seen)).toContain('none none');
    }
    await entered(nobody, 'nobody');
  });

  // By whom, whom, which role; what comes of it.
  test.each<[Name, Name, string, string | undefined]>([
    ['nobody', 'member', 'none', 'forbidden'],
    ['member', 'nobody', 'none', 'forbidden'],
    ['admin', 'owner', 'none', 'not-allowed'],
    ['admin', 'member', 'none', undefined],
    ['owner', 'admin', 'none', undefined],
    ['nobody', 'member', 'visitor', 'forbidden'],
    ['admin', 'nobody', 'visitor', undefined],
    ['admin', 'member', 'visitor', undefined],
    ['owner', 'admin', 'visitor', 'not-allowed'],
    ['admin', 'owner', 'visitor', 'not-allowed'],
    ['member', 'nobody', 'moderator', 'forbidden'],
    ['admin', 'nobody', 'moderator', undefined],
    ['owner', 'admin', 'participant', 'not-allowed'],
    ['admin', 'owner', 'participant', 'not-allowed'],
  ])('8.2 to 8.4, 9.6, 9.7: %s gives %s the role %s', async (by, whom, as, condition) => {
    const all: Four = await four();
    expect(await administers(all[by], role(whom, as))).toBe(condition);
  });

  test('8.3 and 8.4 voice is revoked and granted, and all see it', async () => {
    const { admin, nobody, owner } = await four({ moderatedroom: '1' });
    await administers(admin, role('nobody', 'participant', 'speak'));
    expect(standing(await heard(owner, '/nobody'))).toContain('none participant');
    await administers(admin, role('nobody', 'visitor'));
    expect(standing(await heard(nobody, "role='visitor'"))).toContain('none visitor');
  });

  test('9.6 a moderator without affiliation kicks, and sees addresses; he is no admin', async () => {
    const { admin, nobody, member } = await four();
    await administers(admin, role('nobody', 'moderator'));
    expect(await administers(nobody, role('member', 'none'))).toBe('not-allowed');
    expect(await administers(nobody, role('admin', 'none'))).toBe('not-allowed');
    expect(await administers(nobody, role('member', 'moderator'))).toBe('forbidden');
    expect(await administers(nobody, role('member', 'visitor'))).toBe('not-allowed');
    expect(await administers(nobody, stands('member', 'none'))).toBe('forbidden');
    await administers(admin, role('nobody', 'participant'));
    expect(await administers(nobody, role('member', 'visitor'))).toBe('forbidden');
    await settled(member);
  });

  test.each([
    ['8.2 a nickname that nobody has', role('ghost', 'none'), 'item-not-found'],
    ['a role that there is not', role('nobody', 'king'), 'bad-request'],
    ['no item', '', 'bad-request'],
    ['a role and an affiliation', "<item nick='nobody' role='none' affiliation='none'/>", 'bad-request'],
    ['an affiliation of nobody', "<item affiliation='member'/>", 'bad-request'],
    ['an affiliation that there is not', stands('nobody', 'king'), 'bad-request'],
    ['what is no address', "<item affiliation='member' jid='@'/>", 'jid-malformed'],
  ])('%s', async (_, item, condition) => {
    expect(await administers((await four()).owner, item)).toBe(condition);
  });

  test('8.5 a request is done as a whole or not at all', async () => {
    const { admin, nobody } = await four();
    expect(await administers(admin, role('nobody', 'none'), role('owner', 'none'))).toBe('not-allowed');
    expect(await settled(nobody)).toEqual([]);
  });
});

describe('the same occupant twice in a request', () => {
  test('8.2 leaves once, and is not here afterwards', async () => {
    const { owner, admin } = await four();
    expect(await administers(owner, role('nobody', 'none'), role('nobody', 'visitor'))).toBe('bad-request');
    expect(await settled(admin)).toEqual([]);
    expect(await administers(owner, role('nobody', 'none'), role('nobody', 'none'))).toBe('bad-request');
    expect(await listed(owner, "role='participant'")).toContain('nobody@example.test/test');
  });
});

describe('affiliations', () => {
  test('9.1 who is banned is told by 301, and does not come back', async () => {
    const { admin, nobody, owner } = await four();
    expect(await administers(admin, stands('nobody', 'outcast', 'Treason'))).toBeUndefined();
    for (const [client, expected] of [
      [nobody, [301, 110]],
      [owner, [301]],
    ] as const) {
      const seen = await heard(client, 'unavailable');
      expect([codes(seen), seen.child('x', USER)?.child('item')?.textOf('reason')]).toEqual([expected, 'Treason']);
      expect(standing(seen)).toContain('outcast none');
    }
    expect(await refused(nobody, 'nobody')).toBe('forbidden');
    expect(await listed(admin, "affiliation='outcast'")).toEqual(['nobody@example.test']);
    expect(await administers(admin, stands('nobody', 'none'))).toBeUndefined();
    await entered(nobody, 'nobody');
  });

  // By whom, whom, which affiliation; what comes of it.
  test.each<[Name, Name, string, string | undefined]>([
    ['nobody', 'member', 'outcast', 'forbidden'],
    ['member', 'nobody', 'member', 'forbidden'],
    ['admin', 'admin', 'outcast', 'conflict'],
    ['owner', 'owner', 'outcast', 'conflict'],
    ['admin', 'owner', 'outcast', 'not-allowed'],
    ['owner', 'admin', 'outcast', undefined],
    ['admin', 'nobody', 'member', undefined],
    ['admin', 'member', 'none', undefined],
    ['admin', 'nobody', 'admin', 'forbidden'],
    ['admin', 'nobody', 'owner', 'forbidden'],
    ['admin', 'owner', 'member', 'forbidden'],
    ['admin', 'admin', 'none', 'forbidden'],
    ['owner', 'nobody', 'owner', undefined],
    ['owner', 'nobody', 'admin', undefined],
    ['owner', 'admin', 'member', undefined],
    ['owner', 'owner', 'admin', 'conflict'],
    ['owner', 'owner', 'none', 'conflict'],
  ])('9.1 to 9.5, 10.3 to 10.8: %s makes %s %s', async (by, whom, as, condition) => {
    const all: Four = await four();
    expect(await administers(all[by], stands(whom, as))).toBe(condition);
  });

  test('10.4 an owner stops being one when there is another', async () => {
    const { owner, admin } = await four();
    await administers(owner, stands('admin', 'owner'));
    expect(standing(await heard(admin, '/admin'))).toContain('owner moderator');
    expect(await administers(owner, stands('owner', 'admin'))).toBeUndefined();
    expect(standing(await heard(admin, '/owner'))).toContain('admin moderator');
  });

  test('9.3 and 9.4 members come and go; where only members enter they leave by 321', async () => {
    const { owner, member, nobody } = await four({ moderatedroom: '1' });
    await administers(owner, stands('nobody', 'member'));
    expect(standing(await heard(nobody, '/nobody'))).toContain('member participant');
    await administers(owner, stands('nobody', 'none'));
    expect(standing(await heard(nobody, '/nobody'))).toContain('none visitor');
    await configured(owner, { membersonly: '1' });
    await administers(owner, stands('member', 'none'));
    expect(codes(await heard(member, '321'))).toEqual([321, 110]);
  });

  test('10.6 and 10.7 an admin is a moderator, and no longer', async () => {
    const { owner, nobody } = await four();
    await administers(owner, stands('nobody', 'admin'));
    expect(standing(await heard(nobody, '/nobody'))).toContain('admin moderator');
    await administers(owner, stands('nobody', 'none'));
    expect(standing(await heard(nobody, '/nobody'))).toContain('none participant');
  });

  test('9.3 of somebody who is not here moderators are told', async () => {
    const { owner, admin, nobody } = await four();
    await administers(owner, stands('away', 'member'));
    const seen = await heard(admin, 'away@example.test');
    expect([seen.name, seen.attr('from'), standing(seen)]).toEqual(['message', ROOM, 'member none away@example.test']);
    expect(await settled(nobody)).toEqual([]);
  });

  test('17.1 who is not here is told by 101 how he stands, and invited where only members enter', async () => {
    const { guest } = house();
    const [one, away] = [await guest('one'), await (await guest('away')).available()];
    await opened(one, 'first');
    await administers(one, "<item affiliation='admin' jid='away@example.test'><reason>trust</reason></item>");
    const told = await heard(away, "code='101'");
    expect([told.attr('from'), standing(told), told.raw.includes('trust')]).toEqual([ROOM, 'admin none', true]);
    await administers(one, "<item affiliation='none' jid='away@example.test'/>");
    expect(standing(await heard(away, "code='101'"))).toBe('none none');
    await configured(one, { membersonly: '1', passwordprotectedroom: '1', roomsecret: 'cauldron' });
    await administers(one, "<item affiliation='member' jid='away@example.test'/>");
    const invited = (await heard(away, '<invite')).child('x', USER);
    expect([invited?.child('invite')?.attr('from'), invited?.textOf('password')]).toEqual([
      `${ROOM}/first`,
      'cauldron',
    ]);
  });

  test('9.5 a nickname is reserved, kept, and reserved no more', async () => {
    const { guest } = house();
    const one = await guest('one');
    await opened(one, 'first');
    const nick = async () =>
      (await one.ask('get', `<query xmlns='${ADMIN}'><item affiliation='member'/></query>`, ROOM))
        .child('query')
        ?.child('item')
        ?.attr('nick');
    await administers(one, "<item affiliation='member' jid='away@example.test' nick='hag'/>");
    await administers(one, "<item affiliation='member' jid='away@example.test'/>");
    expect(await nick()).toBe('hag');
    await administers(one, "<item affiliation='member' jid='away@example.test' nick=''/>");
    expect(await nick()).toBeUndefined();
  });

  test('a reason is not too long', async () => {
    const { guest } = house({ max_reason_bytes: 5 });
    const [one, two] = [await guest('one'), await guest('two')];
    await opened(one, 'first');
    await entered(two, 'second');
    const reason = '<reason>Avaunt</reason>';
    expect(await administers(one, `<item role='none' nick='second'>${reason}</item>`)).toBe('not-acceptable');
    expect(await administers(one, `<item affiliation='outcast' jid='two@example.test'>${reason}</item>`)).toBe(
      'not-acceptable',
    );
    expect(
      conditionOf(await one.ask('set', `<query xmlns='${OWNER}'><destroy>${reason}</destroy></query>`, ROOM)),
    ).toBe('not-acceptable');
    expect(await settled(two)).toEqual([]);
  });

  test('a room knows no more users than it may', async () => {
    const { owner, metrics } = await four({}, { max_affiliations: 4 });
    expect(await administers(owner, stands('a', 'member'))).toBeUndefined();
    expect(await administers(owner, stands('b', 'member'))).toBe('resource-constraint');
    expect(await administers(owner, stands('a', 'outcast'))).toBeUndefined();
    expect(await metrics.registry.metrics()).toContain('limit="muc.max_affiliations"} 1');
  });
});

describe('lists', () => {
  test.each([
    ["affiliation='owner'", ['owner@example.test']],
    ["affiliation='admin'", ['admin@example.test']],
    ["affiliation='member'", ['member@example.test']],
    ["affiliation='outcast'", []],
    ["role='moderator'", ['owner@example.test/test', 'admin@example.test/test']],
    ["role='participant'", ['member@example.test/test', 'nobody@example.test/test']],
    ["role='visitor'", []],
    ["role='king'", 'bad-request'],
    ["affiliation='none'", 'bad-request'],
  ])('8.5, 9.2, 9.5, 9.8, 10.5 and 10.8: %s', async (what, expected) => {
    const { admin, member } = await four();
    expect(await listed(admin, what)).toEqual(expected);
    expect(await listed(member, what)).toBe(expected === 'bad-request' ? expected : 'forbidden');
  });

  test('9.5 members see who else is one where everybody sees addresses', async () => {
    const { member, nobody } = await four({ whois: 'anyone' });
    expect(await listed(member, "affiliation='member'")).toEqual(['member@example.test']);
    expect(await listed(member, "affiliation='outcast'")).toBe('forbidden');
    expect(await listed(nobody, "affiliation='member'")).toBe('forbidden');
  });

  test('a request without items is none', async () => {
    const { owner } = await four();
    expect(conditionOf(await owner.ask('get', `<query xmlns='${ADMIN}'/>`, ROOM))).toBe('bad-request');
  });
});
