// Modules that are loaded anew with other options, while clients are there: what is known of these outlives it.

import { beforeEach, expect, test } from 'vitest';
import { moduleOptions } from '../../src/config/modules.js';
import type { CoreOptions, DomainOptions } from '../../src/core/options.js';
import { modules } from '../../src/modules/index.js';
import { JID } from '../../src/xmpp/jid.js';
import { CoreClient, DOMAIN, OPTIONS, shown, testCore } from '../support/core.js';

const [ROMEO, JULIET] = ['romeo@example.test', 'juliet@example.test'];
const SM = 'urn:xmpp:sm:3';
const chat = (to: string, id: string) =>
  `<message xmlns='jabber:client' type='chat' to='${to}' id='${id}'><body>hi</body></message>`;

const saying = (domain: Partial<DomainOptions>): CoreOptions => ({
  ...OPTIONS,
  domains: { 'example.test': { ...DOMAIN, ...domain } },
});

let core: ReturnType<typeof testCore>;
let romeo: CoreClient;
let juliet: CoreClient;

/** All are loaded anew, and one with another option. */
function reload(): void {
  const { stream_management, ...others } = moduleOptions.default;
  const options = { ...others, stream_management: { ...stream_management, max_unacked: 10 } };
  core.core.reload(saying({ options, auth: { anonymous: true, register: true } }));
}

const without = (...names: string[]) => {
  const all = ['trusting', ...modules.map(({ name }) => name)];
  core.core.reload(saying({ modules: all.filter((name) => !names.includes(name)) }));
};

async function back(token: string): Promise<CoreClient> {
  const client = new CoreClient(core.core);
  await client.when(() => client.headers.length === 1);
  client.say("<auth xmlns='test'>romeo</auth>");
  client.say(`<resume xmlns='${SM}' previd='${token}' h='0'/>`);
  return client;
}

const enable = async (client: CoreClient): Promise<string> => {
  client.say(`<enable xmlns='${SM}' resume='true'/>`);
  return / id='([^']+)'/.exec(await client.hears('<enabled'))?.[1] ?? '';
};

beforeEach(async () => {
  core = testCore(modules.filter(({ name }) => name !== 'bind'));
  romeo = await new CoreClient(core.core).enter('romeo');
  juliet = await new CoreClient(core.core).enter('juliet');
});

test('contacts, and who is to be told of changes', async () => {
  await shown(romeo, juliet);
  await juliet.available();
  reload();
  romeo.say("<presence xmlns='jabber:client'><show>chat</show></presence>");
  expect(await juliet.hears('<show>chat</show>')).toContain(`from='${ROMEO}/test'`);
  await juliet.ask('set', "<query xmlns='jabber:iq:roster'><item jid='nurse@example.test'/></query>");
  await juliet.hears("type='set'");
});

test('whom presence was directed to, and how recent it is', async () => {
  const activity = () => core.core.hosts.get('example.test')?.sessions.find(JID.parse(`${ROMEO}/test`))?.activity;
  await romeo.available();
  await romeo.available();
  const before = activity() ?? 0;
  romeo.say(`<presence xmlns='jabber:client' to='${JULIET}/test'/>`);
  reload();
  await romeo.available();
  expect(activity()).toBeGreaterThan(before);
  romeo.end.close({ how: 'lost' });
  await juliet.hears("type='unavailable'");
});

test('copies that a client wants, and the block list that it knows', async () => {
  const phone = await new CoreClient(core.core).enter('romeo', 'phone');
  await phone.ask('set', "<enable xmlns='urn:xmpp:carbons:2'/>");
  await phone.ask('get', "<blocklist xmlns='urn:xmpp:blocking'/>");
  reload();
  romeo.say(chat(`${JULIET}/test`, '1'));
  await phone.hears('<sent');
  await romeo.ask('set', "<block xmlns='urn:xmpp:blocking'><item jid='tybalt@example.test'/></block>");
  await phone.hears('<block ');
});

test('what a client has not acknowledged, and by what it comes back; limits are the new ones', async () => {
  const token = await enable(romeo);
  juliet.say(chat(`${ROMEO}/test`, '1'));
  reload();
  juliet.say(chat(`${ROMEO}/test`, '2'));
  romeo.say(`<a xmlns='${SM}' h='1'/>`);
  romeo.end.close({ how: 'lost' });
  reload();
  juliet.say(chat(`${ROMEO}/test`, '3'));
  const again = new CoreClient(core.core);
  await again.when(() => again.headers.length === 1);
  again.say("<auth xmlns='test'>romeo</auth>");
  again.say(`<resume xmlns='${SM}' previd='${token}' h='1'/>`);
  await again.hears('<resumed');
  const ids = again.stanzas.flatMap((xml) => /^<message[^>]* id='(\d)'/.exec(xml)?.[1] ?? []);
  expect(ids).toEqual(['2', '3']);
  for (let n = 0; n < 10; n++) juliet.say(chat(`${ROMEO}/test`, `${n}`));
  expect((await again.closed()).error?.condition).toBe('policy-violation');
});

test('failed logins', async () => {
  const guess = (user: string) =>
    `<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>${Buffer.from(`\0${user}\0wrong`).toString('base64')}</auth>`;
  const limits = { ...OPTIONS.limits, auth_failures_per_address: 1 };
  core.core.reload({ ...saying({}), limits });
  const thief = new CoreClient(core.core);
  await thief.when(() => thief.headers.length === 1);
  thief.say(guess('juliet'));
  await thief.hears('not-authorized');
  core.core.reload({ ...saying({ auth: { anonymous: false, register: false } }), limits });
  thief.say(guess('nurse'));
  await thief.hears('temporary-auth-failure');
});

test('of a module that is gone nothing is left: clients go on without, and those that are away do not come back', async () => {
  const token = await enable(romeo);
  const phone = await new CoreClient(core.core).enter('romeo', 'phone');
  await enable(phone);
  phone.say("<inactive xmlns='urn:xmpp:csi:0'/>");
  juliet.say(`<presence xmlns='jabber:client' to='${ROMEO}/phone'/>`);
  expect(phone.stanzas).toEqual([]);
  romeo.end.close({ how: 'lost' });
  without('stream_management', 'csi');
  expect(core.told).toContain('closed romeo@example.test/test');
  await phone.hears('<presence');
  for (let n = 0; n < 2000; n++) juliet.say(chat(`${ROMEO}/phone`, `${n}`));
  await phone.hears("id='1999'");
  without();
  await (await back(token)).hears('item-not-found');
  expect(phone.ending).toBeUndefined();
});

test('a module that comes finds those who are there', async () => {
  await shown(romeo, juliet);
  await juliet.available();
  without('roster', 'presence', 'blocking', 'disco', 'last', 'pep', 'avatars', 'administration');
  without();
  const get = () => juliet.ask('get', "<query xmlns='jabber:iq:roster'/>");
  expect((await get()).raw).toContain(ROMEO);
  romeo.say("<presence xmlns='jabber:client'><show>chat</show></presence>");
  await juliet.hears('<show>chat</show>');
});
