// What occupants do (XEP-0045 sections 7.3 to 7.13), at a core in memory.

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
  MUC,
  nickOf,
  opened,
  ROOM,
  refused,
  SERVICE,
  says,
  settled,
  standing,
  USER,
} from '../../support/muc.js';

/** A room with its owner, somebody else, and who is not in it. */
async function three(fields: Record<string, string> = {}, options = {}) {
  const tested = house(options);
  const [one, two, out] = [await tested.guest('one'), await tested.guest('two'), await tested.guest('out')];
  await opened(one, 'first', fields);
  await entered(two, 'second');
  one.stanzas.length = 0;
  return { ...tested, one, two, out };
}

const tell = (client: CoreClient, nick: string, inside: string, type = 'chat') =>
  client.say(`<message xmlns='jabber:client' type='${type}' to='${ROOM}/${nick}' id='pm'>${inside}</message>`);
const toRoom = (client: CoreClient, inside: string, type?: string) =>
  client.say(`<message xmlns='jabber:client'${type ? ` type='${type}'` : ''} to='${ROOM}' id='m'>${inside}</message>`);
const error = async (client: CoreClient) => conditionOf(await heard(client, "type='error'"));

describe('7.4 a message to all', () => {
  test('comes to everybody with its id, from the occupant', async () => {
    const { one, two } = await three();
    says(two, 'hist', 'x1');
    for (const client of [one, two]) {
      const came = await heard(client, '<body>');
      expect([came.attr('from'), came.attr('id'), came.attr('type'), came.textOf('body')]).toEqual([
        `${ROOM}/second`,
        'x1',
        'groupchat',
        'hist',
      ]);
    }
  });

  test('of who is not in the room is not acceptable', async () => {
    const { out, one } = await three();
    says(out, 'hist');
    expect(await error(out)).toBe('not-acceptable');
    expect(await settled(one)).toEqual([]);
  });

  test('of who has no voice is forbidden', async () => {
    const { one, two } = await three({ moderatedroom: '1' });
    says(two, 'hist');
    expect(await error(two)).toBe('forbidden');
    expect(await settled(one)).toEqual([]);
  });

  test('to a room that is not there finds nothing', async () => {
    const { out } = await three();
    says(out, 'hist', 'm', 'nowhere@rooms.example.test');
    expect(await error(out)).toBe('item-not-found');
  });

  test('has nothing forged in it, however often and however it is written', async () => {
    const { one, two } = await three();
    const id = "<o:occupant-id xmlns:o='urn:xmpp:occupant-id:0' id='forged'/>";
    const delay = `<delay xmlns='urn:xmpp:delay' from='${ROOM}' stamp='1970-01-01T00:00:00Z'/>`;
    const others = "<delay xmlns='urn:xmpp:delay' from='bridge.test' stamp='1970-01-01T00:00:00Z'/>";
    toRoom(two, `${id}<body>hist</body>${id}<x xmlns='${USER}'><status code='110'/></x>${delay}${others}`, 'groupchat');
    const came = await heard(one, '<body>');
    expect(came.raw).not.toContain('forged');
    expect(came.children.map(({ name }) => name)).toEqual(['body', 'delay', 'occupant-id', 'stanza-id']);
    expect(came.child('delay')?.attr('from')).toBe('bridge.test');
  });

  test('is refused when it is one of too many', async () => {
    const { metrics, two } = await three({}, { stanzas_per_second: 1 });
    for (let i = 0; i < 10; i++) says(two, 'hist');
    expect(await error(two)).toBe('policy-violation');
    expect(await metrics.registry.metrics()).toContain('limit="muc.stanzas_per_second"} 1');
  });
});

describe('XEP-0421 an occupant id', () => {
  test('is the same for an account, whatever its nickname, and another in another room', async () => {
    const { one, two } = await three();
    const idOf = async (room: string) => (await heard(two, room)).child('occupant-id')?.attr('id');
    says(two, 'a');
    const first = await idOf(ROOM);
    two.say(`<presence xmlns='jabber:client' to='${ROOM}/other'/>`);
    await heard(two, "code='303'");
    await heard(two, '/other');
    says(two, 'b');
    expect(await idOf(ROOM)).toBe(first);
    await entered(two, 'second', '', 'heath@rooms.example.test');
    says(two, 'c', 'm', 'heath@rooms.example.test');
    expect(await idOf('heath@')).not.toBe(first);
    expect(first).toMatch(/^[\w-]{43}$/);
    expect(one.stanzas.every((each) => !each.includes('forged'))).toBe(true);
  });
});

describe('7.5 a private message', () => {
  test('comes from the occupant, marked', async () => {
    const { one, two } = await three();
    tell(two, 'first', '<body>psst</body>');
    const came = await heard(one, 'psst');
    expect([came.attr('from'), came.attr('type'), came.child('x', USER) !== undefined]).toEqual([
      `${ROOM}/second`,
      'chat',
      true,
    ]);
  });

  test.each([
    ['is not for who is not here', 'nobody', 'chat', 'item-not-found'],
    ['is none when it is for all', 'first', 'groupchat', 'bad-request'],
  ])('%s', async (_, nick, type, condition) => {
    const { two } = await three();
    tell(two, nick, '<body>psst</body>', type);
    expect(await error(two)).toBe(condition);
  });

  test('of who is not in the room is not acceptable', async () => {
    const { out } = await three();
    tell(out, 'first', '<body>psst</body>');
    expect(await error(out)).toBe('not-acceptable');
  });

  test.each([
    ['none', 'forbidden', 'forbidden'],
    ['moderators', undefined, 'forbidden'],
    ['participants', undefined, undefined],
  ])('where %s may write', async (allowpm, ofOwner, ofOther) => {
    const { one, two } = await three({ allowpm });
    for (const [from, to, nick, expected] of [
      [one, two, 'second', ofOwner],
      [two, one, 'first', ofOther],
    ] as const) {
      tell(from, nick, '<body>psst</body>');
      if (expected === undefined) await heard(to, 'psst');
      else expect(await error(from)).toBe(expected);
    }
  });
});

describe('7.6 a nickname', () => {
  test('changes: unavailable with 303 and the new one, then the new one is there', async () => {
    const { one, two } = await three();
    two.say(`<presence xmlns='jabber:client' to='${ROOM}/oldhag'/>`);
    const [gone, here] = [await heard(one, 'unavailable'), await heard(one, 'oldhag')];
    expect([codes(gone), gone.child('x', USER)?.child('item')?.attr('nick')]).toEqual([[303], 'oldhag']);
    expect(nickOf(here)).toBe('oldhag');
    expect(codes(await heard(two, '303'))).toEqual([303, 110]);
    expect(codes(await heard(two, '110'))).toEqual([110]);
  });

  test('is taken', async () => {
    const { two } = await three();
    two.say(`<presence xmlns='jabber:client' to='${ROOM}/first'/>`);
    expect(await error(two)).toBe('conflict');
  });

  test('is reserved by somebody who is not here', async () => {
    const { one, two, out } = await three();
    expect(await administers(one, "<item affiliation='member' jid='x@example.test' nick='hag'/>")).toBeUndefined();
    two.say(`<presence xmlns='jabber:client' to='${ROOM}/hag'/>`);
    expect(await error(two)).toBe('conflict');
    expect(await refused(out, 'hag')).toBe('conflict');
  });
});

test('7.7 presence changes, and all see it', async () => {
  const { one, two } = await three();
  two.say(`<presence xmlns='jabber:client' to='${ROOM}/second'><show>xa</show></presence>`);
  const seen = await heard(one, '<show>');
  expect([seen.textOf('show'), standing(seen)]).toEqual(['xa', 'none participant two@example.test/test']);
});

describe('7.8 an invitation', () => {
  const invite = (to: string, more = '<reason>come</reason>') =>
    `<x xmlns='${USER}'><invite to='${to}'>${more}</invite></x>`;

  test('goes out in the name of the room, with its password', async () => {
    const { one, out } = await three();
    await configured(one, { passwordprotectedroom: '1', roomsecret: 'broom' });
    toRoom(one, invite('out@example.test/test', "<reason>come</reason><continue thread='t'/>"));
    const came = await heard(out, '<invite');
    const x = came.child('x', USER);
    expect([came.attr('from'), x?.child('invite')?.attr('from'), x?.textOf('password')]).toEqual([
      ROOM,
      `${ROOM}/first`,
      'broom',
    ]);
    expect(x?.child('invite')?.textOf('reason')).toBe('come');
    expect(x?.child('invite')?.child('continue')?.attr('thread')).toBe('t');
    expect(came.child('x', 'jabber:x:conference')?.attr('jid')).toBe(ROOM);
  });

  test('makes a member of who is invited where only members enter', async () => {
    const { one, out } = await three();
    await configured(one, { membersonly: '1' });
    toRoom(one, invite('out@example.test/test'));
    await heard(out, '<invite');
    expect(standing((await entered(out, 'third'))[1])).toContain('member participant');
  });

  test('that makes a member is none when he cannot be kept', async () => {
    const storage = new MemoryDriver();
    const { guest } = house({}, storage);
    const one = await guest('one');
    await opened(one, 'first', { membersonly: '1', persistentroom: '1' });
    storage.open(SERVICE, 'rooms', 'map').change = async () => {
      throw new StoreError('full', 'full');
    };
    toRoom(one, `<x xmlns='${USER}'><invite to='out@example.test'/></x>`);
    expect(await error(one)).toBe('resource-constraint');
  });

  test('has no long reason', async () => {
    const { two, metrics } = await three();
    const reason = `<reason>${'x'.repeat(1025)}</reason>`;
    toRoom(two, `<x xmlns='${USER}'><invite to='out@example.test'>${reason}</invite></x>`);
    expect(await error(two)).toBe('not-acceptable');
    toRoom(two, `<x xmlns='${USER}'><decline to='one@example.test'>${reason}</decline></x>`);
    expect(await error(two)).toBe('not-acceptable');
    expect(await metrics.registry.metrics()).toContain('limit="muc.max_reason_bytes"} 2');
  });

  test('of a mere member is forbidden there, until the owner lets members', async () => {
    const { one, two, out } = await three();
    await administers(one, "<item affiliation='member' jid='two@example.test'/>");
    await configured(one, { membersonly: '1' });
    toRoom(two, invite('out@example.test/test'));
    expect(await error(two)).toBe('forbidden');
    await configured(one, { allowinvites: '1' });
    toRoom(two, invite('out@example.test/test'));
    await heard(out, '<invite');
  });

  test('of who is not in the room is not acceptable', async () => {
    const { out } = await three();
    toRoom(out, invite('two@example.test'));
    expect(await error(out)).toBe('not-acceptable');
  });

  test('is for an address', async () => {
    const { one } = await three();
    toRoom(one, invite('@'));
    expect(await error(one)).toBe('jid-malformed');
  });

  test('is declined to who invited, and to nobody else', async () => {
    const { one, out } = await three();
    const decline = (to: string) => `<x xmlns='${USER}'><decline to='${to}'><reason>no</reason></decline></x>`;
    toRoom(out, decline(`${ROOM}/first`));
    const came = await heard(one, '<decline');
    expect(came.attr('from')).toBe(ROOM);
    expect(came.child('x')?.child('decline')?.attr('from')).toBe('out@example.test');
    toRoom(out, decline('someone@example.test'));
    expect(await error(out)).toBe('item-not-found');
  });

  test('7.8.1 sent directly is none of the room', async () => {
    const { two, out } = await three();
    two.say(
      `<message xmlns='jabber:client' to='out@example.test/test'><x xmlns='jabber:x:conference' jid='${ROOM}'/></message>`,
    );
    expect((await heard(out, 'x:conference')).attr('from')).toBe('two@example.test/test');
  });
});

describe('7.10 registration', () => {
  const QUERY = 'jabber:iq:register';
  const register = (client: CoreClient, nick: string) =>
    client.ask(
      'set',
      `<query xmlns='${QUERY}'><x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>${MUC}#register</value></field><field var='muc#register_roomnick'><value>${nick}</value></field></x></query>`,
      ROOM,
    );
  const ask = (client: CoreClient) => client.ask('get', `<query xmlns='${QUERY}'/>`, ROOM);

  test('is not allowed, unless the owner lets everybody', async () => {
    const { one, out } = await three();
    expect(conditionOf(await ask(out))).toBe('not-allowed');
    expect(conditionOf(await register(out, 'third'))).toBe('not-allowed');
    await configured(one, { allowregister: '1' });
    expect((await ask(out)).child('query')?.child('x')?.raw).toContain('muc#register_roomnick');
    expect((await register(out, 'third')).attr('type')).toBe('result');
    expect((await ask(out)).child('query')?.textOf('username')).toBe('third');
    expect(standing((await entered(out, 'third'))[2])).toContain('member participant');
  });

  test('reserves a nickname that nobody has', async () => {
    const { one, two } = await three({ allowregister: '1' });
    expect(conditionOf(await register(two, 'first'))).toBe('conflict');
    await register(two, 'hag');
    expect(standing(await heard(one, '/second'))).toContain('member');
    expect(conditionOf(await register(one, 'hag'))).toBe('conflict');
    expect(conditionOf(await register(two, ''))).toBe('not-acceptable');
    const info = `<query xmlns='http://jabber.org/protocol/disco#info' node='x-roomuser-item'/>`;
    const answer = await two.ask('get', info, ROOM);
    expect(answer.child('query')?.child('identity')?.attr('name')).toBe('hag');
  });

  test('is undone: he is no member any more', async () => {
    const { one, two } = await three({ allowregister: '1' });
    const remove = `<query xmlns='${QUERY}'><remove/></query>`;
    expect(conditionOf(await two.ask('set', remove, ROOM))).toBe('forbidden');
    await register(two, 'hag');
    expect((await two.ask('set', remove, ROOM)).attr('type')).toBe('result');
    one.stanzas.length = 0;
    expect((await ask(two)).child('query')?.child('registered')).toBeUndefined();
    await administers(one, "<item affiliation='outcast' jid='two@example.test'/>");
    expect(conditionOf(await ask(two))).toBe('forbidden');
  });
});

describe('7.13 voice', () => {
  const request = (fields: Record<string, string>) => {
    const all = Object.entries({ FORM_TYPE: `${MUC}#request`, ...fields }).map(
      ([name, value]) => `<field var='${name}'><value>${value}</value></field>`,
    );
    return `<x xmlns='jabber:x:data' type='submit'>${all.join('')}</x>`;
  };

  test('is requested of the moderators, and one of them grants it', async () => {
    const { one, two } = await three({ moderatedroom: '1' });
    toRoom(two, request({ 'muc#role': 'participant' }));
    const form = await heard(one, 'muc#roomnick');
    expect(form.raw).toContain('two@example.test/test');
    const answer = { 'muc#role': 'participant', 'muc#roomnick': 'second', 'muc#request_allow': 'true' };
    toRoom(two, request(answer));
    expect(await error(two)).toBe('forbidden');
    toRoom(one, request({ ...answer, 'muc#roomnick': 'nobody' }));
    expect(await error(one)).toBe('item-not-found');
    toRoom(one, request({ ...answer, 'muc#request_allow': '0' }));
    expect(await settled(two)).toEqual([]);
    toRoom(one, request(answer));
    expect(standing(await heard(two, '/second'))).toContain('none participant');
  });

  test('is not requested by who has it, nor anything else', async () => {
    const { two } = await three();
    toRoom(two, request({ 'muc#role': 'participant' }));
    expect(await error(two)).toBe('bad-request');
    toRoom(two, request({ 'muc#role': 'moderator' }));
    expect(await error(two)).toBe('bad-request');
  });
});

describe('17.4 requests between occupants', () => {
  test('come from the occupant, and so do the answers', async () => {
    const { one, two } = await three();
    two.say(`<iq xmlns='jabber:client' type='get' id='v1' to='${ROOM}/first'><query xmlns='jabber:iq:version'/></iq>`);
    const asked = await heard(one, 'iq:version');
    expect([asked.attr('from'), asked.attr('to')]).toEqual([`${ROOM}/second`, 'one@example.test/test']);
    one.say(`<iq xmlns='jabber:client' type='result' id='${asked.attr('id')}' to='${ROOM}/second'/>`);
    const answer = await heard(two, "type='result'");
    expect([answer.attr('from'), answer.attr('id')]).toEqual([`${ROOM}/first`, 'v1']);
  });

  test('for a vCard go to the account', async () => {
    const { two } = await three();
    two.say(`<iq xmlns='jabber:client' type='get' id='v1' to='${ROOM}/first'><vCard xmlns='vcard-temp'/></iq>`);
    const answer = await heard(two, "id='v1'");
    expect([answer.attr('from'), conditionOf(answer)]).toEqual([`${ROOM}/first`, 'service-unavailable']);
  });

  test('for what an account publishes go to the account, without its address', async () => {
    const { two } = await three();
    const items = "<pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='urn:xmpp:avatar:data'/></pubsub>";
    const answer = await two.ask('get', items, `${ROOM}/first`);
    expect([answer.attr('from'), conditionOf(answer)]).toEqual([`${ROOM}/first`, 'service-unavailable']);
    expect(answer.raw).not.toContain('one@example.test');
  });

  test('6.6 for what somebody is are bad of who is not here', async () => {
    const { out } = await three();
    const query = "<query xmlns='http://jabber.org/protocol/disco#info'/>";
    expect(conditionOf(await out.ask('get', query, `${ROOM}/first`))).toBe('bad-request');
  });

  test('are of occupants, and for one who is here', async () => {
    const { two, out } = await three();
    const query = "<query xmlns='jabber:iq:version'/>";
    expect(conditionOf(await out.ask('get', query, `${ROOM}/first`))).toBe('not-acceptable');
    expect(conditionOf(await two.ask('get', query, `${ROOM}/nobody`))).toBe('item-not-found');
  });

  test('answers of who was not asked go nowhere', async () => {
    const { two, out } = await three();
    for (const id of ['1.x', '2.x', 'x', ''])
      out.say(`<iq xmlns='jabber:client' type='result' id='${id}' to='${ROOM}/second'/>`);
    expect(await settled(two)).toEqual([]);
  });
});

describe('XEP-0410 a ping of oneself', () => {
  const PING = "<ping xmlns='urn:xmpp:ping'/>";

  test('is answered by the room while one is in it', async () => {
    const { two, out } = await three();
    const answer = await two.ask('get', PING, `${ROOM}/second`);
    expect([answer.attr('type'), answer.attr('from')]).toEqual(['result', `${ROOM}/second`]);
    expect(conditionOf(await out.ask('get', PING, `${ROOM}/second`))).toBe('not-acceptable');
    expect(conditionOf(await out.ask('get', PING, 'nowhere@rooms.example.test/second'))).toBe('item-not-found');
  });
});
