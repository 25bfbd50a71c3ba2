// What the measured constants come to: a simulation of event loops, turn by turn, with the costs of one read, one write,
// one stanza. Some rows of the window in RESULTS.md (bench/scaling/window.ts) give the constants; the others are what the
// simulation has to come to, within 15 %.
// Then it says what larger machines hold (docs/scaling.md).
//
//   npm run scaling             the check, and the tables of docs/scaling.md
//
// It simulates no network, no garbage collection and no client but one that answers after a while.

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { simulate, type Workload } from './scaling/loop.js';
import { costsFrom, measuredIn, sharesIn, timesIn, windowIn } from './scaling/measured.js';
import { type Between, core, type Memory, machines, timesOne } from './scaling/tables.js';

const WITHIN = 0.15;

const results = readFileSync(fileURLToPath(new URL('../../RESULTS.md', import.meta.url)), 'utf8');
const measured = windowIn(results);
const idle = measuredIn(results);
const costs = costsFrom(measured);

const SPREAD = 'WebSocket chat, local domain';
/** Forwarded: 11 us where a message over BOSH took 35, by `npm run bench -- workers-forward` on a quiet machine; docs/performance.md has the run. */
const between: Between = { forwarded: 11 / 35, shares: sharesIn(results, SPREAD) };
const memory: Memory = { websocket: idle('idle WebSocket session'), bosh: idle('idle BOSH session') };

const chat = { sessions: 64, burst: 1, requests: 0, fan: 1, frames: false };
const CHECKED: readonly [string, Workload][] = [
  ['WebSocket, 100 B', { ...chat, path: 'edge', frames: true }],
  ['BOSH, two in flight', { ...chat, path: 'edge', requests: 2 }],
  ['BOSH chat, 100 B', { ...chat, path: 'core', requests: 1 }],
  ['WebSocket, 100 messages at a time', { ...chat, path: 'core', frames: true, burst: 100 }],
  ['message to 500 occupants', { ...chat, path: 'core', sessions: 1, fan: 500 }],
];

console.log(
  `constants, us: ${Object.entries(costs)
    .map(([name, value]) => `${name} ${value.toFixed(1)}`)
    .join(', ')}`,
);
const { shares } = between;
console.log(
  `of one process: the workers ${shares.workers.toFixed(2)}, the process of the core ${shares.core.toFixed(2)}\n`,
);
console.log('| what | simulated | measured | off |\n| --- | ---: | ---: | ---: |');
let off = 0;
for (const [title, work] of CHECKED) {
  const { each } = simulate(costs, work);
  const is = measured(title);
  const error = each / is - 1;
  if (Math.abs(error) > WITHIN) off++;
  console.log(`| ${title} | ${each.toFixed(1)} us | ${is.toFixed(1)} us | ${(error * 100).toFixed(0)} % |`);
}
console.log('\n| several workers, times one process | simulated | measured | off |\n| --- | ---: | ---: | ---: |');
for (const workers of [2, 4]) {
  const times = timesOne(workers, between.shares);
  const were = timesIn(results, SPREAD, workers);
  const error = times / were - 1;
  if (Math.abs(error) > WITHIN) off++;
  console.log(
    `| ${SPREAD}, ${workers} workers | ${times.toFixed(2)} | ${were.toFixed(2)} | ${(error * 100).toFixed(0)} % |`,
  );
}
console.log(`\n${machines(costs, between, memory)}\n\n${core(costs, between)}`);
process.exitCode = off > 0 ? 1 : 0;
