// Rosters, subscriptions and presence, with clients that have no transport. Every cell of the state tables is a play.

import { expect, test } from 'vitest';
import { message } from '../../src/modules/message.js';
import { presence } from '../../src/modules/presence.js';
import { roster } from '../../src/modules/roster.js';
import { CoreClient, shown, testCore } from '../support/core.js';
import { Inbox } from '../support/inbox.js';
import { SlowDriver } from '../support/slow-driver.js';

const MODULES = [roster, presence, message];
const query = (inside = '') => `<query xmlns='jabber:iq:roster'>${inside}</query>`;
const get = `<iq xmlns='jabber:client' type='get' id='get'>${query()}</iq>`;
const say = (type: string, to: string) => `<presence xmlns='jabber:client' type='${type}' to='${to}'/>`;
const [ROMEO, JULIET] = ['romeo@example.test', 'juliet@example.test'];

async function two() {
  const { core } = testCore(MODULES);
  const [romeo, juliet] = [await new CoreClient(core).enter('romeo'), await new CoreClient(core).enter('juliet')];
  for (const client of [romeo, juliet]) {
    client.say(get);
    await client.hears("id='get'");
    client.say("<presence xmlns='jabber:client'/>");
  }
  return { core, romeo, juliet };
}

test('3.1: a request is kept and delivered, an approval begins the subscription and shows who is there', async () => {
  const { romeo, juliet } = await two();
  romeo.say(say('subscribe', JULIET));
  await romeo.hears("ask='subscribe'");
  expect(await juliet.hears("type='subscribe'")).toContain(`from='${ROMEO}'`);
  juliet.say(say('subscribed', ROMEO));
  await juliet.hears("subscription='from'");
  await romeo.hears("type='subscribed'");
  expect(await romeo.hears("subscription='to'")).not.toContain('ask');
  // In this order.
  expect(await romeo.hears(`from='${JULIET}/test'`)).toContain(`to='${ROMEO}'`);
});

test('4.2: who comes sees his contacts, and they see him; 4.5: they see him go, also without a word', async () => {
  const { core, romeo, juliet } = await two();
  juliet.say(say('subscribed', ROMEO));
  romeo.say(say('subscribe', JULIET));
  await romeo.hears("subscription='to'");
  const phone = await new CoreClient(core).enter('romeo', 'phone');
  phone.say("<presence xmlns='jabber:client'><priority>-1</priority></presence>");
  await phone.hears(`from='${ROMEO}/test'`);
  await phone.hears(`from='${JULIET}/test'`);
  await romeo.hears(`from='${ROMEO}/phone'`);
  juliet.end.close({ how: 'lost' });
  expect(await romeo.hears("type='unavailable'")).toContain(`from='${JULIET}/test'`);
});

test('4.6: whom presence was directed to sees its client go', async () => {
  const { romeo, juliet } = await two();
  romeo.say(`<presence xmlns='jabber:client' to='${JULIET}/test'/>`);
  await juliet.hears(`from='${ROMEO}/test'`);
  romeo.say("<presence xmlns='jabber:client' type='unavailable'/>");
  expect(await juliet.hears("type='unavailable'")).toContain(`from='${ROMEO}/test'`);
});

test('2.5: a contact that is removed loses the subscriptions', async () => {
  const { romeo, juliet } = await two();
  juliet.say(say('subscribed', ROMEO));
  romeo.say(say('subscribe', JULIET));
  await juliet.hears("subscription='from'");
  romeo.say(
    `<iq xmlns='jabber:client' type='set' id='rm'>${query(`<item jid='${JULIET}' subscription='remove'/>`)}</iq>`,
  );
  await romeo.hears("subscription='remove'");
  await romeo.hears("id='rm'");
  await juliet.hears("type='unsubscribe'");
  await juliet.hears("subscription='none'");
});

test('2.6: a client that has the current version gets nothing', async () => {
  const { romeo } = await two();
  const item = "<item jid='nurse@example.test' name='Nurse'><group>Capulet</group></item>";
  romeo.say(`<iq xmlns='jabber:client' type='set' id='set'>${query(item)}</iq>`);
  const push = await romeo.hears("name='Nurse'");
  const ver = /ver='(\d+)'/.exec(push)?.[1];
  romeo.say(`<iq xmlns='jabber:client' type='get' id='same'><query xmlns='jabber:iq:roster' ver='${ver}'/></iq>`);
  expect(await romeo.hears("id='same'")).not.toContain('query');
  romeo.say("<iq xmlns='jabber:client' type='get' id='other'><query xmlns='jabber:iq:roster' ver='0'/></iq>");
  expect(await romeo.hears("id='other'")).toContain('<group>Capulet</group>');
});

const groups = (many: number) =>
  Array.from({ length: many }, (_, n) => `<group>${n}${'a'.repeat(1000)}</group>`).join('');

test.each([
  ['two items', "<item jid='a@b'/><item jid='c@d'/>", 'bad-request'],
  ['no item', '', 'bad-request'],
  ['no address', "<item jid='@'/>", 'jid-malformed'],
  ['a name too long', `<item jid='a@b' name='${'a'.repeat(1024)}'/>`, 'not-acceptable'],
  ['a group without a name', "<item jid='a@b'><group/></item>", 'not-acceptable'],
  ['a group twice', "<item jid='a@b'><group>a</group><group>a</group></item>", 'bad-request'],
  ['a contact in too many groups', `<item jid='a@b'>${groups(40)}</item>`, 'not-acceptable'],
  ['a removal of nobody', "<item jid='a@b' subscription='remove'/>", 'item-not-found'],
])('2.3.3: %s is refused', async (_, inside, condition) => {
  const { romeo } = await two();
  romeo.say(`<iq xmlns='jabber:client' type='set' id='set'>${query(inside)}</iq>`);
  expect(await romeo.hears("id='set'")).toContain(`<${condition}`);
});

test('2.3.3: the roster of somebody else is not to be had', async () => {
  const { romeo } = await two();
  romeo.say(`<iq xmlns='jabber:client' type='get' id='his' to='${JULIET}'>${query()}</iq>`);
  expect(await romeo.hears("id='his'")).toContain('<forbidden');
});

test('with an account go its subscriptions: who gets its name next is a stranger', async () => {
  const { core, romeo, juliet } = await two();
  for (const [client, other] of [
    [romeo, JULIET],
    [juliet, ROMEO],
  ] as const) {
    client.say(say('subscribed', other));
    client.say(say('subscribe', other));
  }
  await romeo.hears("subscription='both'");
  await core.hosts.get('example.test')?.accounts.delete('romeo');
  await juliet.hears("subscription='none'");
  const next = await new CoreClient(core).enter('romeo');
  juliet.stanzas.length = 0;
  next.say(get);
  expect(await next.hears("id='get'")).not.toContain('<item');
  await next.available();
  next.say(say('probe', JULIET));
  next.say(`<message xmlns='jabber:client' to='${JULIET}/test' id='last'/>`);
  await juliet.when(() => juliet.stanzas.length > 0);
  expect(juliet.stanzas.map((xml) => / id='(\w+)'/.exec(xml)?.[1])).toEqual(['last']);
  juliet.say(`<message xmlns='jabber:client' to='${ROMEO}/test' id='last'/>`);
  await next.when(() => next.stanzas.length > 0);
  expect(next.stanzas.map((xml) => / id='(\w+)'/.exec(xml)?.[1])).toEqual(['last']);
});

test('what was asked of a roster before its account was deleted leaves nothing in it', async () => {
  const driver = new SlowDriver();
  const { core } = testCore(MODULES, {}, driver);
  const romeo = await new CoreClient(core).enter('romeo');
  driver.hold('roster');
  romeo.say(`<iq xmlns='jabber:client' type='set' id='set'>${query(`<item jid='${JULIET}'/>`)}</iq>`);
  await driver.asked('roster');
  const deleted = core.hosts.get('example.test')?.accounts.delete('romeo');
  driver.release('roster');
  await deleted;
  expect(await driver.open('example.test', 'roster', 'map').size('romeo')).toBe(0);
});

test('4.3.2: a probe tells a stranger nothing of whether there is an account', async () => {
  const { core, romeo } = await two();
  const host = core.hosts.get('example.test');
  await host?.accounts.create('nurse', 'secret');
  const answers = new Inbox<string>();
  host?.hooks.of('test').on('presence/full', ({ type, from, to }) => void answers.push(`${from} ${type} ${to}`), 10);
  for (const name of ['juliet', 'nurse', 'nobody']) {
    romeo.say(say('probe', `${name}@example.test`));
    await answers.take((answer) => answer === `${name}@example.test unsubscribed ${ROMEO}/test`, 'the answer');
  }
});

test('4.6.3: whom presence was directed to by a client that never was available sees it go, a contact too', async () => {
  const { core, romeo, juliet } = await two();
  await shown(romeo, juliet);
  for (const go of ['word', 'loss'] as const) {
    const phone = await new CoreClient(core).enter('romeo', go);
    phone.say(`<presence xmlns='jabber:client' to='${JULIET}'/>`);
    await juliet.hears(`from='${ROMEO}/${go}'`);
    if (go === 'loss') phone.end.close({ how: 'lost' });
    else phone.say("<presence xmlns='jabber:client' type='unavailable'/>");
    expect(await juliet.hears("type='unavailable'")).toContain(`from='${ROMEO}/${go}'`);
  }
});

test('3.2.4: who lost the subscription is told that one is gone, and no last words later', async () => {
  const { romeo, juliet } = await two();
  await shown(romeo, juliet);
  romeo.say(`<presence xmlns='jabber:client' to='${JULIET}'/>`);
  romeo.say(say('unsubscribed', JULIET));
  await juliet.hears("type='unavailable'");
  juliet.stanzas.length = 0;
  romeo.say("<presence xmlns='jabber:client' type='unavailable'><status>with the nurse</status></presence>");
  romeo.say(`<message xmlns='jabber:client' to='${JULIET}/test' id='last'/>`);
  await juliet.when(() => juliet.stanzas.some((xml) => xml.includes("id='last'")));
  expect(juliet.stanzas.join()).not.toContain('with the nurse');
});

test('3.1.3: a request that is kept has a size', async () => {
  const { romeo, juliet } = await two();
  const ask = (bytes: number) =>
    `<presence xmlns='jabber:client' type='subscribe' to='${JULIET}'><status>${'x'.repeat(bytes)}</status></presence>`;
  romeo.say(ask(8192));
  expect(await romeo.hears("type='error'")).toContain('<not-acceptable');
  romeo.say(ask(1024));
  await juliet.hears(`<status>${'x'.repeat(1024)}</status>`);
});
