// A stanza, or any other first-level element of a stream, kept as the bytes it came in. What is asked of it is read
// from the first tag on demand; a tree is only made for cold paths. It does not check: the scanner did.

import { BANG, GT, LT, SLASH } from './chars.js';
import { DocumentScan } from './document-scan.js';
import { type Element, parseElement } from './element.js';
import { escapeAttribute } from './escape.js';
import { NS } from './ns.js';
import { type Attributes, StartTag } from './tag.js';

/** The three stanzas of RFC 6120 section 8. */
export type Kind = 'message' | 'presence' | 'iq';

const BODY = '<body>';
const UNMADE = Buffer.alloc(0);
/** `Buffer` has so many properties that each is looked up by name, even in compiled code. */
const { allocUnsafe } = Buffer;

/** A child element of a stanza. */
export interface Child {
  readonly name: string;
  readonly ns: string;
}

/** One first-level element, kept as the bytes it came in. */
export class Stanza {
  #raw: Buffer | undefined;
  #ns: string | undefined;
  #tag: StartTag | undefined;
  #tree: Element | undefined;
  #isPlain: boolean | undefined;
  /** What it says but for these attributes, until somebody asks for its bytes: mostly they are to be copied once more. */
  #source: Stanza | undefined;
  #added: Attributes | undefined;

  /** `raw` has left the scanner, which may know its namespace; text of unknown worth goes through `Stanza.from`. */
  constructor(raw: Buffer, ns?: string) {
    this.#raw = raw;
    this.#ns = ns;
  }

  /** Complete and self-contained: declares every namespace it uses, default namespace included. Never changed. */
  get raw(): Buffer {
    this.#raw ??= this.#made();
    return this.#raw;
  }

  #made(): Buffer {
    const raw = allocUnsafe(this.size);
    this.copyTo(raw, 0);
    // What it was made from is not kept for it.
    this.#source = undefined;
    this.#added = undefined;
    return raw;
  }

  /** Bytes of `raw`. */
  get size(): number {
    const { raw } = this.#simpler;
    return this.#added === undefined ? raw.length : raw.length + this.#added.bytes.length;
  }

  /** Writes there what `raw` is, which is not made for that. */
  copyTo(target: Buffer, at: number): void {
    const { raw } = this.#simpler;
    if (this.#added === undefined) {
      target.set(raw, at);
      return;
    }
    const { bytes } = this.#added;
    const { nameEnd } = this.#simpler.#first;
    target.set(raw, at + bytes.length);
    for (let i = 0; i < nameEnd; i++) target[at + i] = raw[i];
    target.set(bytes, at + nameEnd);
  }

  /** What says the same but for attributes. */
  get #simpler(): Stanza {
    return this.#source ?? this;
  }

  /** A stanza from text that this server wrote itself or that was proven before; throws when it is not well-formed. */
  static from(xml: string | Element): Stanza {
    const read: Stanza[] = [];
    const element = (raw: Buffer) => void read.push(new Stanza(raw));
    const scan = new DocumentScan({ header() {}, element, end() {} }, undefined, { owned: true });
    scan.whole(Buffer.from(xml.toString()), undefined, { alone: true, relayed: true });
    return read[0];
  }

  get #first(): StartTag {
    this.#tag ??= new StartTag(this.raw);
    return this.#tag;
  }

  toString(): string {
    return this.raw.toString();
  }

  /** Its name where that is message, presence or iq as written, without a prefix; whatever its namespace. A few compares. */
  get kind(): Kind | undefined {
    const { raw } = this.#simpler;
    const kind = raw[1] === 0x6d ? 'message' : raw[1] === 0x70 ? 'presence' : raw[1] === 0x69 ? 'iq' : undefined;
    if (kind === undefined) return undefined;
    const end = kind.length + 1;
    for (let i = 2; i < end; i++) if (raw[i] !== kind.charCodeAt(i - 1)) return undefined;
    return isSpace(raw[end]) || raw[end] === SLASH || raw[end] === GT ? kind : undefined;
  }

  /** Local name: iq, message, presence, or a nonza's name (features, error, auth, enabled, ...). */
  get name(): string {
    return this.#simpler.#first.name;
  }

  /** Namespace of the first tag; '' when it is in none. */
  get ns(): string {
    this.#ns ??= this.#simpler.#first.ns;
    return this.#ns;
  }

  /** Attribute of the first tag, unescaped; by its name as written (`to`, `xml:lang`). */
  attr(name: string): string | undefined {
    return this.#first.attr(name);
  }

  get to(): string | undefined {
    return this.attr('to');
  }

  get from(): string | undefined {
    return this.attr('from');
  }

  get type(): string | undefined {
    return this.#first.type;
  }

  get id(): string | undefined {
    return this.attr('id');
  }

  /** First child element, read on demand. */
  get payload(): { name: string; ns: string } | undefined {
    const first = this.#first;
    if (first.selfClosed) return undefined;
    const at = this.raw.indexOf(LT, first.end);
    if (this.raw[at + 1] === SLASH) return undefined;
    const child = new StartTag(this.raw, at);
    return { name: child.name, ns: child.declared(child.prefix) ?? first.declared(child.prefix) ?? '' };
  }

  /** Where what is between the first tag and its end tag begins and ends in `raw`, and the name as written. */
  get content(): { start: number; end: number; name: string } {
    const { end: start, selfClosed, prefix, name: local } = this.#first;
    const end = selfClosed ? start : this.#endTag;
    return { start, end, name: prefix === '' ? local : `${prefix}:${local}` };
  }

  /** Where its end tag begins. */
  get #endTag(): number {
    const { raw } = this;
    let pos = raw.length - 1;
    while (raw[pos] !== LT) pos--;
    return pos;
  }

  /** A message with a body, which is text, and nothing else in it, as most are. */
  get isPlain(): boolean {
    this.#isPlain ??= this.#simpler.#readPlain();
    return this.#isPlain;
  }

  #readPlain(): boolean {
    const { raw } = this;
    if (this.kind !== 'message' || this.ns !== NS.client) return false;
    const { end } = this.#first;
    for (let i = 0; i < BODY.length; i++) if (raw[end + i] !== BODY.charCodeAt(i)) return false;
    // Both end tags, and nothing in front of them or between.
    return raw.indexOf(LT, end + BODY.length) === raw.length - '</body></message>'.length;
  }

  /** Its child elements, read from the bytes: most questions about them need no tree. */
  get children(): readonly Child[] {
    const first = this.#first;
    if (first.selfClosed) return [];
    const ns = (tag: StartTag) => tag.declared(tag.prefix) ?? first.declared(tag.prefix) ?? '';
    return childTags(this.raw, first.end).map((tag) => ({ name: tag.name, ns: ns(tag) }));
  }

  /** Whether it is one tag, `<name/>`. */
  get closed(): boolean {
    return this.#simpler.#first.selfClosed;
  }

  /** A copy with these attributes set (undefined: removed) on the first tag; all other bytes are the same. */
  with(attrs: Record<string, string | undefined>): Stanza {
    const parts: Buffer[] = [];
    const first = this.#first;
    const added: string[] = [];
    const edits: Edit[] = [];
    for (const [name, value] of Object.entries(attrs)) {
      const span = first.span(name);
      if (span === undefined) {
        if (value !== undefined) added.push(` ${name}='${escapeAttribute(value)}'`);
      } else if (value === undefined)
        edits.push({ from: this.#spaceBefore(span.nameStart), to: span.valueEnd + 1, by: '' });
      else edits.push({ from: span.valueStart - 1, to: span.valueEnd + 1, by: `'${escapeAttribute(value)}'` });
    }
    if (added.length > 0) edits.push({ from: first.nameEnd, to: first.nameEnd, by: added.join('') });
    edits.sort((a, b) => a.from - b.from || a.to - b.to);
    let done = 0;
    for (const { from, to, by } of edits) {
      parts.push(this.raw.subarray(done, from), Buffer.from(by));
      done = to;
    }
    parts.push(this.raw.subarray(done));
    return new Stanza(Buffer.concat(parts));
  }

  /** A copy with these attributes, of which its first tag has none and which declare no namespace; all other bytes are the same. */
  beginning(attributes: Attributes): Stanza {
    const copy = new Stanza(UNMADE, this.#ns);
    copy.#raw = undefined;
    copy.#source = this;
    copy.#added = attributes;
    return copy;
  }

  /** A copy with this element, which declares its namespace, as its last child; all other bytes are the same. */
  ending(element: string): Stanza {
    const { raw, closed } = this;
    const { start, end, name } = this.content;
    if (closed) return new Stanza(Buffer.concat([raw.subarray(0, start - 2), Buffer.from(`>${element}</${name}>`)]));
    const more = Buffer.byteLength(element);
    const longer = allocUnsafe(raw.length + more);
    longer.set(raw);
    longer.write(element, end, more);
    // A part that is copied otherwise costs an object.
    for (let i = end; i < raw.length; i++) longer[more + i] = raw[i];
    const copy = new Stanza(longer, this.#ns);
    // It ends where it ended.
    copy.#tag = this.#tag;
    return copy;
  }

  /** `ending` with an element that is bytes already: a third of the time. */
  endingIn(element: Buffer): Stanza {
    if (this.closed) return this.ending(element.toString());
    const { size } = this;
    const { raw } = this.#simpler;
    const end = size - raw.length + this.#simpler.#endTag;
    const more = element.length;
    const longer = allocUnsafe(size + more);
    this.copyTo(longer, 0);
    for (let i = size - 1; i >= end; i--) longer[more + i] = longer[i];
    longer.set(element, end);
    const copy = new Stanza(longer, this.#ns);
    copy.#tag = this.#tag;
    return copy;
  }

  /** A copy for who keeps it long: with it nothing else is kept, of what it was cut from or of what was read in it. */
  get lasting(): Stanza {
    // Small buffers share a piece of 8 KiB, which stays as long as one of them.
    const raw = Buffer.allocUnsafeSlow(this.raw.length);
    this.raw.copy(raw);
    return new Stanza(raw, this.#ns);
  }

  /** Offset of the white space in front of an attribute. */
  #spaceBefore(nameStart: number): number {
    let pos = nameStart;
    while (isSpace(this.raw[pos - 1])) pos--;
    return pos;
  }

  /** For cold paths; built once. */
  get tree(): Element {
    this.#tree ??= parseElement(this.raw.toString());
    return this.#tree;
  }
}

/** The first tags of the elements that follow each other from there on, up to an end tag. */
function childTags(raw: Buffer, from: number): StartTag[] {
  const tags: StartTag[] = [];
  let depth = 0;
  for (let pos = raw.indexOf(LT, from); pos !== -1; pos = raw.indexOf(LT, pos)) {
    if (raw[pos + 1] === BANG) pos = raw.indexOf(']]>', pos);
    else if (raw[pos + 1] === SLASH) {
      if (depth === 0) return tags;
      depth--;
      pos++;
    } else {
      const tag = new StartTag(raw, pos);
      if (depth === 0) tags.push(tag);
      if (!tag.selfClosed) depth++;
      pos = tag.end;
    }
  }
  return tags;
}

interface Edit {
  readonly from: number;
  readonly to: number;
  readonly by: string;
}

const isSpace = (byte: number) => byte === 0x20 || byte === 0x09 || byte === 0x0a || byte === 0x0d;
