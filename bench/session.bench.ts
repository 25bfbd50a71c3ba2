// bosh/sessions.ts: a request with one message, whose echo is the answer to it. No HTTP and no socket: what the engine,
// the scanner and the body cost together.

import { Sessions } from '../src/bosh/sessions.js';
import { Metrics } from '../src/metrics.js';
import type { ClientStream, StreamEnd, Upstream } from '../src/stream/end.js';
import type { Bench } from './micro.js';
import { LONG, MESSAGE, request } from './samples.js';

const OPTIONS = {
  max_bosh_connections: 2,
  window_size: 2,
  default_inactivity: 70,
  max_inactivity: 160,
  default_wait: 60,
  max_wait: 120,
  max_pause: 120,
  polling: 2,
  max_streams_per_session: 8,
  features_timeout: 0,
  pidgin_compatible: false,
  compression: true,
  route_filter: null,
  limits: {
    queue_soft: 262_144,
    queue_hard: 1_048_576,
    window_bytes: 1_048_576,
    depth: 64,
    elements: 10_000,
    attributes: 64,
  },
};
const log = { debug() {}, info() {}, warn() {}, error() {}, child: () => log };

/** Sends every stanza back. */
class Echo implements Upstream {
  attach(client: ClientStream): StreamEnd {
    queueMicrotask(() => client.open({ from: 'bench.example', id: 's1', version: '1.0' }));
    return { open() {}, stanza: (stanza) => client.stanza(stanza), drain() {}, close() {} };
  }

  async stop(): Promise<void> {}
}

export function benches(): Bench[] {
  return Object.entries({ 'message of 100 B': MESSAGE, 'message of 2 KiB': LONG, '8 messages': MESSAGE.repeat(8) }).map(
    ([name, payload]) => ({ name: `session, request and response, ${name}`, run: roundTrips(payload) }),
  );
}

function roundTrips(payload: string): Bench['run'] {
  const flushes: { flush(): void }[] = [];
  const clock = { now: () => 1000, soon: (flush: { flush(): void }) => void flushes.push(flush) };
  const sessions = new Sessions(OPTIONS, { upstream: new Echo(), clock, log, metrics: new Metrics() });
  let answer = '';
  let answers = 0;
  const held = {
    remoteAddress: '127.0.0.1',
    remotePort: 1,
    secure: false,
    reply({ body }: { body: Buffer }) {
      answers++;
      if (answer === '') answer = body.toString();
    },
    drop() {
      throw new Error('dropped');
    },
  };
  let rid = 1;
  const ask = (body: Buffer) => {
    sessions.request(body, { ...held });
    while (flushes.length > 0) flushes.shift()?.flush();
  };
  ask(
    Buffer.from(
      `<body rid='${rid++}' to='bench.example' ver='1.11' wait='60' hold='1' xmlns='http://jabber.org/protocol/httpbind'/>`,
    ),
  );
  const sid = () => / sid=['"]([^'"]+)/.exec(answer)?.[1] ?? '';
  return (count) => {
    const before = answers;
    for (let i = 0; i < count; i++) ask(request(rid++, payload, sid()));
    if (answers - before !== count) throw new Error(`${answers - before} answers to ${count} requests: ${answer}`);
  };
}
