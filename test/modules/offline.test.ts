import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { moduleOptions } from '../../src/config/modules.js';
import { message } from '../../src/modules/message.js';
import { offline, worthOf } from '../../src/modules/offline.js';
import { presence } from '../../src/modules/presence.js';
import { roster } from '../../src/modules/roster.js';
import type { ArchiveStore } from '../../src/storage/store.js';
import { Stanza } from '../../src/xmpp/stanza.js';
import { CoreClient, DOMAIN, testCore } from '../support/core.js';
import { parseXml } from '../support/xml.js';

const MODULES = [roster, presence, message, offline];
const JULIET = 'juliet@example.test';
const chat = (text: string, to = JULIET, type = 'chat') =>
  `<message xmlns='jabber:client' to='${to}' type='${type}' id='${text}'><body>${text}</body></message>`;

beforeEach(() => void vi.useFakeTimers({ toFake: ['Date'], now: Date.UTC(2002, 8, 10, 23, 8, 25) }));
afterEach(() => void vi.useRealTimers());

/** Romeo is there; Juliet has an account. */
async function stage(max_messages = 100) {
  const options = { ...moduleOptions.default, offline: { max_messages } };
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

describe('what a client that is gone has not got', () => {
  const lost = (client: CoreClient, ...stanzas: string[]) =>
    client.end.close({ how: 'lost', undelivered: stanzas.map((xml) => Stanza.from(xml)) });
  const from = (xml: string, to: string) => xml.replace(/ to='[^']*'/, ` from='romeo@example.test/test' to='${to}'`);

  test('is kept, when it is a message for the account and nobody else is there; its time stays', async () => {
    const { romeo, juliet, kept } = await stage();
    romeo.say(chat('1'));
    await kept(1);
    const balcony = await juliet('balcony');
    balcony.say("<presence xmlns='jabber:client'/>");
    const late = await balcony.hears('<body>1');
    vi.setSystemTime(Date.UTC(2003, 0, 1));
    lost(balcony, late, from(chat('2', '', 'normal'), `${JULIET}/balcony`));
    await kept(2);
    const chamber = await juliet('chamber');
    chamber.say("<presence xmlns='jabber:client'/>");
    await chamber.when(() => bodies(chamber).length === 2);
    expect(bodies(chamber)).toEqual(['1', '2']);
    const [first, second] = chamber.stanzas.filter((xml) => xml.startsWith('<message'));
    expect(first.match(/stamp='2002/g)).toHaveLength(1);
    expect(first).not.toContain('2003');
    expect(second).toContain("stamp='2003");
  });

  test('goes to another resource, but not what that one has already', async () => {
    const { juliet } = await stage();
    const chamber = await (await juliet('chamber')).available();
    const balcony = await (await juliet('balcony')).available();
    lost(balcony, from(chat('all'), JULIET), from(chat('one'), `${JULIET}/balcony`));
    await chamber.hears('<body>one');
    expect(bodies(chamber)).toEqual([]);
    const garden = await (await juliet('garden')).available();
    lost(chamber, from(chat('later'), JULIET));
    await garden.hears('<body>later');
  });

  test('is told to whoever else sent it; headlines, errors and answers are gone', async () => {
    const { romeo, juliet, kept } = await stage();
    const balcony = await juliet('balcony');
    const full = `${JULIET}/balcony`;
    const iq = (type: string) =>
      `<iq xmlns='jabber:client' from='romeo@example.test/test' to='${full}' type='${type}' id='${type}'><q xmlns='urn:q'/></iq>`;
    lost(
      balcony,
      from(chat('a', '', 'groupchat'), full),
      from(chat('b', '', 'headline'), full),
      from(chat('c', '', 'error'), full),
      `<message xmlns='jabber:client' from='${JULIET}' to='${full}'><received xmlns='urn:xmpp:carbons:2'/></message>`,
      `<presence xmlns='jabber:client' from='romeo@example.test/test' to='${full}'/>`,
      "<a xmlns='urn:xmpp:sm:3' h='1'/>",
      iq('result'),
      iq('get'),
    );
    expect(await romeo.hears("id='get'")).toContain('<service-unavailable');
    romeo.say(chat('d'));
    await kept(1);
    expect(romeo.stanzas).toEqual([]);
  });

  test('2 the room that it left is told', async () => {
    const { romeo, juliet } = await stage();
    const balcony = await juliet('balcony');
    lost(balcony, from(chat('a', '', 'groupchat'), `${JULIET}/balcony`));
    expect(await romeo.hears("id='a'")).toContain('<recipient-unavailable');
  });
});
