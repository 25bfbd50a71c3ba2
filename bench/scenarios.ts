// What is measured, and how: one function a kind of measurement. Servers that are compared run side by side before the
// same backend and are loaded in turns (A B A B), so that whatever disturbs the machine disturbs both.

import { setTimeout as sleep } from 'node:timers/promises';
import type { KeyPair } from '../test/support/certs.js';
import type { Done, Order } from './load/load.js';
import type { SessionOptions } from './load/session.js';
import { cpu, Load, rss } from './processes.js';
import { percentile } from './results.js';
import { backend, type Kind, type Launch, type Server, type Start } from './servers.js';

export interface Chat {
  readonly name: string;
  readonly title: string;
  readonly kind: Kind;
  readonly bytes: number;
  readonly burst: number;
  readonly two: boolean;
  /** Two users talk rather than each to himself. */
  readonly login?: Login;
  /** At most this many times the reference. */
  readonly target?: number;
  /** Rounds that do not count, for what is compiled late; otherwise one. */
  readonly warmUp?: number;
}

export const CHATS: readonly Chat[] = [
  { name: 'ws-100', title: 'WebSocket, 100 B', kind: 'ws', bytes: 100, burst: 1, two: false, target: 1.25 },
  { name: 'ws-2k', title: 'WebSocket, 2 KiB', kind: 'ws', bytes: 2048, burst: 1, two: false, target: 1.35 },
  { name: 'bosh-1', title: 'BOSH, one request a message', kind: 'bosh', bytes: 100, burst: 1, two: false, target: 1.3 },
  { name: 'bosh-2', title: 'BOSH, two in flight', kind: 'bosh', bytes: 100, burst: 1, two: true, target: 1.3 },
  { name: 'tcp-100', title: 'TCP, 100 B', kind: 'tcp', bytes: 100, burst: 1, two: false },
  { name: 'ws-burst', title: 'WebSocket, 8 x 100 B at a time', kind: 'ws', bytes: 100, burst: 8, two: false },
  { name: 'bosh-burst', title: 'BOSH, 8 x 100 B in a request', kind: 'bosh', bytes: 100, burst: 8, two: false },
];

export interface Series {
  readonly server: string;
  /** One number a round. */
  readonly values: number[];
  /** What all rounds together say, where that is more than the median of the rounds. */
  readonly pooled?: number;
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

/** How sessions log in, and who talks with whom. */
export type Login = Pick<SessionOptions, 'mechanism' | 'available' | 'pairs'>;

/** Sessions that chat. */
export const SESSIONS = 64;
export const MESSAGES = 16_000;
/** Rounds of set-ups before the ones that count: they are cold code for long. */
const WARM_UP = 6;
/** Sessions of one round of set-ups. */
export const SET_UPS = 500;
/** Sessions that come back at once. */
export const RETURNING = 1000;
/** A crowd's two talkers send so many messages a second, for so long after a warm-up. */
const MURMUR = 200;
const MURMUR_SECONDS = 3;
/** Connections that one process holds; many machines have a limit of 20,000 open files. */
export const MOST_FILES = 19_000;
/** Options of sessions that do not chat. */
export const SILENT = { bytes: 100, burst: 1, two: false };

/** CPU microseconds a message, for each of the servers. */
export async function chat(scenario: Chat, launches: readonly Launch[], run: Run): Promise<Series[]> {
  const { name, bytes, burst } = scenario;
  const messages = Math.round(MESSAGES * (bytes > 1000 ? 0.5 : 1) * (burst > 1 ? 2 : 1) * (run.part ?? 1));
  return await withServers(launches, run, name, async (fronts) => {
    const series = fronts.map(({ server }) => ({ server: server.name, values: [] as number[], requests: 0 }));
    for (const front of fronts) await opened(front, scenario);
    for (let round = 1; round <= (scenario.warmUp ?? 1); round++) {
      for (const { load } of fronts) await load.order({ order: 'chat', messages });
    }
    for (let round = 1; round <= run.rounds; round++) {
      for (const [i, front] of fronts.entries()) {
        const { each, done } = await spent(front, { order: 'chat', messages }, messages);
        series[i].values.push(each);
        series[i].requests = done.requests / messages;
        const rate = Math.round(messages / done.seconds);
        run.say(
          `${name} ${round}/${run.rounds} ${front.server.name}: ${each.toFixed(1)} us a message, ${rate} messages/s`,
        );
      }
    }
    for (const { load } of fronts) await load.order({ order: 'finish' });
    return series;
  });
}

/** Opens the sessions that chat so. */
export async function opened({ server, load }: Front, { bytes, burst, two, login }: Chat): Promise<void> {
  const options = { ...server.where, ...login, bytes, burst, two };
  await load.order({ order: 'open', sessions: SESSIONS, options });
}

/** CPU microseconds of the server for each of so many things that an order makes it do. */
export async function spent(
  { server, load }: Front,
  order: Order,
  count: number,
): Promise<{ readonly each: number; readonly done: Done }> {
  const before = cpu(server.pid);
  const done = await load.order(order);
  return { each: (cpu(server.pid) - before) / count, done };
}

/** CPU milliseconds a session from its connection to the result of the resource binding; through a relay, what it asks the backend. */
export async function setup(name: string, launches: readonly Launch[], run: Run, login: Login = {}): Promise<Series[]> {
  return await withServers(launches, run, name, async (fronts) => {
    const series = fronts.map(({ server }) => ({ server: server.name, values: [] as number[] }));
    for (let round = 1 - WARM_UP; round <= run.rounds; round++) {
      for (const [i, { server, load }] of fronts.entries()) {
        const before = cpu(server.pid);
        const options = { ...server.where, ...login, ...SILENT, bound: true };
        await load.order({ order: 'open', sessions: SET_UPS, options });
        const each = (cpu(server.pid) - before) / SET_UPS / 1000;
        await load.order({ order: 'finish' });
        if (round > 0) series[i].values.push(each);
        run.say(`${name} ${round}/${run.rounds} ${server.name}: ${each.toFixed(3)} ms a session`);
      }
    }
    return series;
  });
}

/**
 * All connections are cut, and all clients come back at once: CPU milliseconds a session, and the seconds until the last
 * one is bound.
 */
export async function reconnect(
  name: string,
  launches: readonly Launch[],
  run: Run,
  login: Login = {},
): Promise<Record<'cost' | 'seconds', Series[]>> {
  return await withServers(launches, run, name, async (fronts) => {
    const series = () => fronts.map(({ server }) => ({ server: server.name, values: [] as number[] }));
    const all = { cost: series(), seconds: series() };
    for (let round = 1 - WARM_UP; round <= run.rounds; round++) {
      for (const [i, { server, load }] of fronts.entries()) {
        const options = { ...server.where, ...login, ...SILENT };
        if (round === 1 - WARM_UP) await load.order({ order: 'open', sessions: RETURNING, options });
        const before = cpu(server.pid);
        await load.order({ order: 'cut' });
        const done = await load.order({ order: 'open', sessions: RETURNING, options, atOnce: RETURNING });
        const each = (cpu(server.pid) - before) / RETURNING / 1000;
        if (round > 0) all.cost[i].values.push(each);
        if (round > 0) all.seconds[i].values.push(done.seconds);
        run.say(
          `${name} ${round}/${run.rounds} ${server.name}: ${each.toFixed(3)} ms a session, ${done.seconds.toFixed(2)} s`,
        );
      }
    }
    return all;
  });
}

/** KiB of resident memory that an idle session adds to a fresh process; with BOSH one request of each waits. */
export async function memory(
  name: string,
  launches: readonly Launch[],
  sessions: number,
  run: Run,
  login: Login = {},
): Promise<Series[]> {
  const series: Series[] = [];
  for (const launch of launches) {
    await withServers([launch], run, name, async ([{ server, load }]) => {
      await sleep(1000);
      const before = rss(server.pid);
      await load.order({ order: 'open', sessions, options: { ...server.where, ...login, ...SILENT } });
      await load.order({ order: 'rest' });
      await sleep(4000);
      const each = (rss(server.pid) - before) / sessions;
      await load.order({ order: 'check' });
      series.push({ server: server.name, values: [each] });
      run.say(`${name} ${server.name}: ${each.toFixed(1)} KiB a session (${before} KiB before)`);
    });
  }
  return series;
}

/** The memory of idle sessions, and milliseconds of a trip between two users, or of an echo, among them. */
export async function crowd(
  name: string,
  launch: Launch,
  sessions: number,
  run: Run,
  login: Login = {},
): Promise<Record<'memory' | 'p50' | 'p99', Series[]>> {
  return await withServers([launch], run, name, async ([{ server, load }]) => {
    await sleep(1000);
    const before = rss(server.pid);
    const options = { ...server.where, ...login, ...SILENT };
    const loads = [load];
    while (loads.length * MOST_FILES < sessions) loads.push(new Load(server.name));
    for (const [i, one] of loads.entries()) {
      const first = i * MOST_FILES;
      const part = Math.min(MOST_FILES, sessions - first);
      await one.order({ order: 'open', sessions: part, first, options: { ...options, pairs: false } });
      await one.order({ order: 'rest' });
    }
    const talkers = new Load(server.name);
    await talkers.order({ order: 'open', sessions: 2, options });
    await talkers.order({ order: 'pace', messages: MURMUR, rate: MURMUR });
    const { trips } = await talkers.order({ order: 'pace', messages: MURMUR * MURMUR_SECONDS, rate: MURMUR });
    const [p50, p99] = [0.5, 0.99].map((part) => percentile(trips?.took ?? [], part));
    const memory = (rss(server.pid) - before) / sessions;
    await talkers.stop();
    for (const one of loads) await one.order({ order: 'check' });
    for (const one of loads.slice(1)) await one.stop();
    run.say(`${name}: ${memory.toFixed(1)} KiB a session, ${p50?.toFixed(2)} ms, p99 ${p99?.toFixed(2)}`);
    const series = (value = Number.NaN) => [{ server: server.name, values: [value] }];
    return { memory: series(memory), p50: series(p50), p99: series(p99) };
  });
}

/** The servers of a measurement, ready to be started before one stub backend, which lives as long as `measure` takes. */
export async function behindOne<T>(
  kind: Kind,
  starts: readonly Start[],
  measure: (launches: readonly Launch[]) => Promise<T>,
  keys?: KeyPair,
): Promise<T> {
  const stub = await backend('none', keys);
  try {
    return await measure(starts.map((start) => (profile) => start(kind, stub.port, profile)));
  } finally {
    await stub.stop();
  }
}

export interface Front {
  readonly server: Server;
  readonly load: Load;
}

/** Starts the servers, each with a load process of its own, and stops them after `measure`. */
export async function withServers<T>(
  launches: readonly Launch[],
  run: Run,
  name: string,
  measure: (fronts: readonly Front[]) => Promise<T>,
): Promise<T> {
  const fronts: Front[] = [];
  try {
    for (const launch of launches) {
      const server = await launch(run.profile && `${run.profile}/${name}`);
      fronts.push({ server, load: new Load(server.name) });
    }
    return await measure(fronts);
  } finally {
    for (const { load } of fronts) await load.stop();
    for (const { server } of fronts) await server.stop();
  }
}
