// What drivers have in common about archives: how ids are made, and which items a range has. An id is the time of its
// item, the run of the program and a number within the run: greater as text than all ids given before for its key, and
// never given again, even when the archive was emptied, the program started anew and the clock set back.

import type { ArchiveItem, ArchiveRange, NewArchiveItem } from './store.js';

const TIME = 9;
const RUN = 6;
const NUMBER = 8;
const LAST_TIME = 36 ** TIME - 1;

/** Gives out the ids of one run. `run` is greater than that of every run before on the same data. */
export class ArchiveIds {
  #given = 0;

  constructor(readonly run: number) {}

  /** The id of an item of that time, behind an id of time `last`. */
  next(at: number, last: number): string {
    this.#given++;
    return digits(Math.max(within(at), last), TIME) + digits(this.run, RUN) + digits(this.#given, NUMBER);
  }
}

/** The time in an id. It is that of its item, or later when an item before it was later. */
export function timeOf(id: string): number {
  return Number.parseInt(id.slice(0, TIME), 36);
}

/** What ids of that time, or later, begin with or are greater than. */
export function idsFrom(at: number): string {
  return digits(within(at), TIME);
}

/** What is kept of an item. */
export function archived({ at, with: peer, stanza }: NewArchiveItem, id: string): ArchiveItem {
  return Object.freeze(peer === undefined ? { id, at, stanza } : { id, at, with: peer, stanza });
}

export function isInRange({ id, at, with: peer }: ArchiveItem, range: ArchiveRange): boolean {
  return (
    (range.after === undefined || id > range.after) &&
    (range.before === undefined || id < range.before) &&
    (range.start === undefined || at >= range.start) &&
    (range.end === undefined || at <= range.end) &&
    (range.with === undefined || peer === range.with) &&
    (range.ids === undefined || range.ids.includes(id))
  );
}

/** Clocks say many things. */
function within(at: number): number {
  return Math.min(Math.max(Math.floor(at) || 0, 0), LAST_TIME);
}

function digits(value: number, length: number): string {
  return value.toString(36).padStart(length, '0');
}
