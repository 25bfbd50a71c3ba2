// What several workers bring, and what they cost: throughput of two against one process, and what it takes to answer a BOSH
// request that reached the wrong one. A machine with few cores cannot show the first by the clock alone, where server,
// load client and backend share them. So two things are measured: the CPU time of each process of the server for each
// message (the busiest is the limit once each has a core), and messages a second when each has a small quota of a
// core (a cgroup of version 1 for each; skipped where those cannot be made), so that nothing but the server is the limit.

import { mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { oursCoreOf } from './core/servers.js';
import { children, cpu, shares } from './processes.js';
import type { Row } from './results.js';
import { median } from './results.js';
import { behindOne, type Front, type Login, type Run, withServers } from './scenarios.js';
import { type Kind, type Launch, oursOf } from './servers.js';

/** Percent of a core. */
export const QUOTA = 12;
const PERIOD = 10_000;
const CGROUPS = '/sys/fs/cgroup/cpu';

// Enough that every worker has work whenever it has a core.
const SESSIONS = 256;
const FEW = 64;
const MESSAGES = 16_000;
/** Workers; one is a server in one process. */
const SIZES = [1, 2, 4];
const NAMES = SIZES.map((size) => (size === 1 ? 'one process' : `${size} workers`));
const TARGET = 1.7;
const PAIRS: Login = { mechanism: 'SCRAM-SHA-256', available: true, pairs: true };

export function workerScenarios(run: Run): Record<string, () => Promise<Row[]>> {
  const edge = (name: string, title: string, kind: Kind, two: boolean) => () =>
    behindOne(
      kind,
      SIZES.map((workers) => oursOf(workers)),
      (launches) => scaling({ name, title, two }, launches, run),
    );
  const core = (name: string, title: string, kind: Kind, login: Login) => () => {
    const launches = SIZES.map(
      (workers): Launch =>
        (profile) =>
          oursCoreOf(workers)(kind, SESSIONS, profile),
    );
    return scaling({ name, title, two: false, login }, launches, run);
  };
  return {
    'workers-bosh-1': edge('workers-bosh-1', 'BOSH, one request a message', 'bosh', false),
    'workers-bosh-2': edge('workers-bosh-2', 'BOSH, two connections', 'bosh', true),
    'workers-ws': edge('workers-ws', 'WebSocket', 'ws', false),
    'workers-core-ws': core('workers-core-ws', 'WebSocket chat, local domain', 'ws', PAIRS),
    'workers-core-bosh': core('workers-core-bosh', 'BOSH chat, local domain', 'bosh', PAIRS),
    'workers-forward': () =>
      behindOne('bosh', [oursOf(2), oursOf(2)], (launches) => forwarding('workers-forward', launches, run)),
  };
}

interface Scaling {
  readonly name: string;
  readonly title: string;
  readonly two: boolean;
  readonly login?: Login;
}

async function scaling({ name, title, two, login }: Scaling, launches: readonly Launch[], run: Run): Promise<Row[]> {
  return await withServers(launches, run, name, async (fronts) => {
    for (const { server, load } of fronts) {
      const options = { ...server.where, ...login, bytes: 100, burst: 1, two };
      await load.order({ order: 'open', sessions: SESSIONS, options });
      await load.order({ order: 'chat', messages: MESSAGES });
    }
    const costs = fronts.map(() => ({ all: [] as number[], busiest: [] as number[] }));
    for (let round = 1; round <= run.rounds; round++) {
      for (const [i, front] of fronts.entries()) {
        const each = await cost(front);
        costs[i].all.push(sum(each));
        costs[i].busiest.push(Math.max(...each));
        run.say(
          `${name} ${round}/${run.rounds} ${NAMES[i]}: ${each.map((one) => one.toFixed(1)).join(' + ')} us a message`,
        );
      }
    }
    const rates = await limited(name, fronts, run);
    for (const { load } of fronts) await load.order({ order: 'finish' });
    const row = (server: string, values: readonly number[], unit: string, ratio: readonly number[] = []): Row => ({
      what: title,
      server,
      value: `${median(values).toFixed(unit === 'us' ? 1 : 0)} ${unit}`,
      spread: range(values, unit === 'us' ? 1 : 0),
      ratio: ratio.length === 0 ? '' : `${median(ratio).toFixed(2)} (${range(ratio, 2)})`,
      target: server.startsWith('2 workers') && ratio.length > 0 ? verdict(median(ratio)) : '',
    });
    const [one] = costs;
    return [
      ...costs.flatMap(({ all, busiest }, i) => {
        if (i === 0) return [row('one process', all, 'us')];
        const ratios = busiest.map((value, round) => one.all[round] / value);
        return [row(`${NAMES[i]}, all processes`, all, 'us'), row(`${NAMES[i]}, the busiest`, busiest, 'us', ratios)];
      }),
      ...(rates ?? []).map((each, i) => {
        const ratios = i === 0 ? [] : each.map((rate, round) => rate / (rates?.[0][round] ?? Number.NaN));
        return row(`${NAMES[i]}, by the clock`, each, 'messages/s', ratios);
      }),
    ];
  });
}

const verdict = (ratio: number) => `${ratio >= TARGET ? 'met' : 'MISSED'}: at least ${TARGET}`;

/** CPU microseconds a message, for each process of the server. */
async function cost({ server, load }: Front): Promise<number[]> {
  const before = new Map(shares(server.pid).map((share) => [share.pid, share.cpu]));
  await load.order({ order: 'chat', messages: MESSAGES });
  return shares(server.pid).map((share) => (share.cpu - (before.get(share.pid) ?? 0)) / MESSAGES);
}

/** Messages a second, for each of the servers, when their processes have little of a core; undefined where that cannot be said. */
async function limited(name: string, fronts: readonly Front[], run: Run): Promise<number[][] | undefined> {
  const rates = fronts.map(() => [] as number[]);
  const groups: string[] = [];
  try {
    for (const { server } of fronts) for (const pid of [server.pid, ...children(server.pid)]) groups.push(quota(pid));
    for (let round = 0; round <= run.rounds; round++) {
      for (const [i, { load }] of fronts.entries()) {
        const { seconds } = await load.order({ order: 'chat', messages: MESSAGES });
        if (round > 0) rates[i].push(MESSAGES / seconds);
        run.say(
          `${name} ${round}/${run.rounds} ${NAMES[i]}, ${QUOTA} % a process: ${Math.round(MESSAGES / seconds)} messages/s`,
        );
      }
    }
    return rates;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === undefined) throw error;
    run.say(`${name}: no quotas here: ${(error as Error).message}`);
    return undefined;
  } finally {
    for (const group of groups) lift(group);
  }
}

/** Gives a process a part of a core; what is returned is lifted again by `lift`. */
function quota(pid: number): string {
  const group = `${CGROUPS}/bosh-server-bench-${pid}`;
  mkdirSync(group);
  writeFileSync(`${group}/cpu.cfs_period_us`, String(PERIOD));
  writeFileSync(`${group}/cpu.cfs_quota_us`, String((PERIOD * QUOTA) / 100));
  writeFileSync(`${group}/cgroup.procs`, String(pid));
  return group;
}

function lift(group: string): void {
  try {
    for (const pid of readFileSync(`${group}/cgroup.procs`, 'latin1').split('\n').filter(Boolean))
      writeFileSync(`${CGROUPS}/cgroup.procs`, pid);
    rmdirSync(group);
  } catch {}
}

/** What a BOSH request costs that reached the worker with its session, and one that did not. */
async function forwarding(name: string, launches: readonly Launch[], run: Run): Promise<Row[]> {
  return await withServers(launches, run, name, async (fronts) => {
    for (const [i, { server, load }] of fronts.entries()) {
      const options = {
        ...server.where,
        bytes: 100,
        burst: 1,
        two: false,
        elsewhere: i === 1,
      } as const;
      await load.order({ order: 'open', sessions: FEW, options });
      await load.order({ order: 'chat', messages: MESSAGES });
    }
    const costs: number[][] = [[], []];
    const extra: number[] = [];
    for (let round = 1; round <= run.rounds; round++) {
      const parts: number[] = [];
      for (const [i, { server, load }] of fronts.entries()) {
        const [before, forwarded] = [cpu(server.pid), await forwards(server.where.port)];
        const { requests } = await load.order({ order: 'chat', messages: MESSAGES });
        costs[i].push((cpu(server.pid) - before) / requests);
        parts.push(((await forwards(server.where.port)) - forwarded) / requests);
      }
      extra.push((costs[1][round - 1] - costs[0][round - 1]) / (parts[1] - parts[0]));
      run.say(
        `${name} ${round}/${run.rounds}: ${costs.map((each) => each[round - 1].toFixed(1)).join(' and ')} us a request, ` +
          `${parts.map((part) => Math.round(part * 100)).join(' and ')} % forwarded: ${extra[round - 1].toFixed(1)} us each`,
      );
    }
    for (const { load } of fronts) await load.order({ order: 'finish' });
    const row = (server: string, values: readonly number[]): Row => ({
      what: 'BOSH request',
      server,
      value: `${median(values).toFixed(1)} us`,
      spread: range(values, 1),
      ratio: '',
      target: '',
    });
    return [
      row('over the connection of its session', costs[0]),
      row('over another', costs[1]),
      row('what being forwarded adds', extra),
    ];
  });
}

async function forwards(port: number): Promise<number> {
  const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  return Number(/bosh_forwarded_requests_total\{outcome="taken"\} (\d+)/.exec(text)?.[1]);
}

const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);

function range(values: readonly number[], digits: number): string {
  return `${Math.min(...values).toFixed(digits)} - ${Math.max(...values).toFixed(digits)}`;
}
