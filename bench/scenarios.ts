// What is measured, and how: one function a kind of measurement. Servers that are compared run side by side before the
// same backend and are loaded in turns (A B A B), so that whatever disturbs the machine disturbs both.

import { setTimeout as sleep } from 'node:timers/promises';
import { cpu, Load, rss } from './processes.js';
import { backend, type Kind, type Server, type Start } from './servers.js';

export interface Chat {
  readonly name: string;
  readonly title: string;
  readonly kind: Kind;
  readonly bytes: number;
  readonly burst: number;
  readonly two: boolean;
  /** At most this many times the reference. */
  readonly target?: number;
}

export const CHATS: readonly Chat[] = [
  { name: 'ws-100', title: 'WebSocket, 100 B', kind: 'ws', bytes: 100, burst: 1, two: false, target: 1.5 },
  { name: 'ws-2k', title: 'WebSocket, 2 KiB', kind: 'ws', bytes: 2048, burst: 1, two: false, target: 1.6 },
  { name: 'bosh-1', title: 'BOSH, one request a message', kind: 'bosh', bytes: 100, burst: 1, two: false, target: 1.5 },
  { name: 'bosh-2', title: 'BOSH, two in flight', kind: 'bosh', bytes: 100, burst: 1, two: true, target: 1.5 },
  { name: 'ws-burst', title: 'WebSocket, 8 x 100 B at a time', kind: 'ws', bytes: 100, burst: 8, two: false },
  { name: 'bosh-burst', title: 'BOSH, 8 x 100 B in a request', kind: 'bosh', bytes: 100, burst: 8, two: false },
];

export interface Series {
  readonly server: string;
  /** One number a round. */
  readonly values: number[];
  /** Requests or writes of the client for each message. */
  readonly requests?: number;
}

export interface Run {
  readonly rounds: number;
  readonly say: (text: string) => void;
  /** The folder for CPU profiles, if they are wanted. */
  readonly profile?: string;
  /** Part of the usual number of messages, for slow servers. */
  readonly part?: number;
}

const SESSIONS = 64;
const MESSAGES = 16_000;
/** Rounds of set-ups before the ones that count: they are cold code for long. */
const WARM_UP = 6;

/** CPU microseconds a message, for each of the servers. */
export async function chat(scenario: Chat, starts: readonly Start[], run: Run): Promise<Series[]> {
  const { name, kind, bytes, burst, two } = scenario;
  const messages = Math.round(MESSAGES * (bytes > 1000 ? 0.5 : 1) * (burst > 1 ? 2 : 1) * (run.part ?? 1));
  return await withServers(kind, starts, run, name, async (fronts) => {
    const series = fronts.map(({ server }) => ({ server: server.name, values: [] as number[], requests: 0 }));
    for (const { server, load } of fronts) {
      await load.order({ order: 'open', sessions: SESSIONS, options: { ...server.where, bytes, burst, two } });
      await load.order({ order: 'chat', messages });
    }
    for (let round = 1; round <= run.rounds; round++) {
      for (const [i, { server, load }] of fronts.entries()) {
        const { values } = series[i];
        const before = cpu(server.pid);
        const done = await load.order({ order: 'chat', messages });
        const each = (cpu(server.pid) - before) / messages;
        values.push(each);
        series[i].requests = done.requests / messages;
        const rate = Math.round(messages / done.seconds);
        run.say(`${name} ${round}/${run.rounds} ${server.name}: ${each.toFixed(1)} us a message, ${rate} messages/s`);
      }
    }
    for (const { load } of fronts) await load.order({ order: 'finish' });
    return series;
  });
}

/** CPU milliseconds a session from its connection to the result of the resource binding. */
export async function setup(kind: Kind, starts: readonly Start[], run: Run): Promise<Series[]> {
  const sessions = 500;
  return await withServers(kind, starts, run, `setup-${kind}`, async (fronts) => {
    const series = fronts.map(({ server }) => ({ server: server.name, values: [] as number[] }));
    for (let round = 1 - WARM_UP; round <= run.rounds; round++) {
      for (const [i, { server, load }] of fronts.entries()) {
        const options = { ...server.where, bytes: 100, burst: 1, two: false };
        const before = cpu(server.pid);
        await load.order({ order: 'open', sessions, options });
        const each = (cpu(server.pid) - before) / sessions / 1000;
        await load.order({ order: 'finish' });
        if (round > 0) series[i].values.push(each);
        run.say(`setup-${kind} ${round}/${run.rounds} ${server.name}: ${each.toFixed(3)} ms a session`);
      }
    }
    return series;
  });
}

/** KiB of resident memory that an idle session adds to a fresh process; with BOSH one request of each waits. */
export async function memory(kind: Kind, starts: readonly Start[], sessions: number, run: Run): Promise<Series[]> {
  const series: Series[] = [];
  for (const start of starts) {
    await withServers(kind, [start], run, `rss-${kind}`, async ([{ server, load }]) => {
      await sleep(1000);
      const before = rss(server.pid);
      await load.order({ order: 'open', sessions, options: { ...server.where, bytes: 100, burst: 1, two: false } });
      await load.order({ order: 'rest' });
      await sleep(4000);
      const each = (rss(server.pid) - before) / sessions;
      await load.order({ order: 'check' });
      series.push({ server: server.name, values: [each] });
      run.say(`rss-${kind} ${server.name}: ${each.toFixed(1)} KiB a session (${before} KiB before)`);
    });
  }
  return series;
}

interface Front {
  readonly server: Server;
  readonly load: Load;
}

async function withServers<T>(
  kind: Kind,
  starts: readonly Start[],
  run: Run,
  name: string,
  measure: (fronts: readonly Front[]) => Promise<T>,
): Promise<T> {
  const stub = await backend();
  const fronts: Front[] = [];
  try {
    for (const start of starts) {
      const server = await start(kind, stub.port, run.profile && `${run.profile}/${name}`);
      fronts.push({ server, load: new Load() });
    }
    return await measure(fronts);
  } finally {
    for (const { load } of fronts) await load.stop();
    for (const { server } of fronts) await server.stop();
    await stub.stop();
  }
}
