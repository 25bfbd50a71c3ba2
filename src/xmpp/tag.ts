// The first tag of a proven element, read by position. Its bytes went through the scanner before, so nothing is checked
// again and nothing is made a string until it is asked for.

import { AMP, APOS, CLASS, COLON, GT, NAME, QUOT, SLASH } from './chars.js';
import { unescapeAttribute } from './escape.js';
import { NS } from './ns.js';

/** One attribute, by offsets: name from start to end, value without its quotes. */
export interface AttributeSpan {
  readonly nameStart: number;
  readonly nameEnd: number;
  readonly valueStart: number;
  readonly valueEnd: number;
}

const SPACE = 0x20;
const ZERO = 0x30;

const isNameByte = (byte: number) => (CLASS[byte] & NAME) !== 0 || byte === COLON;

/** Whether these bytes are that string, and ASCII. */
function same(bytes: Buffer, start: number, end: number, text: string): boolean {
  if (end - start !== text.length) return false;
  for (let i = 0; i < text.length; i++) {
    const byte = bytes[start + i];
    if (byte !== text.charCodeAt(i) || byte >= 0x80) return false;
  }
  return true;
}

function isAscii(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) >= 0x80) return false;
  return true;
}

// Made strings of once, not once a stanza.
const KNOWN_NAMES = ['message', 'presence', 'iq', 'body', 'features', 'error', 'r', 'a', 'query', 'success'];
const KNOWN_DECLARATIONS = ['xmlns', 'xmlns:stream'];
const KNOWN_TYPES = ['chat', 'groupchat', 'get', 'set', 'result', 'unavailable', 'error', 'headline', 'normal'];
const KNOWN_NAMESPACES = [NS.client, NS.stream, NS.httpbind, NS.stanzas, NS.sm3, NS.sasl];

function known(bytes: Buffer, start: number, end: number, words: readonly string[]): string | undefined {
  for (const word of words) if (same(bytes, start, end, word)) return word;
  return undefined;
}

/** Attributes to be put into many a tag, where it has none of these names; ` name='value'` each. */
export class Attributes {
  readonly bytes: Buffer;

  constructor(text: string) {
    this.bytes = Buffer.allocUnsafeSlow(Buffer.byteLength(text));
    this.bytes.write(text);
  }
}

/** A start tag. Names are as written; values are unescaped. */
export class StartTag {
  readonly #bytes: Buffer;
  readonly #start: number;
  readonly #nameEnd: number;
  readonly #colon: number;
  readonly #spans: number[];
  readonly #end: number;

  /** `bytes` hold a proven element whose first tag begins at `start`. */
  constructor(bytes: Buffer, start = 0) {
    this.#bytes = bytes;
    this.#start = start;
    this.#spans = [];
    let pos = start + 1;
    let colon = -1;
    while (isNameByte(bytes[pos])) {
      if (bytes[pos] === COLON) colon = pos;
      pos++;
    }
    this.#nameEnd = pos;
    this.#colon = colon;
    this.#end = this.#readAttributes(pos);
  }

  #readAttributes(from: number): number {
    const bytes = this.#bytes;
    let pos = from;
    for (;;) {
      while (!isNameByte(bytes[pos])) {
        if (bytes[pos] === GT) return pos + 1;
        pos++;
      }
      const nameStart = pos;
      while (isNameByte(bytes[pos])) pos++;
      const nameEnd = pos;
      while (bytes[pos] !== QUOT && bytes[pos] !== APOS) pos++;
      const quote = bytes[pos++];
      const valueStart = pos;
      while (bytes[pos] !== quote) pos++;
      this.#spans.push(nameStart, nameEnd, valueStart, pos);
      pos++;
    }
  }

  /** Offset just behind the tag's name: where an attribute can be put in. */
  get nameEnd(): number {
    return this.#nameEnd;
  }

  /** Offset just behind the tag's `>`. */
  get end(): number {
    return this.#end;
  }

  /** Whether it ends in `/>`. */
  get selfClosed(): boolean {
    return this.#bytes[this.#end - 2] === SLASH;
  }

  /** Local name. */
  get name(): string {
    const start = this.#colon < 0 ? this.#start + 1 : this.#colon + 1;
    return known(this.#bytes, start, this.#nameEnd, KNOWN_NAMES) ?? this.#bytes.toString('utf8', start, this.#nameEnd);
  }

  /** '' when the name has none. */
  get prefix(): string {
    return this.#colon < 0 ? '' : this.#bytes.toString('utf8', this.#start + 1, this.#colon);
  }

  /** Namespace name; '' when the element is in none. */
  get ns(): string {
    return this.declared(this.prefix) ?? '';
  }

  /** What this tag itself binds a prefix ('': the default namespace) to. */
  declared(prefix: string): string | undefined {
    if (prefix === 'xml') return NS.xml;
    const at = this.#find(prefix === '' ? 'xmlns' : `xmlns:${prefix}`);
    if (at < 0) return undefined;
    const start = this.#spans[at + 2];
    const end = this.#spans[at + 3];
    return known(this.#bytes, start, end, KNOWN_NAMESPACES) ?? this.#value(at);
  }

  /** The value of the attribute with this name as written. */
  attr(name: string): string | undefined {
    const at = this.#find(name);
    return at < 0 ? undefined : this.#value(at);
  }

  /** That of `type`. */
  get type(): string | undefined {
    const at = this.#find('type');
    if (at < 0) return undefined;
    return known(this.#bytes, this.#spans[at + 2], this.#spans[at + 3], KNOWN_TYPES) ?? this.#value(at);
  }

  /** The value of the attribute with this expanded name, whatever its prefix; `ns` is never '', `local` is ASCII. */
  attrNS(ns: string, local: string): string | undefined {
    const spans = this.#spans;
    for (let at = 0; at < spans.length; at += 4) {
      const end = spans[at + 1];
      const colon = end - local.length - 1;
      if (colon <= spans[at] || this.#bytes[colon] !== COLON || !same(this.#bytes, colon + 1, end, local)) continue;
      const prefix = this.#bytes.toString('utf8', spans[at], colon);
      if (prefix !== 'xmlns' && this.declared(prefix) === ns) return this.#value(at);
    }
    return undefined;
  }

  /** The same value as a number where it is written in at most 15 decimal digits without leading zeros, else -1. */
  natural(name: string): number | undefined {
    const at = this.#find(name);
    if (at < 0) return undefined;
    const bytes = this.#bytes;
    const start = this.#spans[at + 2];
    const end = this.#spans[at + 3];
    if (end === start || end - start > 15 || (bytes[start] === ZERO && end - start > 1)) return -1;
    let number = 0;
    for (let pos = start; pos < end; pos++) {
      const digit = bytes[pos] - ZERO;
      if (digit < 0 || digit > 9) return -1;
      number = number * 10 + digit;
    }
    return number;
  }

  /** All attributes in their order, namespace declarations among them. */
  *attributes(): IterableIterator<{ name: string; value: string }> {
    for (let at = 0; at < this.#spans.length; at += 4) yield { name: this.#name(at), value: this.#value(at) };
  }

  /** The namespace declarations, with their values also as written, still escaped. */
  declarations(): { name: string; value: string; raw: string }[] {
    const found: { name: string; value: string; raw: string }[] = [];
    const bytes = this.#bytes;
    const spans = this.#spans;
    for (let at = 0; at < spans.length; at += 4) {
      const from = spans[at];
      if (!same(bytes, from, Math.min(from + 5, spans[at + 1]), 'xmlns')) continue;
      const name = known(bytes, from, spans[at + 1], KNOWN_DECLARATIONS) ?? this.#name(at);
      const raw = known(bytes, spans[at + 2], spans[at + 3], KNOWN_NAMESPACES);
      if (raw !== undefined) found.push({ name, value: raw, raw });
      else found.push({ name, value: this.#value(at), raw: bytes.toString('utf8', spans[at + 2], spans[at + 3]) });
    }
    return found;
  }

  /** Where the attribute with this name as written stands. */
  span(name: string): AttributeSpan | undefined {
    const at = this.#find(name);
    if (at < 0) return undefined;
    const [nameStart, nameEnd, valueStart, valueEnd] = this.#spans.slice(at, at + 4);
    return { nameStart, nameEnd, valueStart, valueEnd };
  }

  #find(name: string): number {
    const spans = this.#spans;
    for (let at = 0; at < spans.length; at += 4) {
      if (same(this.#bytes, spans[at], spans[at + 1], name)) return at;
    }
    return isAscii(name) ? -1 : this.#findWide(name);
  }

  #findWide(name: string): number {
    for (let at = 0; at < this.#spans.length; at += 4) if (this.#name(at) === name) return at;
    return -1;
  }

  #name(at: number): string {
    return this.#bytes.toString('utf8', this.#spans[at], this.#spans[at + 1]);
  }

  #value(at: number): string {
    const bytes = this.#bytes;
    const end = this.#spans[at + 3];
    const raw = bytes.toString('utf8', this.#spans[at + 2], end);
    for (let pos = this.#spans[at + 2]; pos < end; pos++) {
      if (bytes[pos] === AMP || bytes[pos] < SPACE) return unescapeAttribute(raw);
    }
    return raw;
  }
}
