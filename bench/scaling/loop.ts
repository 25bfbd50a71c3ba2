// An event loop, turn by turn: it reads what sockets have, works, and writes once to each socket that has something to
// be told. Clients and backends answer after a while, one after the other, and never cost this process anything.

/** Microseconds of CPU. */
export interface Costs {
  /** One read of a socket and one write to one, with the system calls. */
  readonly turn: number;
  /** The same at the edge, where both sides are sockets. */
  readonly hop: number;
  /** A stanza scanned and passed on. */
  readonly stanza: number;
  /** The core besides: stamped, routed, delivered. */
  readonly route: number;
  /** Frames of WebSocket, read and written, beside their bytes; frames that come together share it. */
  readonly frame: number;
  /** A request of BOSH and its answer, beside their bytes. */
  readonly request: number;
  /** A write to one of many sockets whose readers all sleep. */
  readonly fan: number;
}

export interface Workload {
  readonly path: 'edge' | 'core';
  /** Users who talk at the same time. */
  readonly sessions: number;
  /** Messages that are sent before their answers are waited for. */
  readonly burst: number;
  readonly frames: boolean;
  /** Requests of BOSH for each message; 0 for streams. */
  readonly requests: number;
  /** Who hears a message. */
  readonly fan: number;
}

export interface Outcome {
  /** CPU for each message, or for each who hears it where there are many. */
  readonly each: number;
  /** Stanzas of one read. */
  readonly gathered: number;
}

const TURNS = 400;
/** Until the other side has answered, in microseconds: it is another core that is not the bottleneck. */
const ANSWER = 30;

interface Arrival {
  readonly at: number;
  readonly stanzas: number;
  readonly from: 'client' | 'backend';
}

/** Lets so many users chat in a closed loop. */
export function simulate(costs: Costs, work: Workload): Outcome {
  let now = 0;
  let spent = 0;
  let messages = 0;
  let reads = 0;
  let stanzas = 0;
  let queue: Arrival[] = Array.from({ length: work.sessions }, () => ({ at: 0, stanzas: work.burst, from: 'client' }));
  for (let turn = 0; turn < TURNS; turn++) {
    const ready = queue.filter(({ at }) => at <= now);
    if (ready.length === 0) {
      now = Math.min(...queue.map(({ at }) => at));
      continue;
    }
    queue = queue.filter(({ at }) => at > now);
    const begun = now;
    for (const arrival of ready) {
      const cost = costOf(costs, work, arrival);
      now += cost;
      spent += cost;
      reads++;
      stanzas += arrival.stanzas;
      if (arrival.from === 'client') messages += arrival.stanzas;
    }
    for (const { from, stanzas } of ready) {
      const next = work.path === 'edge' && from === 'client' ? 'backend' : 'client';
      queue.push({ at: Math.max(now, begun) + ANSWER, stanzas, from: next });
    }
  }
  return { each: spent / messages / work.fan, gathered: stanzas / reads };
}

/** What is done for what one read brought, with the writes that it leads to. */
function costOf(costs: Costs, work: Workload, { stanzas, from }: Arrival): number {
  const turn = work.path === 'edge' ? costs.hop : costs.turn;
  const core = work.path === 'core' ? costs.route : 0;
  const frame = work.frames && (work.path === 'core' || from === 'client') ? costs.frame : 0;
  // The client's side of the edge's first half: requests come and are answered with it, in as many reads and writes.
  const requests = from === 'client' ? work.requests * stanzas : 0;
  const more = Math.max(0, requests - stanzas);
  const http = requests * costs.request + more * turn;
  if (work.fan > 1) return turn / 2 + stanzas * (costs.stanza + work.fan * costs.fan);
  return turn + frame + http + stanzas * (costs.stanza + core);
}
