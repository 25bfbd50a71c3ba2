// Where the items of a history are, in their order, and what of them can be told without reading them: seven words each,
// as the machine writes them (little-endian wherever Node runs).

import type { Place } from './files.js';

const WORDS = 7;
const HIGH = 2 ** 32;
/** Set beside the length: the time in the id is not the item's. */
const LATE = 0x8000_0000;

/** The time and the number in an id: what items are ordered by. */
export interface Order {
  readonly time: number;
  readonly number: number;
}

export function compareOrders(a: Order, b: Order): number {
  return a.time - b.time || a.number - b.number;
}

/** One item. */
export interface Spot extends Order, Place {
  readonly late: boolean;
  readonly peer: number;
}

export class Places {
  #words: Uint32Array;
  #count: number;

  constructor(words: Uint32Array = new Uint32Array(8 * WORDS), count = 0) {
    this.#words = words;
    this.#count = count;
  }

  static read(text: string): Places {
    const bytes = Buffer.from(text, 'base64');
    const words = new Uint32Array(bytes.length / 4);
    Buffer.from(words.buffer).set(bytes);
    return new Places(words, words.length / WORDS);
  }

  get count(): number {
    return this.#count;
  }

  add(spot: Spot): void {
    const { time, number, file, offset, length, late, peer } = spot;
    this.push(time, number, file, offset, length, late, peer);
  }

  push(time: number, number: number, file: number, offset: number, length: number, late: boolean, peer: number): void {
    const at = this.#count * WORDS;
    if (at === this.#words.length) {
      const words = new Uint32Array(this.#words.length * 2);
      words.set(this.#words);
      this.#words = words;
    }
    const words = this.#words;
    words[at] = time % HIGH;
    words[at + 1] = Math.floor(time / HIGH) * 65_536 + Math.floor(number / HIGH);
    words[at + 2] = number % HIGH;
    words[at + 3] = file;
    words[at + 4] = offset;
    words[at + 5] = late ? length + LATE : length;
    words[at + 6] = peer;
    this.#count++;
  }

  at(index: number): Spot {
    const words = this.#words;
    const at = index * WORDS;
    return {
      time: words[at] + (words[at + 1] >>> 16) * HIGH,
      number: words[at + 2] + (words[at + 1] & 0xffff) * HIGH,
      file: words[at + 3],
      offset: words[at + 4],
      length: words[at + 5] % LATE,
      late: words[at + 5] >= LATE,
      peer: words[at + 6],
    };
  }

  order(index: number): Order {
    const words = this.#words;
    const at = index * WORDS;
    return {
      time: words[at] + (words[at + 1] >>> 16) * HIGH,
      number: words[at + 2] + (words[at + 1] & 0xffff) * HIGH,
    };
  }

  /** How many are in front of that order. */
  before(order: Order): number {
    let [low, high] = [0, this.#count];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (compareOrders(this.order(middle), order) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Forgets all behind so many. */
  cut(count: number): void {
    this.#count = Math.min(count, this.#count);
  }

  /** Some of them as a text. */
  text(from = 0, to = this.#count): string {
    const { buffer, byteOffset } = this.#words;
    return Buffer.from(buffer, byteOffset + from * WORDS * 4, (to - from) * WORDS * 4).toString('base64');
  }

  /** Those behind so many. */
  rest(from: number): Places {
    const words = new Uint32Array(Math.max(this.#count - from, 8) * WORDS);
    words.set(this.#words.subarray(from * WORDS, this.#count * WORDS));
    return new Places(words, this.#count - from);
  }

  /** As they are now: what is added later does not show. */
  upTo(count: number): Places {
    return new Places(this.#words, count);
  }
}

/** A number for an address: equal for equal ones, and seldom for others. */
export function hashOf(peer: string | undefined): number {
  if (peer === undefined) return 0;
  let hash = 0x811c_9dc5;
  for (let i = 0; i < peer.length; i++) hash = Math.imul(hash ^ peer.charCodeAt(i), 0x0100_0193);
  return hash >>> 0;
}
