import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { payloadsOf, writeBody } from '../../src/bosh/body.js';
import { moduleOptions } from '../../src/config/modules.js';
import { message } from '../../src/modules/message.js';
import { offline, worthOf } from '../../src/modules/offline.js';
import { presence } from '../../src/modules/presence.js';
import { roster } from '../../src/modules/roster.js';
import { streamManagement } from '../../src/modules/stream-management.js';
import { MemoryDriver } from '../../src/storage/memory.js';
import type { ArchiveStore } from '../../src/storage/store.js';
import { Stanza } from '../../src/xmpp/stanza.js';
import { CoreClient, DOMAIN, OPTIONS, testCore } from '../support/core.js';
import { parseXml } from '../support/xml.js';

const MODULES = [roster, presence, message, offline, streamManagement];
const JULIET = 'juliet@example.test';
const chat = (text: string, to = JULIET, type = 'chat') =>
  `<message xmlns='jabber:client' to='${to}' type='${type}' id='${text}'><body>${text}</body></message>`;

beforeEach(() => void vi.useFakeTimers({ toFake: ['Date'], now: Date.UTC(2002, 8, 10, 23, 8, 25) }));
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

/** Romeo is there; Juliet has an account. */
async function stage(max_messages = 100, management = {}) {
  const { stream_management } = moduleOptions.default;
  const options = {
    ...moduleOptions.default,
    offline: { max_messages },
    stream_management: { ...stream_management, ...management },
  };
  const tested = testCore(MODULES, { domains: { 'example.test': { ...DOMAIN, options } } });
  const { core } = tested;
  const host = core.hosts.get('example.test');
  await host?.accounts.create('juliet', 'secret');
  const romeo = await new CoreClient(core).enter('romeo');
  const store = host?.deps.storage.open('example.test', 'offline', 'archive') as ArchiveStore;
  const juliet = (resource?: string) => new CoreClient(core).enter('juliet', resource);
  /** Resolves when so many messages are kept. */
  const kept = async (count: number) => {
    while ((await store.size('juliet')) !== count) await new Promise(setImmediate);
  };
  return { ...tested, romeo, juliet, store, kept };
}

const bodies = ({ stanzas }: CoreClient) =>
  stanzas.filter((xml) => xml.startsWith('<message')).map((xml) => parseXml(xml).textOf('body'));

test('2 what comes while nobody is there is delivered in order when somebody comes, with its time, and only once', async () => {
  const { romeo, juliet, kept } = await stage();
  for (const text of ['1', '2', '3']) romeo.say(chat(text));
  await kept(3);
  const balcony = await juliet('balcony');
  balcony.say("<presence xmlns='jabber:client'/>");
  await balcony.when(() => bodies(balcony).length === 3);
  expect(bodies(balcony)).toEqual(['1', '2', '3']);
  const first = parseXml(balcony.stanzas.find((xml) => xml.startsWith('<message')) ?? '');
  const delay = first.child('delay', 'urn:xmpp:delay');
  expect([delay?.attr('from'), delay?.attr('stamp')]).toEqual(['example.test', '2002-09-10T23:08:25.000Z']);
  expect([first.attr('from'), first.attr('to')]).toEqual(['romeo@example.test/test', JULIET]);
  await kept(0);
  const chamber = await (await juliet('chamber')).available();
  romeo.say(chat('4', `${JULIET}/chamber`));
  await chamber.hears('<body>4');
  expect(bodies(chamber)).toEqual([]);
});

test('clients that come at once share the messages', async () => {
  const { romeo, juliet, kept } = await stage();
  for (let n = 0; n < 120; n++) romeo.say(chat(`${n}`));
  await kept(100);
  const clients = [await juliet('a'), await juliet('b'), await juliet('c')];
  for (const client of clients) client.say("<presence xmlns='jabber:client'/>");
  const all = () => clients.flatMap(bodies);
  await Promise.any(clients.map((client) => client.when(() => all().length === 100)));
  romeo.say(chat('last'));
  await Promise.all(clients.map((client) => client.hears('<body>last')));
  expect(clients.flatMap(bodies)).toEqual([]);
});

test('what is sent to somebody who has just come is behind what was kept', async () => {
  const { romeo, juliet, kept } = await stage();
  romeo.say(chat('1'));
  await kept(1);
  const balcony = await juliet('balcony');
  balcony.say("<presence xmlns='jabber:client'/>");
  romeo.say(chat('2'));
  romeo.say(chat('3', `${JULIET}/balcony`));
  await balcony.when(() => bodies(balcony).length === 3);
  expect(bodies(balcony)).toEqual(['1', '2', '3']);
});

test('2.5 a client whose priority is negative gets them when it is not any more', async () => {
  const { romeo, juliet, kept } = await stage();
  const balcony = await (await juliet('balcony')).available(-1);
  romeo.say(chat('1'));
  await kept(1);
  expect(bodies(balcony)).toEqual([]);
  balcony.say("<presence xmlns='jabber:client'/>");
  expect(await balcony.hears('<body>1')).toContain('delay');
  await balcony.available(-1);
  romeo.say(chat('2'));
  await kept(1);
  balcony.say("<presence xmlns='jabber:client'/>");
  await balcony.hears('<body>2');
});

test('a client that takes no more gets the rest when there is room', async () => {
  const { romeo, juliet, kept } = await stage();
  for (const text of ['1', '2', '3']) romeo.say(chat(text));
  await kept(3);
  const balcony = await juliet('balcony');
  balcony.takes = false;
  balcony.say("<presence xmlns='jabber:client'/>");
  await kept(2);
  expect(bodies(balcony)).toEqual(['1']);
  balcony.takes = true;
  balcony.end.drain();
  await balcony.when(() => bodies(balcony).length === 3);
  expect(bodies(balcony)).toEqual(['1', '2', '3']);
});

test('beyond the limit, and for nobody, the sender is told', async () => {
  const { romeo, kept, metrics } = await stage(1);
  romeo.say(chat('1'));
  romeo.say(chat('2'));
  expect(await romeo.hears("id='2'")).toContain('<service-unavailable');
  await kept(1);
  romeo.say(chat('3', 'nobody@example.test'));
  expect(await romeo.hears("id='3'")).toContain('<service-unavailable');
  expect(await metrics.text()).toContain('bosh_limits_hit_total{limit="offline.max_messages"} 1');
});

test('when it cannot be kept the sender is told', async () => {
  const { core, romeo } = await stage();
  await core.hosts.get('example.test')?.deps.storage.stop();
  romeo.say(chat('1'));
  expect(await romeo.hears("id='1'")).toContain('<internal-server-error');
});

test('messages go with their account', async () => {
  const { core, romeo, kept, store } = await stage();
  romeo.say(chat('1'));
  await kept(1);
  await core.hosts.get('example.test')?.accounts.delete('juliet');
  expect(await store.size('juliet')).toBe(0);
});

test.each([
  ['keep', 'chat', '<body>hi</body>'],
  ['keep', 'normal', '<subject>hi</subject>'],
  ['keep', 'chat', "<received xmlns='urn:xmpp:receipts' id='1'/>"],
  ['keep', 'chat', "<body>hi</body><active xmlns='http://jabber.org/protocol/chatstates'/>"],
  ['drop', 'chat', "<thread>1</thread><composing xmlns='http://jabber.org/protocol/chatstates'/>"],
  ['drop', 'chat', "<displayed xmlns='urn:xmpp:chat-markers:0'/><no-store xmlns='urn:xmpp:hints'/>"],
  ['refuse', 'chat', "<body>hi</body><no-store xmlns='urn:xmpp:hints'/>"],
  ['refuse', 'chat', ''],
  ['refuse', 'headline', '<body>hi</body>'],
  ['refuse', 'groupchat', '<body>hi</body>'],
  ['refuse', 'error', '<body>hi</body>'],
])('3 %s: %s %s', (worth, type, inside) => {
  expect(worthOf(Stanza.from(`<message xmlns='jabber:client' type='${type}'>${inside}</message>`))).toBe(worth);
});

test('what a session leaves when the server stops is kept', async () => {
  const { core, juliet, store } = await stage();
  await juliet('balcony');
  const host = core.hosts.get('example.test');
  const [session] = host?.sessions.of('juliet') ?? [];
  const left = Stanza.from(chat('1').replace('<message', "<message from='romeo@example.test/test'"));
  session.outbound = { stanza: () => true, reached: () => {}, undelivered: () => [left] };
  let kept: number | undefined;
  vi.spyOn(MemoryDriver.prototype, 'stop').mockImplementation(async () => {
    kept = await store.size('juliet');
  });
  await core.stop();
  expect(kept).toBe(1);
});

test('a client that acknowledges slowly (XEP-0198) gets them bit by bit, and stays', async () => {
  const { core, romeo, juliet, kept } = await stage(100, { max_unacked: 10 });
  const all = Array.from({ length: 30 }, (_, n) => `${n}`);
  for (const text of all) romeo.say(chat(text));
  await kept(30);
  const balcony = await juliet('balcony');
  balcony.say("<enable xmlns='urn:xmpp:sm:3'/>");
  await balcony.hears('<enabled');
  balcony.say("<presence xmlns='jabber:client'/>");
  for (let h = 1; bodies(balcony).length < 30; h++) {
    await balcony.when(() => stanzasOf(balcony) >= h);
    balcony.say(`<a xmlns='urn:xmpp:sm:3' h='${h}'/>`);
  }
  expect(bodies(balcony)).toEqual(all);
  expect(core.hosts.get('example.test')?.sessions.of('juliet')).toHaveLength(1);
});

/** How many a client counts. */
const stanzasOf = ({ stanzas }: CoreClient) => stanzas.filter((xml) => /^<(message|presence|iq)/.test(xml)).length;

const SM = 'urn:xmpp:sm:3';

/** Juliet comes, with stream management; resolves to the token by which she may come back. */
async function managed(client: CoreClient): Promise<string> {
  client.say(`<enable xmlns='${SM}' resume='true'/>`);
  return / id='([^']+)'/.exec(await client.hears('<enabled'))?.[1] ?? '';
}

/** Three messages wait. */
async function waiting(management = {}) {
  const tested = await stage(100, management);
  const { romeo, kept, store } = tested;
  for (const text of ['1', '2', '3']) romeo.say(chat(text));
  await kept(3);
  /** All that was begun is done, and so many are kept. */
  const still = async (count: number) => {
    await romeo.ask('get', "<query xmlns='jabber:iq:roster'/>");
    for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate);
    expect(await store.size('juliet')).toBe(count);
  };
  /** A resource that gets them. */
  const getting = async (client: CoreClient) => {
    client.say("<presence xmlns='jabber:client'/>");
    await client.when(() => bodies(client).length === 3);
    expect(bodies(client)).toEqual(['1', '2', '3']);
  };
  return { ...tested, still, getting };
}

/** What a client heard, as BOSH gives it back: read anew from responses. */
const undelivered = ({ stanzas }: CoreClient) =>
  payloadsOf(
    writeBody(
      '',
      stanzas.map((xml) => Stanza.from(xml)),
    ),
  );

test('messages are kept until the transport has sent them', async () => {
  const { juliet, kept, still, getting } = await waiting();
  const balcony = await juliet('balcony');
  balcony.reaches = false;
  await getting(balcony);
  await still(3);
  for (const told of balcony.owed) told();
  await kept(0);
});

test('who comes meanwhile gets them when the first ends without having them, once and ahead of what came later', async () => {
  const { romeo, juliet, kept, still, getting } = await waiting();
  const balcony = await juliet('balcony');
  balcony.reaches = false;
  await getting(balcony);
  const chamber = await (await juliet('chamber')).available(-1);
  romeo.say(chat('4'));
  await balcony.when(() => bodies(balcony).length === 4);
  chamber.say("<presence xmlns='jabber:client'/>");
  await still(3);
  expect(bodies(chamber)).toEqual([]);
  balcony.end.close({ how: 'lost', undelivered: undelivered(balcony) });
  await chamber.when(() => bodies(chamber).length >= 4);
  await kept(0);
  expect(bodies(chamber)).toEqual(['1', '2', '3', '4']);
});

test('what its transport could not send any more is kept, and not twice', async () => {
  const { juliet, kept, still, getting } = await waiting();
  const balcony = await juliet('balcony');
  balcony.reaches = false;
  await getting(balcony);
  balcony.end.close({ how: 'lost', undelivered: undelivered(balcony) });
  for (const told of balcony.owed) told();
  await still(3);
  await getting(await juliet('chamber'));
  await kept(0);
});

test('what was sent and came back after all is kept anew', async () => {
  const { juliet, kept, getting } = await waiting();
  const balcony = await juliet('balcony');
  await getting(balcony);
  await kept(0);
  balcony.end.close({ how: 'lost', undelivered: undelivered(balcony) });
  await kept(3);
  await getting(await juliet('chamber'));
});

test('XEP-0198: messages are kept until they are acknowledged', async () => {
  const { juliet, kept, still, getting } = await waiting();
  const balcony = await juliet('balcony');
  await managed(balcony);
  await getting(balcony);
  await still(3);
  const h = stanzasOf(balcony);
  balcony.say(`<a xmlns='${SM}' h='${h - 1}'/>`);
  await still(3);
  balcony.say(`<a xmlns='${SM}' h='${h}'/>`);
  await kept(0);
});

test('XEP-0198: or until their client comes back and has them', async () => {
  const { core, juliet, kept, still, getting } = await waiting();
  const balcony = await juliet('balcony');
  const token = await managed(balcony);
  await getting(balcony);
  const h = stanzasOf(balcony);
  balcony.end.close({ how: 'lost' });
  await still(3);
  const again = new CoreClient(core);
  await again.when(() => again.headers.length === 1);
  again.say("<auth xmlns='test'>juliet</auth>");
  again.say(`<resume xmlns='${SM}' previd='${token}' h='${h}'/>`);
  await kept(0);
  expect(bodies(again)).toEqual([]);
});

test('XEP-0198: who says goodbye without having acknowledged leaves them as they are', async () => {
  const { juliet, still, getting, kept } = await waiting();
  const balcony = await juliet('balcony');
  await managed(balcony);
  await getting(balcony);
  balcony.end.close({ how: 'closed' });
  await still(3);
  await getting(await juliet('chamber'));
  await kept(0);
});

test('XEP-0198: whoever is no longer asked to acknowledge has what its transport has sent', async () => {
  const { core, juliet, kept, still, getting } = await waiting();
  const balcony = await juliet('balcony');
  await managed(balcony);
  await getting(balcony);
  await still(3);
  const all = MODULES.map(({ name }) => name).filter((name) => name !== 'stream_management');
  core.reload({ ...OPTIONS, domains: { 'example.test': { ...DOMAIN, modules: ['bind', 'trusting', ...all] } } });
  await kept(0);
});

test('they are on their way still when the module is loaded anew', async () => {
  const { core, juliet, kept, still, getting } = await waiting();
  const balcony = await juliet('balcony');
  balcony.reaches = false;
  await getting(balcony);
  const options = { ...moduleOptions.default, offline: { max_messages: 7 } };
  core.reload({ ...OPTIONS, domains: { 'example.test': { ...DOMAIN, options } } });
  const chamber = await (await juliet('chamber')).available();
  await still(3);
  expect(bodies(chamber)).toEqual([]);
  for (const told of balcony.owed) told();
  await kept(0);
});
