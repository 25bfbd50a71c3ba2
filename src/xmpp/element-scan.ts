// One element, from its `<` to its end, byte by byte, whatever it is made of: what plain-scan.ts does not take. It proves
// XML 1.0 (except what RFC 6120 section 11.1 restricts, which it refuses), Namespaces in XML 1.0 and the limits. It makes
// no strings and allocates nothing per token. Start tags are read in tag-scan.ts.
//
// An element that is not complete stops anywhere and goes on there: `scan` answers -1 and is called again with more
// bytes. All offsets that are kept are relative to the element's start, because its bytes move between buffers.

import { CLASS as BYTE_CLASS } from './chars.js';
import { exceeded, malformed, restricted, type ScannerLimits } from './limits.js';
import { leadEnd, specialEnd } from './names.js';
import { isXmlns, Prefixes, type Wrapper } from './namespaces.js';
import { DEFAULT, PREFIX, TagScan } from './tag-scan.js';

// The values of chars.ts again: a constant of this file is folded into the loops, an imported one is loaded each time
// (measured: twice the time for text).
const CLASS = BYTE_CLASS;
const BANG = 0x21;
const BRACKET = 0x5d;
const FORBIDDEN = 32;
const GT = 0x3e;
const LEAD_EF = 0xef;
const LT = 0x3c;
const QUESTION = 0x3f;
const SLASH = 0x2f;
const SPACE = 4;
const TEXT_STOP = 8;

/** Where an unfinished element goes on. */
const CONTENT = 0;
const TAG = 1;
const END_TAG = 2;
const CDATA = 3;

const CDATA_OPEN = Buffer.from('<![CDATA[');

/** Scans one element at a time; used again for the next one. */
export class ElementScan {
  #limits: ScannerLimits;
  #wrapper: Wrapper | undefined;
  #headerOnly = false;

  #buf: Buffer = CDATA_OPEN;
  #start = 0;
  /** Nothing is read from here on: what there is, or where a limit is passed. */
  #end = 0;

  #stage = CONTENT;
  #resume = 0;
  #depth = 0;
  #elements = 0;
  /** Start and end of the names of the open elements. */
  #open: Int32Array = new Int32Array(2 * 16);

  readonly #tag: TagScan;
  readonly #prefixes = new Prefixes();

  /** Offset behind the first tag's name. */
  firstNameEnd = 0;
  /** Whether the first tag has an `xmlns` attribute. */
  declaresDefault = false;
  /** After headerOnly: whether the tag was closed in itself. */
  selfClosed = false;
  /** CDATA sections: offset of each `<![CDATA[` and behind each `]]>`. */
  readonly cdata: number[] = [];

  constructor(limits: ScannerLimits) {
    this.#limits = limits;
    this.#tag = new TagScan(limits);
  }

  /** Makes ready for an element. `headerOnly`: the wrapper's own start tag, not what is in it. */
  begin(limits: ScannerLimits, wrapper: Wrapper | undefined, headerOnly: boolean, relayed: boolean): void {
    this.#limits = limits;
    this.#wrapper = wrapper;
    this.#headerOnly = headerOnly;
    this.#stage = TAG;
    this.#resume = 0;
    this.#depth = 0;
    this.#elements = 0;
    this.#tag.begin(limits);
    this.#prefixes.begin(relayed);
    this.declaresDefault = false;
    if (this.cdata.length > 0) this.cdata.length = 0;
  }

  /** Prefixes that the element uses and its wrapper declares, as indices into the wrapper's list. */
  get borrowed(): readonly number[] {
    return this.#prefixes.borrowed;
  }

  /** Lets go of the buffer. */
  release(): void {
    this.#buf = CDATA_OPEN;
    this.#wrapper = undefined;
    this.#tag.release();
  }

  /**
   * The offset behind the element that starts at `start`, or -1 when `available` ends before it does.
   * The bytes from `start` on that were given before must be the same again.
   */
  scan(buf: Buffer, start: number, available: number): number {
    this.#buf = buf;
    this.#start = start;
    const most = start + (this.#headerOnly ? this.#limits.attributeBytes : this.#limits.stanza);
    this.#end = Math.min(available, most);
    const pos = this.#continue(start + this.#resume);
    if (pos < 0 && available >= most) throw exceeded(this.#limits, this.#headerOnly ? 'attributeBytes' : 'stanza');
    return pos;
  }

  #continue(from: number): number {
    let pos = from;
    switch (this.#stage) {
      case TAG:
        pos = this.#startTag(pos);
        break;
      case END_TAG:
        pos = this.#endTagClose(pos);
        break;
      case CDATA:
        pos = this.#cdataText(pos);
        break;
    }
    if (pos < 0 || this.#depth === 0 || this.#headerOnly) return pos;
    return this.#content(pos);
  }

  /** Remembers where to go on. */
  #wait(stage: number, pos: number): number {
    this.#stage = stage;
    this.#resume = pos - this.#start;
    return -1;
  }

  #content(from: number): number {
    const buf = this.#buf;
    const end = this.#end;
    let pos = from;
    for (;;) {
      pos = this.#text(pos);
      if (pos < 0) return -1;
      if (pos + 1 >= end) return this.#wait(CONTENT, pos);
      const next = buf[pos + 1];
      if (next === SLASH) pos = this.#endTag(pos);
      else if (next === BANG || next === QUESTION) pos = this.#markup(pos, next);
      else pos = this.#startTag(pos);
      if (pos < 0 || this.#depth === 0) return pos;
    }
  }

  /** Character data, to the next `<`. */
  #text(from: number): number {
    const cls = CLASS;
    const buf = this.#buf;
    const end = this.#end;
    let pos = from;
    for (;;) {
      while (
        pos + 4 <= end &&
        ((cls[buf[pos]] | cls[buf[pos + 1]] | cls[buf[pos + 2]] | cls[buf[pos + 3]]) & TEXT_STOP) === 0
      ) {
        pos += 4;
      }
      while (pos < end && (cls[buf[pos]] & TEXT_STOP) === 0) pos++;
      if (pos >= end) return this.#wait(CONTENT, pos);
      const byte = buf[pos];
      if (byte === LT) return pos;
      const next = byte === BRACKET ? this.#bracket(pos) : specialEnd(buf, pos, end, this.#limits);
      if (next < 0) return this.#wait(CONTENT, pos);
      pos = next;
    }
  }

  /** `]]>` may not stand in text (production 14). */
  #bracket(pos: number): number {
    if (pos + 1 >= this.#end) return -1;
    if (this.#buf[pos + 1] !== BRACKET) return pos + 1;
    if (pos + 2 >= this.#end) return -1;
    if (this.#buf[pos + 2] === GT) throw malformed(']]> in text');
    return pos + 1;
  }

  #startTag(pos: number): number {
    const behind = this.#tag.read(this.#buf, this.#start, pos, this.#end);
    return behind < 0 ? this.#wait(TAG, pos) : this.#opened(behind);
  }

  /** A start tag was read: counts it, binds its names, opens it. */
  #opened(pos: number): number {
    if (++this.#elements > this.#limits.elements) throw exceeded(this.#limits, 'elements');
    const depth = this.#depth + 1;
    if (depth > this.#limits.depth) throw exceeded(this.#limits, 'depth');
    const { declares, prefixed, colon, closed } = this.#tag;
    if (declares !== 0 || prefixed > 0 || colon >= 0) this.#bind(this.#tag, depth);
    if (depth === 1) this.firstNameEnd = this.#tag.nameEnd;
    this.selfClosed = closed;
    if (closed) {
      if (declares >= PREFIX) this.#prefixes.leave(depth - 1);
      return pos;
    }
    if (depth * 2 > this.#open.length) this.#open = widened(this.#open);
    this.#open[depth * 2 - 2] = this.#tag.at + 1;
    this.#open[depth * 2 - 1] = this.#tag.nameEnd;
    this.#depth = depth;
    return pos;
  }

  #bind({ at, colon, declares, prefixed, attributes }: TagScan, depth: number): void {
    const buf = this.#buf;
    const start = this.#start;
    if (declares !== 0) {
      this.#prefixes.declare(buf, start, attributes, depth, this.#limits);
      if (depth === 1) this.declaresDefault = (declares & DEFAULT) !== 0;
    }
    if (colon >= 0) {
      if (isXmlns(buf, start + at + 1, start + colon)) throw malformed('an element of xmlns');
      this.#prefixes.resolve(buf, start, at + 1, colon, this.#wrapper);
    }
    if (prefixed > 0) this.#prefixes.attributes(buf, start, attributes, this.#wrapper);
  }

  #spaces(from: number): number {
    const buf = this.#buf;
    const end = this.#end;
    let pos = from;
    while (pos < end && (CLASS[buf[pos]] & SPACE) !== 0) pos++;
    return pos;
  }

  #endTag(pos: number): number {
    const buf = this.#buf;
    const start = this.#start;
    const from = start + this.#open[this.#depth * 2 - 2];
    const length = start + this.#open[this.#depth * 2 - 1] - from;
    const name = pos + 2;
    const available = this.#end - name;
    const most = Math.min(length, available);
    for (let i = 0; i < most; i++) {
      if (buf[name + i] !== buf[from + i]) throw malformed('an end tag that does not match');
    }
    if (available <= length) return this.#wait(CONTENT, pos);
    return this.#endTagClose(name + length);
  }

  #endTagClose(from: number): number {
    const pos = this.#spaces(from);
    if (pos >= this.#end) return this.#wait(END_TAG, pos);
    if (this.#buf[pos] !== GT) throw malformed('an end tag that does not match');
    this.#depth--;
    this.#prefixes.leave(this.#depth);
    return pos + 1;
  }

  /** `<!` and `<?`: a CDATA section, or what RFC 6120 section 11.1 forbids. */
  #markup(pos: number, next: number): number {
    if (next === QUESTION) throw restricted('a processing instruction');
    const buf = this.#buf;
    const available = this.#end - pos;
    for (let i = 2; i < CDATA_OPEN.length && i < available; i++) {
      if (buf[pos + i] !== CDATA_OPEN[i]) throw restricted('a comment or a declaration');
    }
    if (available < CDATA_OPEN.length) return this.#wait(CONTENT, pos);
    this.cdata.push(pos - this.#start);
    return this.#cdataText(pos + CDATA_OPEN.length);
  }

  #cdataText(from: number): number {
    const buf = this.#buf;
    const end = this.#end;
    let pos = from;
    for (; pos < end; pos++) {
      const byte = buf[pos];
      if ((CLASS[byte] & FORBIDDEN) !== 0) throw malformed('a character that XML does not allow');
      if (byte === LEAD_EF && leadEnd(buf, pos, end) < 0) return this.#wait(CDATA, pos);
      if (byte !== BRACKET) continue;
      if (pos + 1 >= end) return this.#wait(CDATA, pos);
      if (buf[pos + 1] !== BRACKET) continue;
      if (pos + 2 >= end) return this.#wait(CDATA, pos);
      if (buf[pos + 2] !== GT) continue;
      this.cdata.push(pos + 3 - this.#start);
      return pos + 3;
    }
    return this.#wait(CDATA, pos);
  }
}

function widened(array: Int32Array): Int32Array {
  const wider = new Int32Array(array.length * 2);
  wider.set(array);
  return wider;
}
