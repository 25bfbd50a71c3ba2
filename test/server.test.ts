// The library face: what a program gets from createServer, over real sockets.

import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type ClientStream, ConfigError, closedEnd, createServer, type Server, StreamError } from '../src/index.js';
import { BoshSession, body, creation, post } from './support/bosh-client.js';
import { MemoryLog } from './support/memory-log.js';
import { freePort } from './support/peers/process.js';
import { login } from './support/sasl.js';
import { StubServer } from './support/stub-server.js';
import { TcpClient } from './support/tcp-client.js';
import { WsClient } from './support/ws-client.js';

const DOMAIN = 'test.example';
const romeo = { user: 'romeo', password: 'secret' };
let stub: StubServer;
let server: Server;

const options = () => ({
  host: '127.0.0.1',
  port: 0,
  upstreams: { [DOMAIN]: { host: '127.0.0.1', port: stub.port } },
  log: new MemoryLog(),
});

beforeEach(async () => {
  stub = await StubServer.start();
  stub.offersStartTls = false;
});
afterEach(async () => {
  await server.stop();
  await stub.stop();
});

describe('createServer', () => {
  test('modules that are none are mistakes in the options', async () => {
    const config = { domains: { 'a.example': { modules: ['pnig'] } } };
    expect(() => createServer({ ...options(), ...config })).toThrow(ConfigError);
    server = createServer(options());
    await server.start();
    await expect(server.reload(config)).rejects.toThrow('there is no module pnig');
    const components = { 'c.example': { module: 'pnig' } };
    await expect(server.reload({ components })).rejects.toThrow('there is no component module pnig');
  });

  test('serves both transports at the URLs it tells', async () => {
    server = createServer(options());
    await server.start();
    const overBosh = await BoshSession.create(server.urls.bosh, DOMAIN);
    const overWebSocket = await WsClient.open(server.urls.websocket, DOMAIN);
    expect(await login(overBosh, romeo)).toMatch('romeo@test.example/');
    expect(await login(overWebSocket, romeo)).toMatch('romeo@test.example/');
  });

  test('serves clients over TCP where it is told to, and tells them when it stops', async () => {
    server = createServer({ ...options(), c2s: { port: 0, require_tls: false } });
    await server.start();
    const client = await TcpClient.open(Number(new URL(server.urls.xmpp ?? '').port), { to: DOMAIN });
    expect(await login(client, romeo)).toMatch('romeo@test.example/');
    await server.stop();
    expect(await client.error()).toBe('system-shutdown');
    expect(await client.end()).toBe('closed');
    expect(await stub.connections[0].end).toBe('closed');
  });

  test('says all that is wrong with its options at once', () => {
    server = createServer({ ...options(), port: 0 });
    const wrong = { prot: 5280, port: 99999, max_wait: -1 } as object;
    expect(() => createServer(wrong)).toThrow(ConfigError);
    try {
      createServer(wrong);
    } catch (error) {
      expect((error as ConfigError).problems).toHaveLength(3);
      expect((error as ConfigError).message).toContain('did you mean');
    }
  });

  test('lends its Fastify instance for routes of the program', async () => {
    server = createServer(options());
    server.fastify.get('/mine', async () => 'mine');
    await server.start();
    const answer = await fetch(new URL('/mine', server.urls.bosh));
    expect(await answer.text()).toBe('mine');
  });

  test('two servers live in one process', async () => {
    server = createServer(options());
    const other = createServer(options());
    await Promise.all([server.start(), other.start()]);
    expect(server.urls.bosh).not.toBe(other.urls.bosh);
    await login(await BoshSession.create(other.urls.bosh, DOMAIN), romeo);
    await other.stop();
    await login(await BoshSession.create(server.urls.bosh, DOMAIN), romeo);
  });

  test('rejects when the port is taken', async () => {
    server = createServer(options());
    await server.start();
    const second = createServer({ ...options(), port: Number(new URL(server.urls.bosh).port) });
    await expect(second.start()).rejects.toMatchObject({ code: 'EADDRINUSE' });
    await second.stop();
  });
});

describe('events', () => {
  test('have the names of node-xmpp-bosh and tell a session from its beginning to its end', async () => {
    server = createServer(options());
    const seen: string[] = [];
    server.on('stream-add', (stream, header) => seen.push(`stream-add ${stream.transport} ${header.to}`));
    server.on('stream-added', (_, header) => seen.push(`stream-added ${header.from}`));
    server.on('stream-restart', () => seen.push('stream-restart'));
    server.on('stream-restarted', () => seen.push('stream-restarted'));
    server.on('nodes', ([stanza]) => seen.push(`nodes ${stanza.name}`));
    server.on('response', (stanza) => seen.push(`response ${stanza.name}`));
    server.on('stream-terminate', (_, ending) => seen.push(`stream-terminate ${ending.how}`));
    await server.start();
    const session = await BoshSession.create(server.urls.bosh, DOMAIN);
    await login(session, romeo);
    await session.terminate();
    const words = ['stream-add bosh test.example', 'stream-added test.example', 'response features', 'nodes auth'];
    expect(seen.slice(0, 5)).toEqual([...words, 'response success']);
    expect(seen).toContain('stream-restarted');
    expect(seen.at(-1)).toBe('stream-terminate closed');
  });

  test('no-client brings what a vanished client missed', async () => {
    server = createServer({ ...options(), default_inactivity: 1, max_inactivity: 1 });
    const missed = new Promise<string[]>((resolve) => {
      server.on('no-client', (stanzas) => resolve(stanzas.map(({ id }) => id ?? '')));
    });
    await server.start();
    const jid = await login(await BoshSession.create(server.urls.bosh, DOMAIN), romeo);
    stub.find(jid).write(`<message id='late'><body>too late</body></message>`);
    expect((await missed).at(-1)).toBe('late');
  });

  test('response-acknowledged tells each rid once, in order, of the session that stream-add named', async () => {
    server = createServer(options());
    const names = new Set<string>();
    const seen: number[] = [];
    server.on('stream-add', ({ name }) => names.add(name));
    server.on('response-acknowledged', (rid, session) => {
      names.add(session);
      seen.push(rid);
    });
    await server.start();
    const session = await BoshSession.create(server.urls.bosh, DOMAIN);
    await login(session, romeo);
    await session.terminate();
    expect(seen.length).toBeGreaterThan(1);
    expect(seen).toEqual([...new Set(seen)].sort((a, b) => a - b));
    expect(names.size).toBe(1);
  });

  test('a listener that throws harms no stream and is told to error', async () => {
    server = createServer(options());
    const errors: unknown[] = [];
    server.on('nodes', () => {
      throw new Error('my own fault');
    });
    server.on('error', (error) => errors.push(error));
    await server.start();
    await login(await BoshSession.create(server.urls.bosh, DOMAIN), romeo);
    expect(errors.length).toBeGreaterThan(0);
  });
});

describe('a custom upstream', () => {
  const refusing = (client: ClientStream) => {
    setImmediate(() => client.close({ how: 'closed', error: new StreamError('host-gone') }));
    return closedEnd;
  };

  test('takes the place of the proxy', async () => {
    server = createServer({ ...options(), upstream: { attach: refusing, stop: async () => {} } });
    await server.start();
    const answer = await post(server.urls.bosh, body(creation(DOMAIN)));
    expect(answer.verdict).toBe('terminate host-gone');
    expect(stub.connections).toHaveLength(0);
  });

  test('is asked only for domains that are allowed', async () => {
    server = createServer({ ...options(), upstream: { attach: refusing, stop: async () => {} } });
    await server.start();
    const answer = await post(server.urls.bosh, body(creation('other.example')));
    expect(answer.verdict).toBe('terminate host-unknown');
  });
});

describe('reload', () => {
  test('new domains and terms count for new streams, and those that are open keep what they have', async () => {
    const port = await freePort();
    const given = { ...options(), port };
    server = createServer(given);
    await server.start();
    const before = await BoshSession.create(server.urls.bosh, DOMAIN);
    const jid = await login(before, romeo);
    const { log: _, ...config } = given;
    await server.reload({ ...config, upstreams: { 'new.example': config.upstreams[DOMAIN] }, max_wait: 2 });
    expect((await post(server.urls.bosh, body(creation(DOMAIN)))).verdict).toBe('terminate host-unknown');
    const after = await BoshSession.create(server.urls.bosh, 'new.example', { wait: 50 });
    expect([before.told('wait'), after.told('wait')]).toEqual([5, 2]);
    const echo = await before.exchange(`<message to='${jid}' id='x'/>`, ({ name }) => name === 'message');
    expect(echo.attr('id')).toBe('x');
  });
});

describe('what a reload cannot bring', () => {
  test('the address and paths stay what they are, also in what the server says of itself', async () => {
    server = createServer({ ...options(), system_info_password: 'x' });
    await server.start();
    const { bosh, websocket } = server.urls;
    const { log: _, ...config } = options();
    await server.reload({
      ...config,
      port: 1,
      path: '/new/',
      websocket_path: '/new-ws/',
      max_wait: 33,
      system_info_password: 'x',
    });
    expect(server.urls).toEqual({ bosh, websocket });
    const authorization = `Basic ${Buffer.from('admin:x').toString('base64')}`;
    const page = await (await fetch(`${bosh}sysinfo`, { headers: { authorization } })).text();
    expect(page).toContain('/http-bind/');
    expect(page).not.toContain('/new/');
    expect(page).toContain('<code>33</code>');
  });

  test('wrong options are refused and change nothing', async () => {
    server = createServer(options());
    await server.start();
    await expect(server.reload({ max_wait: -1 })).rejects.toThrow(ConfigError);
    await login(await BoshSession.create(server.urls.bosh, DOMAIN), romeo);
  });
});

describe('stop', () => {
  test('tells clients of both transports and servers, and resolves once they are gone', async () => {
    server = createServer(options());
    await server.start();
    const bosh = await BoshSession.create(server.urls.bosh, DOMAIN);
    const first = await login(bosh, romeo);
    const ws = await WsClient.open(server.urls.websocket, DOMAIN);
    const second = await login(ws, romeo);
    const ends = [first, second].map((jid) => stub.find(jid).end);
    const held = bosh.send();
    await fetch(new URL('/healthz', server.urls.bosh));
    await server.stop();
    expect((await held).verdict).toBe('terminate system-shutdown');
    expect(await ws.closed).toBe(1001);
    expect(ws.messages.join('')).toContain('<system-shutdown');
    expect(await Promise.all(ends)).toEqual(['closed', 'closed']);
  });

  test('with drain.delay balancers learn of it first, and who is there is served until then', async () => {
    server = createServer({ ...options(), drain: { delay: 0.5 } });
    await server.start();
    const bosh = await BoshSession.create(server.urls.bosh, DOMAIN);
    const jid = await login(bosh, romeo);
    const stopped = server.stop();
    expect((await fetch(new URL('/readyz', server.urls.bosh))).status).toBe(503);
    const echo = await bosh.exchange(`<message to='${jid}' id='still'/>`, ({ name }) => name === 'message');
    expect(echo.attr('id')).toBe('still');
    const url = server.urls.bosh;
    await stopped;
    await expect(fetch(url)).rejects.toThrow();
  });

  test('sends clients elsewhere when drain.see_other_uri says where', async () => {
    server = createServer({ ...options(), drain: { see_other_uri: 'https://other.example/http-bind/' } });
    await server.start();
    const bosh = await BoshSession.create(server.urls.bosh, DOMAIN);
    await login(bosh, romeo);
    const held = bosh.send();
    await fetch(new URL('/healthz', server.urls.bosh));
    await server.stop();
    const answer = await held;
    expect(answer.verdict).toBe('terminate see-other-uri');
    expect(answer.children.at(-1)?.text).toBe('https://other.example/http-bind/');
  });
});
