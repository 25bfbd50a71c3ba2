// What machines and fleets hold, by the constants: CPU, memory, and what is forwarded between processes.

import type { Costs } from './loop.js';
import type { Shares } from './measured.js';

/** Parts of what a message takes in one process: ratios, so at whatever noise they were measured. */
export interface Between {
  /** Of a message over BOSH: its request reached another worker than its session's, in both processes together. */
  readonly forwarded: number;
  /** Of a message of a local domain over WebSocket. */
  readonly shares: Shares;
}

/** KiB of an idle session. */
export interface Memory {
  readonly websocket: number;
  readonly bosh: number;
}

/** Of a core no more is planned for: beyond it, trips take long. */
const LOAD = 0.7;
/** An active user: one message a minute said and one heard. */
const PER_USER = 2 / 60;
const GIB = 1_048_576;

const thousands = (value: number) => Math.floor(value / 1000).toLocaleString('en');
const line = (cells: readonly (string | number)[]) => `| ${cells.join(' | ')} |`;

/** Messages a second that one core's worth of CPU carries, with that much left free. */
export const rate = (each: number) => (LOAD * 1e6) / each;

/** What one machine holds before servers elsewhere, by its number of cores; one worker a core. */
export function machines(costs: Costs, between: Between, memory: Memory): string {
  const websocket = 2 * (costs.hop + costs.stanza) + costs.frame;
  const bosh = 2 * (costs.hop + costs.stanza) + costs.request;
  const lines = [1, 2, 4, 16].map((cores) => {
    const strayed = bosh * (1 + between.forwarded * (1 - 1 / cores));
    const users = (cores * rate(websocket)) / PER_USER;
    return line([
      cores,
      thousands(cores * rate(websocket)),
      thousands(cores * rate(bosh)),
      thousands(cores * rate(strayed)),
      thousands(users),
      Math.ceil((users * memory.websocket) / GIB),
    ]);
  });
  return [
    line([
      'cores',
      'WebSocket, thousand messages/s',
      'BOSH, kept to their workers',
      'BOSH, sprayed',
      'thousand users over WebSocket',
      'GiB of idle sessions for these',
    ]),
    '| ---: | ---: | ---: | ---: | ---: | ---: |',
    ...lines,
  ].join('\n');
}

/** How many times as much as one process so many workers carry, each with a core, beside the process of the core. */
export function timesOne(workers: number, { core, workers: all }: Shares): number {
  return 1 / Math.max(core, all / workers);
}

/** The same for a local domain, whose core is one process whatever the number of workers. */
export function core(costs: Costs, { shares }: Between): string {
  const alone = costs.turn + costs.stanza + costs.frame + costs.route;
  const lines = [1, 2, 4, 16].map((cores) => {
    // One core is the hub's; the others carry connections.
    const workers = cores - 1;
    const first =
      cores === 1
        ? 'the one process'
        : shares.core > shares.workers / workers
          ? 'the process of the core'
          : 'the workers';
    const carried = rate(alone) * (cores === 1 ? 1 : timesOne(workers, shares));
    return line([cores, thousands(carried), first]);
  });
  return [
    line(['cores', 'WebSocket chat, thousand messages/s', 'what is full first']),
    '| ---: | ---: | --- |',
    ...lines,
  ].join('\n');
}
