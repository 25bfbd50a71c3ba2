// One element, from its `<` to its end, byte by byte: the part of the scanner where the time goes. It proves XML 1.0
// (except what RFC 6120 section 11.1 restricts, which it refuses), Namespaces in XML 1.0 and the limits. It makes no
// strings and allocates nothing per token: names and attributes are offsets in typed arrays.
//
// An element that is not complete stops anywhere and goes on there: `scan` answers -1 and is called again with more
// bytes. All offsets that are kept are relative to the element's start, because its bytes move between buffers.
// Bytes are looked at once, except for names and references, which start again and are bounded by limits.name.

import { AttributeTable } from './attributes.js';
import { CLASS as BYTE_CLASS } from './chars.js';
import { exceeded, malformed, restricted, type ScannerLimits } from './limits.js';
import { checkName, predefinedEnd, referenceEnd } from './names.js';
import { isXml, isXmlns, Prefixes, type Wrapper } from './namespaces.js';

// The values of chars.ts again: a constant of this file is folded into the loops, an imported one is loaded each time
// (measured: twice the time for text).
const CLASS = BYTE_CLASS;
const AMP = 0x26;
const APOS = 0x27;
const BANG = 0x21;
const BRACKET = 0x5d;
const COLON = 0x3a;
const EQUALS = 0x3d;
const FORBIDDEN = 32;
const GT = 0x3e;
const LEAD_EF = 0xef;
const LT = 0x3c;
const NAME = 2;
const NAME_START = 1;
const QUESTION = 0x3f;
const QUOT = 0x22;
const SLASH = 0x2f;
const SPACE = 4;
const TEXT_STOP = 8;
const VALUE_STOP = 16;

/** Where an unfinished element goes on. */
const CONTENT = 0;
const TAG = 1;
const ASSIGNMENT = 2;
const VALUE_START = 3;
const VALUE = 4;
const END_TAG = 5;
const CDATA = 6;

/** Bits of #declares. */
const DEFAULT = 1;
const PREFIX = 2;

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
  #available = 0;

  #stage = CONTENT;
  #resume = 0;
  #depth = 0;
  #elements = 0;
  /** Start and end of the names of the open elements. */
  #open: Int32Array = new Int32Array(2 * 16);

  // The tag that is being read.
  #tagStart = 0;
  #nameEnd = 0;
  #nameColon = 0;
  #quote = 0;
  #valueStart = 0;
  /** How many attributes have a prefix other than xmlns. */
  #prefixed = 0;
  /** Whether attributes declare the default namespace, prefixes, or both. */
  #declares = 0;
  /** What #name found. */
  #colon = 0;
  #hash = 0;
  readonly #attributes = new AttributeTable();
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
  }

  /** Makes ready for an element. `headerOnly`: the wrapper's own start tag, not what is in it. */
  begin(limits: ScannerLimits, wrapper: Wrapper | undefined, headerOnly: boolean): void {
    this.#limits = limits;
    this.#wrapper = wrapper;
    this.#headerOnly = headerOnly;
    this.#stage = CONTENT;
    this.#resume = 0;
    this.#depth = 0;
    this.#elements = 0;
    this.#prefixes.clear();
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
  }

  /**
   * The offset behind the element that starts at `start`, or -1 when `available` ends before it does.
   * The bytes from `start` on that were given before must be the same again.
   */
  scan(buf: Buffer, start: number, available: number): number {
    this.#buf = buf;
    this.#start = start;
    const most = start + (this.#headerOnly ? this.#limits.attributeBytes : this.#limits.stanza);
    const end = Math.min(available, most);
    this.#available = end;
    this.#end = end;
    const pos = this.#continue(start + this.#resume);
    if (pos < 0 && available >= most) throw exceeded(this.#limits, this.#headerOnly ? 'attributeBytes' : 'stanza');
    return pos;
  }

  #continue(from: number): number {
    let pos = from;
    switch (this.#stage) {
      case CONTENT:
        if (this.#elements === 0) {
          pos = this.#startTag(pos);
          if (pos < 0 || this.#depth === 0 || this.#headerOnly) return pos;
        }
        break;
      case END_TAG:
        pos = this.#endTagClose(pos);
        break;
      case CDATA:
        pos = this.#cdataText(pos);
        break;
      default:
        this.#limitTag();
        pos = this.#tag(pos, this.#stage);
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
      const next = byte === BRACKET ? this.#bracket(pos) : this.#special(byte, pos);
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

  /** What text and values share: references, controls, noncharacters. Behind it, or -1. */
  #special(byte: number, pos: number): number {
    if (byte === AMP)
      return predefinedEnd(this.#buf, pos, this.#end) || referenceEnd(this.#buf, pos, this.#end, this.#limits);
    if (byte === LEAD_EF) return this.#noncharacter(pos);
    throw malformed('a character that XML does not allow');
  }

  #noncharacter(pos: number): number {
    if (pos + 2 >= this.#end) return -1;
    if (this.#buf[pos + 1] === 0xbf && this.#buf[pos + 2] >= 0xbe) {
      throw malformed('a character that XML does not allow');
    }
    return pos + 1;
  }

  #startTag(pos: number): number {
    this.#tagStart = pos - this.#start;
    this.#limitTag();
    const nameEnd = this.#name(pos + 1);
    if (nameEnd < 0) return this.#incomplete(CONTENT, pos);
    this.#nameEnd = nameEnd - this.#start;
    this.#nameColon = this.#colon;
    this.#prefixed = 0;
    this.#declares = 0;
    this.#attributes.count = 0;
    return this.#tag(nameEnd, TAG);
  }

  /** Within a tag nothing is read past its limit. */
  #limitTag(): void {
    const most = this.#start + this.#tagStart + this.#limits.attributeBytes;
    if (most < this.#end) this.#end = most;
  }

  /** Waits for the rest of a tag, unless it is too long already. */
  #incomplete(stage: number, pos: number): number {
    if (this.#end - this.#start - this.#tagStart >= this.#limits.attributeBytes) {
      throw exceeded(this.#limits, 'attributeBytes');
    }
    return this.#wait(stage, pos);
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
        if (pos >= end) return this.#incomplete(TAG, pos);
        const byte = buf[pos];
        if (byte === GT) return this.#opened(pos + 1, false);
        if (byte === SLASH) {
          if (pos + 1 >= end) return this.#incomplete(TAG, pos);
          if (buf[pos + 1] !== GT) throw malformed('/ in a tag');
          return this.#opened(pos + 2, true);
        }
        const nameEnd = this.#attributeName(pos);
        if (nameEnd < 0) return this.#incomplete(TAG, pos);
        pos = nameEnd;
      }
      if (stage <= ASSIGNMENT) {
        pos = this.#spaces(pos);
        if (pos >= end) return this.#incomplete(ASSIGNMENT, pos);
        if (buf[pos++] !== EQUALS) throw malformed('an attribute without =');
      }
      if (stage <= VALUE_START) {
        pos = this.#spaces(pos);
        if (pos >= end) return this.#incomplete(VALUE_START, pos);
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
    const table = this.#attributes;
    if (table.count >= this.#limits.attributes) throw exceeded(this.#limits, 'attributes');
    table.add(buf, start, pos - start, nameEnd - start, this.#colon, this.#hash);
    if (this.#colon >= 0) this.#prefixedAttribute(pos, start + this.#colon);
    else if (buf[pos] === 0x78 && nameEnd - pos === 5 && isXmlns(buf, pos, nameEnd)) this.#declares |= DEFAULT;
    return nameEnd;
  }

  /** `xml:` needs no look-up: it is bound to what nothing else is bound to. */
  #prefixedAttribute(pos: number, colon: number): void {
    if (isXmlns(this.#buf, pos, colon)) this.#declares |= PREFIX;
    else if (!isXml(this.#buf, pos, colon)) this.#prefixed++;
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
      if (pos >= end) return this.#incomplete(VALUE, pos);
      const byte = buf[pos];
      if (byte === quote) break;
      if (byte === QUOT || byte === APOS) {
        pos++;
        continue;
      }
      if (byte === LT) throw malformed('< in a value');
      const next = this.#special(byte, pos);
      if (next < 0) return this.#incomplete(VALUE, pos);
      pos = next;
    }
    this.#attributes.value(this.#valueStart, pos - this.#start);
    return pos + 1;
  }

  /** A start tag was read: counts it, binds its names, opens it. */
  #opened(pos: number, closed: boolean): number {
    this.#end = this.#available;
    if (++this.#elements > this.#limits.elements) throw exceeded(this.#limits, 'elements');
    const depth = this.#depth + 1;
    if (depth > this.#limits.depth) throw exceeded(this.#limits, 'depth');
    if (this.#declares !== 0 || this.#prefixed > 0 || this.#nameColon >= 0) this.#bind(depth);
    if (depth === 1) this.firstNameEnd = this.#nameEnd;
    if (closed) {
      if (this.#declares >= PREFIX) this.#prefixes.leave(depth - 1);
      this.selfClosed = true;
      return pos;
    }
    this.selfClosed = false;
    if (depth * 2 > this.#open.length) this.#open = widened(this.#open);
    this.#open[depth * 2 - 2] = this.#tagStart + 1;
    this.#open[depth * 2 - 1] = this.#nameEnd;
    this.#depth = depth;
    return pos;
  }

  #bind(depth: number): void {
    const buf = this.#buf;
    const start = this.#start;
    if (this.#declares !== 0) {
      this.#prefixes.declare(buf, start, this.#attributes, depth, this.#limits);
      if (depth === 1) this.declaresDefault = (this.#declares & DEFAULT) !== 0;
    }
    if (this.#nameColon >= 0) {
      const from = this.#tagStart + 1;
      if (isXmlns(buf, start + from, start + this.#nameColon)) throw malformed('an element of xmlns');
      this.#prefixes.resolve(buf, start, from, this.#nameColon, this.#wrapper);
    }
    if (this.#prefixed > 0) this.#prefixes.attributes(buf, start, this.#attributes, this.#wrapper);
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
      if (byte === LEAD_EF && this.#noncharacter(pos) < 0) return this.#wait(CDATA, pos);
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
