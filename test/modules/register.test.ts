import { expect, test } from 'vitest';
import { moduleOptions } from '../../src/config/modules.js';
import type { CoreOptions } from '../../src/core/options.js';
import { presence } from '../../src/modules/presence.js';
import { register } from '../../src/modules/register.js';
import { Registrations } from '../../src/modules/registrations.js';
import { roster } from '../../src/modules/roster.js';
import type { FakeClient } from '../support/client-stream.js';
import { CoreClient, conditionOf, DOMAIN, shown, testCore } from '../support/core.js';
import { parseXml } from '../support/xml.js';

const HOST = 'example.test';
const query = (inside = '') => `<query xmlns='jabber:iq:register'>${inside}</query>`;
const named = (username: string, password = 'secret') =>
  query(`<username>${username}</username><password>${password}</password>`);

function stage({ allowed = true, ...options }: { allowed?: boolean } & Partial<CoreOptions> = {}) {
  const domain = {
    ...DOMAIN,
    auth: { anonymous: true, register: allowed },
    options: { ...moduleOptions.default, register: { per_address: 2, interval: 60 } },
  };
  const tested = testCore([roster, presence, register], { domains: { [HOST]: domain }, ...options });
  const accounts = tested.core.hosts.get(HOST)?.accounts;
  if (accounts === undefined) throw new Error('no host');
  /** Somebody who has not logged in, with the features that he is offered. */
  const stranger = async (fields: Partial<Pick<FakeClient, 'remoteAddress' | 'secure'>> = {}) => {
    const client = Object.assign(new CoreClient(tested.core), fields);
    await client.when(() => client.stanzas.length > 0);
    const offered = parseXml(client.stanzas.splice(0)[0]).child('register') !== undefined;
    return Object.assign(client, { offered });
  };
  return { ...tested, accounts, stranger };
}

test('3.1 a client learns what is asked for, makes an account and logs in', async () => {
  const { stranger, accounts, log } = stage();
  const client = await stranger();
  expect(client.offered).toBe(true);
  const form = (await client.ask('get', query(), HOST)).children[0];
  expect(form.children.map(({ name }) => name)).toEqual(['instructions', 'username', 'password']);
  expect((await client.ask('set', named('Bill'))).attr('type')).toBe('result');
  expect(await accounts.verify('bill', 'secret')).toBe(true);
  expect(JSON.stringify(log.lines)).not.toContain('secret');
  await client.enter('bill');
});

test('3.1.1 one stream makes one account', async () => {
  const { stranger, accounts } = stage();
  const client = await stranger();
  await client.ask('set', named('bill'));
  expect(conditionOf(await client.ask('set', named('ben')))).toBe('not-acceptable');
  expect(await accounts.exists('ben')).toBe(false);
});

test.each([
  ['a name that is taken', named('romeo'), 'conflict'],
  ['a name that is taken, in capitals', named('ROMEO'), 'conflict'],
  ['no name', named(''), 'not-acceptable'],
  ['no password', named('bill', ''), 'not-acceptable'],
  ['nothing', query(), 'not-acceptable'],
  ['no localpart', named('bill@example.test'), 'not-acceptable'],
  ['a password that cannot be', named('bill', '&#x200B;'), 'not-acceptable'],
])('3.1 %s is refused, without what was sent', async (_, payload, condition) => {
  const { stranger, accounts } = stage();
  await accounts.create('romeo', 'other');
  const answer = await (await stranger()).ask('set', payload);
  expect(conditionOf(answer)).toBe(condition);
  expect(answer.child('query')).toBeUndefined();
  expect(await accounts.verify('romeo', 'other')).toBe(true);
});

test('where it is not allowed it is not offered, and refused', async () => {
  const { stranger, accounts } = stage({ allowed: false });
  const client = await stranger();
  expect(client.offered).toBe(false);
  expect(conditionOf(await client.ask('get', query()))).toBe('service-unavailable');
  expect(conditionOf(await client.ask('set', named('bill')))).toBe('service-unavailable');
  expect(await accounts.exists('bill')).toBe(false);
});

test('where somebody may read along no password is taken, except on this machine', async () => {
  const { stranger, accounts } = stage();
  const client = await stranger({ secure: false });
  expect(client.offered).toBe(false);
  expect(conditionOf(await client.ask('set', named('bill')))).toBe('not-authorized');
  expect(await accounts.exists('bill')).toBe(false);
  const local = await stranger({ secure: false, remoteAddress: '127.0.0.1' });
  expect(conditionOf(await local.ask('set', named('bill')))).toBeUndefined();
});

test('from one address only so many accounts are made in the interval; what failed does not count', async () => {
  const { stranger, clock, metrics } = stage();
  const made = async (username: string) => conditionOf(await (await stranger()).ask('set', named(username)));
  expect([await made('a'), await made('a'), await made('b'), await made('c')]).toEqual([
    undefined,
    'conflict',
    undefined,
    'policy-violation',
  ]);
  expect(await metrics.text()).toContain('bosh_limits_hit_total{limit="register.per_address"} 1');
  const other = await stranger({ remoteAddress: '203.0.113.9' });
  expect(conditionOf(await other.ask('set', named('c')))).toBeUndefined();
  clock.now += 60_000;
  expect(await made('d')).toBeUndefined();
});

test('an address is counted as one with its neighbours; trusted proxies are not counted', () => {
  const registrations = new Registrations({ per_address: 1, interval: 60 }, () => 0);
  expect(registrations.take('2001:db8::1', [])).toBeDefined();
  expect(registrations.take('2001:db8::2', [])).toBeUndefined();
  expect(registrations.take('2001:db8:0:1::1', [])).toBeDefined();
  for (let n = 0; n < 3; n++) expect(registrations.take('10.0.0.1', ['10.0.0.0/8'])).toBeDefined();
  registrations.take('192.0.2.1', [])?.();
  expect(registrations.take('192.0.2.1', [])).toBeDefined();
});

test('a store that fails is not the client’s fault', async () => {
  const { core, stranger } = stage();
  const client = await stranger();
  await core.hosts.get(HOST)?.deps.storage.stop();
  expect(conditionOf(await client.ask('set', named('bill')))).toBe('internal-server-error');
});

test('3.1 who is registered is told so', async () => {
  const { core } = stage();
  const romeo = await new CoreClient(core).enter('romeo');
  for (const to of [undefined, HOST]) {
    const form = (await romeo.ask('get', query(), to)).children[0];
    expect(form.child('registered')).toBeDefined();
    expect([form.textOf('username'), form.textOf('password')]).toEqual(['romeo', '']);
  }
});

test('3.3 a client changes its own password, and no other', async () => {
  const { core, accounts } = stage();
  const romeo = await new CoreClient(core).enter('romeo');
  const asked = async (payload: string) => conditionOf(await romeo.ask('set', payload, HOST));
  expect(await asked(named('Romeo', 'new'))).toBeUndefined();
  expect(await accounts.verify('romeo', 'new')).toBe(true);
  expect(await asked(named('juliet', 'stolen'))).toBe('not-allowed');
  expect(await asked(named('romeo', ''))).toBe('bad-request');
  expect(await asked(query('<password>x</password>'))).toBe('bad-request');
  expect(await asked(named('romeo', '&#x200B;'))).toBe('not-acceptable');
  romeo.secure = false;
  expect(await asked(named('romeo', 'seen'))).toBe('not-authorized');
  expect(await accounts.verify('romeo', 'new')).toBe(true);
});

test('3.2 a client deletes its account: it is told, all its sessions end, and so do its subscriptions', async () => {
  const { core, accounts } = stage();
  const romeo = await new CoreClient(core).enter('romeo');
  const [garden, phone] = [
    await new CoreClient(core).enter('juliet', 'garden'),
    await new CoreClient(core).enter('juliet', 'phone'),
  ];
  await shown(garden, romeo);
  expect(conditionOf(await garden.ask('set', query('<remove/><username>juliet</username>')))).toBe('bad-request');
  expect((await garden.ask('set', query('<remove/>'))).attr('type')).toBe('result');
  for (const client of [garden, phone]) expect((await client.closed()).error?.condition).toBe('not-authorized');
  expect(await accounts.exists('juliet')).toBe(false);
  expect(await romeo.hears("subscription='none'")).toContain("jid='juliet@example.test'");
});

test('who has no account has none to change', async () => {
  const { core } = stage();
  const client = new CoreClient(core);
  const host = core.hosts.get(HOST);
  host?.hooks.of('test').on('session-created', ({ session }) => Object.assign(session, { anonymous: true }));
  await client.enter('guest');
  for (const payload of [query('<remove/>'), named('guest')]) {
    expect(conditionOf(await client.ask('set', payload))).toBe('not-allowed');
  }
  expect(conditionOf(await client.ask('get', query()))).toBe('not-allowed');
});

test('while too many passwords are worked on, it is to be tried again', async () => {
  const { stranger, accounts, told } = stage();
  const client = await stranger();
  const others = Array.from({ length: 300 }, () => accounts.verify('nobody', 'secret').catch(() => {}));
  await accounts.exists('nobody');
  expect(conditionOf(await client.ask('set', named('bill')))).toBe('resource-constraint');
  await Promise.all(others);
  expect(conditionOf(await client.ask('set', named('bill')))).toBeUndefined();
  expect(told.filter((line) => line.startsWith('failed'))).toEqual([]);
});
