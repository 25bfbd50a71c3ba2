// The stream over a WebSocket that is none: its parts by property, with a clock of our own.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Tick } from '../../src/tick.js';
import { Heartbeat } from '../../src/websocket/heartbeat.js';
import { Outbox } from '../../src/websocket/outbox.js';
import { type Carrier, type StreamShare, WebSocketStream } from '../../src/websocket/stream.js';
import { StreamError } from '../../src/xmpp/errors.js';
import { DEFAULT_LIMITS } from '../../src/xmpp/scanner.js';
import { Stanza } from '../../src/xmpp/stanza.js';
import { ScriptedUpstream } from '../support/ws-upstream.js';

const FRAMING = 'urn:ietf:params:xml:ns:xmpp-framing';

/** A client that takes so many bytes and no more, until it is let. */
class FakeCarrier implements Carrier {
  readonly remoteAddress = '192.0.2.1';
  readonly remotePort = 1;
  readonly secure = true;
  room = Number.POSITIVE_INFINITY;
  bytes = Buffer.alloc(0);
  calls: string[] = [];
  writes = 0;
  #pending: { bytes: Buffer; written(): void }[] = [];

  get backlog(): number {
    return this.#pending.reduce((sum, { bytes }) => sum + bytes.length, 0);
  }

  write(head: Buffer, rest: Buffer | undefined, written: () => void): void {
    this.writes++;
    this.#pending.push({ bytes: rest === undefined ? head : Buffer.concat([head, rest]), written });
    this.take(0);
  }

  /** Lets the client take more. */
  take(more: number): void {
    this.room += more;
    while (this.#pending.length > 0 && this.#pending[0].bytes.length <= this.room) {
      const [{ bytes, written }] = this.#pending.splice(0, 1);
      this.room -= bytes.length;
      this.bytes = Buffer.concat([this.bytes, bytes]);
      written();
    }
  }

  ping = () => void this.calls.push('ping');
  close = (code: number) => void this.calls.push(`close ${code}`);
  terminate = () => void this.calls.push('terminate');
  pause = () => void this.calls.push('pause');
  resume = () => void this.calls.push('resume');

  /** The text messages that arrived. */
  get messages(): string[] {
    const found: string[] = [];
    for (let at = 0; at < this.bytes.length; ) {
      expect(this.bytes[at]).toBe(0x81);
      const short = this.bytes[at + 1];
      const head = short < 126 ? 2 : short === 126 ? 4 : 10;
      const length =
        short < 126
          ? short
          : short === 126
            ? this.bytes.readUInt16BE(at + 2)
            : Number(this.bytes.readBigUInt64BE(at + 2));
      found.push(this.bytes.toString('utf8', at + head, at + head + length));
      at += head + length;
    }
    return found;
  }
}

const newTick = () =>
  new Tick((error) => {
    throw error;
  });

function stanza(id: number, size = 0): Stanza {
  return Stanza.from(`<message xmlns="jabber:client" id="${id}"><body>${'x'.repeat(size)}</body></message>`);
}

const tick = () => new Promise<void>((resolve) => setImmediate(resolve));

describe('what waits for a client', () => {
  test('leaves in one write a turn', async () => {
    const carrier = new FakeCarrier();
    const outbox = new Outbox(carrier, newTick(), { flushed() {} });
    for (let id = 0; id < 50; id++) outbox.push(stanza(id));
    expect(carrier.writes).toBe(0);
    await tick();
    expect(carrier.writes).toBe(1);
    expect(carrier.messages.length).toBe(50);
  });

  test('is delivered or named as undelivered: each stanza once, in order, however the client reads', async () => {
    const step = fc.oneof(
      fc.record({ push: fc.integer({ min: 0, max: 70_000 }) }),
      fc.record({ take: fc.integer({ min: 1, max: 100_000 }) }),
      fc.constant({ flush: true }),
    );
    await fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), fc.integer({ min: 0, max: 100_000 }), (steps, room) => {
        const carrier = new FakeCarrier();
        carrier.room = room;
        const outbox = new Outbox(carrier, { soon() {} }, { flushed() {} });
        const pushed: string[] = [];
        let reached = 0;
        for (const each of steps) {
          if ('push' in each) {
            const one = stanza(pushed.length, each.push);
            pushed.push(one.raw.toString());
            outbox.push(one);
            const count = pushed.length;
            outbox.reached(() => {
              expect(count).toBeGreaterThan(reached);
              reached = count;
            });
          } else if ('take' in each) carrier.take(each.take);
          else outbox.flush();
        }
        const undelivered = outbox.undelivered().map(({ raw }) => raw.toString());
        expect([...carrier.messages, ...undelivered]).toEqual(pushed);
        expect(reached).toBe(carrier.messages.length);
      }),
      { numRuns: 300 },
    );
  });
});

describe('the heartbeat', () => {
  const RHYTHM = { pingInterval: 25_000, pingTimeout: 8000 };

  test('a dead client is noticed within interval and time-out, a living one never', () => {
    fc.assert(
      fc.property(fc.boolean(), fc.integer({ min: 100, max: 1000 }), fc.nat(7000), (alive, every, delay) => {
        const carrier = new FakeCarrier();
        const heartbeat = new Heartbeat(carrier, RHYTHM, 0);
        let pongAt = Number.POSITIVE_INFINITY;
        for (let now = 0; now <= 120_000; now += every) {
          const pings = carrier.calls.length;
          if (now >= pongAt) {
            heartbeat.ponged(now);
            pongAt = Number.POSITIVE_INFINITY;
          }
          if (!heartbeat.sweep(now, false)) {
            expect(alive).toBe(false);
            expect(now).toBeLessThanOrEqual(33_000 + 2 * every);
            return;
          }
          if (alive && carrier.calls.length > pings) pongAt = now + delay;
        }
        expect(alive).toBe(true);
      }),
    );
  });

  test('a client that is not read from, or that takes bytes, is not dead', () => {
    const carrier = new FakeCarrier();
    const deaf = new Heartbeat(carrier, RHYTHM, 0);
    for (let now = 0; now < 100_000; now += 1000) expect(deaf.sweep(now, true)).toBe(true);
    carrier.room = 0;
    const none = () => {};
    carrier.write(Buffer.alloc(10), undefined, none);
    for (let at = 0; at < 100; at++) carrier.write(Buffer.alloc(100), undefined, none);
    const slow = new Heartbeat(carrier, RHYTHM, 0);
    for (let now = 0; now < 60_000; now += 1000) {
      carrier.take(100);
      expect(slow.sweep(now, false)).toBe(true);
    }
  });

  test('an interval of 0 sends no pings', () => {
    const carrier = new FakeCarrier();
    const heartbeat = new Heartbeat(carrier, { ...RHYTHM, pingInterval: 0 }, 0);
    for (let now = 0; now < 1e6; now += 1000) heartbeat.sweep(now, false);
    expect(carrier.calls).toEqual([]);
  });
});

describe('RFC 7395: any order of events', () => {
  const OPEN = `<open xmlns="${FRAMING}" to="a" version="1.0"/>`;
  const CLOSE = `<close xmlns="${FRAMING}" />`;
  const EVENTS = {
    open: (stream: WebSocketStream) => stream.message(Buffer.from(OPEN), false),
    stanza: (stream: WebSocketStream) => stream.message(stanza(1).raw, false),
    bad: (stream: WebSocketStream) => stream.message(Buffer.from('<a>'), false),
    binary: (stream: WebSocketStream) => stream.message(Buffer.from(OPEN), true),
    close: (stream: WebSocketStream) => stream.message(Buffer.from(CLOSE), false),
    gone: (stream: WebSocketStream) => stream.gone(),
    down: (stream: WebSocketStream) => void stream.stanza(stanza(2)),
    ended: (stream: WebSocketStream) => stream.close({ how: 'closed' }),
    lost: (stream: WebSocketStream) => stream.close({ how: 'lost' }),
    shutdown: (stream: WebSocketStream) => stream.shutdown(),
    abuse: (stream: WebSocketStream) => stream.abuse(),
    late: (stream: WebSocketStream) => stream.sweep(1e9),
    drain: (stream: WebSocketStream) => stream.drain(),
  };

  test('3.7 a restart stays with the domain that was let in', async () => {
    const upstream = new ScriptedUpstream();
    const stream = new WebSocketStream('ws-1', new FakeCarrier(), shareOf(upstream, []));
    const open = (rest: string) =>
      stream.message(Buffer.from(`<open xmlns="${FRAMING}" version="1.0" ${rest}/>`), false);
    open('to="a" xml:lang="en"');
    open('to="b" xml:lang="de"');
    open('');
    expect(upstream.ends.flatMap(({ headers }) => headers.map(({ to, lang }) => [to, lang]))).toEqual([
      ['a', 'en'],
      ['a', 'de'],
      ['a', undefined],
    ]);
  });

  test("3.6.1 a server's see-other-host is its stream error, never a redirect of ours", async () => {
    const carrier = new FakeCarrier();
    const stream = new WebSocketStream('ws-1', carrier, shareOf(new ScriptedUpstream(), []));
    stream.message(Buffer.from(OPEN), false);
    const element = Stanza.from(
      `<stream:error xmlns:stream="http://etherx.jabber.org/streams"><see-other-host xmlns="urn:ietf:params:xml:ns:xmpp-streams">wss://evil.example/</see-other-host></stream:error>`,
    );
    const location = 'wss://evil.example/';
    stream.close({ how: 'closed', error: new StreamError('see-other-host', undefined, { element, location }) });
    await tick();
    expect(carrier.messages.slice(1)).toEqual([element.raw.toString(), CLOSE]);
  });

  test('the upstream hears one ending at most and nothing after it; open comes first and close once and last', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.constantFrom(...(Object.keys(EVENTS) as (keyof typeof EVENTS)[])), { maxLength: 15 }),
        fc.boolean(),
        async (events, answers) => {
          const upstream = new ScriptedUpstream();
          upstream.answers = answers;
          const carrier = new FakeCarrier();
          const bugs: unknown[] = [];
          const stream = new WebSocketStream('ws-1', carrier, shareOf(upstream, bugs));
          let upstreamEnded = false;
          for (const event of events) {
            const isUpstreams = event === 'down' || event === 'ended' || event === 'lost';
            // An upstream speaks only of streams it has and was not told the end of.
            if (isUpstreams && (upstream.ends[0]?.endings.length !== 0 || upstreamEnded)) continue;
            if (event === 'ended' || event === 'lost') upstreamEnded = true;
            const ended = upstream.ends[0]?.endings.length ?? 0;
            const heard = upstream.ends[0]?.stanzas.length;
            EVENTS[event](stream);
            if (ended === 1) expect(upstream.ends[0].stanzas.length).toBe(heard);
          }
          await tick();
          const { messages, calls } = carrier;
          expect(bugs).toEqual([]);
          expect(upstream.ends.length).toBeLessThanOrEqual(1);
          expect(upstream.ends[0]?.endings.length ?? 0).toBeLessThanOrEqual(1);
          if (upstreamEnded) expect(upstream.ends[0].endings).toEqual([]);
          const closes = messages.filter((message) => message === CLOSE);
          expect(closes.length).toBeLessThanOrEqual(1);
          if (closes.length === 1) expect(messages.at(-1)).toBe(CLOSE);
          const errors = messages.findIndex((message) => message.startsWith('<stream:error'));
          if (errors >= 0) expect(messages[0]).toMatch(/^<open /);
          expect(calls.filter((call) => call.startsWith('close')).length).toBeLessThanOrEqual(1);
        },
      ),
      { numRuns: 3000 },
    );
  });
});

function shareOf(upstream: ScriptedUpstream, bugs: unknown[]): StreamShare {
  return {
    upstream,
    turn: newTick(),
    now: () => 0,
    pong() {},
    failed: (_, error) => bugs.push(error),
    rejected() {},
    limited() {},
    limits: {
      scanner: DEFAULT_LIMITS,
      queueSoft: 1000,
      queueHard: 10_000,
      openTimeout: 1000,
      pingInterval: 1000,
      pingTimeout: 1000,
    },
  };
}
