// SASL on streams: over real sockets as clients do it, and with clients without a transport where the connection's own
// TLS or the clock counts.

import { randomBytes } from 'node:crypto';
import { client as xmppJs } from '@xmpp/client';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import WebSocket from 'ws';
import type { Accounts } from '../../src/core/accounts.js';
import type { Module } from '../../src/core/module.js';
import type { CoreOptions } from '../../src/core/options.js';
import { silentLog } from '../../src/log.js';
import { saslauth } from '../../src/modules/saslauth.js';
import { createServer, type Server } from '../../src/server.js';
import type { Tls } from '../../src/stream/end.js';
import { BoshSession } from '../support/bosh-client.js';
import { CoreClient, DOMAIN, OPTIONS, testCore } from '../support/core.js';
import { login } from '../support/sasl.js';
import { ScramClient } from '../support/scram.js';
import { WsClient } from '../support/ws-client.js';
import { parseXml, type Xml } from '../support/xml.js';

const SASL = "xmlns='urn:ietf:params:xml:ns:xmpp-sasl'";
const base64 = (text: string | Buffer) => Buffer.from(text).toString('base64');
const auth = (mechanism: string, text: string) => `<auth ${SASL} mechanism='${mechanism}'>${text}</auth>`;
const response = (text: string) => `<response ${SASL}>${base64(text)}</response>`;
const plain = (user: string, password: string) => auth('PLAIN', base64(`\0${user}\0${password}`));
const any = () => true;

describe('over a socket', () => {
  let server: Server;

  beforeEach(async () => {
    let accounts: Accounts | undefined;
    const lending: Module = {
      name: 'lending',
      about: 'For tests.',
      specifications: [],
      load(host) {
        accounts = host.accounts;
      },
    };
    server = createServer({
      host: '127.0.0.1',
      port: 0,
      log: silentLog,
      modules: [lending],
      limits: { rates: false },
      domains: { 'example.test': { auth: { anonymous: true } } },
    });
    await server.start();
    await accounts?.create('user', 'pencil');
  });

  afterEach(() => server.stop());

  const open = () => WsClient.open(server.urls.websocket, 'example.test');

  test.each(['SCRAM-SHA-256', 'SCRAM-SHA-1', 'PLAIN'])('a WebSocket client logs in with %s', async (mechanism) => {
    const jid = await login(await open(), { user: 'user', password: 'pencil', mechanism, resource: 'garden' });
    expect(jid).toBe('user@example.test/garden');
  });

  test('a BOSH client logs in', async () => {
    const session = await BoshSession.create(server.urls.bosh, 'example.test');
    expect(await login(session, { user: 'User', password: 'pencil' })).toMatch(/^user@example\.test\/./);
    await session.terminate();
  });

  test('somebody logs in without an account', async () => {
    const jids = await Promise.all([login(await open(), {}), login(await open(), {})]);
    expect(jids[0]).toMatch(/^[0-9a-f-]{36}@example\.test\/./);
    expect(jids[0]).not.toBe(jids[1]);
  });

  test('xmpp.js logs in', async () => {
    // It uses the global of browsers and newer Nodes.
    vi.stubGlobal('WebSocket', WebSocket);
    const xmpp = xmppJs({
      service: server.urls.websocket,
      domain: 'example.test',
      username: 'user',
      password: 'pencil',
    });
    xmpp.on('error', () => {});
    expect(String(await xmpp.start())).toMatch(/^user@example\.test\/./);
    await xmpp.stop();
    vi.unstubAllGlobals();
  });

  test('6.4.5 a failure leaves the stream open; the sixth ends it with policy-violation', async () => {
    const client = await open();
    await client.features();
    for (let n = 0; n < 5; n++) {
      const failure = await client.exchange(plain('user', 'wrong'), any);
      expect([failure.name, failure.children[0].name]).toEqual(['failure', 'not-authorized']);
    }
    expect((await client.exchange(plain('user', 'wrong'), any)).name).toBe('failure');
    expect((await client.next()).child('policy-violation')).toBeDefined();
    await client.closed;
  });

  test('after failures the right password is taken', async () => {
    const client = await open();
    await client.features();
    await client.exchange(plain('nobody', 'pencil'), any);
    await client.exchange(auth('SCRAM-SHA-1', base64('n,,n=user,r=abc')), any);
    expect((await client.exchange(`<abort ${SASL}/>`, any)).child('aborted')).toBeDefined();
    expect((await client.exchange(plain('user', 'pencil'), any)).name).toBe('success');
    expect((await client.restart()).child('bind')).toBeDefined();
  });

  test.each<[string, string, string]>([
    ['6.5.4 text that is no base64', auth('PLAIN', '===='), 'incorrect-encoding'],
    ['6.5.4 text with white space', auth('PLAIN', `${base64('\0user\0pencil')}\n`), 'incorrect-encoding'],
    ['6.5.6 a mechanism nobody has', auth('DIGEST-MD5', ''), 'invalid-mechanism'],
    ['6.5.6 no mechanism', `<auth ${SASL}/>`, 'invalid-mechanism'],
    ['6.5.7 an empty message', auth('PLAIN', '='), 'malformed-request'],
    ['6.5.7 a response to nothing', response(''), 'malformed-request'],
    ['6.5.1 abort of nothing', `<abort ${SASL}/>`, 'aborted'],
    ['6.5.5 to be another', auth('PLAIN', base64('other@example.test\0user\0pencil')), 'invalid-authzid'],
  ])('%s', async (_, xml, condition) => {
    const client = await open();
    await client.features();
    const failure = await client.exchange(xml, any);
    expect([failure.name, failure.children[0].name]).toEqual(['failure', condition]);
  });

  test('6.4.2 without an initial response there is an empty challenge first', async () => {
    const client = await open();
    await client.features();
    const challenge = await client.exchange(auth('PLAIN', ''), any);
    expect([challenge.name, challenge.text]).toEqual(['challenge', '']);
    expect((await client.exchange(response('\0user\0pencil'), any)).name).toBe('success');
  });

  test('a new attempt takes the place of one that is on its way', async () => {
    const client = await open();
    await client.features();
    expect((await client.exchange(auth('SCRAM-SHA-256', base64('n,,n=user,r=abc')), any)).name).toBe('challenge');
    expect((await client.exchange(plain('user', 'pencil'), any)).name).toBe('success');
  });

  test('who is authenticated does not do it again', async () => {
    const client = await open();
    await client.features();
    await client.exchange(plain('user', 'pencil'), any);
    const error = await client.exchange(plain('user', 'pencil'), any);
    expect(error.child('policy-violation')).toBeDefined();
  });

  test('what is no element of SASL ends the stream', async () => {
    const client = await open();
    await client.features();
    expect((await client.exchange(`<success ${SASL}/>`, any)).child('unsupported-stanza-type')).toBeDefined();
  });
});

describe('without a transport', () => {
  async function came(options: Partial<CoreOptions> = {}, fields: Partial<{ secure: boolean; tls: Tls }> = {}) {
    const tested = testCore([saslauth], options);
    const accounts = tested.core.hosts.get('example.test')?.accounts;
    await accounts?.create('user', 'pencil');
    const enter = async () => {
      const client = Object.assign(new CoreClient(tested.core), fields);
      await client.when(() => client.stanzas.length === 1);
      const features = parseXml(client.stanzas[0]);
      return { client, features, ask: (xml: string) => asked(client, xml) };
    };
    return { ...tested, ...(await enter()), enter };
  }

  async function asked(client: CoreClient, xml: string): Promise<Xml> {
    const { length } = client.stanzas;
    client.say(xml);
    await client.when(() => client.stanzas.length > length);
    return parseXml(client.stanzas[length]);
  }

  const offered = (features: Xml) => features.child('mechanisms')?.children.map(({ text }) => text);
  const SCRAM = ['SCRAM-SHA-512', 'SCRAM-SHA-256', 'SCRAM-SHA-1'];
  const noAnonymous = { domains: { 'example.test': { ...DOMAIN, auth: { anonymous: false, register: false } } } };

  test('the strongest is offered first, PLAIN only where nobody reads along, ANONYMOUS only where it is allowed', async () => {
    expect(offered((await came()).features)).toEqual([...SCRAM, 'PLAIN', 'ANONYMOUS']);
    expect(offered((await came(noAnonymous, { secure: false })).features)).toEqual(SCRAM);
  });

  test('PLAIN in the clear is refused', async () => {
    const { ask } = await came({}, { secure: false });
    expect((await ask(plain('user', 'pencil'))).child('encryption-required')).toBeDefined();
  });

  test('XEP-0440: over TLS of our own the channel is bound, and its type told', async () => {
    const binding = randomBytes(32);
    const { features, ask } = await came({}, { tls: { version: 'TLSv1.3', exporter: () => binding } });
    expect(offered(features)?.slice(0, 4)).toEqual([...SCRAM.map((name) => `${name}-PLUS`), SCRAM[0]]);
    expect(features.child('sasl-channel-binding')?.children[0].attr('type')).toBe('tls-exporter');
    const gs2Header = 'p=tls-exporter,,';
    const scram = new ScramClient({
      hash: 'sha-256',
      user: 'user',
      password: 'pencil',
      nonce: 'a',
      gs2Header,
      binding,
    });
    const challenge = await ask(auth('SCRAM-SHA-256-PLUS', base64(scram.first)));
    const success = await ask(response(scram.final(Buffer.from(challenge.text, 'base64').toString())));
    expect([success.name, Buffer.from(success.text, 'base64').toString()]).toEqual(['success', scram.verifier]);
  });

  test('a client with a certificate logs in by it', async () => {
    const certificate = { fingerprint: '00', addresses: ['user@example.test'] };
    const tls = { version: 'TLSv1.3', exporter: () => undefined, certificate };
    const { features, ask } = await came({}, { tls });
    expect(offered(features)?.[0]).toBe('EXTERNAL');
    expect((await ask(auth('EXTERNAL', '='))).name).toBe('success');
  });

  describe('the answer to a failure', () => {
    beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }));
    afterEach(() => void vi.useRealTimers());

    test('is held back, longer each time, and what the client says meanwhile waits', async () => {
      const { client, core, log } = await came();
      const scram = async (nonce: string) => {
        const client2 = new ScramClient({ hash: 'sha-1', user: 'user', password: 'wrong', nonce });
        const challenge = await asked(client, auth('SCRAM-SHA-1', base64(client2.first)));
        client.say(response(client2.final(Buffer.from(challenge.text, 'base64').toString())));
      };
      for (const [attempt, delay] of [200, 400, 800].entries()) {
        await scram('abc');
        while (log.of('auth_failed').length <= attempt) await new Promise(setImmediate);
        const heard = client.stanzas.length;
        await vi.advanceTimersByTimeAsync(delay - 1);
        expect(client.stanzas).toHaveLength(heard);
        await vi.advanceTimersByTimeAsync(1);
        expect(client.stanzas.slice(heard)).toEqual([`<failure ${SASL}><not-authorized/></failure>`]);
      }
      await core.stop();
    });
  });

  test('after so many failures even the right password is not taken, wherever the client comes from', async () => {
    const limits = { ...OPTIONS.limits, auth_failures_per_account: 1 };
    const { ask, enter, metrics } = await came({ limits });
    expect((await ask(plain('user', 'wrong'))).child('not-authorized')).toBeDefined();
    const other = await enter();
    other.client.remoteAddress = '203.0.113.9';
    expect((await other.ask(plain('user', 'pencil'))).child('temporary-auth-failure')).toBeDefined();
    expect(await metrics.text()).toContain('bosh_limits_hit_total{limit="auth_failures_per_account"} 1');
  });

  test('who opens a new stream while the password is looked at has guessed all the same', async () => {
    const limits = { ...OPTIONS.limits, auth_failures_per_account: 1 };
    const { client, enter } = await came({ limits });
    client.say(plain('user', 'wrong'));
    client.end.open({ to: 'example.test' });
    await client.hears('not-authorized');
    const other = await enter();
    other.client.remoteAddress = '203.0.113.9';
    expect((await other.ask(plain('user', 'pencil'))).child('temporary-auth-failure')).toBeDefined();
  });

  test('an account that is deleted while its client logs in is not logged in to', async () => {
    const { core, ask } = await came();
    const scram = new ScramClient({ hash: 'sha-1', user: 'user', password: 'pencil', nonce: 'abc' });
    const challenge = await ask(auth('SCRAM-SHA-1', base64(scram.first)));
    await core.hosts.get('example.test')?.accounts.delete('user');
    const outcome = await ask(response(scram.final(Buffer.from(challenge.text, 'base64').toString())));
    expect(outcome.child('not-authorized')).toBeDefined();
  });

  test('accounts that cannot be read are not the client’s fault, and the operator is told', async () => {
    const { core, ask, log } = await came();
    await core.hosts.get('example.test')?.deps.storage.stop();
    expect((await ask(plain('user', 'pencil'))).child('temporary-auth-failure')).toBeDefined();
    expect(log.of('accounts_failed')).toHaveLength(1);
  });

  test('a stream that was ended while the password is looked at is not let in', async () => {
    const { client, core, clock } = await came();
    const host = core.hosts.get('example.test');
    const authenticated: unknown[] = [];
    host?.hooks.of('test').on('stream-authenticated', (event) => void authenticated.push(event));
    client.say(plain('user', 'pencil'));
    clock.now = 120_000;
    core.sweep();
    expect((await client.closed()).error?.condition).toBe('connection-timeout');
    for (let n = 0; n < 2; n++) expect(await host?.accounts.verify('user', 'pencil')).toBe(true);
    expect(authenticated).toEqual([]);
    expect(client.stanzas).toHaveLength(1);
  });
});
