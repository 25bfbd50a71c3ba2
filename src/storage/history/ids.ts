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
const LENGTH = TIME + RUN + NUMBER + 2 * CHANCE;
/** Two digits, as one number: what changes nearly always is not made a text. */
const LAST_DIGITS = Uint16Array.from({ length: 36 ** 2 }, (_, i) => Buffer.from(digits(i, 2)).readUInt16BE());

/** Some chance, as bytes and as the digits that they are in a text. */
export interface Chance {
  readonly bytes: Buffer;
  readonly digits: Buffer;
}

export class HistoryIds {
  /** Of the last id. */
  time = 0;
  number = 0;
  chance: Chance = { bytes: Buffer.alloc(0), digits: Buffer.alloc(0) };
  /** Where its chance begins, in bytes. */
  at = 0;
  /** The last text; a string that is put together from others costs more, and again where its bytes are asked for. */
  readonly #text = Buffer.alloc(LENGTH);
  #timed = -1;
  #high = -1;

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
    this.chance = { bytes, digits: Buffer.from(bytes.toString('hex')) };
    this.at = 0;
  }

  /** One that was made in this run. */
  text(time: number, number: number, chance: Chance, at: number): string {
    const text = this.#text;
    if (time !== this.#timed) {
      this.#timed = time;
      text.write(digits(time, TIME) + digits(this.run, RUN), 'latin1');
    }
    const low = number % LAST_DIGITS.length;
    const high = number - low;
    if (high !== this.#high) {
      this.#high = high;
      text.write(digits(high / LAST_DIGITS.length, NUMBER - 2), TIME + RUN, 'latin1');
    }
    const end = TIME + RUN + NUMBER;
    text[end - 2] = LAST_DIGITS[low] >> 8;
    text[end - 1] = LAST_DIGITS[low] & 0xff;
    for (let i = 0; i < 2 * CHANCE; i++) text[end + i] = chance.digits[2 * at + i];
    return text.toString('latin1', 0, LENGTH);
  }
}

/** The id of these numbers; `chance` in hexadecimal digits. */
export function idOf(time: number, run: number, number: number, chance: string): string {
  return digits(time, TIME) + digits(run, RUN) + digits(number, NUMBER) + chance;
}

function digits(value: number, length: number): string {
  return value.toString(36).padStart(length, '0');
}
