// Certificates of clients (XEP-0124 section 19.1, XEP-0206 section 5, RFC 6120 section 13.7) from the handshake to the
// upstream: a real edge that ends TLS itself, and clients that show one, another, or none.

import { Agent } from 'node:https';
import type { TLSSocket } from 'node:tls';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createServer, type Server } from '../../src/index.js';
import { BoshSession, type PostOptions, XBOSH } from '../support/bosh-client.js';
import { CertificateAuthority, type KeyPair } from '../support/certs.js';
import { MemoryLog } from '../support/memory-log.js';
import { WsClient } from '../support/ws-client.js';
import { ScriptedUpstream } from '../support/ws-upstream.js';

const DOMAIN = 'test.example';
const ROMEO = `romeo@${DOMAIN}`;
const JULIET = `juliet@${DOMAIN}`;
const PROXIED = { 'X-Forwarded-For': '192.0.2.1', 'X-Forwarded-Proto': 'https' };
const RESTART = { 'xmlns:xmpp': XBOSH, 'xmpp:restart': 'true' };

let ca: CertificateAuthority;
let stranger: CertificateAuthority;
let own: { readonly cert: string; readonly key: string };
let romeo: KeyPair;
let juliet: KeyPair;
let upstream: ScriptedUpstream;
let log: MemoryLog;
let server: Server;
const open: WsClient[] = [];

beforeAll(() => {
  ca = new CertificateAuthority();
  stranger = new CertificateAuthority('Stranger');
  const { certFile, keyFile } = ca.issue('localhost');
  own = { cert: certFile, key: keyFile };
  romeo = ca.issueClient(ROMEO, 'romeo@montague.example');
  juliet = ca.issueClient(JULIET);
});
afterAll(() => {
  ca?.remove();
  stranger?.remove();
});

beforeEach(() => start({ ...own, client_ca: ca.caFile }));
afterEach(async () => {
  for (const client of open.splice(0)) client.cut();
  await server.stop();
});

async function start(tls: typeof own & { readonly client_ca?: string }): Promise<void> {
  upstream = new ScriptedUpstream();
  log = new MemoryLog();
  const firewall = { allow: [DOMAIN] };
  server = createServer({ host: '127.0.0.1', port: 0, firewall, tls, upstream, log });
  await server.start();
}

const pair = ({ cert, key }: Partial<KeyPair> = {}) => ({ cert, key, rejectUnauthorized: false });

/** Requests on connections of their own that show this certificate, or none. */
function showing(keys?: KeyPair, headers: Record<string, string> = {}): PostOptions {
  return { agent: new Agent({ keepAlive: false, ...pair(keys) }), headers };
}

const session = (attrs: Record<string, string>, options: PostOptions) =>
  BoshSession.create(server.urls.bosh, DOMAIN, attrs, options);

async function webSocket(attrs: Record<string, string>, keys?: KeyPair, headers = {}): Promise<WsClient> {
  const client = await WsClient.connect(server.urls.websocket, DOMAIN, { ...pair(keys), headers });
  open.push(client);
  client.send(client.opening(attrs));
  return client;
}

const tls = (index = 0) => upstream.ends[index].client.tls;

describe('RFC 6120 section 13.7: upstreams know the certificate of a client', () => {
  test('over WebSocket, with its addresses and the channel binding of the connection', async () => {
    const client = await webSocket({}, romeo);
    await client.next();
    expect(tls()?.certificate?.addresses).toEqual([ROMEO, 'romeo@montague.example']);
    const socket = (client.socket as unknown as { _socket: TLSSocket })._socket;
    const binding = socket.exportKeyingMaterial(32, 'EXPORTER-Channel-Binding', Buffer.alloc(0));
    expect(tls()?.version).toBe('TLSv1.3');
    expect(tls()?.exporter()).toEqual(binding);
  });

  test('over BOSH, without channel binding, for a session has many connections', async () => {
    await session({}, showing(romeo));
    expect(tls()?.certificate?.addresses).toEqual([ROMEO, 'romeo@montague.example']);
    expect(tls()?.exporter()).toBeUndefined();
  });

  test('but for one that none of the authorities signed', async () => {
    const keys = stranger.issueClient(ROMEO);
    await (await webSocket({}, keys)).next();
    await session({}, showing(keys));
    expect(tls(0)?.version).toBe('TLSv1.3');
    expect(tls(0)?.certificate).toBeUndefined();
    expect(tls(1)).toBeUndefined();
  });

  test('and never take the TLS connection of a proxy for that of its client', async () => {
    await (await webSocket({}, romeo, PROXIED)).next();
    await session({}, showing(romeo, PROXIED));
    expect([tls(0), tls(1)]).toEqual([undefined, undefined]);
  });
});

describe('XEP-0124 section 19.1', () => {
  test('a session that was created with a certificate drops requests without it, or with another, and lives on', async () => {
    const one = await session({}, showing(romeo));
    for (const options of [showing(), showing(juliet), showing(romeo, PROXIED)]) {
      await expect(one.at(one.rid + 1, '', { type: 'terminate' }, options)).rejects.toThrow();
    }
    expect(upstream.ends[0].endings).toEqual([]);
    expect((await one.send('', { type: 'terminate' }, showing(romeo))).verdict).toBe('terminate');
    expect(upstream.ends[0].endings).toEqual([{ how: 'closed' }]);
  });
});

describe('XEP-0206 section 5: `from` is an address of the certificate', () => {
  test.each(['bosh', 'websocket'] as const)('over %s any of them is, also with a resource', async (transport) => {
    for (const from of [ROMEO, 'Romeo@Montague.Example', `${ROMEO}/orchard`]) {
      if (transport === 'bosh') await session({ from }, showing(romeo));
      else await (await webSocket({ from }, romeo)).next();
    }
    expect(upstream.ends.map(({ headers }) => headers[0].from)).toEqual([
      ROMEO,
      'Romeo@Montague.Example',
      `${ROMEO}/orchard`,
    ]);
  });

  test('a BOSH session for another is refused with invalid-from', async () => {
    await expect(session({ from: JULIET }, showing(romeo))).rejects.toThrow(/remote-stream-error.*<invalid-from /);
    expect(upstream.ends).toEqual([]);
    expect(log.of('stream_belied')).toHaveLength(1);
  });

  test('a restart of a BOSH session for another ends it with invalid-from', async () => {
    const one = await session({ from: ROMEO }, showing(romeo));
    const answer = await one.send('', { ...RESTART, from: JULIET }, showing(romeo));
    expect(answer.verdict).toBe('terminate remote-stream-error');
    expect(answer.text).toContain('<invalid-from ');
    expect(upstream.ends[0].headers).toHaveLength(1);
    expect(upstream.ends[0].endings[0].error?.condition).toBe('invalid-from');
  });

  test('a WebSocket stream for another is refused with invalid-from, at its opening and its restart', async () => {
    const refused = await webSocket({ from: JULIET }, romeo);
    expect((await refused.receive(({ name }) => name === 'error')).raw).toContain('<invalid-from ');
    await refused.closed;
    expect(upstream.ends).toEqual([]);
    const client = await webSocket({ from: ROMEO }, romeo);
    await client.next();
    client.send(client.opening({ from: JULIET }));
    expect((await client.receive(({ name }) => name === 'error')).raw).toContain('<invalid-from ');
    await client.closed;
    expect(upstream.ends[0].headers).toHaveLength(1);
    expect(upstream.ends[0].endings[0].error?.condition).toBe('invalid-from');
  });

  test('a restart for the one it is issued to reaches the upstream', async () => {
    const one = await session({}, showing(romeo));
    await one.send('', { ...RESTART, from: ROMEO }, showing(romeo));
    expect(upstream.ends[0].headers[1].from).toBe(ROMEO);
  });

  test('without a certificate, or with one that names nobody, it is the server that judges', async () => {
    await session({ from: JULIET }, showing());
    await session({ from: JULIET }, showing(ca.issueClient()));
    await (await webSocket({ from: JULIET })).next();
    expect(upstream.ends.map(({ headers }) => headers[0].from)).toEqual([JULIET, JULIET, JULIET]);
  });
});

test('without client_ca nobody is asked for a certificate', async () => {
  await server.stop();
  await start(own);
  await (await webSocket({ from: JULIET }, romeo)).next();
  expect(tls()?.version).toBe('TLSv1.3');
  expect(tls()?.certificate).toBeUndefined();
});
