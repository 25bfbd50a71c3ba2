// Ids of histories: the same as other archives give (archive.ts), made up of numbers that are kept as such; the text is
// made when somebody asks for it.

import { randomBytes } from 'node:crypto';

const TIME = 9;
const RUN = 6;
const NUMBER = 8;
/** Bytes of chance in an id. */
export const CHANCE = 6;
/** Ids whose chance is made at once. */
const POOL = 2048;
const LAST_TIME = 36 ** TIME - 1;
const LAST_DIGITS = Array.from({ length: 36 ** 2 }, (_, i) => digits(i, 2));

/** Some chance, as bytes and as text. */
export interface Chance {
  readonly bytes: Buffer;
  readonly text: string;
}

export class HistoryIds {
  /** Of the last id. */
  time = 0;
  number = 0;
  chance: Chance = { bytes: Buffer.alloc(0), text: '' };
  /** Where its chance begins, in bytes. */
  at = 0;
  #timed = -1;
  #prefix = '';
  #high = -1;
  #digits = '';

  /** Greater than that of every run before on the same data. */
  constructor(readonly run: number) {}

  /** All from now on are of that time or later. */
  notBefore(time: number): void {
    this.time = Math.max(time, this.time);
  }

  /** Makes the next one, of that time or later: behind all before. */
  next(at: number): void {
    const time = at < 0 ? 0 : at > LAST_TIME ? LAST_TIME : Math.floor(at);
    if (time > this.time) this.time = time;
    this.number++;
    this.at += CHANCE;
    if (this.at < this.chance.bytes.length) return;
    const bytes = randomBytes(POOL * CHANCE);
    this.chance = { bytes, text: bytes.toString('hex') };
    this.at = 0;
  }

  /** One that was made in this run. */
  text(time: number, number: number, chance: Chance, at: number): string {
    if (time !== this.#timed) {
      this.#timed = time;
      this.#prefix = digits(time, TIME) + digits(this.run, RUN);
    }
    const low = number % LAST_DIGITS.length;
    const high = number - low;
    if (high !== this.#high) {
      this.#high = high;
      this.#digits = digits(high / LAST_DIGITS.length, NUMBER - 2);
    }
    return this.#prefix + this.#digits + LAST_DIGITS[low] + chance.text.slice(2 * at, 2 * (at + CHANCE));
  }
}

/** The id of these numbers; `chance` in hexadecimal digits. */
export function idOf(time: number, run: number, number: number, chance: string): string {
  return digits(time, TIME) + digits(run, RUN) + digits(number, NUMBER) + chance;
}

function digits(value: number, length: number): string {
  return value.toString(36).padStart(length, '0');
}
