// Connections that go on behind another HTTP face. Here both faces are in one process: what is handed over is the system's
// connection all the same, and test/cluster/handover.test.ts does it between processes.

import { afterEach, describe, expect, test } from 'vitest';
import type { Handover } from '../../src/http/posts.js';
import type { Handle } from '../../src/net/handle.js';
import { CertificateAuthority } from '../support/certs.js';
import { answer, type Face, ScriptedSessions, startFace } from '../support/http-face.js';
import { RawHttp } from '../support/http-raw.js';

const PATH = '/http-bind/';
const ELSEWHERE = "<body sid='2-abc'/>";

const closes: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closes.splice(0).reverse()) await close();
});

/** Knows the sessions of the other face, and gives it their connections. */
class ToOther implements Handover {
  readonly given: string[] = [];
  other: Face | undefined;
  refuses = false;

  ownerOf(body: Buffer): number | undefined {
    return !this.refuses && body.includes("sid='2-") ? 2 : undefined;
  }

  give(_owner: number, handle: Handle, said: Buffer): void {
    this.given.push(said.toString());
    // As between processes, not from within what is being read.
    setImmediate(() => (this.other === undefined ? handle.close() : this.other.http.take(handle, said)));
  }
}

type Options = Parameters<typeof startFace>[0];

async function pair(options: Options = {}, sessions = new ScriptedSessions()) {
  const handover = new ToOther();
  const one = await startFace(options, { handover });
  const two = await startFace(options, { sessions });
  handover.other = two;
  closes.push(one.close, two.close);
  const connect = async (tls = false) => {
    const client = await RawHttp.connect(one.port, tls);
    closes.push(() => client.destroy());
    return client;
  };
  return { one, two, handover, connect };
}

const connections = (face: Face) =>
  new Promise<number>((resolve, reject) =>
    face.http.server.getConnections((error, count) => (error ? reject(error) : resolve(count))),
  );

describe('a connection whose first request is of a session elsewhere', () => {
  test('goes there with it, and all its requests are answered there', async () => {
    const { one, two, handover, connect } = await pair();
    const client = await connect();
    for (const payload of [ELSEWHERE, ELSEWHERE, "<body sid='1-abc'/>", ELSEWHERE]) {
      client.post(PATH, payload);
      expect((await client.answer())?.text).toBe(`<body echo="${payload.length}"/>`);
    }
    expect(handover.given).toHaveLength(1);
    expect([one.sessions.bodies, two.sessions.bodies.length]).toEqual([[], 4]);
    expect([await connections(one), await connections(two)]).toEqual([0, 1]);
  });

  test('is of the same client there', async () => {
    const { two, connect } = await pair();
    const client = await connect();
    client.post(PATH, ELSEWHERE);
    await client.answer();
    expect(two.sessions.held[0].remoteAddress).toBe('127.0.0.1');
    expect(two.sessions.held[0].remotePort).toBe(client.socket.localPort);
  });

  test('takes along what came behind the request, whole or not', async () => {
    const { two, connect } = await pair();
    const client = await connect();
    const post = (body: string) => `POST ${PATH} HTTP/1.1\r\nhost: a\r\ncontent-length: ${body.length}\r\n\r\n${body}`;
    const all = post(ELSEWHERE) + post('<one/>') + post('<two/>');
    client.send(all.slice(0, -3));
    await two.sessions.count(2);
    client.send(all.slice(-3));
    for (const body of [ELSEWHERE, '<one/>', '<two/>'])
      expect((await client.answer())?.text).toBe(`<body echo="${body.length}"/>`);
    expect(two.sessions.bodies).toEqual([ELSEWHERE, '<one/>', '<two/>']);
  });

  test('goes once its request is whole, cut anywhere', async () => {
    const { one, two, connect } = await pair();
    const all = `POST ${PATH} HTTP/1.1\r\nhost: a\r\ncontent-length: ${ELSEWHERE.length}\r\n\r\n${ELSEWHERE}`;
    for (let cut = 1; cut < all.length; cut += 3) {
      const client = await connect();
      client.send(all.slice(0, cut));
      await new Promise(setImmediate);
      client.send(all.slice(cut));
      expect((await client.answer())?.text).toBe(`<body echo="${ELSEWHERE.length}"/>`);
      client.destroy();
    }
    expect([one.sessions.bodies, new Set(two.sessions.bodies)]).toEqual([[], new Set([ELSEWHERE])]);
  });

  test('goes on there with what is not for BOSH too', async () => {
    const { connect } = await pair();
    const client = await connect();
    client.post(PATH, ELSEWHERE);
    await client.answer();
    client.send('GET /livez HTTP/1.1\r\nhost: a\r\n\r\n');
    expect((await client.answer())?.text).toBe('ok\n');
  });

  test('is waited for when that face closes', async () => {
    const sessions = new ScriptedSessions(() => {});
    const { two, connect } = await pair({}, sessions);
    const client = await connect();
    client.post(PATH, ELSEWHERE);
    await sessions.count(1);
    const closed = two.http.close();
    await new Promise(setImmediate);
    sessions.held[0].reply(answer('<body last=""/>'));
    const last = await client.answer();
    expect([last?.text, last?.headers.get('connection')]).toEqual(['<body last=""/>', 'close']);
    await Promise.all([client.closed, closed]);
  });

  test('is known there to have ended', async () => {
    const sessions = new ScriptedSessions(() => {});
    const { two, connect } = await pair({}, sessions);
    const client = await connect();
    client.post(PATH, ELSEWHERE);
    await sessions.count(1);
    const ended = new Promise<void>((resolve) => sessions.held[0].connection?.ended?.(resolve));
    client.destroy();
    await ended;
    expect(sessions.lost).toEqual(sessions.held);
    expect(await connections(two)).toBe(0);
  });

  test('ends when nobody takes it', async () => {
    const { one, two, handover, connect } = await pair();
    await two.close();
    const late = await connect();
    late.post(PATH, ELSEWHERE);
    expect(await late.answer()).toBeUndefined();
    handover.other = undefined;
    const client = await connect();
    client.post(PATH, ELSEWHERE);
    expect(await client.answer()).toBeUndefined();
    expect(await connections(one)).toBe(0);
  });
});

describe('a connection stays', () => {
  const stays = async (client: RawHttp, { one, handover }: Awaited<ReturnType<typeof pair>>) => {
    expect((await client.answer())?.status).toBe(200);
    expect([one.sessions.bodies.at(-1), handover.given]).toEqual([ELSEWHERE, []]);
  };

  test('when its first request was of a session here, or was refused elsewhere', async () => {
    const faces = await pair();
    const client = await faces.connect();
    client.post(PATH, "<body sid='1-abc'/>");
    await client.answer();
    client.post(PATH, ELSEWHERE);
    await stays(client, faces);
    faces.handover.refuses = true;
    const other = await faces.connect();
    other.post(PATH, ELSEWHERE);
    await stays(other, faces);
    faces.handover.refuses = false;
    other.post(PATH, ELSEWHERE);
    await stays(other, faces);
  });

  test.each([
    ['x-forwarded-for', '192.0.2.1'],
    ['X-Real-IP', '192.0.2.1'],
    ['forwarded', 'for=192.0.2.1'],
    ['via', '1.1 proxy'],
  ])('when it is of a proxy, which has many clients: %s', async (name, value) => {
    const faces = await pair();
    const client = await faces.connect();
    client.post(PATH, ELSEWHERE, { [name]: value });
    await stays(client, faces);
  });

  test('when TLS ends here, whose keys cannot go', async () => {
    const authority = new CertificateAuthority();
    closes.push(() => authority.remove());
    const { certFile: cert, keyFile: key } = authority.issue('localhost');
    const faces = await pair({ tls: { cert, key } });
    const client = await faces.connect(true);
    client.post(PATH, ELSEWHERE);
    await stays(client, faces);
  });

  test('when a balancer said in front of it whose it is', async () => {
    const faces = await pair({ proxy_protocol: true });
    const client = await faces.connect();
    client.send('PROXY TCP4 192.0.2.1 192.0.2.2 4711 80\r\n').post(PATH, ELSEWHERE);
    await stays(client, faces);
    expect(faces.one.sessions.held[0].remoteAddress).toBe('192.0.2.1');
  });

  test('when node:http reads it', async () => {
    const faces = await pair();
    const client = await faces.connect();
    client.post(PATH, ELSEWHERE, { te: 'trailers' });
    await stays(client, faces);
  });
});
