// Archives of rooms (XEP-0313 section 5.1.2), at a core in memory.

import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { MucOptions } from '../../../src/modules/muc/options.js';
import { streamManagement } from '../../../src/modules/stream-management.js';
import { MemoryDriver } from '../../../src/storage/memory.js';
import { type Driver, StoreError } from '../../../src/storage/store.js';
import { type CoreClient, conditionOf } from '../../support/core.js';
import {
  administers,
  codes,
  configured,
  entered,
  heard,
  house,
  OWNER,
  opened,
  ROOM,
  SERVICE,
  says,
  settled,
  USER,
} from '../../support/muc.js';
import { SlowDriver } from '../../support/slow-driver.js';
import { parseXml, type Xml } from '../../support/xml.js';

const MAM = 'urn:xmpp:mam:2';
const SID = 'urn:xmpp:sid:0';
const START = Date.UTC(2002, 9, 13, 23, 58, 37);

beforeEach(() => void vi.useFakeTimers({ toFake: ['Date'], now: START }));
afterEach(() => void vi.useRealTimers());

/** An owner and a participant in a persistent room. */
async function cave(fields: Record<string, string> = {}, options: Partial<MucOptions> = {}, storage?: Driver) {
  const tested = house(options, storage, [streamManagement]);
  const [one, two] = [await tested.guest('one'), await tested.guest('two')];
  await opened(one, 'first', { persistentroom: '1', ...fields });
  await administers(one, "<item affiliation='member' jid='two@example.test'/>");
  await entered(two, 'second');
  await settled(one);
  return { ...tested, one, two };
}

const field = (name: string, value: string) => `<field var='${name}'><value>${value}</value></field>`;
const form = (fields: Record<string, string>) =>
  `<x xmlns='jabber:x:data' type='submit'>${field('FORM_TYPE', MAM)}${Object.entries(fields)
    .map(([name, value]) => field(name, value))
    .join('')}</x>`;

interface Page {
  readonly condition: string | undefined;
  readonly results: readonly Xml[];
  readonly messages: readonly Xml[];
  /** What each of them says. */
  readonly said: readonly (string | undefined)[];
  /** Whose it is, where that is told. */
  readonly jids: readonly (string | undefined)[];
  readonly fin: Xml | undefined;
}

async function query(client: CoreClient, fields: Record<string, string> = {}, more = ''): Promise<Page> {
  client.stanzas.length = 0;
  const iq = await client.ask('set', `<query xmlns='${MAM}' queryid='q'>${form(fields)}${more}</query>`, ROOM);
  const results = client.stanzas.map(parseXml).flatMap((each) => each.child('result', MAM) ?? []);
  const messages = results.flatMap((each) => each.child('forwarded', 'urn:xmpp:forward:0')?.child('message') ?? []);
  return {
    condition: conditionOf(iq),
    results,
    messages,
    said: messages.map((each) => each.textOf('body') ?? each.textOf('subject')),
    jids: messages.map((each) => each.child('x', USER)?.child('item')?.attr('jid')),
    fin: iq.child('fin', MAM),
  };
}

async function say(client: CoreClient, ...bodies: string[]): Promise<void> {
  for (const body of bodies) says(client, body, body);
  await settled(client);
}

const toRoom = (client: CoreClient, inside: string, type = 'groupchat', to = ROOM) =>
  client.say(`<message xmlns='jabber:client' type='${type}' to='${to}'>${inside}</message>`);

describe('what is archived', () => {
  test('is found by the id that it was said with', async () => {
    const { one, two } = await cave();
    says(two, 'Thrice');
    const live = (await heard(one, 'Thrice')).child('stanza-id', SID);
    const { results, messages, fin } = await query(two);
    expect([live?.attr('by'), live?.attr('id')]).toEqual([ROOM, results[0]?.attr('id')]);
    expect([results[0]?.attr('queryid'), fin?.attr('complete')]).toEqual(['q', 'true']);
    const [message] = messages;
    expect([message?.attr('from'), message?.attr('type'), message?.attr('to')]).toEqual([
      `${ROOM}/second`,
      'groupchat',
      undefined,
    ]);
  });

  test('is what was said and subjects, no private message, no typing, and nothing that was refused', async () => {
    const { one, two } = await cave();
    await say(one, 'a');
    toRoom(one, '<subject>Fire</subject>');
    toRoom(one, "<composing xmlns='http://jabber.org/protocol/chatstates'/>");
    toRoom(one, "<body>off</body><no-store xmlns='urn:xmpp:hints'/>");
    toRoom(one, '<body>private</body>', 'chat', `${ROOM}/second`);
    toRoom(two, '<subject>Ice</subject>');
    await settled(one);
    await settled(two);
    expect((await query(one)).said).toEqual(['a', 'Fire']);
  });

  test('XEP-0359 an id that somebody else says is the room’s is taken out', async () => {
    const { one, two } = await cave();
    toRoom(two, `<body>forged</body><stanza-id xmlns='${SID}' by='${ROOM}' id='x'/>`);
    const came = await heard(one, 'forged');
    const ids = came.children.filter(({ name }) => name === 'stanza-id').map((each) => each.attr('id'));
    expect(ids).toEqual([(await query(one)).results[0]?.attr('id')]);
  });

  test('is of persistent rooms only, and where the owner has it so', async () => {
    const { one } = await cave({ enablearchiving: '0' });
    await say(one, 'a');
    expect((await query(one)).condition).toBe('service-unavailable');
    one.stanzas.length = 0;
    await configured(one, { enablearchiving: '1' });
    expect(codes(await heard(one, '<status'))).toEqual([170]);
    expect((await query(one)).said).toEqual([]);
    await configured(one, { persistentroom: '0' });
    expect(codes(await heard(one, '<status'))).toEqual([171, 104]);
    expect((await query(one)).condition).toBe('service-unavailable');
  });

  test('is nothing in new rooms where the service has it so', async () => {
    const { one } = await cave({}, { archive: false });
    expect((await query(one)).condition).toBe('service-unavailable');
  });

  test('7.2.12 is told to who enters, and to who asks what the room can', async () => {
    const { guest } = await cave();
    const three = await guest('three');
    const all = await entered(three, 'third');
    expect(codes(all[all.length - 2])).toEqual([170, 110]);
    const info = await three.ask('get', "<query xmlns='http://jabber.org/protocol/disco#info'/>", ROOM);
    expect(info.raw).toContain(`var='${MAM}'`);
  });

  test('is gone with the room', async () => {
    const storage = new MemoryDriver();
    const { one } = await cave({}, {}, storage);
    await say(one, 'a');
    await one.ask('set', `<query xmlns='${OWNER}'><destroy/></query>`, ROOM);
    await opened(one, 'first', { persistentroom: '1' });
    expect((await query(one)).said).toEqual([]);
    expect(await storage.open(SERVICE, 'room_archive', 'history').size('coven')).toBe(0);
  });

  test('is nobody else’s when not all of the room could be removed', async () => {
    const storage = new MemoryDriver();
    const { one } = await cave({}, {}, storage);
    await say(one, 'a');
    const rooms = storage.open(SERVICE, 'rooms', 'map');
    const { remove } = rooms;
    rooms.remove = async () => {
      throw new StoreError('failed', 'a test');
    };
    const destroy = `<query xmlns='${OWNER}'><destroy/></query>`;
    expect(conditionOf(await one.ask('set', destroy, ROOM))).toBe('internal-server-error');
    rooms.remove = remove;
    expect(await storage.open(SERVICE, 'room_archive', 'archive').size('coven')).toBe(0);
    expect((await one.ask('set', destroy, ROOM)).attr('type')).toBe('result');
  });

  test('is shown to who enters, after a restart too', async () => {
    const storage = new MemoryDriver();
    const { one } = await cave({}, {}, storage);
    await say(one, 'a', 'b');
    toRoom(one, '<subject>Fire</subject>');
    await settled(one);
    const ids = (await query(one)).results.map((each) => each.attr('id'));
    const again = await house({}, storage).guest('three');
    const all = await entered(again, 'third');
    expect(all.map((each) => each.textOf('body') ?? each.textOf('subject'))).toEqual([undefined, 'a', 'b', 'Fire']);
    expect(all.slice(1, 3).map((each) => each.child('stanza-id', SID)?.attr('id'))).toEqual(ids.slice(0, 2));
    expect(all.some((each) => each.raw.includes('one@example.test'))).toBe(false);
  });

  test.each([
    ['too much', { archive_max_items: 10 }, 0, 10],
    ['too old', { archive_max_age: 1 }, 86_400_001, 0],
  ])('is deleted when it is %s', async (_, options, later, left) => {
    const { one } = await cave({}, options);
    await say(one, ...Array.from({ length: 30 }, (_each, i) => `${i}`));
    vi.setSystemTime(START + later);
    // What grows is looked at once a second.
    const most = { timeout: 10_000, interval: 100 };
    await expect.poll(async () => (await query(one)).said.length, most).toBeLessThanOrEqual(left + 1);
  });
});

describe('who asks', () => {
  test('sees who said it where that is nobody’s secret, or as a moderator', async () => {
    const { one, two } = await cave();
    toRoom(two, `<body>a</body><x xmlns='${USER}'><item jid='forged@example.test/x'/></x>`);
    await settled(two);
    expect((await query(one)).jids).toEqual(['two@example.test/test']);
    expect((await query(two)).jids).toEqual([undefined]);
    await configured(one, { whois: 'anyone' });
    expect((await query(two)).jids).toEqual(['two@example.test/test']);
  });

  test('asks for what somebody said, by a real address only where he may know it', async () => {
    const { one, two } = await cave();
    await say(one, 'a');
    await say(two, 'b');
    expect((await query(one, { with: 'two@example.test' })).said).toEqual(['b']);
    expect((await query(one, { with: 'two@example.test/test' })).said).toEqual(['b']);
    expect((await query(one, { with: 'two@example.test/other' })).said).toEqual([]);
    expect((await query(two, { with: 'one@example.test' })).condition).toBe('forbidden');
    expect((await query(two, { with: `${ROOM}/first` })).said).toEqual(['a']);
    expect((await query(two, { with: ROOM })).said).toEqual(['a', 'b']);
  });

  test.each([
    [{}, undefined],
    [{ membersonly: '1' }, 'forbidden'],
    [{ passwordprotectedroom: '1', roomsecret: 'x' }, 'forbidden'],
  ])('need not be there, but has to be one who may enter: %o', async (fields, condition) => {
    const { guest, one } = await cave();
    await configured(one, fields);
    const three = await guest('three');
    expect((await query(three)).condition).toBe(condition);
    await administers(one, "<item affiliation='member' jid='three@example.test'/>");
    expect((await query(three)).condition).toBe(undefined);
    await administers(one, "<item affiliation='outcast' jid='three@example.test'/>");
    expect((await query(three)).condition).toBe('forbidden');
  });

  test('gets it page by page, so many at most', async () => {
    const { one, metrics } = await cave({}, { archive_page: 2, archive_max_page: 3 });
    await say(one, 'a', 'b', 'c', 'd');
    const set = (inside: string) => `<set xmlns='http://jabber.org/protocol/rsm'>${inside}</set>`;
    const first = await query(one);
    expect(first.said).toEqual(['a', 'b']);
    const last = first.results[1]?.attr('id') ?? '';
    expect((await query(one, {}, set(`<after>${last}</after>`))).said).toEqual(['c', 'd']);
    expect((await query(one, {}, set('<max>10</max><before/>'))).said).toEqual(['b', 'c', 'd']);
    expect(await metrics.registry.metrics()).toContain('limit="muc.archive_max_page"} 1');
  });

  test('learns the fields of the form, and where the archive begins and ends', async () => {
    const { one } = await cave();
    await say(one, 'a', 'b');
    const fields = await one.ask('get', `<query xmlns='${MAM}'/>`, ROOM);
    expect(fields.raw).toContain("var='before-id'");
    const ids = (await query(one)).results.map((each) => each.attr('id'));
    const said = (await one.ask('get', `<metadata xmlns='${MAM}'/>`, ROOM)).child('metadata', MAM);
    expect(said?.children.map((each) => each.attr('id'))).toEqual(ids);
  });

  test('finds what was said right before', async () => {
    const driver = new SlowDriver();
    const { one } = await cave({}, {}, driver);
    driver.hold('room_archive');
    says(one, 'a');
    await heard(one, '<body>a');
    const asked = query(one);
    driver.release('room_archive');
    expect((await asked).said).toEqual(['a']);
  });

  test('is not one too many', async () => {
    const driver = new SlowDriver();
    const { one, two, metrics } = await cave({}, { max_queries: 1 }, driver);
    driver.hold('room_archive');
    const asked = query(one);
    await driver.asked('room_archive');
    expect((await query(two)).condition).toBe('resource-constraint');
    expect(await metrics.registry.metrics()).toContain('limit="muc.max_queries"} 1');
    driver.release('room_archive');
    expect((await asked).condition).toBe(undefined);
  });
});

describe('what is acknowledged', () => {
  test('XEP-0198 4 is in the archive, and everybody has heard it before', async () => {
    const driver = new SlowDriver();
    const { one, two } = await cave({}, {}, driver);
    two.say("<enable xmlns='urn:xmpp:sm:3'/>");
    await two.hears('<enabled');
    driver.hold('room_archive');
    says(two, 'a');
    await heard(one, '<body>a');
    two.say("<r xmlns='urn:xmpp:sm:3'/>");
    says(two, 'b');
    await heard(one, '<body>b');
    expect(two.stanzas.filter((xml) => xml.startsWith('<a '))).toEqual([]);
    driver.release('room_archive');
    expect(await two.hears('<a ')).toContain("h='1'");
  });

  test('a storage that fails holds nothing up, and is told to the operator and to who asks', async () => {
    const driver = new SlowDriver();
    const { one, two, log } = await cave({}, {}, driver);
    driver.fails = (store) => {
      if (store === 'room_archive') throw new StoreError('failed', 'a test');
    };
    says(two, 'a');
    await heard(one, '<body>a');
    expect((await query(one)).condition).toBe('internal-server-error');
    expect(log.lines.some(({ event }) => event === 'room_not_kept')).toBe(true);
  });
});
