// BOSH requests between two processes: here both are in one, with real local sockets between them.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { BoshResponse, Held, Holder } from '../../src/bosh/held.js';
import { Neighbours } from '../../src/cluster/neighbours.js';
import { RequestsElsewhere } from '../../src/cluster/requests-elsewhere.js';
import { News } from '../support/news.js';
import { turn } from '../support/wires.js';

const body = (sid: string, payload = '') => Buffer.from(`<body sid='${sid}' rid='1'>${payload}</body>`);
const answer = (text: string): BoshResponse => ({
  status: 200,
  contentType: 'text/xml; charset=utf-8',
  body: Buffer.from(text),
});

/** A connection from a client. */
class Connection {
  broke = false;
  #told: (() => void)[] = [];

  ended(told: () => void): void {
    this.#told.push(told);
  }

  close(broke: boolean): void {
    this.broke = broke;
    for (const told of this.#told) told();
  }
}

/** A request of a client. */
class Request implements Held {
  remoteAddress = '192.0.2.1';
  remotePort = 4711;
  secure = false;
  tls: Held['tls'];
  holder: Holder | undefined;
  outcome: BoshResponse | 'dropped' | undefined;
  readonly news = new News();

  constructor(readonly connection: Connection | undefined = new Connection()) {}

  reply(response: BoshResponse): void {
    this.#end(response);
  }

  drop(): void {
    this.#end('dropped');
  }

  async text(): Promise<string> {
    await this.news.when(() => this.outcome !== undefined);
    return typeof this.outcome === 'object' ? this.outcome.body.toString() : String(this.outcome);
  }

  #end(outcome: BoshResponse | 'dropped'): void {
    if (this.outcome !== undefined) throw new Error('answered twice');
    this.outcome = outcome;
    this.news.tell();
  }
}

/** Sessions that only note what they are told. */
class Sessions {
  readonly held: { readonly how: string; readonly body: string; readonly held: Held }[] = [];
  readonly gones: Held[] = [];
  readonly releases: Held[] = [];
  throws = false;
  readonly news = new News();

  request(bytes: Buffer, held: Held): void {
    this.#note('request', bytes, held);
  }

  oversize(bytes: Buffer, held: Held): void {
    this.#note('oversize', bytes, held);
  }

  gone(held: Held): void {
    this.gones.push(held);
    this.news.tell();
  }

  release(held: Held): void {
    this.releases.push(held);
    this.news.tell();
  }

  async next(count = 1): Promise<Held> {
    await this.news.when(() => this.held.length >= count);
    return this.held[count - 1].held;
  }

  #note(how: string, bytes: Buffer, held: Held): void {
    this.held.push({ how, body: bytes.toString(), held });
    this.news.tell();
    if (this.throws) throw new Error('a bug');
  }
}

let folder: string;
const closes: (() => void)[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'neighbours-'));
});
afterEach(() => {
  for (const close of closes.splice(0)) close();
  rmSync(folder, { recursive: true, force: true });
});

const path = (number: number) => join(folder, String(number));

/** The process with that number. */
async function worker(number: number) {
  const sessions = new Sessions();
  const failures: unknown[] = [];
  const counts = { now: 0, all: 0, refused: 0 };
  const requests = new RequestsElsewhere({ sessions, turn, failed: (error) => failures.push(error) });
  await requests.listen(path(number));
  const neighbours = new Neighbours({ number, sessions, turn, path, counts });
  const close = () => {
    neighbours.close();
    requests.close();
  };
  closes.push(close);
  return { sessions, neighbours, counts, failures, close };
}

const pair = async () => [await worker(1), await worker(2)] as const;

describe('a request', () => {
  test('of a session that is here, or of none, stays', async () => {
    const [one, two] = await pair();
    for (const bytes of [body('1-abc'), Buffer.from("<body to='example.com'/>"), Buffer.from('no XML')]) {
      const request = new Request();
      one.neighbours.request(bytes, request);
      expect(one.sessions.held.at(-1)).toMatchObject({ how: 'request', body: bytes.toString(), held: request });
    }
    one.neighbours.oversize(body('1-abc'), new Request());
    expect(one.sessions.held.at(-1)?.how).toBe('oversize');
    expect([two.sessions.held.length, one.counts.all]).toEqual([0, 0]);
  });

  test('of a session elsewhere goes there with whose it is, and its answer comes back', async () => {
    const [one, two] = await pair();
    const request = new Request();
    one.neighbours.request(body('2-abc', '<x/>'), request);
    const held = await two.sessions.next();
    expect(two.sessions.held[0]).toMatchObject({ how: 'request', body: body('2-abc', '<x/>').toString() });
    expect([held.remoteAddress, held.remotePort, held.secure, held.tls]).toEqual(['192.0.2.1', 4711, false, undefined]);
    expect(one.counts).toEqual({ now: 1, all: 1, refused: 0 });
    held.reply({ status: 404, contentType: 'text/html; charset="x"', body: Buffer.from('<body/>') });
    expect(await request.text()).toBe('<body/>');
    expect(request.outcome).toMatchObject({ status: 404, contentType: 'text/html; charset="x"' });
    expect([one.counts.now, request.holder]).toEqual([0, undefined]);
  });

  test('that is too large does too', async () => {
    const [one, two] = await pair();
    const request = new Request();
    one.neighbours.oversize(body('2-abc'), request);
    const held = await two.sessions.next();
    expect(two.sessions.held[0].how).toBe('oversize');
    held.drop();
    expect(await request.text()).toBe('dropped');
  });

  test('with a certificate is known by it there', async () => {
    const [one, two] = await pair();
    const request = new Request();
    const certificate = { fingerprint: 'abc', addresses: ['romeo@example.com'] };
    request.secure = true;
    request.tls = { version: 'TLSv1.3', exporter: () => Buffer.alloc(32), certificate };
    one.neighbours.request(body('2-abc'), request);
    const held = await two.sessions.next();
    expect([held.secure, held.tls?.version, held.tls?.certificate]).toEqual([true, 'TLSv1.3', certificate]);
    // Of one connection among several: binding is with none.
    expect(held.tls?.exporter()).toBeUndefined();
  });

  test('of another client over the same connection, as from a proxy, is his', async () => {
    const [one, two] = await pair();
    const connection = new Connection();
    for (const address of ['192.0.2.1', '192.0.2.1', '192.0.2.2', '192.0.2.1']) {
      one.neighbours.request(body('2-abc'), Object.assign(new Request(connection), { remoteAddress: address }));
    }
    await two.sessions.next(4);
    const addresses = two.sessions.held.map(({ held }) => held.remoteAddress);
    expect(addresses).toEqual(['192.0.2.1', '192.0.2.1', '192.0.2.2', '192.0.2.1']);
    expect(new Set(two.sessions.held.map(({ held }) => held.connection)).size).toBe(1);
  });

  test('they arrive in the order in which they came, and each gets its own answer', async () => {
    const [one, two] = await pair();
    const requests = Array.from({ length: 200 }, () => new Request());
    for (const [at, request] of requests.entries()) one.neighbours.request(body('2-abc', String(at)), request);
    await two.sessions.next(requests.length);
    expect(two.sessions.held.map((each) => each.body)).toEqual(
      requests.map((_, at) => body('2-abc', String(at)).toString()),
    );
    for (const [at, { held }] of [...two.sessions.held.entries()].reverse()) held.reply(answer(String(at)));
    expect(await Promise.all(requests.map((request) => request.text()))).toEqual(requests.map((_, at) => String(at)));
  });
});

describe('a request that waits elsewhere', () => {
  test('is released when another waits behind it', async () => {
    const [one, two] = await pair();
    const request = new Request();
    one.neighbours.request(body('2-abc'), request);
    one.neighbours.release(request);
    await two.sessions.news.when(() => two.sessions.releases.length === 1);
    expect(two.sessions.releases[0]).toBe(two.sessions.held[0].held);
  });

  test('is gone when its connection is; an answer to it is lost', async () => {
    const [one, two] = await pair();
    const request = new Request();
    one.neighbours.request(body('2-abc'), request);
    const held = await two.sessions.next();
    one.neighbours.gone(request);
    expect(one.counts.now).toBe(0);
    await two.sessions.news.when(() => two.sessions.gones.length === 1);
    held.reply(answer('late'));
    const next = new Request();
    one.neighbours.request(body('2-abc'), next);
    (await two.sessions.next(2)).reply(answer('next'));
    expect([await next.text(), request.outcome]).toEqual(['next', undefined]);
  });

  test.each([true, false])('whether the connection broke under its answer is known there: %s', async (broke) => {
    const [one, two] = await pair();
    const connection = new Connection();
    const request = new Request(connection);
    one.neighbours.request(body('2-abc'), request);
    const held = await two.sessions.next();
    held.reply(answer('x'));
    await request.text();
    expect(held.connection?.broke).toBe(false);
    connection.close(broke);
    const other = new Request();
    one.neighbours.request(body('2-abc'), other);
    await two.sessions.next(2);
    expect(held.connection?.broke).toBe(broke);
  });

  test('is of a session that is not found when that process is gone', async () => {
    const [one, two] = await pair();
    const requests = [new Request(), new Request()];
    for (const request of requests) one.neighbours.request(body('2-abc'), request);
    await two.sessions.next(2);
    two.close();
    for (const request of requests) expect(await request.text()).toContain("condition='item-not-found'");
    expect(one.counts.now).toBe(0);
    rmSync(path(2), { force: true });
    const late = new Request();
    one.neighbours.request(body('2-abc'), late);
    expect(late.outcome).toBeDefined();
    expect(await late.text()).toContain("condition='item-not-found'");
  });

  test('is gone there when this process is, and its connection broke', async () => {
    const [one, two] = await pair();
    one.neighbours.request(body('2-abc'), new Request());
    const held = await two.sessions.next();
    one.close();
    await two.sessions.news.when(() => two.sessions.gones.length === 1);
    expect(two.sessions.gones[0]).toBe(held);
    expect(held.connection?.broke).toBe(true);
    held.reply(answer('to nobody'));
  });
});

describe('a process that cannot be had', () => {
  test('that never was: not found, at once', async () => {
    const one = await worker(1);
    const request = new Request();
    one.neighbours.request(body('99-abc'), request);
    expect(request.outcome).toBeDefined();
    expect(await request.text()).toContain("condition='item-not-found'");
  });

  test('that left its socket behind: not found', async () => {
    const one = await worker(1);
    writeFileSync(path(3), '');
    const request = new Request();
    one.neighbours.request(body('3-abc'), request);
    expect(await request.text()).toContain("condition='item-not-found'");
  });

  test('that breaks the rules: its sessions are not found', async () => {
    const one = await worker(1);
    const server = await listening(path(4), (socket) => socket.end('nonsense, and more of it'));
    const request = new Request();
    one.neighbours.request(body('4-abc'), request);
    expect(await request.text()).toContain("condition='item-not-found'");
    server.close();
  });

  test('that takes nothing: requests are dropped once too much waits, so that they are sent again; no byte more is kept', async () => {
    const one = await worker(1);
    const server = await listening(path(5), (socket) => void socket.pause());
    const payload = 'x'.repeat(100_000);
    const requests: Request[] = [];
    do {
      const request = new Request();
      requests.push(request);
      one.neighbours.request(body('5-abc', payload), request);
      await new Promise(setImmediate);
    } while (requests.at(-1)?.outcome === undefined && requests.length < 500);
    expect(requests.at(-1)?.outcome).toBe('dropped');
    expect(requests.length).toBeLessThan(50);
    expect(one.counts.refused).toBe(1);
    server.close();
  });
});

test('sessions that throw cost the one request', async () => {
  const [one, two] = await pair();
  two.sessions.throws = true;
  const request = new Request();
  one.neighbours.request(body('2-abc'), request);
  expect(await request.text()).toBe('dropped');
  expect(two.failures).toEqual([new Error('a bug')]);
  two.sessions.throws = false;
  const next = new Request();
  one.neighbours.request(body('2-abc'), next);
  (await two.sessions.next(2)).reply(answer('fine'));
  expect(await next.text()).toBe('fine');
});

function listening(at: string, listener: (socket: import('node:net').Socket) => void): Promise<Server> {
  return new Promise((resolve) => {
    const server = createServer(listener).listen(at, () => resolve(server));
    closes.push(() => server.close());
  });
}
