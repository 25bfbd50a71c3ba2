import { expect, test } from 'vitest';
import { moduleOptions } from '../../src/config/modules.js';
import { matches } from '../../src/modules/block-lists.js';
import { blocking } from '../../src/modules/blocking.js';
import { message } from '../../src/modules/message.js';
import { offline } from '../../src/modules/offline.js';
import { ping } from '../../src/modules/ping.js';
import { presence } from '../../src/modules/presence.js';
import { roster } from '../../src/modules/roster.js';
import { vcard } from '../../src/modules/vcard.js';
import { JID } from '../../src/xmpp/jid.js';
import { CoreClient, conditionOf, DOMAIN, shown, testCore } from '../support/core.js';
import { parseXml } from '../support/xml.js';

const ROMEO = 'romeo@example.test';
const JULIET = 'juliet@example.test';
const item = (jid: string) => `<item jid='${jid}'/>`;
const block = (...jids: string[]) => `<block xmlns='urn:xmpp:blocking'>${jids.map(item).join('')}</block>`;
const unblock = (...jids: string[]) => `<unblock xmlns='urn:xmpp:blocking'>${jids.map(item).join('')}</unblock>`;
const LIST = "<blocklist xmlns='urn:xmpp:blocking'/>";
const CARD = "<vCard xmlns='vcard-temp'/>";

/** Both are there; Romeo gets Juliet's presence. */
async function stage(max_items = 10) {
  const options = { ...moduleOptions.default, blocking: { max_items } };
  const modules = [roster, presence, blocking, message, offline, ping, vcard];
  const tested = testCore(modules, { domains: { 'example.test': { ...DOMAIN, options } } });
  const enter = async (user: string, resource?: string) =>
    (await new CoreClient(tested.core).enter(user, resource)).available();
  const [romeo, juliet] = [await enter('romeo'), await enter('juliet')];
  await shown(juliet, romeo);
  await romeo.hears(`from='${JULIET}/test'`);
  juliet.stanzas.length = 0;
  return { ...tested, enter, romeo, juliet };
}

const listOf = async (client: CoreClient) =>
  (await client.ask('get', LIST)).children[0].children.map((each) => each.attr('jid'));

/** Resolves when all that was said to the server before has come as far as it comes. */
const settled = (client: CoreClient) => client.ask('get', "<ping xmlns='urn:xmpp:ping'/>", 'example.test');

test('3.1 to 3.4 addresses are blocked and unblocked, and all who know the list are told', async () => {
  const { enter, juliet } = await stage();
  const phone = await enter('juliet', 'phone');
  expect(await listOf(juliet)).toEqual([]);
  expect((await juliet.ask('set', block('Romeo@Example.test', 'a.test', 'a.test'))).attr('type')).toBe('result');
  const push = parseXml(await juliet.hears('<block '));
  expect([push.attr('type'), push.attr('to')]).toEqual(['set', `${JULIET}/test`]);
  expect(push.children[0].children.map((each) => each.attr('jid'))).toEqual([ROMEO, 'a.test']);
  expect(phone.stanzas.join()).not.toContain('<block');
  expect(await listOf(phone)).toEqual([ROMEO, 'a.test']);
  await juliet.ask('set', unblock('a.test', 'b.test'));
  expect(await phone.hears('<unblock')).toContain("<item jid='a.test'/></unblock>");
  await juliet.ask('set', unblock());
  expect(await phone.hears('<unblock')).not.toContain('<item');
  expect(await listOf(phone)).toEqual([]);
});

test('3.2 what the blocked one sends is not received, and he sees nobody there', async () => {
  const { romeo, juliet } = await stage();
  await juliet.ask('set', block(ROMEO));
  expect(await romeo.hears("type='unavailable'")).toContain(`from='${JULIET}/test'`);
  romeo.stanzas.length = 0;
  juliet.stanzas.length = 0;
  for (const to of [JULIET, `${JULIET}/test`]) {
    romeo.say(`<message xmlns='jabber:client' to='${to}' type='chat' id='m'><body>hi</body></message>`);
    expect(await romeo.hears("id='m'")).toContain('<service-unavailable');
    expect(conditionOf(await romeo.ask('get', CARD, to))).toBe('service-unavailable');
    for (const type of ['groupchat', 'headline', 'error']) {
      romeo.say(`<message xmlns='jabber:client' to='${to}' type='${type}'><body>hi</body></message>`);
    }
    romeo.say(`<iq xmlns='jabber:client' to='${to}' type='result' id='r'/>`);
    for (const type of ['probe', 'subscribe', 'unsubscribed', 'unavailable']) {
      romeo.say(`<presence xmlns='jabber:client' to='${to}' type='${type}'/>`);
    }
    romeo.say(`<presence xmlns='jabber:client' to='${to}'/>`);
  }
  await settled(romeo);
  expect([...juliet.stanzas, ...romeo.stanzas]).toEqual([]);
  juliet.say("<presence xmlns='jabber:client'><show>away</show></presence>");
  await juliet.hears('away');
  await settled(romeo);
  expect(romeo.stanzas).toEqual([]);
});

test('3.2 nothing goes to the blocked one; the client is told why', async () => {
  const { romeo, juliet } = await stage();
  await juliet.ask('set', block(ROMEO));
  await romeo.hears("type='unavailable'");
  romeo.stanzas.length = 0;
  juliet.say(`<message xmlns='jabber:client' to='${ROMEO}/test' type='chat' id='m'><body>hi</body></message>`);
  const error = parseXml(await juliet.hears("id='m'")).child('error');
  expect(error?.attr('type')).toBe('cancel');
  expect(error?.child('not-acceptable')).toBeDefined();
  expect(error?.child('blocked', 'urn:xmpp:blocking:errors')).toBeDefined();
  expect(conditionOf(await juliet.ask('get', CARD, ROMEO))).toBe('not-acceptable');
  juliet.say(`<presence xmlns='jabber:client' to='${ROMEO}' id='p'/>`);
  expect(await juliet.hears("id='p'")).toContain('<blocked');
  expect(romeo.stanzas).toEqual([]);
});

test('3.3 who is unblocked sees who is there, and is heard again', async () => {
  const { romeo, juliet } = await stage();
  await juliet.ask('set', block(ROMEO));
  await romeo.hears("type='unavailable'");
  await juliet.ask('set', unblock(ROMEO));
  expect(await romeo.hears(`from='${JULIET}/test'`)).not.toContain('unavailable');
  romeo.say(`<message xmlns='jabber:client' to='${JULIET}' type='chat'><body>hi</body></message>`);
  await juliet.hears('<body>hi');
});

test('3.2 whom presence was directed to sees it leave too; who sees nothing anyway gets nothing', async () => {
  const { enter, juliet } = await stage();
  const [nurse, paris] = [await enter('nurse'), await enter('paris')];
  juliet.say("<presence xmlns='jabber:client' to='nurse@example.test/test'/>");
  await nurse.hears(`from='${JULIET}/test'`);
  await juliet.ask('set', block('nurse@example.test', 'paris@example.test'));
  await nurse.hears("type='unavailable'");
  await settled(paris);
  expect(paris.stanzas).toEqual([]);
});

test('a block holds while nobody is there, and after a restart of the client', async () => {
  const { core, enter, romeo, juliet } = await stage();
  await juliet.ask('set', block(ROMEO));
  juliet.end.close({ how: 'closed' });
  // Many others in between: her list is not remembered.
  const lists = Array.from({ length: 1000 }, (_, n) => romeo.ask('get', CARD, `nobody${n}@example.test`));
  await Promise.all(lists);
  romeo.say(`<message xmlns='jabber:client' to='${JULIET}' type='chat' id='m'><body>hi</body></message>`);
  expect(await romeo.hears("id='m'")).toContain('<service-unavailable');
  const store = core.hosts.get('example.test')?.deps.storage.open('example.test', 'offline', 'archive');
  expect(await store?.size('juliet')).toBe(0);
  expect(await listOf(await enter('juliet', 'phone'))).toEqual([ROMEO]);
});

test('a list that cannot be read: the sender is told, and nothing gets through', async () => {
  const { core, romeo } = await stage();
  await core.hosts.get('example.test')?.deps.storage.stop();
  romeo.say("<message xmlns='jabber:client' to='nurse@example.test' type='chat' id='m'><body>hi</body></message>");
  expect(await romeo.hears("id='m'")).toContain('<internal-server-error');
});

test('the host and the account itself are never blocked', async () => {
  const { romeo, juliet } = await stage();
  await juliet.ask('set', block('example.test', JULIET));
  await romeo.hears("type='unavailable'");
  expect(conditionOf(await settled(juliet))).toBeUndefined();
  expect(conditionOf(await juliet.ask('get', CARD, JULIET))).toBeUndefined();
  expect(conditionOf(await juliet.ask('get', CARD, ROMEO))).toBe('not-acceptable');
});

test('3.2 what cannot be blocked is refused; the number is limited', async () => {
  const { juliet, metrics } = await stage(2);
  const asked = async (payload: string) => conditionOf(await juliet.ask('set', payload));
  expect(await asked(block())).toBe('bad-request');
  expect(await asked("<block xmlns='urn:xmpp:blocking'><item/></block>")).toBe('bad-request');
  expect(await asked(block('@'))).toBe('jid-malformed');
  expect(await asked(block('a.test', 'b.test', 'c.test'))).toBe('resource-constraint');
  expect(await asked(block('a.test', 'b.test'))).toBeUndefined();
  expect(await asked(block('a.test'))).toBeUndefined();
  expect(await asked(block('c.test'))).toBe('resource-constraint');
  expect(await metrics.text()).toContain('bosh_limits_hit_total{limit="blocking.max_items"} 2');
});

test('the list goes with its account', async () => {
  const { core, juliet } = await stage();
  await juliet.ask('set', block(ROMEO));
  const host = core.hosts.get('example.test');
  await host?.accounts.delete('juliet');
  expect(await host?.deps.storage.open('example.test', 'blocking', 'map').size('juliet')).toBe(0);
});

test.each([
  ['a@b/c', ['a@b/c'], true],
  ['a@b/c', ['a@b'], true],
  ['a@b/c', ['b'], true],
  ['a@b/c', ['b/c'], true],
  ['b/c', ['b/c'], true],
  ['a@b', ['b'], true],
  ['a@b', ['a@b/c'], false],
  ['a@b/d', ['a@b/c', 'b/c'], false],
  ['a@b.c', ['c', 'b'], false],
  ['a@b', [], false],
])('2.1 %s against %s: %s', (jid, list, blocked) => {
  expect(matches(new Set(list), JID.parse(jid))).toBe(blocked);
});
