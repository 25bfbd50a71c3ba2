// What owners do, and what is kept of their rooms (XEP-0045 section 10), at a core in memory.

import { describe, expect, test } from 'vitest';
import { MemoryDriver } from '../../../src/storage/memory.js';
import { StoreError } from '../../../src/storage/store.js';
import { type CoreClient, conditionOf } from '../../support/core.js';
import {
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
  SERVICE,
  says,
  settled,
  standing,
  USER,
} from '../../support/muc.js';

const owns = (client: CoreClient, inside = '', type: 'get' | 'set' = 'set') =>
  client.ask(type, `<query xmlns='${OWNER}'>${inside}</query>`, ROOM);
const destroy = (client: CoreClient, inside = '', attributes = '') =>
  owns(client, `<destroy${attributes}>${inside}</destroy>`);
const leaves = (client: CoreClient, nick: string) =>
  client.say(`<presence xmlns='jabber:client' type='unavailable' to='${ROOM}/${nick}'/>`);

async function two(fields: Record<string, string> = {}, storage?: MemoryDriver) {
  const tested = house({}, storage);
  const [one, other] = [await tested.guest('one'), await tested.guest('two')];
  await opened(one, 'first', fields);
  await entered(other, 'second');
  await settled(one);
  return { ...tested, one, other };
}

describe('10.1 a room that is made', () => {
  test('is its maker’s, who is told by 201', async () => {
    const { guest } = house();
    const [own] = await entered(await guest('one'), 'first');
    expect([codes(own), standing(own)]).toEqual([[201, 110], 'owner moderator one@example.test/test']);
  });

  test('10.1.2 is open at once when all is to be as usual', async () => {
    const { guest } = house();
    const one = await guest('one');
    await entered(one, 'first');
    expect((await configured(one)).attr('type')).toBe('result');
    await entered(await guest('two'), 'second');
  });

  test('10.1.3 is configured first: its form has what it is like', async () => {
    const { guest } = house();
    const one = await guest('one');
    await entered(one, 'first');
    const form = (await owns(one, '', 'get')).child('query')?.child('x', 'jabber:x:data');
    const fields = new Map(form?.children.map((each) => [each.attr('var'), each.textOf('value')]));
    expect(fields.get('FORM_TYPE')).toBe('http://jabber.org/protocol/muc#roomconfig');
    expect(fields.get('muc#roomconfig_persistentroom')).toBe('0');
    expect(fields.get('muc#roomconfig_whois')).toBe('moderators');
    expect(fields.size).toBe(25);
    await configured(one);
    const later = (await owns(one, '', 'get')).child('query')?.child('x', 'jabber:x:data');
    expect(later?.raw).toContain('roomconfig_getmemberlist');
    expect(later?.raw).not.toContain('roomconfig_roomadmins');
  });

  test('10.1.3 is given admins and further owners, and later others: its form has full lists', async () => {
    const { guest } = house();
    const [one, two] = [await guest('one'), await guest('two')];
    await entered(one, 'first');
    const jids = (...names: string[]) => names.map((name) => `${name}@example.test`).join('\n');
    const standings = async () => [await listed(one, "affiliation='owner'"), await listed(one, "affiliation='admin'")];
    const lists = { roomadmins: jids('two', 'three'), roomowners: jids('four') };
    expect((await configured(one, { persistentroom: '1', ...lists })).attr('type')).toBe('result');
    expect(await standings()).toEqual([
      ['one@example.test', 'four@example.test'],
      ['two@example.test', 'three@example.test'],
    ]);
    expect(conditionOf(await configured(one, { roomadmins: '@', roomname: 'Cave' }))).toBe('jid-malformed');
    expect(conditionOf(await configured(one, { roomadmins: '', whois: 'nobody' }))).toBe('not-acceptable');
    expect((await standings())[1]).toEqual(['two@example.test', 'three@example.test']);
    await entered(two, 'second');
    await configured(one, { membersonly: '1', roomadmins: jids('three'), roomowners: '' });
    expect(await standings()).toEqual([['one@example.test'], ['three@example.test']]);
    expect(await listed(one, "affiliation='member'")).toEqual(['two@example.test', 'four@example.test']);
    expect(standing(await heard(two, "affiliation='member'"))).toBe('member participant two@example.test/test');
  });

  test('10.5 more admins than others would like to hear of are refused', async () => {
    const { guest } = house({ stanzas_per_second: 1 });
    const one = await guest('one');
    await opened(one, 'first');
    const many = Array.from({ length: 20 }, (_, n) => `a${n}@example.test`).join('\n');
    expect(conditionOf(await configured(one, { roomadmins: many, roomname: 'Cave' }))).toBe('policy-violation');
    expect(await listed(one, "affiliation='admin'")).toEqual([]);
  });

  test('10.1.3 is not wanted after all', async () => {
    const { guest } = house();
    const one = await guest('one');
    await entered(one, 'first');
    await owns(one, "<x xmlns='jabber:x:data' type='cancel'/>");
    expect(codes(await heard(one, 'unavailable'))).toEqual([110]);
    expect(codes((await entered(one, 'first'))[0])).toContain(201);
  });

  test.each([
    ['max_rooms', { max_rooms: 1 }],
    ['max_rooms_per_owner', { max_rooms_per_owner: 1 }],
  ])('is not one too many: %s', async (limit, options) => {
    const { guest, metrics } = house(options);
    const one = await guest('one');
    await opened(one, 'first');
    expect(await refused(one, 'first', '', `heath@${SERVICE}`)).toBe('resource-constraint');
    expect(await metrics.registry.metrics()).toContain(`limit="muc.${limit}"} 1`);
  });
});

describe('10.2 a room that is configured', () => {
  test('is so by owners only', async () => {
    const { other } = await two();
    expect(conditionOf(await owns(other, '', 'get'))).toBe('forbidden');
    expect(conditionOf(await configured(other, { roomname: 'x' }))).toBe('forbidden');
    expect(conditionOf(await destroy(other))).toBe('forbidden');
  });

  test.each([
    ['persistentroom', 'maybe'],
    ['whois', 'nobody'],
    ['maxusers', '-1'],
    ['roomname', 'x'.repeat(2000)],
    ['passwordprotectedroom', '1'],
  ])('does not take %s %s', async (name, value) => {
    const { one } = await two();
    expect(conditionOf(await configured(one, { [name]: value }))).toBe('not-acceptable');
  });

  test('does not take what is no such form', async () => {
    const { one } = await two();
    const form = "<x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>x</value></field></x>";
    expect(conditionOf(await owns(one, form))).toBe('bad-request');
    expect(conditionOf(await owns(one))).toBe('bad-request');
  });

  test('a cancelled form changes nothing', async () => {
    const { one, other } = await two();
    expect((await owns(one, "<x xmlns='jabber:x:data' type='cancel'/>")).attr('type')).toBe('result');
    expect(await settled(other)).toEqual([]);
  });

  test.each([
    [{ roomname: 'Cave' }, [104]],
    [{ whois: 'anyone' }, [172]],
    [{ whois: 'anyone', roomname: 'Cave' }, [172, 104]],
    [{}, undefined],
  ])('10.2.1 tells its occupants: %o', async (fields, expected) => {
    const { one, other } = await two();
    await configured(one, fields);
    const [said] = await settled(other);
    expect(said && codes(said)).toEqual(expected);
    if (said) expect([said.name, said.attr('from'), said.attr('type')]).toEqual(['message', ROOM, 'groupchat']);
  });

  test('10.2.1 173: addresses are hidden from now on', async () => {
    const { one, other } = await two({ whois: 'anyone' });
    await configured(one, { whois: 'moderators' });
    expect(codes(await heard(other, '<message'))).toEqual([173]);
  });

  test('who is no member leaves by 322 when only members may be in it', async () => {
    const { one, other } = await two();
    await configured(one, { membersonly: '1' });
    expect(codes(await heard(other, 'unavailable'))).toEqual([322, 110]);
    expect(codes(await heard(one, 'unavailable'))).toEqual([322]);
    expect(await refused(other, 'second')).toBe('registration-required');
  });

  test('whose visitors are not shown tells of who is one no more, and of who speaks', async () => {
    const { guest, one, other } = await two({ moderatedroom: '1' });
    expect(conditionOf(await configured(one, { presencebroadcast: 'king' }))).toBe('not-acceptable');
    const roles = '</value><value>';
    await configured(one, { presencebroadcast: `moderator${roles}participant` });
    const gone = await heard(one, '/second');
    expect([gone.attr('type'), standing(gone)]).toEqual(['unavailable', 'none visitor two@example.test/test']);
    expect(codes(await heard(other, '/second'))).toEqual([110]);
    const three = await guest('three');
    expect((await entered(three, 'third')).map((each) => each.attr('from'))).toEqual([
      `${ROOM}/first`,
      `${ROOM}/third`,
      ROOM,
    ]);
    three.say(`<presence xmlns='jabber:client' to='${ROOM}/crone'/>`);
    leaves(three, 'crone');
    await settled(three);
    expect((await settled(one)).filter(({ name }) => name === 'presence')).toEqual([]);
    await administers(one, "<item role='participant' nick='second'/>");
    expect(standing(await heard(one, '/second'))).toContain('none participant');
    await configured(one, { presencebroadcast: '' });
    expect((await heard(other, '/first')).attr('type')).toBe('unavailable');
  });

  test('others lose their voice when it is moderated, and get it back', async () => {
    const { one, other } = await two();
    await configured(one, { moderatedroom: '1' });
    expect(standing(await heard(other, '/second'))).toContain('none visitor');
    await configured(one, { moderatedroom: '0' });
    expect(standing(await heard(other, '/second'))).toContain('none participant');
  });
});

describe('10.9 a room that is destroyed', () => {
  test('sends all away, and says why and where to', async () => {
    const { one, other } = await two({ persistentroom: '1' });
    expect((await destroy(one, '<reason>Macbeth</reason>', ` jid='heath@${SERVICE}'`)).attr('type')).toBe('result');
    const said = (await heard(other, 'unavailable')).child('x', USER)?.child('destroy');
    expect([said?.attr('jid'), said?.textOf('reason')]).toEqual([`heath@${SERVICE}`, 'Macbeth']);
    expect(await settled(one)).toHaveLength(1);
    expect(codes((await entered(other, 'second'))[0])).toContain(201);
  });

  test('has an alternate that is an address', async () => {
    const { one } = await two();
    expect(conditionOf(await destroy(one, '', " jid='@'"))).toBe('jid-malformed');
  });
});

describe('a persistent room', () => {
  test('stays when everybody has left', async () => {
    const { one, other, guest } = await two({ persistentroom: '1' });
    for (const [client, nick] of [
      [one, 'first'],
      [other, 'second'],
    ] as const) {
      leaves(client, nick);
      await heard(client, 'unavailable');
    }
    expect(codes((await entered(await guest('late'), 'late'))[0])).toEqual([170, 110]);
  });

  test('goes when it is no longer to stay and nobody is in it', async () => {
    const { one, other } = await two({ persistentroom: '1' });
    for (const [client, nick] of [
      [one, 'first'],
      [other, 'second'],
    ] as const) {
      leaves(client, nick);
      await heard(client, 'unavailable');
    }
    await configured(one, { persistentroom: '0' });
    expect((await entered(other, 'x')).flatMap(codes)).toContain(201);
  });

  test('is there again after a restart: how it is, who stands how to it, its subject and what was said', async () => {
    const storage = new MemoryDriver();
    const before = await two({ persistentroom: '1', roomname: 'Cave', membersonly: '0' }, storage);
    const { one } = before;
    await administers(one, "<item affiliation='member' jid='two@example.test' nick='hag'/>");
    await administers(one, "<item affiliation='outcast' jid='bad@example.test'/>");
    one.say(`<message xmlns='jabber:client' type='groupchat' to='${ROOM}'><subject>Fire</subject></message>`);
    says(one, 'hist');
    const id = (await heard(one, 'hist')).child('occupant-id')?.attr('id');
    await settled(one);

    const after = house({}, storage);
    const [boss, bad, late] = [await after.guest('one'), await after.guest('bad'), await after.guest('late')];
    const all = await entered(boss, 'first');
    expect(standing(all[0])).toContain('owner moderator');
    expect(all.map((each) => each.textOf('body') ?? each.textOf('subject'))).toEqual([undefined, 'hist', 'Fire']);
    expect(all[1].child('occupant-id')?.attr('id')).toBe(id);
    expect(await refused(bad, 'bad')).toBe('forbidden');
    expect(await refused(late, 'hag')).toBe('conflict');
    const info = await boss.ask('get', "<query xmlns='http://jabber.org/protocol/disco#info'/>", ROOM);
    expect(info.child('query')?.child('identity')?.attr('name')).toBe('Cave');
  });

  test('that is being destroyed is changed no more, and leaves nothing behind', async () => {
    const storage = new MemoryDriver();
    const { one, other } = await two({ persistentroom: '1' }, storage);
    await administers(one, "<item affiliation='owner' jid='two@example.test'/>");
    const [gone, condition] = await Promise.all([
      destroy(one),
      administers(other, "<item affiliation='outcast' jid='bad@example.test'/>"),
    ]);
    expect([gone.attr('type'), condition]).toEqual(['result', 'item-not-found']);
    const keys: string[] = [];
    for await (const key of storage.open(SERVICE, 'rooms', 'map').keys()) keys.push(key);
    expect(keys).toEqual([]);
  });

  test('is nobody’s to make while those that were kept cannot be read', async () => {
    const storage = new MemoryDriver();
    storage.open(SERVICE, 'rooms', 'map').keys = () => {
      throw new StoreError('failed', 'broken');
    };
    const { guest, log } = house({}, storage);
    expect(await refused(await guest('one'), 'first')).toBe('internal-server-error');
    expect(log.lines.some(({ event }) => event === 'rooms_not_loaded')).toBe(true);
  });

  test('is not one when there is no room to keep it', async () => {
    const storage = new MemoryDriver();
    const { one, other } = await two({}, storage);
    storage.open(SERVICE, 'rooms', 'map').change = async () => {
      throw new StoreError('full', 'full');
    };
    expect(conditionOf(await configured(one, { persistentroom: '1' }))).toBe('resource-constraint');
    expect(await settled(other)).toEqual([]);
    const form = await owns(one, '', 'get');
    expect(form.raw).toMatch(/persistentroom'[^>]*><value>0</);
  });

  test('is not there after a restart when it was destroyed or made temporary', async () => {
    for (const end of [destroy, (client: CoreClient) => configured(client, { persistentroom: '0' })]) {
      const storage = new MemoryDriver();
      const { one } = await two({ persistentroom: '1' }, storage);
      await end(one);
      const after = await house({}, storage).guest('two');
      expect(codes((await entered(after, 'x'))[0])).toContain(201);
    }
  });
});
