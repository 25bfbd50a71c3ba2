// Where the items of a history are, in their order, and what of them can be told without reading them: seven words each in
// memory, and in a record what differs from the one before, about ten bytes. Those that are in no record yet are in recent.ts.

import type { Place } from './files.js';

/** Of one place. */
export const WORDS = 7;
const HIGH = 2 ** 32;
/** Set beside the length: the time in the id is not the item's. */
const LATE = 0x8000_0000;
/** What is beside it. */
const LENGTH = 0x7fff_ffff;

/** The time and the number in an id: what items are ordered by. */
export interface Order {
  readonly time: number;
  readonly number: number;
}

export function compareOrders(a: Order, b: Order): number {
  return a.time - b.time || a.number - b.number;
}

/** What an id says of its place among others; undefined: it is none of ours. */
export function orderOf(id: string): Order | undefined {
  if (!/^[0-9a-z]{23,}$/.test(id)) return undefined;
  return { time: Number.parseInt(id.slice(0, 9), 36), number: Number.parseInt(id.slice(15, 23), 36) };
}

/** As keys of records are ordered. */
export function orderKey({ time, number }: Order): string {
  return time.toString(36).padStart(9, '0') + number.toString(36).padStart(9, '0');
}

/** The same back. */
export function orderIn(key: string): Order {
  return { time: Number.parseInt(key.slice(0, 9), 36), number: Number.parseInt(key.slice(9), 36) };
}

/** One item. */
export interface Spot extends Order, Place {
  readonly late: boolean;
  readonly peer: number;
}

export class Places {
  #words: Uint32Array<ArrayBuffer>;
  #count: number;

  constructor(words: Uint32Array<ArrayBuffer> = new Uint32Array(8 * WORDS), count = 0) {
    this.#words = words;
    this.#count = count;
  }

  static read(text: string): Places {
    const places = new Places();
    const numbers = new Numbers(Buffer.from(text, 'base64'));
    let [time, number, file, offset, peer] = [0, 0, 0, 0, 0];
    while (numbers.more) {
      time += numbers.signed();
      number += numbers.signed();
      file += numbers.signed();
      offset += numbers.signed();
      const length = numbers.take();
      if (length % 2 === 1) peer = numbers.take();
      places.push(time, number, file, offset, Math.floor(length / 4), (length & 2) !== 0, peer);
    }
    return places;
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
    put(this.#words, at, time, number, file, offset, length, late, peer);
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
      length: words[at + 5] & LENGTH,
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

  /** Told of each file that some of them are in, how many follow each other there, and their bytes. */
  each(from: number, to: number, told: (file: number, count: number, bytes: number) => void): void {
    const words = this.#words;
    const end = to * WORDS;
    let at = from * WORDS;
    while (at < end) {
      const file = words[at + 3];
      const start = at;
      let bytes = 0;
      for (; at < end && words[at + 3] === file; at += WORDS) bytes += words[at + 5] & LENGTH;
      told(file, (at - start) / WORDS, bytes);
    }
  }

  /** Some of them; at most as many as `memory` was made for. */
  text(memory: Buffer, from = 0, to = this.#count): string {
    const words = this.#words;
    let end = 0;
    let time = 0;
    let number = 0;
    let file = 0;
    let offset = 0;
    let peer = 0;
    for (let at = from * WORDS; at < to * WORDS; at += WORDS) {
      const itsTime = words[at] + (words[at + 1] >>> 16) * HIGH;
      const itsNumber = words[at + 2] + (words[at + 1] & 0xffff) * HIGH;
      const itsFile = words[at + 3];
      const itsOffset = words[at + 4];
      const length = words[at + 5] & LENGTH;
      const itsPeer = words[at + 6];
      end = putSigned(memory, end, itsTime - time);
      end = putSigned(memory, end, itsNumber - number);
      end = putSigned(memory, end, itsFile - file);
      end = putSigned(memory, end, itsOffset - offset);
      const isOther = itsPeer !== peer;
      end = putNumber(memory, end, length * 4 + (words[at + 5] >= LATE ? 2 : 0) + (isOther ? 1 : 0));
      if (isOther) end = putNumber(memory, end, itsPeer);
      time = itsTime;
      number = itsNumber;
      file = itsFile;
      offset = itsOffset;
      peer = itsPeer;
    }
    return memory.toString('base64', 0, end);
  }
}

/** Writes a place into words of memory. */
export function put(
  words: Uint32Array,
  at: number,
  time: number,
  number: number,
  file: number,
  offset: number,
  length: number,
  late: boolean,
  peer: number,
): void {
  // Words take the rest by 2^32: `%` costs ten times as much.
  words[at] = time;
  words[at + 1] = Math.floor(time / HIGH) * 65_536 + Math.floor(number / HIGH);
  words[at + 2] = number;
  words[at + 3] = file;
  words[at + 4] = offset;
  words[at + 5] = late ? length + LATE : length;
  words[at + 6] = peer;
}

/** What operations on bits are for. */
const SMALL = 0x7fff_ffff;
/** Most bytes of a place. */
const LONGEST = 48;

/** What a text of so many places is made in. */
export const memoryFor = (places: number) => Buffer.allocUnsafe(places * LONGEST);

// Whole numbers, seven bits a byte, the lowest first.

/** Writes one there, and says where it ends. */
function putNumber(bytes: Buffer, at: number, value: number): number {
  let end = at;
  let rest = value;
  for (; rest > SMALL; rest = Math.floor(rest / 128)) bytes[end++] = (rest % 128) + 128;
  for (; rest >= 128; rest >>= 7) bytes[end++] = (rest & 127) | 128;
  bytes[end++] = rest;
  return end;
}

function putSigned(bytes: Buffer, at: number, value: number): number {
  return putNumber(bytes, at, 2 * Math.abs(value) - (value < 0 ? 1 : 0));
}

/** Those that were written, one after the other. */
class Numbers {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get more(): boolean {
    return this.#at < this.#bytes.length;
  }

  take(): number {
    let [value, unit] = [0, 1];
    for (;;) {
      const byte = this.#bytes[this.#at++];
      if (!(byte >= 128)) return value + (byte ?? 0) * unit;
      value += (byte - 128) * unit;
      unit *= 128;
    }
  }

  signed(): number {
    const value = this.take();
    return value % 2 === 1 ? -(value + 1) / 2 : value / 2;
  }
}

/** A number for an address: equal for equal ones, and seldom for others. */
export function hashOf(peer: string | undefined): number {
  if (peer === undefined) return 0;
  let hash = 0x811c_9dc5;
  for (let i = 0; i < peer.length; i++) hash = Math.imul(hash ^ peer.charCodeAt(i), 0x0100_0193);
  return hash >>> 0;
}
