// The rows of RESULTS.md as numbers, and the constants they give.

import type { Costs } from './loop.js';

export type Measured = (title: string) => number;

/** The row before those of one window, which say how many times that they took. */
export const MEAN = 'geometric mean of the rows below';

interface Figure {
  readonly what: string;
  readonly median: number;
  readonly ratio: number;
}

function ours(results: string): Figure[] {
  return results.split('\n').flatMap((line) => {
    const [, what = '', server, value = '', , ratio = ''] = line.split('|').map((cell) => cell.trim());
    return server === 'bosh-server'
      ? [{ what, median: Number.parseFloat(value), ratio: Number.parseFloat(ratio) }]
      : [];
  });
}

function find(figures: readonly Figure[], title: string): Figure {
  const figure = figures.find(({ what }) => what === title || what.startsWith(`${title}, `));
  if (figure === undefined) throw new Error(`RESULTS.md has no row "${title}": npm run bench`);
  return figure;
}

/** Reads the median of our own first row of this title; throws when there is none. */
export function measuredIn(results: string): Measured {
  const figures = ours(results);
  return (title) => find(figures, title).median;
}

/** Reads the first window: the ratio of a row to its mean, as microseconds by the median of that mean. Throws when there is none. */
export function windowIn(results: string): Measured {
  const figures = ours(results);
  const mean = find(figures, MEAN);
  const rows = figures.slice(figures.indexOf(mean) + 1);
  return (title) => {
    const { ratio } = find(rows, title);
    if (Number.isNaN(ratio)) throw new Error(`RESULTS.md has no row "${title}" in a window: npm run bench -- scaling`);
    return mean.median * ratio;
  };
}

/** Reads how many times one process carries what so many workers do, by the clock; throws when it says nothing of that. */
export function timesIn(results: string, title: string, workers: number): number {
  const row = results.split('\n').find((line) => line.startsWith(`| ${title} | ${workers} workers, by the clock |`));
  const times = Number.parseFloat(row?.split('|')[5] ?? '');
  if (Number.isNaN(times))
    throw new Error(`RESULTS.md has no row "${title}" of ${workers} workers: npm run bench -- workers`);
  return times;
}

/** What each process takes of a message in a local domain, where one process that does it all takes 1. */
export interface Shares {
  /** All workers together. */
  readonly workers: number;
  /** The process of the core. */
  readonly core: number;
}

/** By two workers' CPU, each process at its limit or near it, so with many messages in a read and a write. */
export function sharesIn(results: string, title: string): Shares {
  const cpu = (server: string) => {
    const row = results.split('\n').find((line) => line.startsWith(`| ${title} | ${server} |`));
    const value = Number.parseFloat(row?.split('|')[3] ?? '');
    if (Number.isNaN(value)) throw new Error(`RESULTS.md has no row "${title}" of ${server}: npm run bench -- workers`);
    return value;
  };
  const [one, all, core] = ['one process', '2 workers, all processes', '2 workers, the first process'].map(cpu);
  return { workers: (all - core) / one, core: core / one };
}

/** From seven rows, each of which differs from another in one thing. */
export function costsFrom(measured: Measured): Costs {
  const tcp = measured('TCP chat, 100 B');
  const flood = measured('TCP, 100 messages at a time');
  // A hundred messages share what is paid for each read and write.
  const turn = (tcp - flood) / (1 - 1 / 100);
  const work = tcp - turn;
  const frame = measured('WebSocket chat, 100 B') - tcp;
  // One hop of the edge, with a message to itself and with an eighth of what is paid for the read and the write.
  const alone = measured('TCP, 100 B') / 2;
  const stanza = ((measured('WebSocket, 8 x 100 B at a time') - frame / 8) / 2 - alone / 8) / (1 - 1 / 8);
  return {
    turn,
    hop: alone - stanza,
    stanza,
    route: work - stanza,
    frame,
    request: measured('BOSH, one request a message') - measured('TCP, 100 B'),
    fan: measured('presence to 1,000 contacts'),
  };
}
