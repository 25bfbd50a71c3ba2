// Places that are not in the database yet, of all histories, in the order in which they came: one piece of memory for all,
// used again and again, in which each place tells how far back the one before it of the same history is. (A piece for each
// history lived just long enough to cost a full collection every few seconds.) The last ones may still be lost.

import { Places, put, WORDS } from './places.js';

/** A place, and how many rows back the one before it of its history is; 0: not here. */
const ROW = WORDS + 1;
const ROWS = 1024;

/** A history that has places here. */
export interface Recently {
  /** The row of its last one; -1, or one that is not here any more, where it has none. */
  last: number;
}

export class Recent {
  #words = new Uint32Array(ROWS * ROW);
  /** Whose each row is, while they are sorted, and what comes of that. */
  #owners = new Uint32Array(0);
  #brief = new Uint32Array(0);
  // Rows are numbered from the first there ever was.
  #first = 0;
  #durable = 0;
  #next = 0;

  /** How many places there are. */
  get count(): number {
    return this.#next - this.#first;
  }

  /** The first one that is not in the database. */
  get first(): number {
    return this.#first;
  }

  /** Behind the last one that is durable. */
  get durable(): number {
    return this.#durable;
  }

  get next(): number {
    return this.#next;
  }

  push(
    of: Recently,
    time: number,
    number: number,
    file: number,
    offset: number,
    length: number,
    late: boolean,
    peer: number,
  ): void {
    const at = (this.#next - this.#first) * ROW;
    if (at === this.#words.length) this.#grow();
    put(this.#words, at, time, number, file, offset, length, late, peer);
    this.#words[at + WORDS] = of.last < this.#first ? 0 : this.#next - of.last;
    of.last = this.#next++;
  }

  /** All in front of that row are durable. */
  keep(row: number): void {
    this.#durable = row;
  }

  /** All that are not durable are lost; these histories had them. */
  lose(those: Iterable<Recently>): void {
    for (const each of those) each.last = this.#lastOf(each);
    this.#next = this.#durable;
  }

  /** All in front of that row are in the database. */
  drop(row: number): void {
    this.#words.copyWithin(0, (row - this.#first) * ROW, this.count * ROW);
    this.#first = row;
  }

  has(history: Recently): boolean {
    return this.#lastOf(history) >= this.#first;
  }

  /** Whether it has some here, durable or not. */
  knows({ last }: Recently): boolean {
    return last >= this.#first;
  }

  /** How many of a history are durable. */
  countOf(history: Recently): number {
    let count = 0;
    for (let row = this.#lastOf(history); row >= this.#first; row = this.#before(row)) count++;
    return count;
  }

  /** Those of a history that are durable. */
  of(history: Recently): Places {
    const count = this.countOf(history);
    const words = new Uint32Array(count * WORDS);
    let at = words.length;
    for (let row = this.#lastOf(history); row >= this.#first; row = this.#before(row)) {
      at -= WORDS;
      const from = (row - this.#first) * ROW;
      for (let i = 0; i < WORDS; i++) words[at + i] = this.#words[from + i];
    }
    return new Places(words, count);
  }

  /**
   * Those that are durable, of each of these histories, until it is asked again: all in the same memory. Rows of a history
   * lie far apart, so they are gone through as they lie, the last one first: each says whose the one before it is.
   */
  sorted(histories: readonly Recently[]): Places[] {
    this.#makeRoom();
    const owners = this.#owners;
    const sorted = this.#brief;
    const rows = this.#durable - this.#first;
    const ends = new Uint32Array(histories.length + 1);
    for (let i = 0; i < histories.length; i++) {
      const row = this.#lastOf(histories[i]) - this.#first;
      if (row >= 0) owners[row] = i + 1;
    }
    findOwners(this.#words, rows, owners, ends);
    for (let owner = 1; owner < ends.length; owner++) ends[owner] += ends[owner - 1];
    const starts = ends.slice();
    gather(this.#words, rows, owners, starts, sorted);
    return histories.map((_, i) => {
      const start = starts[i + 1];
      const end = ends[i + 1];
      return new Places(sorted.subarray(start * WORDS, end * WORDS), end - start);
    });
  }

  /** Where all that is here can be sorted. */
  #makeRoom(): void {
    if (this.#owners.length >= this.count) return;
    const rows = this.#words.length / ROW;
    this.#owners = new Uint32Array(rows);
    this.#brief = new Uint32Array(rows * WORDS);
  }

  /** The last one that is durable. */
  #lastOf({ last }: Recently): number {
    let row = last;
    while (row >= this.#durable && row >= this.#first) row = this.#before(row);
    return row;
  }

  #before(row: number): number {
    const back = this.#words[(row - this.#first) * ROW + WORDS];
    return back === 0 ? -1 : row - back;
  }

  #grow(): void {
    const words = new Uint32Array(this.#words.length * 2);
    words.set(this.#words);
    this.#words = words;
  }
}

// Functions of their own that end with their loops: run so seldom, they are compiled while they loop, with nothing behind that.

/** Of each row whose last one is known; counts them for each. */
function findOwners(words: Uint32Array, rows: number, owners: Uint32Array, counts: Uint32Array): void {
  for (let row = rows - 1; row >= 0; row--) {
    const owner = owners[row];
    if (owner === 0) continue;
    counts[owner]++;
    const back = words[row * ROW + WORDS];
    if (back !== 0 && back <= row) owners[row - back] = owner;
  }
}

/** Rows to their owners' places, of which `starts` says where the last one ends, then where the first one starts. */
function gather(words: Uint32Array, rows: number, owners: Uint32Array, starts: Uint32Array, sorted: Uint32Array): void {
  for (let row = rows - 1; row >= 0; row--) {
    const owner = owners[row];
    if (owner === 0) continue;
    owners[row] = 0;
    const to = --starts[owner] * WORDS;
    const from = row * ROW;
    for (let i = 0; i < WORDS; i++) sorted[to + i] = words[from + i];
  }
}
