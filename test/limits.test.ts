// What the whole server counts and refuses, over both transports.

import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createServer, type Server } from '../src/index.js';
import { silentLog } from '../src/log.js';
import { BoshSession } from './support/bosh-client.js';
import { login } from './support/sasl.js';
import { StubServer, WRONG_PASSWORD } from './support/stub-server.js';
import { WsClient } from './support/ws-client.js';

const DOMAIN = 'test.example';
const romeo = { user: 'romeo', password: 'secret' };
const large = `<iq xmlns='jabber:client' type='set' id='l'><q xmlns='urn:x'>${'x'.repeat(20_000)}</q></iq>`;
let stub: StubServer;
let server: Server;

beforeEach(async () => {
  stub = await StubServer.start();
  stub.offersStartTls = false;
  const upstreams = { [DOMAIN]: { host: '127.0.0.1', port: stub.port } };
  server = createServer({ host: '127.0.0.1', port: 0, upstreams, log: silentLog });
  await server.start();
});
afterEach(async () => {
  await server.stop();
  await stub.stop();
});

const metrics = async () => (await fetch(new URL('/metrics', server.urls.bosh))).text();

describe('a stanza larger than limits.stanza_before_auth', () => {
  test('ends a BOSH session with policy-violation before the log-in, and passes after it', async () => {
    const stranger = await BoshSession.create(server.urls.bosh, DOMAIN);
    expect((await stranger.send(large)).verdict).toBe('terminate policy-violation');
    const member = await BoshSession.create(server.urls.bosh, DOMAIN);
    await login(member, romeo);
    expect((await member.exchange(large, ({ name }) => name === 'iq')).attr('id')).toBe('l');
  });

  test('ends a WebSocket with policy-violation before the log-in, and passes after it', async () => {
    const stranger = await WsClient.open(server.urls.websocket, DOMAIN);
    await stranger.features();
    stranger.send(large);
    expect((await stranger.text()).includes('<policy-violation')).toBe(true);
    await stranger.closed;
    const member = await WsClient.open(server.urls.websocket, DOMAIN);
    await login(member, romeo);
    expect((await member.exchange(large, ({ name }) => name === 'iq')).attr('id')).toBe('l');
    expect(await metrics()).toContain('bosh_limits_hit_total{limit="stanza_before_auth"} 1\n');
  });
});

test('streams, stanzas and log-ins of both transports are counted', async () => {
  const bosh = await BoshSession.create(server.urls.bosh, DOMAIN);
  const ws = await WsClient.open(server.urls.websocket, DOMAIN);
  await login(bosh, romeo);
  await login(ws, romeo);
  const wrong = await WsClient.open(server.urls.websocket, DOMAIN);
  await expect(login(wrong, { user: 'romeo', password: WRONG_PASSWORD })).rejects.toThrow('refused');
  await bosh.terminate();
  const text = await metrics();
  for (const line of [
    'sessions{transport="bosh",state="open"} 0',
    'sessions{transport="websocket",state="open"} 2',
    `sessions_created_total{transport="bosh",host="${DOMAIN}"} 1`,
    `sessions_created_total{transport="websocket",host="${DOMAIN}"} 2`,
    'sessions_closed_total{transport="bosh",reason="closed"} 1',
    `auth_total{host="${DOMAIN}",mechanism="PLAIN",outcome="success"} 2`,
    `auth_total{host="${DOMAIN}",mechanism="PLAIN",outcome="failure"} 1`,
    `stanzas_total{direction="in",kind="iq",host="${DOMAIN}"} 2`,
    `stanzas_total{direction="out",kind="iq",host="${DOMAIN}"} 2`,
    'session_duration_seconds_count 1',
    'log_dropped_total 0',
  ])
    expect(text).toContain(`bosh_${line}\n`);
});
