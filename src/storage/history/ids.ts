// Ids of histories: the same as other archives give (archive.ts), made up of numbers that are kept as such; the text is
// made when somebody asks for it.

import { randomFillSync } from 'node:crypto';

const TIME = 9;
const RUN = 6;
const NUMBER = 8;
/** Bytes of chance in an id. */
export const CHANCE = 6;
const LENGTH = TIME + RUN + NUMBER + 2 * CHANCE;
/** Ids whose chance is made at once. */
const POOL = 2048;
const LAST_TIME = 36 ** TIME - 1;
/** Two digits, as one number: what changes nearly always is not made a text. */
const LAST_DIGITS = Uint16Array.from({ length: 36 ** 2 }, (_, i) => Buffer.from(digits(i, 2)).readUInt16BE());
/** A byte in hexadecimal digits, in the same way. */
const HEX = Uint16Array.from({ length: 256 }, (_, i) => Buffer.from(i.toString(16).padStart(2, '0')).readUInt16BE());

/** What an id is made of, with the run. */
export interface IdNumbers {
  readonly time: number;
  readonly number: number;
  /** Its chance, the first four bytes and the others, lowest first, as integers of 32 bits. */
  readonly low: number;
  readonly high: number;
}

/** What was made last is what it says. */
export class HistoryIds implements IdNumbers {
  time = 0;
  number = 0;
  low = 0;
  high = 0;
  /** Filled again and again: memory that is new to who fills it is kept until a full collection. */
  readonly #pool = new DataView(new ArrayBuffer(POOL * CHANCE));
  #taken = POOL * CHANCE;
  /** The last text: a string that is put together from others costs more, and again where its bytes are asked for. */
  readonly #text = Buffer.alloc(LENGTH);
  /** The time, and the number, without their last two digits. */
  #timed = -1;
  #most = -1;

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
    if (this.#taken === POOL * CHANCE) {
      randomFillSync(this.#pool);
      this.#taken = 0;
    }
    this.low = this.#pool.getInt32(this.#taken, true);
    this.high = this.#pool.getUint16(this.#taken + 4, true);
    this.#taken += CHANCE;
  }

  /** The text of one that was made in this run, in ASCII; the next one is written over it. */
  text({ time, number, low, high }: IdNumbers): Buffer {
    const text = this.#text;
    const timed = Math.floor(time / LAST_DIGITS.length);
    if (timed !== this.#timed) {
      this.#timed = timed;
      text.write(`${digits(timed, TIME - 2)}..${digits(this.run, RUN)}`, 'latin1');
    }
    const most = Math.floor(number / LAST_DIGITS.length);
    if (most !== this.#most) {
      this.#most = most;
      text.write(digits(most, NUMBER - 2), TIME + RUN, 'latin1');
    }
    const end = TIME + RUN + NUMBER;
    put(text, TIME - 2, LAST_DIGITS[time - timed * LAST_DIGITS.length]);
    put(text, end - 2, LAST_DIGITS[number - most * LAST_DIGITS.length]);
    for (let i = 0; i < 4; i++) put(text, end + 2 * i, HEX[(low >>> (8 * i)) & 0xff]);
    put(text, end + 8, HEX[high & 0xff]);
    put(text, end + 10, HEX[high >> 8]);
    return text;
  }
}

function put(text: Buffer, at: number, two: number): void {
  text[at] = two >> 8;
  text[at + 1] = two & 0xff;
}

/** The id of these numbers; `chance` in hexadecimal digits. */
export function idOf(time: number, run: number, number: number, chance: string): string {
  return digits(time, TIME) + digits(run, RUN) + digits(number, NUMBER) + chance;
}

function digits(value: number, length: number): string {
  return value.toString(36).padStart(length, '0');
}
