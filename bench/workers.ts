// What several workers bring, and what they cost: throughput of two and four against one process, and what it takes to answer
// a BOSH request that reached the wrong one. With a core for each process and one for the load client that would be one
// look at the clock. On two cores everything of the server is kept to the first core and has a small quota of it, each
// process the same (a cgroup of version 1 for each), so that their sum fits there; the load client and the backend have the
// other core (processes.ts, `pin`) and no quota. So what is missing is the server, and that is seen: the busiest process
// uses all of its quota, the load client a part of its core. Where cgroups cannot be made there is CPU time alone.

import { mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { oursCoreOf } from './core/servers.js';
import { children, cpu, shares } from './processes.js';
import type { Row } from './results.js';
import { median } from './results.js';
import { behindOne, type Front, type Login, type Run, withServers } from './scenarios.js';
import { type Kind, type Launch, oursOf } from './servers.js';

/** Percent of a core: five processes fit on one. */
export const QUOTA = 15;
// Microseconds. Fifty messages of a process have room in its part: with a few, most of the time is for cold caches.
const PERIOD = 25_000;
const CGROUPS = '/sys/fs/cgroup/cpu';

// Enough that every worker has work whenever it has a core.
const SESSIONS = 256;
const MESSAGES = 16_000;
/** The servers take short turns: what else the machine does is the same for all of them then. */
const TURN = 5000;
const TURNS = 3;
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
    const { result: turns, isLimited } = await limited(fronts, run, (is) => inTurns(name, fronts, run, is));
    for (const { load } of fronts) await load.order({ order: 'finish' });
    const rows = fronts.flatMap((_, i) => costs(title, i, turns));
    return isLimited ? [...fronts.map((_, i) => rate(title, i, turns)), ...rows, client(title, turns)] : rows;
  });
}

/** What one server did in its turn. */
interface Turn {
  /** Messages a second. */
  readonly rate: number;
  /** CPU microseconds a message, for each process of the server, the first one first. */
  readonly each: readonly number[];
  /** Percent of its core that the load client used. */
  readonly client: number;
}

/**
 * For each server its turns, after one of each that does not count. A round counts in which each server was at its limit;
 * with limits those are tried for twice as often as wanted: others were at work on this machine too, else.
 */
async function inTurns(name: string, fronts: readonly Front[], run: Run, isLimited: boolean): Promise<Turn[][]> {
  const turns = fronts.map(() => [] as Turn[]);
  const wanted = run.rounds * TURNS;
  for (let tries = 0; tries <= 2 * wanted && turns[0].length < wanted; tries++) {
    const round: Turn[] = [];
    for (const front of fronts) round.push(await oneTurn(front));
    const counts = tries > 0 && (!isLimited || round.every(isFull));
    if (counts) for (const [i, turn] of round.entries()) turns[i].push(turn);
    for (const [i, turn] of round.entries())
      run.say(`${name} ${counts ? turns[0].length : '-'}/${wanted} ${NAMES[i]}: ${told(turn)}`);
  }
  return turns;
}

const percent = (turn: Turn, cost: number) => (turn.rate * cost) / 10_000;
const isFull = (turn: Turn) => percent(turn, Math.max(...turn.each)) >= 0.9 * QUOTA;

function told(turn: Turn): string {
  const parts = turn.each.map((cost) => `${cost.toFixed(1)} us (${percent(turn, cost).toFixed(1)} %)`);
  return `${Math.round(turn.rate)} messages/s, ${parts.join(' + ')}, load client ${turn.client.toFixed(0)} %`;
}

async function oneTurn({ server, load }: Front): Promise<Turn> {
  const before = new Map(shares(server.pid).map((share) => [share.pid, share.cpu]));
  const client = cpu(load.pid);
  const { seconds } = await load.order({ order: 'chat', messages: TURN });
  return {
    rate: TURN / seconds,
    each: shares(server.pid).map((share) => (share.cpu - (before.get(share.pid) ?? 0)) / TURN),
    client: (cpu(load.pid) - client) / seconds / 10_000,
  };
}

function rate(title: string, i: number, turns: readonly Turn[][]): Row {
  const rates = turns[i].map((turn) => turn.rate);
  const ratios = i === 0 ? [] : rates.map((one, round) => one / turns[0][round].rate);
  const target = SIZES[i] === 2 ? `${median(ratios) >= TARGET ? 'met' : 'MISSED'}: at least ${TARGET}` : '';
  return { ...row(title, `${NAMES[i]}, by the clock`, rates, 'messages/s', ratios), target };
}

function costs(title: string, i: number, turns: readonly Turn[][]): Row[] {
  const each = (part: (turn: Turn) => number) => turns[i].map(part);
  const all = each((turn) => sum(turn.each));
  if (i === 0) return [row(title, NAMES[i], all, 'us')];
  const busiest = each((turn) => Math.max(...turn.each));
  return [
    row(title, `${NAMES[i]}, all processes`, all, 'us'),
    row(title, `${NAMES[i]}, the busiest`, busiest, 'us'),
    row(
      title,
      `${NAMES[i]}, the first process`,
      each((turn) => turn.each[0]),
      'us',
    ),
  ];
}

/** In the turns in which it had most to do. */
function client(title: string, turns: readonly Turn[][]): Row {
  const busy = turns.map((each) => each.map((turn) => turn.client));
  const most = busy.reduce((one, other) => (median(other) > median(one) ? other : one));
  return row(title, 'load client, of its core', most, '%');
}

function row(
  what: string,
  server: string,
  values: readonly number[],
  unit: string,
  ratio: readonly number[] = [],
): Row {
  const digits = unit === 'us' ? 1 : 0;
  return {
    what,
    server,
    value: `${median(values).toFixed(digits)} ${unit}`,
    spread: range(values, digits),
    ratio: ratio.length === 0 ? '' : `${median(ratio).toFixed(2)} (${range(ratio, 2)})`,
    target: '',
  };
}

/** Measures while every process of the servers has its quota of the first core; or just that core, where there are no quotas. */
async function limited<T>(
  fronts: readonly Front[],
  run: Run,
  measure: (isLimited: boolean) => Promise<T>,
): Promise<{ result: T; isLimited: boolean }> {
  const pids = fronts.flatMap(({ server }) => [server.pid, ...children(server.pid)]);
  const groups: string[] = [];
  try {
    for (const pid of pids) groups.push(quota(pid));
  } catch (error) {
    run.say(`no quotas here: ${(error as Error).message}`);
  }
  const isLimited = groups.length === pids.length;
  if (!isLimited) for (const group of groups) lift(group);
  try {
    return { result: await measure(isLimited), isLimited };
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
      await load.order({ order: 'open', sessions: SESSIONS, options });
      await load.order({ order: 'chat', messages: MESSAGES });
    }
    const costs: number[][] = [[], []];
    const extra: number[] = [];
    await limited(fronts, run, async () => {
      for (let round = 1; round <= run.rounds * TURNS; round++) {
        const parts: number[] = [];
        for (const [i, { server, load }] of fronts.entries()) {
          const [before, forwarded] = [cpu(server.pid), await forwards(server.where.port)];
          const { requests } = await load.order({ order: 'chat', messages: TURN });
          costs[i].push((cpu(server.pid) - before) / requests);
          parts.push(((await forwards(server.where.port)) - forwarded) / requests);
        }
        extra.push((costs[1][round - 1] - costs[0][round - 1]) / (parts[1] - parts[0]));
        run.say(
          `${name} ${round}/${run.rounds * TURNS}: ${costs.map((each) => each[round - 1].toFixed(1)).join(' and ')} us a request, ` +
            `${parts.map((part) => Math.round(part * 100)).join(' and ')} % forwarded: ${extra[round - 1].toFixed(1)} us each`,
        );
      }
    });
    for (const { load } of fronts) await load.order({ order: 'finish' });
    return [
      row('BOSH request', 'over the connection of its session', costs[0], 'us'),
      row('BOSH request', 'over another', costs[1], 'us'),
      row('BOSH request', 'what being forwarded adds', extra, 'us'),
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
