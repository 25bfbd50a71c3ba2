// The usual element at one go: whole in the buffer, ASCII names, no prefix but `xml`, no reference but the predefined
// ones, no CDATA. Nearly all that is said is like that, and is read here in less than half the time (measured: 0.5 us for
// a chat message of 370 bytes). What is not, or is wrong, or passes a limit, is not judged here: element-scan.ts reads it
// from its start again. So what is taken here has to be taken there too; test/xmpp/differential.test.ts compares them.

import { CLASS as BYTE_CLASS } from './chars.js';
import type { ScannerLimits } from './limits.js';
import { predefinedEnd } from './names.js';
import { isOrdinary } from './namespaces.js';
import { NS } from './ns.js';

// The values of chars.ts again: a constant of this file is folded into the loops, an imported one is loaded each time.
const CLASS = BYTE_CLASS;
const AMP = 0x26;
const APOS = 0x27;
const ASCII_NAME = 64;
const BRACKET = 0x5d;
const COLON = 0x3a;
const EQUALS = 0x3d;
const GT = 0x3e;
const LEAD_EF = 0xef;
const LT = 0x3c;
const NAME_START = 1;
const QUOT = 0x22;
const SLASH = 0x2f;
const SPACE = 4;
const TEXT_STOP = 8;
const VALUE_STOP = 16;

/** Start and end of the name, start and end of the value. */
const SPAN = 4;
const MOST_ATTRIBUTES = 64;
const MOST_DEPTH = 64;

/** Reads one element at a time and keeps nothing of it but what it says of its first tag. */
export class PlainScan {
  /** Of the tag that was read last: name and value of each attribute, as offsets in the buffer. */
  readonly #spans = new Int32Array(SPAN * MOST_ATTRIBUTES);
  #nameEnd = 0;
  /** Where in #spans its `xmlns` is; -1 without one. */
  #xmlns = -1;
  /** Start and length of the names of the open elements. */
  readonly #open = new Int32Array(2 * MOST_DEPTH);

  /** Offset behind the first tag's name. */
  firstNameEnd = 0;
  /** Whether the first tag has an `xmlns` attribute. */
  declaresDefault = false;
  /** Whether that says jabber:client. */
  declaresClient = false;
  /** Whether the last tag was closed in itself. */
  closed = false;

  /** The offset behind the element that starts at `start`; 0 when it is not plain, or not complete. */
  element(buf: Buffer, start: number, available: number, limits: ScannerLimits): number {
    const open = this.#open;
    const end = Math.min(available, start + limits.stanza);
    const deepest = Math.min(limits.depth, MOST_DEPTH);
    let depth = 0;
    let elements = 0;
    let pos = start;
    if (pos + 1 >= end) return 0;
    for (;;) {
      if (buf[pos + 1] === SLASH) {
        pos = endTag(buf, pos + 2, end, open[depth * 2 - 2], open[depth * 2 - 1]);
        if (pos === 0 || --depth === 0) return pos;
      } else {
        const name = pos + 1;
        pos = this.#tag(buf, pos, end, limits);
        if (pos === 0 || ++elements > limits.elements || depth >= deepest) return 0;
        if (depth === 0) this.#first(buf);
        if (!this.closed) {
          open[depth * 2] = name;
          open[depth * 2 + 1] = this.#nameEnd - name;
          depth++;
        } else if (depth === 0) return pos;
      }
      for (;;) {
        if (pos + 1 < end && buf[pos] === LT) break;
        pos = run(buf, pos, end, TEXT_STOP);
        if (pos + 1 >= end) return 0;
        if (buf[pos] === LT) break;
        pos = special(buf, pos, end);
        if (pos === 0) return 0;
      }
    }
  }

  /** The offset behind the start tag at `start`; 0 when it is not plain, or not complete. */
  header(buf: Buffer, start: number, available: number, limits: ScannerLimits): number {
    if (limits.elements < 1 || limits.depth < 1) return 0;
    const end = this.#tag(buf, start, available, limits);
    if (end > 0) this.#first(buf);
    return end;
  }

  /** Behind the start tag at `from`, or 0. */
  #tag(buf: Buffer, from: number, end: number, limits: ScannerLimits): number {
    const cls = CLASS;
    const spans = this.#spans;
    const most = SPAN * Math.min(limits.attributes, MOST_ATTRIBUTES);
    let pos = from + 1;
    let seen = 0;
    let at = 0;
    this.#xmlns = -1;
    if ((cls[buf[pos]] & NAME_START) === 0) return 0;
    while (pos < end && (cls[buf[pos]] & ASCII_NAME) !== 0) pos++;
    if (pos - from > limits.name + 1) return 0;
    this.#nameEnd = pos;
    for (;;) {
      const space = pos;
      while (pos < end && (cls[buf[pos]] & SPACE) !== 0) pos++;
      if (pos + 1 >= end) return 0;
      if (buf[pos] === GT || buf[pos] === SLASH) break;
      const name = pos;
      const first = buf[name];
      if (pos === space || at === most || (cls[first] & NAME_START) === 0) return 0;
      while (pos < end && (cls[buf[pos]] & ASCII_NAME) !== 0) pos++;
      if (buf[pos] === COLON) pos = xmlName(buf, name, pos, end);
      const nameEnd = pos;
      if (pos + 1 >= end || buf[pos] !== EQUALS || pos - name > limits.name) return 0;
      const quote = buf[++pos];
      if (quote !== APOS && quote !== QUOT) return 0;
      const value = ++pos;
      let references = false;
      for (;;) {
        pos = run(buf, pos, end, VALUE_STOP);
        if (pos >= end) return 0;
        const byte = buf[pos];
        if (byte === quote) break;
        references ||= byte === AMP;
        pos = byte === QUOT || byte === APOS ? pos + 1 : special(buf, pos, end);
        if (pos === 0) return 0;
      }
      // Names of different first bytes or lengths need not be compared.
      const bit = 1 << ((first ^ (nameEnd - name)) & 31);
      if ((seen & bit) !== 0 && isAmong(buf, spans, at, name, nameEnd)) return 0;
      seen |= bit;
      if (nameEnd - name === 5 && first === 0x78 && isWord(buf, name, nameEnd, XMLNS)) {
        if (references || !isOrdinary(buf, value, pos)) return 0;
        this.#xmlns = at;
      }
      spans[at] = name;
      spans[at + 1] = nameEnd;
      spans[at + 2] = value;
      spans[at + 3] = pos;
      at += SPAN;
      pos++;
    }
    this.closed = buf[pos] === SLASH;
    if (this.closed && buf[++pos] !== GT) return 0;
    pos++;
    return pos - from > limits.attributeBytes ? 0 : pos;
  }

  #first(buf: Buffer): void {
    const spans = this.#spans;
    const at = this.#xmlns;
    this.firstNameEnd = this.#nameEnd;
    this.declaresDefault = at >= 0;
    this.declaresClient = at >= 0 && isWord(buf, spans[at + 2], spans[at + 3], CLIENT);
  }
}

/** Behind the bytes that do not stop a run; four at a time (measured: half the time for text). */
function run(buf: Buffer, from: number, end: number, stop: number): number {
  const cls = CLASS;
  let pos = from;
  while (pos + 4 <= end && ((cls[buf[pos]] | cls[buf[pos + 1]] | cls[buf[pos + 2]] | cls[buf[pos + 3]]) & stop) === 0) {
    pos += 4;
  }
  while (pos < end && (cls[buf[pos]] & stop) === 0) pos++;
  return pos;
}

const CLIENT = Buffer.from(NS.client);
const XMLNS = Buffer.from('xmlns');
const XML = Buffer.from('xml');

function isWord(buf: Buffer, from: number, to: number, word: Buffer): boolean {
  if (to - from !== word.length) return false;
  for (let i = 0; i < word.length; i++) if (buf[from + i] !== word[i]) return false;
  return true;
}

/** Behind a name in `xml:` whose colon is at `colon`; the colon when it is another prefix, or no name. */
function xmlName(buf: Buffer, from: number, colon: number, end: number): number {
  if (!isWord(buf, from, colon, XML) || colon + 1 >= end || (CLASS[buf[colon + 1]] & NAME_START) === 0) return colon;
  let pos = colon + 1;
  while (pos < end && (CLASS[buf[pos]] & ASCII_NAME) !== 0) pos++;
  return pos;
}

/** Whether an attribute of this name is among those before `most`. */
function isAmong(buf: Buffer, spans: Int32Array, most: number, from: number, to: number): boolean {
  for (let at = 0; at < most; at += SPAN) {
    const other = spans[at];
    if (spans[at + 1] - other !== to - from) continue;
    let i = 0;
    while (i < to - from && buf[other + i] === buf[from + i]) i++;
    if (i === to - from) return true;
  }
  return false;
}

/** Behind the end tag of that name, whose own begins at `from`; or 0. */
function endTag(buf: Buffer, from: number, end: number, name: number, length: number): number {
  if (from + length >= end) return 0;
  for (let i = 0; i < length; i++) if (buf[from + i] !== buf[name + i]) return 0;
  return buf[from + length] === GT ? from + length + 1 : 0;
}

/** Behind a byte at which a run stops and that may still be plain; or 0. */
function special(buf: Buffer, pos: number, end: number): number {
  const byte = buf[pos];
  if (byte === AMP) return predefinedEnd(buf, pos, end);
  if (pos + 2 >= end) return 0;
  if (byte === LEAD_EF) return buf[pos + 1] === 0xbf && buf[pos + 2] >= 0xbe ? 0 : pos + 1;
  if (byte === BRACKET) return buf[pos + 1] === BRACKET && buf[pos + 2] === GT ? 0 : pos + 1;
  return 0;
}
