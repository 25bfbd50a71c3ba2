// A domain that is served in here, as clients over TCP find it: by STARTTLS and by direct TLS, and with one on a WebSocket.

import { afterAll, afterEach, expect, test } from 'vitest';
import { createServer, type Server } from '../../src/index.js';
import { CertificateAuthority } from '../support/certs.js';
import { MemoryLog } from '../support/memory-log.js';
import { login } from '../support/sasl.js';
import { STARTTLS, TcpClient } from '../support/tcp-client.js';
import { tlsOf } from '../support/tcp-face.js';
import { WsClient } from '../support/ws-client.js';

const DOMAIN = 'example.test';
const authority = new CertificateAuthority();
const tls = { ca: authority.ca };
const own = tlsOf(authority.issue(DOMAIN));
afterAll(() => authority.remove());

let server: Server;
const clients: TcpClient[] = [];
afterEach(async () => {
  for (const { socket } of clients.splice(0)) socket.destroy();
  await server.stop();
});

async function start(c2s: object = {}) {
  const domains = { [DOMAIN]: { auth: { anonymous: true } } };
  const options = { host: '127.0.0.1', port: 0, storage: { driver: 'memory' as const }, log: new MemoryLog() };
  server = createServer({ ...options, domains, c2s: { port: 0, direct_tls_port: 0, tls: own, ...c2s } });
  await server.start();
}

async function connect(scheme: 'xmpp' | 'xmpps'): Promise<TcpClient> {
  const port = Number(new URL(server.urls[scheme] ?? '').port);
  const client = await TcpClient.connect(port, { to: DOMAIN, tls, direct: scheme === 'xmpps' });
  clients.push(client);
  client.open();
  return client;
}

/** One that has encrypted, and whose features are those of that. */
async function encrypted(): Promise<TcpClient> {
  const client = await connect('xmpp');
  client.inbox.push(await client.starttls());
  return client;
}

const chat = (to: string, text: string) => `<message to='${to}' type='chat'><body>${text}</body></message>`;

test('clients over STARTTLS, direct TLS and WebSocket log in and talk', async () => {
  await start();
  const romeo = await encrypted();
  const juliet = await connect('xmpps');
  const nurse = await WsClient.open(server.urls.websocket, DOMAIN);
  const jids = [await login(romeo, {}), await login(juliet, {}), await login(nurse, {})];
  romeo.write(chat(jids[1], 'to Juliet'));
  const heard = await juliet.inbox.take(({ name }) => name === 'message', 'the message');
  expect([heard.attr('from'), heard.textOf('body')]).toEqual([jids[0], 'to Juliet']);
  juliet.write(chat(jids[2], 'to the nurse'));
  expect((await nurse.receive(({ name }) => name === 'message')).attr('from')).toBe(jids[1]);
  nurse.send(`<message xmlns='jabber:client' to='${jids[0]}' type='chat'><body>to Romeo</body></message>`);
  expect((await romeo.inbox.take(({ name }) => name === 'message', 'the message')).textOf('body')).toBe('to Romeo');
});

test('where TLS is no must, it is offered besides the log-in; the stream after it begins anew', async () => {
  await start({ require_tls: false });
  const client = await connect('xmpp');
  const before = await client.features();
  expect(before.child('starttls')).toBeDefined();
  expect(before.child('mechanisms')).toBeDefined();
  await client.exchange(STARTTLS, ({ name }) => name === 'proceed');
  await client.encrypt();
  const after = await client.restart();
  expect(after.child('starttls')).toBeUndefined();
  client.inbox.push(after);
  expect(await login(client, {})).toMatch(`@${DOMAIN}/`);
});

test('without it, one logs in on the loopback all the same', async () => {
  await start({ require_tls: false });
  const client = await connect('xmpp');
  expect(await login(client, {})).toMatch(`@${DOMAIN}/`);
});

test('4.9.3.6 a domain that is not served here is host-unknown', async () => {
  await start();
  const client = await connect('xmpps');
  const other = await TcpClient.connect(Number(new URL(server.urls.xmpps ?? '').port), {
    tls,
    direct: true,
    to: DOMAIN,
  });
  clients.push(other);
  other.open({ to: 'other.example' });
  expect(await other.error()).toBe('host-unknown');
  expect(await other.end()).toBe('closed');
  client.write('</stream:stream>');
  expect(await client.end()).toBe('closed');
});
