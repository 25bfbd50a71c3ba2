// The rows of RESULTS.md as numbers, and the constants they give.

import type { Costs } from './loop.js';

export type Measured = (title: string) => number;

/** Reads the median of our own row of this title; throws when there is none. */
export function measuredIn(results: string): Measured {
  const rows = results.split('\n').flatMap((line) => {
    const [, what, server, value] = line.split('|').map((cell) => cell.trim());
    return server === 'bosh-server' && value !== undefined
      ? [{ what: what ?? '', value: Number.parseFloat(value) }]
      : [];
  });
  return (title) => {
    const row = rows.find(({ what }) => what === title || what.startsWith(`${title}, `));
    if (row === undefined) throw new Error(`RESULTS.md has no row "${title}": npm run bench`);
    return row.value;
  };
}

/** From six rows, each of which differs from another in one thing. */
export function costsFrom(measured: Measured): Costs {
  const tcp = measured('TCP chat, 100 B');
  const flood = measured('TCP, 100 messages at a time');
  // A hundred messages share what is paid for each read and write.
  const turn = (tcp - flood) / (1 - 1 / 100);
  const work = tcp - turn;
  const stanza = Math.max(0, measured('TCP, 100 B') / 2 - turn);
  return {
    turn,
    stanza,
    route: work - stanza,
    frame: measured('WebSocket chat, 100 B') - tcp,
    request: measured('BOSH, one request a message') - measured('TCP, 100 B'),
    fan: measured('presence to 1,000 contacts'),
  };
}
