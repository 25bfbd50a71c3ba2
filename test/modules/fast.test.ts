// Tokens in place of a password: what is given, what is taken, and for how long.

import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { CoreOptions } from '../../src/core/options.js';
import { fast } from '../../src/modules/fast.js';
import { sasl2 } from '../../src/modules/sasl2.js';
import { saslauth } from '../../src/modules/saslauth.js';
import type { Tls } from '../../src/stream/end.js';
import { CoreClient, DOMAIN, OPTIONS, testCore } from '../support/core.js';
import { agent, plain2, tokenAnswer, tokenRequest, useToken } from '../support/sasl2.js';
import { parseXml, type Xml } from '../support/xml.js';

const DAY = 86_400_000;
const NO_RATES = { limits: { ...OPTIONS.limits, rates: false } };
const asking = `${agent()}${tokenRequest()}`;

beforeEach(() => void vi.useFakeTimers({ toFake: ['Date'] }));
afterEach(() => void vi.useRealTimers());

async function came(options: Partial<CoreOptions> = NO_RATES) {
  const tested = testCore([saslauth, sasl2, fast], options);
  const host = tested.core.hosts.get('example.test');
  if (host === undefined) throw new Error('no host');
  await host.accounts.create('user', 'pencil');
  /** A client that says this; resolves to what it hears. */
  const says = async (xml: string, fields: { tls?: Tls; remoteAddress?: string } = {}): Promise<Xml> => {
    const client = Object.assign(new CoreClient(tested.core), fields);
    await client.when(() => client.stanzas.length === 1);
    client.say(xml);
    await client.when(() => client.stanzas.length > 1);
    return parseXml(client.stanzas[1]);
  };
  const given = async (inside = asking, fields = {}): Promise<string> =>
    tokenIn(await says(plain2('user', 'pencil', inside), fields)) ?? '';
  return { ...tested, host, accounts: host.accounts, says, given };
}

const tokenIn = (success: Xml) => success.child('token')?.attr('token');
const outcome = ({ name, children }: Xml): string => (name === 'failure' ? children[0].name : name);

describe('XEP-0484', () => {
  test('3.4 a token is taken in place of the password, again and again, and the server proves itself too', async () => {
    const { given, says } = await came();
    const token = await given();
    for (let n = 0; n < 2; n++) {
      const success = await says(useToken(token));
      expect(success.child('authorization-identifier')?.text).toBe('user@example.test');
      expect(success.child('additional-data')?.text).toBe(tokenAnswer(token));
      expect(success.child('token')).toBeUndefined();
    }
  });

  test('3.3 it tells when it expires', async () => {
    const { says } = await came();
    vi.setSystemTime('2026-01-01T00:00:00Z');
    const success = await says(plain2('user', 'pencil', asking));
    expect(success.child('token')?.attr('expiry')).toBe('2026-01-22T00:00:00Z');
  });

  test('a token that expired is told so, and is not taken', async () => {
    const { given, says } = await came();
    const token = await given();
    vi.setSystemTime(Date.now() + 21 * DAY);
    expect(outcome(await says(useToken(token)))).toBe('credentials-expired');
  });

  test.each<[string, (token: string) => string]>([
    ['a wrong token', () => useToken('wrong')],
    ['an account that is not there', (token) => useToken(token, { user: 'nobody' })],
    ['a username that is none', (token) => useToken(token, { user: '@' })],
    ['another client', (token) => useToken(token, { inside: agent('another') })],
  ])('%s is not authorized', async (_, xml) => {
    const { given, says } = await came();
    expect(outcome(await says(xml(await given())))).toBe('not-authorized');
  });

  test.each<[string, (token: string) => string, string]>([
    ['no id of the client', (token) => useToken(token, { inside: '' }), 'malformed-request'],
    ['a count that is none', (token) => useToken(token, { fast: { count: '-1' } }), 'malformed-request'],
    ['a message that is none', () => plain2('', '').replace('PLAIN', 'HT-SHA-256-NONE'), 'invalid-mechanism'],
    [
      'a mechanism that is not offered',
      (token) => useToken(token, { mechanism: 'HT-SHA-256-EXPR' }),
      'invalid-mechanism',
    ],
  ])('%s: %s', async (_, xml, condition) => {
    const { given, says } = await came();
    expect(outcome(await says(xml(await given())))).toBe(condition);
  });

  test('3.4 a count that was there already is refused, and who has counted goes on', async () => {
    const { given, says } = await came();
    const token = await given();
    const counts = ['5', '5', '4', undefined, '6'];
    const outcomes = [];
    for (const count of counts) outcomes.push(outcome(await says(useToken(token, { fast: { count } }))));
    expect(outcomes).toEqual(['success', 'not-authorized', 'not-authorized', 'not-authorized', 'success']);
  });

  test('3.4 of two that say the same count at the same time one is let in', async () => {
    const { given, says } = await came();
    const xml = useToken(await given(), { fast: { count: '1' } });
    const outcomes = await Promise.all([says(xml), says(xml)]);
    expect(outcomes.map(outcome).sort()).toEqual(['not-authorized', 'success']);
  });

  test('3.5 in the second half of its time it is replaced, and is taken until the new one was used', async () => {
    const { given, says } = await came();
    const old = await given();
    vi.setSystemTime(Date.now() + 11 * DAY);
    const unheard = tokenIn(await says(useToken(old))) ?? '';
    const fresh = tokenIn(await says(useToken(old))) ?? '';
    expect(outcome(await says(useToken(unheard)))).toBe('not-authorized');
    const success = await says(useToken(fresh));
    expect([success.name, tokenIn(success)]).toEqual(['success', undefined]);
    expect(outcome(await says(useToken(old)))).toBe('not-authorized');
  });

  test('3.6 a token that is invalidated was taken for the last time, and none takes its place', async () => {
    const { given, says } = await came();
    const token = await given();
    vi.setSystemTime(Date.now() + 20 * DAY);
    const success = await says(useToken(token, { fast: { invalidate: 'true' } }));
    expect([success.name, tokenIn(success)]).toEqual(['success', undefined]);
    expect(outcome(await says(useToken(token)))).toBe('not-authorized');
  });

  test('another password makes all tokens worthless, and the old password does not bring them back', async () => {
    const { given, says, accounts } = await came();
    const token = await given();
    await accounts.setPassword('user', 'other');
    expect(outcome(await says(useToken(token)))).toBe('credentials-expired');
    await accounts.setPassword('user', 'pencil');
    expect(outcome(await says(useToken(token)))).toBe('credentials-expired');
  });

  test('an account that is disabled lets nobody in, by token or by password, until it is enabled; who was in is gone', async () => {
    const { given, says, accounts, core } = await came();
    const token = await given();
    const client = await new CoreClient(core).enter('user');
    await accounts.disable('user');
    expect(client.ending?.error?.condition).toBe('not-authorized');
    expect(outcome(await says(useToken(token)))).toBe('account-disabled');
    expect(outcome(await says(plain2('user', 'pencil')))).toBe('account-disabled');
    expect(outcome(await says(plain2('user', 'wrong')))).toBe('not-authorized');
    expect(outcome(await says(useToken('wrong')))).toBe('not-authorized');
    await accounts.enable('user');
    expect(outcome(await says(useToken(token)))).toBe('success');
  });

  test('they go with the account, and do not come back with another of its name', async () => {
    const { given, says, accounts, host } = await came();
    const token = await given();
    await accounts.delete('user');
    const keys = [];
    for await (const key of host.deps.storage.open('example.test', 'fast', 'map').keys()) keys.push(key);
    expect(keys).toEqual([]);
    expect(outcome(await says(useToken(token)))).toBe('not-authorized');
    await accounts.create('user', 'pencil');
    expect(outcome(await says(useToken(token)))).toBe('not-authorized');
  });

  test('nothing that is kept lets anybody in', async () => {
    const { given, says, host } = await came();
    const token = await given();
    const kept = JSON.stringify([
      ...(await host.deps.storage.open('example.test', 'fast', 'map').all('user')).values(),
    ]);
    expect(kept).not.toContain(token);
    expect(kept).not.toContain(Buffer.from(token).toString('base64'));
    expect(kept).not.toContain(useToken(token).match(/<initial-response>([^<]+)/)?.[1]);
    for (const [, word] of kept.matchAll(/"([\w+/=-]{8,})"/g)) {
      expect(outcome(await says(useToken(word)))).toBe('not-authorized');
    }
  });

  test('of so many clients the one that was not used for longest loses its token', async () => {
    const options = { ...DOMAIN.options, fast: { days: 21, max_clients: 2 } };
    const { given, says, metrics } = await came({ ...NO_RATES, domains: { 'example.test': { ...DOMAIN, options } } });
    const tokens = new Map<string, string>();
    const attempt = (id: string) => says(useToken(tokens.get(id) ?? '', { inside: agent(id) }));
    for (const id of ['one', 'two', 'three']) {
      tokens.set(id, await given(`${agent(id)}${tokenRequest()}`));
      vi.setSystemTime(Date.now() + 1000);
      if (id === 'two') expect(outcome(await attempt('one'))).toBe('success');
      vi.setSystemTime(Date.now() + 1000);
    }
    expect(outcome(await attempt('two'))).toBe('not-authorized');
    expect(outcome(await attempt('one'))).toBe('success');
    expect(outcome(await attempt('three'))).toBe('success');
    expect(await metrics.text()).toContain('bosh_limits_hit_total{limit="fast.max_clients"} 1');
  });

  test('who has no account gets none', async () => {
    const { says } = await came();
    const success = await says(`<authenticate xmlns='urn:xmpp:sasl:2' mechanism='ANONYMOUS'>${asking}</authenticate>`);
    expect([success.name, tokenIn(success)]).toEqual(['success', undefined]);
  });

  test('HT-SHA-256-EXPR is bound to the connection, and its token is for nothing else', async () => {
    const { given, says } = await came();
    const binding = randomBytes(32);
    const over = (data: Buffer) => ({ tls: { version: 'TLSv1.3', exporter: () => data } });
    const mechanism = 'HT-SHA-256-EXPR';
    const token = await given(`${agent()}${tokenRequest(mechanism)}`, over(binding));
    const success = await says(useToken(token, { mechanism, binding }), over(binding));
    expect(success.child('additional-data')?.text).toBe(tokenAnswer(token, binding));
    expect(outcome(await says(useToken(token, { mechanism, binding }), over(randomBytes(32))))).toBe('not-authorized');
    expect(outcome(await says(useToken(token), over(binding)))).toBe('not-authorized');
  });

  test('guessing at tokens is slowed down as guessing at passwords is, for accounts that are not there too', async () => {
    const { says, given } = await came({ limits: { ...OPTIONS.limits, auth_failures_per_account: 1 } });
    const token = await given();
    for (const user of ['user', 'nobody']) {
      const from = { remoteAddress: '203.0.113.9' };
      expect(outcome(await says(useToken('wrong', { user }), from))).toBe('not-authorized');
      expect(outcome(await says(useToken(token, { user }), from))).toBe('temporary-auth-failure');
    }
  });

  test('a store that fails lets nobody in, and takes no login back', async () => {
    const { says, given, host, log } = await came();
    const token = await given();
    const fail = vi.spyOn(host.deps.storage.open('example.test', 'fast', 'map'), 'change');
    const { StoreError } = await import('../../src/storage/store.js');
    fail.mockRejectedValueOnce(new StoreError('full', 'no room'));
    const success = await says(plain2('user', 'pencil', asking));
    expect([success.name, tokenIn(success)]).toEqual(['success', undefined]);
    expect(log.of('tokens_failed')).toHaveLength(1);
    await host.deps.storage.stop();
    expect(outcome(await says(useToken(token)))).toBe('temporary-auth-failure');
  });

  test('it is offered with the mechanisms that this connection can do', async () => {
    const { core } = await came();
    const client = new CoreClient(core);
    await client.when(() => client.stanzas.length === 1);
    const inline = parseXml(client.stanzas[0]).child('authentication')?.child('inline');
    expect(inline?.child('fast')?.children.map(({ text }) => text)).toEqual(['HT-SHA-256-NONE']);
  });
});
