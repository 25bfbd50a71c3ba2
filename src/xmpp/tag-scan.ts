// One start tag, from its `<` to behind its `>`: names (Namespaces in XML, productions 7 to 11), attributes that differ as
// written, values. It makes no strings; names and attributes are offsets from the element's start.
//
// A tag that is not complete stops anywhere and goes on there with more bytes: they are looked at once, except for names
// and references, which start again and are bounded by limits.name.

import { AttributeTable } from './attributes.js';
import { CLASS as BYTE_CLASS } from './chars.js';
import { exceeded, malformed, type ScannerLimits } from './limits.js';
import { checkName, specialEnd } from './names.js';
import { isXml, isXmlns } from './namespaces.js';

// The values of chars.ts again: a constant of this file is folded into the loops, an imported one is loaded each time.
const CLASS = BYTE_CLASS;
const APOS = 0x27;
const COLON = 0x3a;
const EQUALS = 0x3d;
const GT = 0x3e;
const LT = 0x3c;
const NAME = 2;
const NAME_START = 1;
const QUOT = 0x22;
const SLASH = 0x2f;
const SPACE = 4;
const VALUE_STOP = 16;

/** Where an unfinished tag goes on. */
const NAMED = 0;
const TAG = 1;
const ASSIGNMENT = 2;
const VALUE_START = 3;
const VALUE = 4;

/** Bits of `declares`. */
export const DEFAULT = 1;
export const PREFIX = 2;

const NOTHING = Buffer.alloc(0);

/** Reads one start tag at a time; used again for the next one. */
export class TagScan {
  #limits: ScannerLimits;
  #buf: Buffer = NOTHING;
  #start = 0;
  /** Nothing is read from here on: what there is, or where the tag is too long. */
  #end = 0;
  #stage = NAMED;
  #resume = 0;
  #quote = 0;
  #valueStart = 0;
  /** What #name found. */
  #colon = -1;
  #hash = 0;

  // Of the tag that was read.
  /** Offset of its `<`. */
  at = 0;
  nameEnd = 0;
  /** Offset of the colon in its name; -1 without one. */
  colon = -1;
  closed = false;
  /** How many attributes have a prefix other than xmlns and xml. */
  prefixed = 0;
  /** Whether attributes declare the default namespace, prefixes, or both. */
  declares = 0;
  readonly attributes = new AttributeTable();

  constructor(limits: ScannerLimits) {
    this.#limits = limits;
  }

  /** Forgets a tag that was not complete. */
  begin(limits: ScannerLimits): void {
    this.#limits = limits;
    this.#stage = NAMED;
  }

  /** Lets go of the buffer. */
  release(): void {
    this.#buf = NOTHING;
  }

  /** Behind the tag whose `<` is at `pos`, or -1 when it is not complete: to be called again, with the same tag and more. */
  read(buf: Buffer, start: number, pos: number, available: number): number {
    const most = pos + this.#limits.attributeBytes;
    this.#buf = buf;
    this.#start = start;
    this.#end = Math.min(available, most);
    const behind = this.#stage === NAMED ? this.#begun(pos) : this.#tag(start + this.#resume, this.#stage);
    if (behind < 0 && available >= most) throw exceeded(this.#limits, 'attributeBytes');
    return behind;
  }

  #begun(pos: number): number {
    const nameEnd = this.#name(pos + 1);
    if (nameEnd < 0) return -1;
    this.at = pos - this.#start;
    this.nameEnd = nameEnd - this.#start;
    this.colon = this.#colon;
    this.prefixed = 0;
    this.declares = 0;
    this.attributes.count = 0;
    return this.#tag(nameEnd, TAG);
  }

  #done(pos: number, closed: boolean): number {
    this.#stage = NAMED;
    this.closed = closed;
    return pos;
  }

  /** Remembers where to go on. */
  #wait(stage: number, pos: number): number {
    this.#stage = stage;
    this.#resume = pos - this.#start;
    return -1;
  }

  /** Behind the name at `from` (Namespaces in XML, production 7), or -1. Leaves where its colon is, and its hash. */
  #name(from: number): number {
    const buf = this.#buf;
    const cls = CLASS;
    const most = from + this.#limits.name + 1;
    const end = Math.min(this.#end, most);
    let colon = -1;
    let hash = 0;
    let high = 0;
    let pos = from;
    for (; pos < end; pos++) {
      const byte = buf[pos];
      if ((cls[byte] & NAME) === 0) {
        if (byte !== COLON || colon >= 0) break;
        colon = pos;
      }
      hash = (Math.imul(hash, 31) + byte) | 0;
      high |= byte;
    }
    if (pos === most) throw exceeded(this.#limits, 'name');
    if (pos >= end) return -1;
    if ((CLASS[buf[from]] & NAME_START) === 0) throw malformed('not a name');
    if (colon >= 0 && (CLASS[buf[colon + 1]] & NAME_START) === 0) throw malformed('not a name');
    if (high >= 0x80) checkName(buf, from, pos);
    this.#colon = colon < 0 ? -1 : colon - this.#start;
    this.#hash = hash;
    return pos;
  }

  #spaces(from: number): number {
    const buf = this.#buf;
    const end = this.#end;
    let pos = from;
    while (pos < end && (CLASS[buf[pos]] & SPACE) !== 0) pos++;
    return pos;
  }

  /** A start tag from behind its name, or from where it stopped, to behind its `>`. */
  #tag(from: number, fromStage: number): number {
    const buf = this.#buf;
    const end = this.#end;
    let stage = fromStage;
    let pos = from;
    for (;;) {
      if (stage === TAG) {
        pos = this.#spaces(pos);
        if (pos >= end) return this.#wait(TAG, pos);
        const byte = buf[pos];
        if (byte === GT) return this.#done(pos + 1, false);
        if (byte === SLASH) {
          if (pos + 1 >= end) return this.#wait(TAG, pos);
          if (buf[pos + 1] !== GT) throw malformed('/ in a tag');
          return this.#done(pos + 2, true);
        }
        const nameEnd = this.#attributeName(pos);
        if (nameEnd < 0) return this.#wait(TAG, pos);
        pos = nameEnd;
      }
      if (stage <= ASSIGNMENT) {
        pos = this.#spaces(pos);
        if (pos >= end) return this.#wait(ASSIGNMENT, pos);
        if (buf[pos++] !== EQUALS) throw malformed('an attribute without =');
      }
      if (stage <= VALUE_START) {
        pos = this.#spaces(pos);
        if (pos >= end) return this.#wait(VALUE_START, pos);
        this.#quote = buf[pos++];
        if (this.#quote !== QUOT && this.#quote !== APOS) throw malformed('a value without quotes');
        this.#valueStart = pos - this.#start;
      }
      pos = this.#value(pos);
      if (pos < 0) return -1;
      stage = TAG;
    }
  }

  #attributeName(pos: number): number {
    const buf = this.#buf;
    if ((CLASS[buf[pos - 1]] & SPACE) === 0) throw malformed('no white space before an attribute');
    const nameEnd = this.#name(pos);
    if (nameEnd < 0) return -1;
    const start = this.#start;
    const table = this.attributes;
    if (table.count >= this.#limits.attributes) throw exceeded(this.#limits, 'attributes');
    table.add(buf, start, pos - start, nameEnd - start, this.#colon, this.#hash);
    if (this.#colon >= 0) this.#prefixedAttribute(pos, start + this.#colon);
    else if (buf[pos] === 0x78 && nameEnd - pos === 5 && isXmlns(buf, pos, nameEnd)) this.declares |= DEFAULT;
    return nameEnd;
  }

  /** `xml:` needs no look-up: it is bound to what nothing else is bound to. */
  #prefixedAttribute(pos: number, colon: number): void {
    if (isXmlns(this.#buf, pos, colon)) this.declares |= PREFIX;
    else if (!isXml(this.#buf, pos, colon)) this.prefixed++;
  }

  /** An attribute value, to behind its closing quote. */
  #value(from: number): number {
    const cls = CLASS;
    const buf = this.#buf;
    const end = this.#end;
    const quote = this.#quote;
    let pos = from;
    for (;;) {
      while (
        pos + 4 <= end &&
        ((cls[buf[pos]] | cls[buf[pos + 1]] | cls[buf[pos + 2]] | cls[buf[pos + 3]]) & VALUE_STOP) === 0
      ) {
        pos += 4;
      }
      while (pos < end && (cls[buf[pos]] & VALUE_STOP) === 0) pos++;
      if (pos >= end) return this.#wait(VALUE, pos);
      const byte = buf[pos];
      if (byte === quote) break;
      if (byte === QUOT || byte === APOS) {
        pos++;
        continue;
      }
      if (byte === LT) throw malformed('< in a value');
      const next = specialEnd(buf, pos, end, this.#limits);
      if (next < 0) return this.#wait(VALUE, pos);
      pos = next;
    }
    this.attributes.value(this.#valueStart, pos - this.#start);
    return pos + 1;
  }
}
