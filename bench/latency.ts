// How long trips take at a rate that all servers bear. A p99 of few trips is a guess, and machines have bad seconds: so
// servers take turns of two seconds, until each has made thousands of trips in a round, and the trips of all rounds are
// looked at together. What each round says alone is the spread.

import { percentile } from './results.js';
import { type Login, MESSAGES, type Run, SESSIONS, type Series, SILENT, withServers } from './scenarios.js';
import type { Launch } from './servers.js';

/** Trips of a round, at least: 60 of them are beyond its p99. */
export const TRIPS = 6000;
export const TURN_SECONDS = 2;
/** Servers after the second are there for scale: they have every so many turns. */
export const SELDOM = 3;
const PARTS = { p50: 0.5, p99: 0.99, p999: 0.999 } as const;

export type Part = keyof typeof PARTS;

/** Milliseconds a trip takes at this rate, messages a second: three series a server, by percentile. */
export async function latency(
  name: string,
  launches: readonly Launch[],
  rate: number,
  run: Run,
  login: Login = {},
): Promise<Record<Part, Series[]>> {
  const turns = Math.ceil(TRIPS / TURN_SECONDS / (login.pairs === true ? rate / 2 : rate));
  const pace = { order: 'pace', messages: rate * TURN_SECONDS, rate } as const;
  return await withServers(launches, run, name, async (fronts) => {
    const took = fronts.map((): number[][] => []);
    for (const { server, load } of fronts) {
      await load.order({ order: 'open', sessions: SESSIONS, options: { ...server.where, ...login, ...SILENT } });
      await load.order({ order: 'chat', messages: MESSAGES / 2 });
      await load.order(pace);
    }
    for (let round = 1; round <= run.rounds; round++) {
      const late: number[][] = fronts.map(() => []);
      for (const each of took) each.push([]);
      for (let turn = 0; turn < turns; turn++) {
        for (const [i, { load }] of fronts.entries()) {
          if (i > 1 && turn % SELDOM > 0) continue;
          const { trips } = await load.order(pace);
          took[i]?.at(-1)?.push(...(trips?.took ?? []));
          late[i]?.push(...(trips?.late ?? []));
        }
      }
      for (const [i, { server }] of fronts.entries()) {
        const all = took[i]?.at(-1) ?? [];
        const [p50, p99, p999] = Object.values(PARTS).map((part) => percentile(all, part).toFixed(2));
        const client = percentile(late[i] ?? [], PARTS.p99).toFixed(2);
        const text = `${p50} ms, p99 ${p99}, p99.9 ${p999} of ${all.length} trips; p99 of the client's delay ${client}`;
        run.say(`${name} ${round}/${run.rounds} ${server.name}: ${text}`);
      }
    }
    for (const { load } of fronts) await load.order({ order: 'finish' });
    const names = fronts.map(({ server }) => server.name);
    return { p50: pooled(names, took, 'p50'), p99: pooled(names, took, 'p99'), p999: pooled(names, took, 'p999') };
  });
}

/** For each server the percentile of each round, and of all its trips. */
function pooled(names: readonly string[], took: readonly number[][][], part: Part): Series[] {
  return names.map((server, i) => {
    const rounds = took[i] ?? [];
    const values = rounds.map((trips) => percentile(trips, PARTS[part]));
    return { server, values, pooled: percentile(rounds.flat(), PARTS[part]) };
  });
}
