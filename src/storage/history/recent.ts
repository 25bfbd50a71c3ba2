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
  /** What was taken briefly lies at its end. */
  #brief = new Uint32Array(ROWS * WORDS);
  // Rows are numbered from the first there ever was.
  #first = 0;
  #durable = 0;
  #next = 0;

  /** How many places there are. */
  get count(): number {
    return this.#next - this.#first;
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

  /** Those of a history that are durable. */
  of(history: Recently): Places {
    return this.#taken(history).copy;
  }

  /** The same, until it is asked again: all in the same memory. */
  briefly(history: Recently): Places {
    return this.#taken(history);
  }

  /** Rows lie far apart: each is looked at once, the last one first. */
  #taken(history: Recently): Places {
    let at = this.#brief.length;
    for (let row = this.#lastOf(history); row >= this.#first; row = this.#before(row)) {
      if (at === 0) at = this.#growBrief();
      const from = (row - this.#first) * ROW;
      at -= WORDS;
      for (let i = 0; i < WORDS; i++) this.#brief[at + i] = this.#words[from + i];
    }
    const words = this.#brief.subarray(at);
    return new Places(words, words.length / WORDS);
  }

  /** Where what was there begins now. */
  #growBrief(): number {
    const { length } = this.#brief;
    const words = new Uint32Array(2 * length);
    words.set(this.#brief, length);
    this.#brief = words;
    return length;
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
