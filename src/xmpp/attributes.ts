// The attributes of the tag that is being read, as offsets from the element's start.

import { malformed } from './limits.js';

/** Offsets of one attribute in `AttributeTable.spans`. */
export const NAME_AT = 0;
export const NAME_END = 1;
/** -1 without a colon. */
export const COLON_AT = 2;
export const VALUE_AT = 4;
export const VALUE_END = 5;
/** How many numbers an attribute takes. */
export const STRIDE = 6;

// Not exported, so the engine folds it.
const WIDTH = 6;
const HASH = 3;

/** Grows to the widest tag it has seen; cleared, it is used again. */
export class AttributeTable {
  spans = new Int32Array(16 * WIDTH);
  count = 0;

  /** Adds an attribute whose value is still to come. Throws when its name, as written, is there already. */
  add(buf: Buffer, start: number, nameAt: number, nameEnd: number, colon: number, hash: number): void {
    const at = this.count * WIDTH;
    if (at === this.spans.length) this.#grow();
    const spans = this.spans;
    for (let other = HASH; other < at; other += WIDTH) {
      if (spans[other] === hash && sameBytes(buf, start, spans[other - 3], spans[other - 2], nameAt, nameEnd)) {
        throw malformed('an attribute appears twice');
      }
    }
    spans[at] = nameAt;
    spans[at + 1] = nameEnd;
    spans[at + 2] = colon;
    spans[at + HASH] = hash;
    this.count++;
  }

  /** The value of the attribute added last. */
  value(from: number, to: number): void {
    const at = (this.count - 1) * WIDTH;
    this.spans[at + 4] = from;
    this.spans[at + 5] = to;
  }

  #grow(): void {
    const wider = new Int32Array(this.spans.length * 2);
    wider.set(this.spans);
    this.spans = wider;
  }
}

/** Whether two ranges, relative to `start`, hold the same bytes. */
export function sameBytes(buf: Buffer, start: number, a: number, aEnd: number, b: number, bEnd: number): boolean {
  if (aEnd - a !== bEnd - b) return false;
  for (let i = 0; i < aEnd - a; i++) {
    if (buf[start + a + i] !== buf[start + b + i]) return false;
  }
  return true;
}
