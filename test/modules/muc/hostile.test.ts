// What rooms do about clients that mean harm, at a core in memory.

import { describe, expect, test } from 'vitest';
import { type CoreClient, conditionOf } from '../../support/core.js';
import {
  ADMIN,
  administers,
  came,
  configured,
  entered,
  enters,
  heard,
  house,
  MUC,
  opened,
  ROOM,
  refused,
  SERVICE,
  says,
  settled,
  USER,
} from '../../support/muc.js';

const error = async (client: CoreClient) => conditionOf(await heard(client, "type='error'"));
const toRoom = (client: CoreClient, inside: string, type = 'groupchat', to = ROOM) =>
  client.say(`<message xmlns='jabber:client' type='${type}' to='${to}'>${inside}</message>`);
const leaves = (client: CoreClient, nick: string, inside = '') =>
  client.say(`<presence xmlns='jabber:client' type='unavailable' to='${ROOM}/${nick}'>${inside}</presence>`);

async function two(options = {}, fields: Record<string, string> = {}) {
  const tested = house(options);
  const [one, other] = [await tested.guest('one'), await tested.guest('two')];
  await opened(one, 'first', fields);
  await entered(other, 'second');
  await settled(one);
  const limited = async (limit: string) =>
    (await tested.metrics.registry.metrics()).includes(`bosh_limits_hit_total{limit="muc.${limit}"}`);
  return { ...tested, one, other, limited };
}

describe('a flood', () => {
  test('of who comes and goes is stopped, and begins no better with another client', async () => {
    const { clock, guest, one, other, limited } = await two({ stanzas_per_second: 1 });
    for (let i = 0; i < 20; i++) {
      leaves(other, 'second');
      enters(other, 'second');
    }
    expect(await error(other)).toBe('policy-violation');
    const again = await guest('two', 'again');
    expect(await refused(again, 'second')).toBe('policy-violation');
    expect((await settled(one)).length).toBeLessThan(25);
    expect(await limited('stanzas_per_second')).toBe(true);
    clock.now += 10_000;
    await entered(again, 'second');
  });

  test('of questions for the list of rooms, and where an archive begins, is stopped', async () => {
    const { guest, one, other } = await two({ stanzas_per_second: 1 }, { persistentroom: '1' });
    const asks = async (client: CoreClient, inside: string, to: string) => {
      const all = Array.from({ length: 12 }, () => client.ask('get', inside, to));
      return [...new Set((await Promise.all(all)).map(conditionOf))];
    };
    const list = "<query xmlns='http://jabber.org/protocol/disco#items'/>";
    expect(await asks(await guest('three'), list, SERVICE)).toEqual([undefined, 'policy-violation']);
    expect(await asks(one, "<metadata xmlns='urn:xmpp:mam:2'/>", ROOM)).toEqual([undefined, 'policy-violation']);
    expect(conditionOf(await other.ask('get', list, SERVICE))).toBeUndefined();
  });

  test('of presence, requests, subjects and private messages is stopped', async () => {
    const floods: ((client: CoreClient) => void)[] = [
      (client) => client.say(`<presence xmlns='jabber:client' to='${ROOM}/second'><show>away</show></presence>`),
      (client) =>
        client.say(
          `<iq xmlns='jabber:client' type='get' id='i' to='${ROOM}/first'><query xmlns='jabber:iq:version'/></iq>`,
        ),
      (client) => toRoom(client, '<subject>x</subject>'),
      (client) => toRoom(client, '<body>x</body>', 'chat', `${ROOM}/first`),
      (client) => toRoom(client, `<x xmlns='${USER}'><decline to='${ROOM}/first'/></x>`, 'normal'),
    ];
    for (const flood of floods) {
      const { one, other } = await two({ stanzas_per_second: 1 }, { changesubject: '1' });
      for (let i = 0; i < 12; i++) flood(other);
      expect(await error(other)).toBe('policy-violation');
      expect((await settled(one)).length).toBeLessThan(12);
    }
  });

  test('of large messages is stopped sooner', async () => {
    const { one, other } = await two({ stanzas_per_second: 1 });
    const large = 'x'.repeat(16_000);
    for (let i = 0; i < 3; i++) says(other, large);
    expect(await error(other)).toBe('policy-violation');
    expect((await settled(one)).length).toBeLessThan(3);
  });

  test('of changes in one request is none that is done in part', async () => {
    const { one } = await two({ stanzas_per_second: 1 });
    const items = Array.from({ length: 20 }, (_, i) => `<item affiliation='member' jid='m${i}@example.test'/>`);
    expect(await administers(one, ...items)).toBe('policy-violation');
    const list = await one.ask('get', `<query xmlns='${ADMIN}'><item affiliation='member'/></query>`, ROOM);
    expect(list.child('query')?.children).toEqual([]);
  });

  test('of invitations counts each', async () => {
    const { other } = await two({ stanzas_per_second: 1 });
    const invites = Array.from({ length: 15 }, (_, i) => `<invite to='i${i}@example.test'/>`);
    toRoom(other, `<x xmlns='${USER}'>${invites.join('')}</x>`, 'normal');
    expect(await error(other)).toBe('policy-violation');
  });

  test('of configurations and registrations is stopped', async () => {
    const { one, other } = await two({ stanzas_per_second: 1 }, { allowregister: '1' });
    const conditions: (string | undefined)[] = [];
    for (let i = 0; i < 12; i++) conditions.push(conditionOf(await configured(one, { roomname: `${i}` })));
    expect(conditions.at(-1)).toBe('policy-violation');
    const form = `<x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>${MUC}#register</value></field><field var='muc#register_roomnick'><value>hag</value></field></x>`;
    for (let i = 0; i < 12; i++)
      conditions.push(conditionOf(await other.ask('set', `<query xmlns='jabber:iq:register'>${form}</query>`, ROOM)));
    expect(conditions.at(-1)).toBe('policy-violation');
  });

  test('of rooms that come and go is stopped', async () => {
    const { guest } = house({ stanzas_per_second: 1 });
    const one = await guest('one');
    for (let i = 0; i < 12; i++) {
      enters(one, 'x', '', `room${i}@${SERVICE}`);
      one.say(`<presence xmlns='jabber:client' type='unavailable' to='room${i}@${SERVICE}/x'/>`);
    }
    expect(await error(one)).toBe('policy-violation');
  });

  test('of rooms is stopped, whether they are configured or not', async () => {
    const { guest, metrics } = house({ max_rooms_per_owner: 10, stanzas_per_second: 0 });
    const one = await guest('one');
    for (let i = 0; i < 1000; i++) enters(one, 'x', '', `room${i}@${SERVICE}`);
    await settled(one);
    const text = await metrics.registry.metrics();
    expect(text).toContain(`bosh_rooms{host="${SERVICE}"} 10`);
    expect(text).toContain('limit="muc.max_rooms_per_owner"} 990');
  });
});

describe('something too large', () => {
  test('is no presence: it would be sent to whoever enters', async () => {
    const { guest, one, other, limited } = await two({ max_presence_bytes: 1000 });
    const status = `<status>${'x'.repeat(1000)}</status>`;
    other.say(`<presence xmlns='jabber:client' to='${ROOM}/second'>${status}</presence>`);
    expect(await error(other)).toBe('not-acceptable');
    const three = await guest('three');
    three.say(`<presence xmlns='jabber:client' to='${ROOM}/third'><x xmlns='${MUC}'/>${status}</presence>`);
    expect(await error(three)).toBe('not-acceptable');
    leaves(other, 'second', status);
    expect((await heard(one, 'unavailable')).raw).not.toContain('xxx');
    expect(await limited('max_presence_bytes')).toBe(true);
  });

  test('is no subject, whatever else makes it so', async () => {
    const { one, limited } = await two({ max_subject_bytes: 100 });
    toRoom(one, `<subject>Fire</subject><x xmlns='test'>${'x'.repeat(3000)}</x>`);
    expect(await error(one)).toBe('not-acceptable');
    expect(await limited('max_subject_bytes')).toBe(true);
  });

  test('is no nickname, nor what is none', async () => {
    const { guest } = await two();
    const three = await guest('three');
    expect(await refused(three, 'x'.repeat(257))).toBe('not-acceptable');
    for (const nick of ['&#x7f;', '&#x202a;&#xe000;', '&#xfff9;'])
      expect([await refused(three, nick), nick]).toEqual(['jid-malformed', nick]);
  });
});

describe('something forged', () => {
  test('is no affiliation, role, status, address or id of a room in presence', async () => {
    const { one, other } = await two();
    const forged = `<x xmlns='${USER}'><item affiliation='owner' role='moderator'/><status code='307'/></x>`;
    const id = "<occupant-id xmlns='urn:xmpp:occupant-id:0' id='forged'/>";
    other.say(`<presence xmlns='jabber:client' to='${ROOM}/second'>${forged}${id}</presence>`);
    const [seen] = await came(one, '/second');
    expect(seen.children.filter(({ name }) => name === 'x')).toHaveLength(1);
    expect(seen.raw).not.toMatch(/owner|307|forged/);
  });

  test('is no answer to what was asked of another', async () => {
    const { guest, one, other } = await two();
    const three = await guest('three');
    await entered(three, 'third');
    await settled(one);
    one.say(`<iq xmlns='jabber:client' type='get' id='v' to='${ROOM}/second'><query xmlns='jabber:iq:version'/></iq>`);
    const id = (await heard(other, 'iq:version')).attr('id');
    for (const client of [three, other])
      client.say(`<iq xmlns='jabber:client' type='result' id='${id}' to='${ROOM}/first'/>`);
    await settled(three);
    const answers = (await settled(one)).filter((each) => each.attr('id') === 'v');
    expect(answers.map((each) => each.attr('from'))).toEqual([`${ROOM}/second`]);
  });

  test('is no invitation in a private message', async () => {
    const { one, other } = await two();
    toRoom(other, `<x xmlns='${USER}'><invite from='boss@example.test'/></x><body>x</body>`, 'chat', `${ROOM}/first`);
    expect((await heard(one, '<body>')).raw).not.toContain('invite');
  });
});

test('requests that nobody answers leave nothing behind', async () => {
  const { one, other } = await two();
  for (let i = 0; i < 1000; i++)
    one.say(
      `<iq xmlns='jabber:client' type='get' id='i${i}' to='${ROOM}/second'><query xmlns='jabber:iq:version'/></iq>`,
    );
  await settled(one);
  leaves(other, 'second');
  await heard(one, 'unavailable');
  expect(await settled(one)).toEqual([]);
});
