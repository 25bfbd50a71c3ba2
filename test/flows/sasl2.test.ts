// Logging in, binding and resuming in one go over each transport, with a token that is bound to the connection where that is
// one of TLS; and the client of xmpp.js, which does all of it when it is offered.

import { randomUUID } from 'node:crypto';
import type { TLSSocket } from 'node:tls';
import { xml, client as xmppJs } from '@xmpp/client';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import WebSocket from 'ws';
import { createServer, type Server } from '../../src/index.js';
import { BoshSession } from '../support/bosh-client.js';
import { CertificateAuthority } from '../support/certs.js';
import { MemoryLog } from '../support/memory-log.js';
import type { Stream } from '../support/sasl.js';
import { agent, plain2, SASL2, tokenAnswer, tokenRequest, useToken } from '../support/sasl2.js';
import { TcpClient } from '../support/tcp-client.js';
import { tlsOf } from '../support/tcp-face.js';
import { visitor } from '../support/visitor.js';
import { WsClient } from '../support/ws-client.js';
import type { Xml } from '../support/xml.js';

const DOMAIN = 'example.test';
const ENABLE = "<enable xmlns='urn:xmpp:sm:3' resume='true'/>";
const BIND = `<bind xmlns='urn:xmpp:bind:0'><tag>flows</tag>${ENABLE}</bind>`;

let authority: CertificateAuthority;
let server: Server;
const open: (() => void)[] = [];

beforeAll(() => {
  authority = new CertificateAuthority();
});
afterAll(() => authority.remove());

/** The face for clients of TLS has ports of its own. */
async function start(tls: boolean): Promise<void> {
  const { module, host } = visitor();
  const common = { host: '127.0.0.1', port: 0, domains: { [DOMAIN]: {} }, limits: { rates: false }, modules: [module] };
  const c2s = { port: 0, direct_tls_port: tls ? 0 : null, require_tls: false };
  const own = tls ? { tls: tlsOf(authority.issue(DOMAIN)) } : {};
  server = createServer({ ...common, ...own, c2s, log: new MemoryLog() });
  await server.start();
  await (await host).accounts.create('user', 'pencil');
}

beforeEach(() => start(false));
afterEach(async () => {
  for (const close of open.splice(0)) close();
  await server.stop();
});

interface Visit {
  readonly stream: Stream;
  /** Loses the connection. */
  cut(): void;
  readonly binding?: Buffer;
}

const portOf = (url: string | undefined) => Number(new URL(url ?? '').port);

async function overTcp(direct: boolean): Promise<Visit> {
  const { xmpp, xmpps } = server.urls;
  const options = { to: DOMAIN, direct, tls: { rejectUnauthorized: false } };
  const stream = await TcpClient.open(portOf(direct ? xmpps : xmpp), options);
  const cut = () => void stream.socket.destroy();
  open.push(cut);
  if (!direct) return { stream, cut };
  const socket = stream.socket as TLSSocket;
  return { stream, cut, binding: socket.exportKeyingMaterial(32, 'EXPORTER-Channel-Binding', Buffer.alloc(0)) };
}

async function overWebSocket(): Promise<Visit> {
  const stream = await WsClient.open(server.urls.websocket, DOMAIN);
  open.push(() => stream.cut());
  return { stream, cut: () => stream.cut() };
}

async function overBosh(): Promise<Visit> {
  const stream = await BoshSession.create(server.urls.bosh, DOMAIN);
  return { stream, cut: () => {} };
}

const WAYS: readonly (readonly [string, () => Promise<Visit>])[] = [
  ['TCP', () => overTcp(false)],
  ['WebSocket', overWebSocket],
  ['BOSH', overBosh],
];

const outcome = ({ name, ns }: Xml) => ns === SASL2 && name !== 'challenge';
const id = (success: Xml) => success.child('authorization-identifier')?.text;

async function ping(stream: Stream): Promise<void> {
  const iq = "<iq xmlns='jabber:client' type='get' id='p' to='example.test'><ping xmlns='urn:xmpp:ping'/></iq>";
  const answer = await stream.exchange(iq, ({ name }) => name === 'iq');
  expect(answer.attr('type')).toBe('result');
}

test.each(WAYS)('over %s a client is bound as it logs in, comes back with its token, and resumes', async (_, come) => {
  const first = await come();
  const offered = await first.stream.features();
  expect(offered.child('authentication', SASL2)).toBeDefined();
  const success = await first.stream.exchange(plain2('user', 'pencil', `${agent()}${BIND}${tokenRequest()}`), outcome);
  expect(id(success)).toMatch(/^user@example\.test\/flows\/./);
  await first.stream.features();
  await ping(first.stream);
  const sm = success.child('bound')?.child('enabled')?.attr('id');
  const token = success.child('token')?.attr('token') ?? '';
  first.cut();

  const second = await come();
  await second.stream.features();
  const resume = `<resume xmlns='urn:xmpp:sm:3' previd='${sm}' h='1'/>`;
  const again = await second.stream.exchange(useToken(token, { inside: `${agent()}${resume}${BIND}` }), outcome);
  expect(again.child('resumed')?.attr('h')).toBe('1');
  expect([id(again), again.child('bound')]).toEqual([id(success), undefined]);
  expect(again.child('additional-data')?.text).toBe(tokenAnswer(token));
  await second.stream.features();
  await ping(second.stream);
});

test('over TLS a token may be bound to the connection: it is proven anew over each', async () => {
  await server.stop();
  await start(true);
  const mechanism = 'HT-SHA-256-EXPR';
  const first = await overTcp(true);
  const offered = await first.stream.features();
  const inline = offered.child('authentication', SASL2)?.child('inline')?.child('fast');
  expect(inline?.children.map(({ text }) => text)).toEqual([mechanism, 'HT-SHA-256-NONE']);
  const asked = plain2('user', 'pencil', `${agent()}${tokenRequest(mechanism)}`);
  const token = (await first.stream.exchange(asked, outcome)).child('token')?.attr('token') ?? '';

  const second = await overTcp(true);
  await second.stream.features();
  const replayed = useToken(token, { mechanism, binding: first.binding });
  expect((await second.stream.exchange(replayed, outcome)).name).toBe('failure');
  const success = await second.stream.exchange(useToken(token, { mechanism, binding: second.binding }), outcome);
  expect(success.child('additional-data')?.text).toBe(tokenAnswer(token, second.binding));
});

test('xmpp.js does all of it, and comes back with its token alone', async () => {
  // It uses the global of browsers and newer Nodes.
  vi.stubGlobal('WebSocket', WebSocket);
  const saved: unknown[] = [];
  const userAgent = xml('user-agent', { id: randomUUID() });
  const come = async (password: string) => {
    const options = { service: server.urls.websocket, domain: DOMAIN, username: 'user', password, resource: 'js' };
    const xmpp = xmppJs({ ...options, userAgent } as never) as unknown as XmppJs;
    xmpp.on('error', () => {});
    xmpp.fast.saveToken = async (token) => void saved.push(token);
    xmpp.fast.fetchToken = async () => saved.at(-1);
    const jid = String(await xmpp.start());
    const { enabled } = xmpp.streamManagement;
    await xmpp.stop();
    return { jid, enabled };
  };
  const first = await come('pencil');
  expect(first.jid).toMatch(/^user@example\.test\/js\/./);
  expect(saved).toEqual([expect.objectContaining({ mechanism: 'HT-SHA-256-NONE' })]);
  const second = await come('not the password');
  expect(second.jid).toMatch(/^user@example\.test\/js\/./);
  expect([first.enabled, second.enabled]).toEqual([true, true]);
  vi.unstubAllGlobals();
});

/** What its types do not tell. */
interface XmppJs {
  on(event: 'error', listener: () => void): void;
  start(): Promise<unknown>;
  stop(): Promise<unknown>;
  readonly fast: { saveToken(token: unknown): Promise<void>; fetchToken(): Promise<unknown> };
  readonly streamManagement: { readonly enabled: boolean };
}
