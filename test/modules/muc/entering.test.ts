// XEP-0045 section 7.1 to 7.2 and 7.14, at a core in memory.

import { describe, expect, test } from 'vitest';
import { conditionOf, OPTIONS } from '../../support/core.js';
import {
  administers,
  came,
  codes,
  configured,
  entered,
  enters,
  heard,
  house,
  MUC,
  nickOf,
  opened,
  ROOM,
  refused,
  says,
  settled,
  standing,
} from '../../support/muc.js';

describe('who enters a room', () => {
  test('7.2.2 gets the presence of the others, then his own with 110, then the subject', async () => {
    const { guest } = house();
    const one = await guest('one');
    await opened(one, 'firstwitch');
    const two = await guest('two');
    const all = await entered(two, 'secondwitch');
    expect(all.map((each) => [each.name, nickOf(each)])).toEqual([
      ['presence', 'firstwitch'],
      ['presence', 'secondwitch'],
      ['message', undefined],
    ]);
    expect(all.map(codes)).toEqual([[], [110], []]);
    expect(all.map(standing)).toEqual(['owner moderator', 'none participant two@example.test/test', '']);
    expect(all[2].textOf('subject')).toBe('');
    const seen = await heard(one, 'secondwitch');
    expect(standing(seen)).toBe('none participant two@example.test/test');
    expect(codes(seen)).toEqual([]);
  });

  test('7.2.1 says no nickname and is told that this is no address to enter with', async () => {
    const { guest } = house();
    const one = await guest('one');
    one.say(`<presence xmlns='jabber:client' to='${ROOM}'/>`);
    expect(conditionOf(await heard(one, "type='error'"))).toBe('jid-malformed');
  });

  test('7.2.3 into a room that is not anonymous is warned by 100, and shown to all by his address', async () => {
    const { guest } = house();
    const [one, two] = [await guest('one'), await guest('two')];
    await opened(one, 'firstwitch', { whois: 'anyone' });
    const [first, own] = await entered(two, 'secondwitch');
    expect(standing(first)).toBe('owner moderator one@example.test/test');
    expect(codes(own)).toEqual([100, 110]);
  });

  test('7.2.4 in a room whose addresses are hidden sees that of nobody but himself', async () => {
    const { guest } = house();
    const [one, two, three] = [await guest('one'), await guest('two'), await guest('three')];
    await opened(one, 'firstwitch');
    await entered(two, 'secondwitch');
    await entered(three, 'thirdwitch');
    expect(standing(await heard(two, 'thirdwitch'))).toBe('none participant');
    expect((await heard(one, 'thirdwitch')).raw).toContain('three@example.test/test');
  });

  test('7.2.5 and is not let in sees by the error that it is about entering, and not what he sent', async () => {
    const { guest } = house();
    const [one, two] = [await guest('one'), await guest('two')];
    await opened(one, 'firstwitch', { passwordprotectedroom: '1', roomsecret: 'cauldron' });
    enters(two, 'secondwitch', '<password>broom</password>');
    const error = await heard(two, "type='error'");
    expect(error.children.map((each) => [each.name, each.ns])).toEqual([
      ['x', MUC],
      ['error', 'jabber:client'],
    ]);
    expect([error.attr('from'), error.raw.includes('broom')]).toEqual([`${ROOM}/secondwitch`, false]);
  });

  test('7.2.5 has to know the password', async () => {
    const { guest } = house();
    const [one, two] = [await guest('one'), await guest('two')];
    await opened(one, 'firstwitch', { passwordprotectedroom: '1', roomsecret: 'cauldron' });
    expect(await refused(two, 'secondwitch')).toBe('not-authorized');
    expect(await refused(two, 'secondwitch', '<password>broom</password>')).toBe('not-authorized');
    expect(await entered(two, 'secondwitch', '<password>cauldron</password>')).toHaveLength(3);
  });

  test('7.2.6 has to be a member where only members enter', async () => {
    const { guest } = house();
    const [one, two] = [await guest('one'), await guest('two')];
    await opened(one, 'firstwitch', { membersonly: '1' });
    expect(await refused(two, 'secondwitch')).toBe('registration-required');
    await administers(one, "<item affiliation='member' jid='two@example.test'/>");
    expect(standing((await entered(two, 'secondwitch'))[1])).toContain('member participant');
  });

  test('7.2.7 is banned', async () => {
    const { guest } = house();
    const [one, two] = [await guest('one'), await guest('two')];
    await opened(one, 'firstwitch');
    await administers(one, "<item affiliation='outcast' jid='two@example.test'/>");
    expect(await refused(two, 'secondwitch')).toBe('forbidden');
  });

  test('7.2.8 has a nickname that is taken', async () => {
    const { guest } = house();
    const [one, two] = [await guest('one'), await guest('two')];
    await opened(one, 'firstwitch');
    expect(await refused(two, 'firstwitch')).toBe('conflict');
    expect(await settled(one)).toEqual([]);
  });

  test('7.2.8 comes with a second client under his own nickname', async () => {
    const { guest } = house();
    const [one, pda] = [await guest('one'), await guest('one', 'pda')];
    await opened(one, 'firstwitch');
    const [own] = await entered(pda, 'firstwitch');
    expect(codes(own)).toEqual([110]);
    says(pda, 'hi');
    expect((await heard(one, '<body>')).attr('from')).toBe(`${ROOM}/firstwitch`);
    await heard(pda, '<body>');
    pda.say(`<presence xmlns='jabber:client' type='unavailable' to='${ROOM}/firstwitch'/>`);
    expect(codes(await heard(pda, 'unavailable'))).toEqual([110]);
    expect((await settled(one)).map((each) => [each.name, each.attr('type')])).toEqual([['presence', undefined]]);
  });

  test('7.2.9 finds the room full; its owner does not', async () => {
    const { guest } = house();
    const [one, two, boss] = [await guest('one'), await guest('two'), await guest('boss')];
    await opened(one, 'firstwitch', { maxusers: '1' });
    expect(await refused(two, 'secondwitch')).toBe('service-unavailable');
    await administers(one, "<item affiliation='admin' jid='boss@example.test'/>");
    expect(await entered(boss, 'hecate')).toHaveLength(3);
  });

  test('7.2.9 finds as many as the service lets into a room', async () => {
    const { guest, metrics } = house({ max_occupants: 1 });
    const [one, two] = [await guest('one'), await guest('two')];
    await opened(one, 'firstwitch');
    expect(await refused(two, 'secondwitch')).toBe('service-unavailable');
    expect(await metrics.registry.metrics()).toContain('limit="muc.max_occupants"} 1');
  });

  test('7.2.10 finds it locked while its owner configures it', async () => {
    const { guest } = house();
    const [one, two] = [await guest('one'), await guest('two')];
    await entered(one, 'firstwitch');
    expect(await refused(two, 'secondwitch')).toBe('item-not-found');
    await configured(one);
    expect(await entered(two, 'secondwitch')).toHaveLength(3);
  });

  test('has a nickname that is too long', async () => {
    const { guest } = house({ max_nick_bytes: 10 });
    const one = await guest('one');
    expect(await refused(one, 'firstwitch!')).toBe('not-acceptable');
    const answer = await one.ask('get', "<query xmlns='http://jabber.org/protocol/disco#info'/>", ROOM);
    expect(conditionOf(answer)).toBe('item-not-found');
  });

  test('7.2.2 a nickname that was prepared is told by 210', async () => {
    const { guest } = house();
    const [own] = await entered(await guest('one'), 'first\u3000witch');
    expect(nickOf(own)).toBe('first witch');
    expect(codes(own)).toEqual([201, 210, 110]);
  });

  test('7.2.18 has to ask for it: who takes himself to be here is told that he is not', async () => {
    const { guest } = house();
    const one = await guest('one');
    one.say(`<presence xmlns='jabber:client' to='${ROOM}/first'/>`);
    const said = await heard(one, 'unavailable');
    expect([codes(said), standing(said)]).toEqual([[110, 307, 333], 'none none']);
    expect(codes((await entered(one, 'first'))[0])).toContain(201);
  });

  test('7.2.2 sees the others as they are now, however often they were seen before', async () => {
    const { guest } = house();
    const [one, two, three] = [await guest('one'), await guest('two'), await guest('three')];
    await opened(one, 'first');
    await entered(two, 'second');
    const seen = async (nick: string) => {
      const all = await entered(three, 'third');
      three.say(`<presence xmlns='jabber:client' type='unavailable' to='${ROOM}/third'/>`);
      await heard(three, 'unavailable');
      const other = all.find((each) => nickOf(each) === nick);
      return other && [standing(other), other.textOf('show')];
    };
    expect(await seen('second')).toEqual(['none participant', undefined]);
    await administers(one, "<item role='moderator' nick='second'/>");
    expect(await seen('second')).toEqual(['none moderator', undefined]);
    await administers(one, "<item affiliation='member' jid='two@example.test'/>");
    two.say(`<presence xmlns='jabber:client' to='${ROOM}/second'><show>away</show></presence>`);
    await settled(two);
    expect(await seen('second')).toEqual(['member moderator', 'away']);
    two.say(`<presence xmlns='jabber:client' to='${ROOM}/hag'/>`);
    await settled(two);
    expect([await seen('second'), await seen('hag')]).toEqual([undefined, ['member moderator', undefined]]);
    await administers(one, "<item affiliation='admin' jid='three@example.test'/>");
    expect(await seen('hag')).toEqual(['member moderator two@example.test/test', undefined]);
  });

  test('is seen without what only the room says', async () => {
    const { guest } = house();
    const [one, two] = [await guest('one'), await guest('two')];
    await opened(one, 'firstwitch');
    const id = "<o:occupant-id xmlns:o='urn:xmpp:occupant-id:&#48;' id='forged'/>";
    const forged = `${id}${id}<x xmlns='${MUC}#user'><status code='110'/></x><show>away</show>`;
    two.say(`<presence xmlns='jabber:client' to='${ROOM}/secondwitch'>${forged}<x xmlns='${MUC}'/></presence>`);
    const seen = await heard(one, 'secondwitch');
    expect(seen.children.map(({ name }) => name).sort()).toEqual(['occupant-id', 'show', 'x']);
    expect(seen.raw).not.toContain('forged');
    expect(codes(seen)).toEqual([]);
  });
});

describe('7.2.13 history', () => {
  async function spoken(lines: number) {
    const tested = house();
    const one = await tested.guest('one');
    await opened(one, 'firstwitch');
    for (let i = 1; i <= lines; i++) says(one, `line ${i}`, `m${i}`);
    await came(one, `line ${lines}<`);
    return { ...tested, one, two: await tested.guest('two') };
  }
  const lines = (all: Awaited<ReturnType<typeof entered>>) => all.flatMap((each) => each.textOf('body') ?? []);

  test('comes before the subject, each message with its delay and from whom it was', async () => {
    const { two } = await spoken(2);
    const [, , first, second] = await entered(two, 'secondwitch');
    expect([first.textOf('body'), second.textOf('body')]).toEqual(['line 1', 'line 2']);
    expect(first.attr('from')).toBe(`${ROOM}/firstwitch`);
    expect(first.child('delay', 'urn:xmpp:delay')?.attr('from')).toBe(ROOM);
  });

  test.each([
    ["<history maxstanzas='2'/>", ['line 2', 'line 3']],
    ["<history maxchars='0'/>", []],
    ["<history seconds='0' maxstanzas='0'/>", []],
    ["<history since='2999-01-01T00:00:00Z'/>", []],
    ["<history since='1970-01-01T00:00:00Z'/>", ['line 1', 'line 2', 'line 3']],
    ["<history seconds='1000'/>", ['line 1', 'line 2', 'line 3']],
    ["<history maxstanzas='many'/>", ['line 1', 'line 2', 'line 3']],
  ])('%s', async (wish, expected) => {
    const { two } = await spoken(3);
    expect(lines(await entered(two, 'secondwitch', wish))).toEqual(expected);
  });

  test('maxchars counts whole stanzas, the latest ones', async () => {
    const { two, guest } = await spoken(3);
    const all = await entered(two, 'secondwitch', "<history maxstanzas='1'/>");
    const size = (all.find((each) => each.textOf('body'))?.raw.length ?? 0) + 5;
    expect(lines(await entered(await guest('three'), 'thirdwitch', `<history maxchars='${size}'/>`))).toEqual([
      'line 3',
    ]);
  });

  test('is no longer than its owner says', async () => {
    const { one, two } = await spoken(3);
    await configured(one, { historylength: '1' });
    expect(lines(await entered(two, 'secondwitch'))).toEqual(['line 3']);
  });
});

describe('7.14 who leaves', () => {
  test('is told so by 110, the others without; his status goes with it', async () => {
    const { guest } = house();
    const [one, two] = [await guest('one'), await guest('two')];
    await opened(one, 'firstwitch');
    await entered(two, 'secondwitch');
    two.say(
      `<presence xmlns='jabber:client' type='unavailable' to='${ROOM}/secondwitch'><status>gone</status></presence>`,
    );
    const own = await heard(two, 'unavailable');
    expect([codes(own), standing(own), own.textOf('status')]).toEqual([
      [110],
      'none none two@example.test/test',
      'gone',
    ]);
    const seen = await heard(one, 'unavailable');
    expect([codes(seen), seen.textOf('status')]).toEqual([[], 'gone']);
  });

  test('leaves when his connection does', async () => {
    const { guest } = house();
    const [one, two] = [await guest('one'), await guest('two')];
    await opened(one, 'firstwitch');
    await entered(two, 'secondwitch');
    two.end.close({ how: 'lost' });
    expect(nickOf(await heard(one, 'unavailable'))).toBe('secondwitch');
  });

  test('was the last one: a temporary room is gone, and so is a locked one', async () => {
    const { guest } = house();
    const [one, two] = [await guest('one'), await guest('two')];
    await opened(one, 'firstwitch');
    one.say(`<presence xmlns='jabber:client' type='unavailable' to='${ROOM}/firstwitch'/>`);
    await heard(one, 'unavailable');
    const [own] = await entered(two, 'secondwitch');
    expect(codes(own)).toEqual([201, 110]);
  });

  test('is gone when what the room sent him came back', async () => {
    const { guest } = house();
    const [one, two] = [await guest('one'), await guest('two')];
    await opened(one, 'firstwitch');
    await entered(two, 'secondwitch');
    const error = "<error type='cancel'><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>";
    two.say(`<message xmlns='jabber:client' type='error' to='${ROOM}/firstwitch'>${error}</message>`);
    expect(codes(await heard(one, 'unavailable'))).toEqual([307, 333]);
    expect(await refused(two, 'firstwitch')).toBe('conflict');
  });

  test('learns by 332 that the service goes', async () => {
    const { core, guest } = house();
    const one = await guest('one');
    await opened(one, 'firstwitch');
    core.reload(OPTIONS);
    expect(codes(await heard(one, 'unavailable'))).toEqual([332, 110]);
    one.say(`<presence xmlns='jabber:client' to='${ROOM}/x'/>`);
    expect(conditionOf(await heard(one, "type='error'"))).toBe('remote-server-not-found');
  });
});
