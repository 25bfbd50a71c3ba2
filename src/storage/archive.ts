// What drivers have in common about archives: how ids are made, and which items a range has. An id is the time of its
// item, the run of the program and a number within the run: greater as text than those of the items before it, and never
// given again, even when the archive was emptied, the program started anew and the clock set back. One that is reserved
// has some chance at its end, since it is told to those who must not guess others.

import { randomBytes } from 'node:crypto';
import type { ArchiveItem, ArchiveRange, NewArchiveItem } from './store.js';

const TIME = 9;
const RUN = 6;
const NUMBER = 8;
const LAST_TIME = 36 ** TIME - 1;
/** Digits of chance: two of a byte. */
const CHANCE = 12;
/** Bytes of chance that are made at once. */
const POOL = 12_288;

/** Two digits. */
const LAST_DIGITS = Array.from({ length: 36 ** 2 }, (_, i) => digits(i, 2));

/** Gives out the ids of one run. `run` is greater than that of every run before on the same data. */
export class ArchiveIds {
  #given = 0;
  /** The latest time that was reserved. */
  #reserved = 0;
  /** The number without its last two digits, and those that are left. */
  #high = 0;
  #highDigits = '';
  /** What ids of that time begin with. */
  #prefix = '';
  #pool = '';
  #taken = 0;

  constructor(readonly run: number) {}

  /** Greater than all that were reserved before. */
  reserve(at: number): string {
    const time = within(at);
    if (time > this.#reserved || this.#prefix === '') {
      this.#reserved = Math.max(time, this.#reserved);
      this.#prefix = digits(this.#reserved, TIME) + digits(this.run, RUN);
    }
    this.#given++;
    return this.#prefix + this.#digits + this.#chance();
  }

  /** The id that the item brings, or another one when that is of a time before `last`. */
  of({ at, id }: NewArchiveItem, last: number): string {
    return id === undefined || timeOf(id) < last ? this.next(at, last) : id;
  }

  /** The id of an item of that time, behind an id of time `last`. */
  next(at: number, last: number): string {
    this.#given++;
    return digits(Math.max(within(at), last), TIME) + digits(this.run, RUN) + digits(this.#given, NUMBER);
  }

  /** Of the number that was given last. */
  get #digits(): string {
    const low = this.#given % LAST_DIGITS.length;
    const high = this.#given - low;
    if (high !== this.#high || this.#highDigits === '') {
      this.#high = high;
      this.#highDigits = digits(high / LAST_DIGITS.length, NUMBER - 2);
    }
    return this.#highDigits + LAST_DIGITS[low];
  }

  #chance(): string {
    if (this.#taken === this.#pool.length) {
      this.#pool = randomBytes(POOL).toString('hex');
      this.#taken = 0;
    }
    this.#taken += CHANCE;
    return this.#pool.slice(this.#taken - CHANCE, this.#taken);
  }
}

/** The time in an id. It is that of its item, or later when an item before it was. */
export function timeOf(id: string): number {
  return Number.parseInt(id.slice(0, TIME), 36);
}

/** Between which ids something is, both outside. */
export interface IdRange {
  readonly after: string | undefined;
  readonly before: string | undefined;
}

/**
 * Where the items of a range are, as far as their ids tell: none is outside, others may be inside. `late` is the most by
 * which the time in an id is later than its item's.
 */
export function idRange({ after, before, start, end }: ArchiveRange, late: number): IdRange {
  const last = end === undefined ? undefined : Math.floor(end) + late + 1;
  return {
    after: latest([after, start === undefined ? undefined : digits(within(start), TIME)]),
    before: earliest([before, last === undefined || last > LAST_TIME ? undefined : digits(within(last), TIME)]),
  };
}

const latest = (ids: readonly (string | undefined)[]) => ids.filter(isPlain).sort().at(-1);
const earliest = (ids: readonly (string | undefined)[]) => ids.filter(isPlain).sort().at(0);

/** Anything may be asked for; only what looks like an id is ordered as ids are. */
function isPlain(id: string | undefined): id is string {
  return id !== undefined && /^[0-9a-z]+$/.test(id);
}

/** What is kept of an item. */
export function archived({ at, with: peer, stanza }: NewArchiveItem, id: string): ArchiveItem {
  const when = Number.isFinite(at) ? at : 0;
  return Object.freeze(peer === undefined ? { id, at: when, stanza } : { id, at: when, with: peer, stanza });
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
