// Namespaces in XML 1.0 for the element that is being scanned: which prefixes are declared, what they are bound to, and
// which of them the element takes from its wrapper.

import {
  type AttributeTable,
  COLON_AT,
  NAME_AT,
  NAME_END,
  STRIDE,
  sameBytes,
  VALUE_AT,
  VALUE_END,
} from './attributes.js';
import { ASCII_NAME, CLASS } from './chars.js';
import { StreamError } from './errors.js';
import { escapeAttribute, unescapeAttribute } from './escape.js';
import { exceeded, malformed, type ScannerLimits } from './limits.js';
import { NS } from './ns.js';
import type { StartTag } from './tag.js';

/** A prefix that a wrapper (`<stream:stream>`, `<body>`) declares for its children. */
export interface WrapperPrefix {
  readonly name: Buffer;
  readonly uri: string;
  /** ` xmlns:name='...'`, ready to be put into a tag. */
  readonly declaration: Buffer;
}

/** What children inherit. */
export interface Wrapper {
  /** ` xmlns='...'`, or nothing when there is no default namespace. */
  readonly defaultDeclaration: Buffer | undefined;
  readonly prefixes: readonly WrapperPrefix[];
  /** Whether the default namespace is jabber:client. */
  readonly client: boolean;
}

/** ` xmlns='ns'`, ready to be put into a tag; `value` is escaped. */
export function declaration(name: string, value: string): Buffer {
  return Buffer.from(` ${name}=${value.includes("'") ? `"${value}"` : `'${value}'`}`);
}

const CLIENT = declaration('xmlns', NS.client);

/** ` xmlns='ns'` for a namespace name that is not escaped; nothing for nothing. */
export function defaultDeclaration(ns: string | undefined): Buffer | undefined {
  if (ns === undefined) return undefined;
  return ns === NS.client ? CLIENT : declaration('xmlns', escapeAttribute(ns));
}

/** What is inherited where nothing is declared but this. */
export function bareWrapper(defaultDeclaration: Buffer | undefined): Wrapper {
  return { defaultDeclaration, prefixes: [], client: defaultDeclaration === CLIENT };
}

function prefixed(name: string, uri: string, raw: string): WrapperPrefix {
  return { name: Buffer.from(name.slice(6)), uri, declaration: declaration(name, raw) };
}

/** What nearly every stream header declares. */
const STREAM = { name: 'xmlns:stream', prefix: prefixed('xmlns:stream', NS.stream, NS.stream) };

/** What the children of this proven tag inherit. `instead` takes the place of its default namespace. */
export function wrapperOf(tag: StartTag, instead: Buffer | undefined): Wrapper {
  let client = instead === CLIENT;
  const prefixes: WrapperPrefix[] = [];
  let inherited = instead;
  for (const { name, value, raw } of tag.declarations()) {
    if (name === 'xmlns' && inherited === undefined && value !== '') {
      client = value === NS.client;
      inherited = raw === NS.client ? CLIENT : declaration(name, raw);
    }
    if (!name.startsWith('xmlns:') || name === 'xmlns:xml') continue;
    prefixes.push(name === STREAM.name && raw === NS.stream ? STREAM.prefix : prefixed(name, value, raw));
  }
  return { defaultDeclaration: inherited, prefixes, client };
}

const XMLNS = 0x786d6c6e; // the bytes of 'xmln'
const SCOPE = 5; // prefix start and end, value start and end, depth

function startsXmlns(buf: Buffer, at: number): boolean {
  return (
    ((buf[at] << 24) | (buf[at + 1] << 16) | (buf[at + 2] << 8) | buf[at + 3]) === XMLNS && buf[at + 4] === 0x73 // 's'
  );
}

/** Whether these bytes are the prefix `xml`. */
export function isXml(buf: Buffer, at: number, end: number): boolean {
  return end - at === 3 && buf[at] === 0x78 && buf[at + 1] === 0x6d && buf[at + 2] === 0x6c;
}

const badPrefix = (text: string) => new StreamError('bad-namespace-prefix', text);

/**
 * A namespace name as it counts. Parsers differ in white space around it: what one of them takes for nothing, or for the
 * same, is refused, unless a server has let it pass already.
 */
const counted = (name: string, relayed: boolean) => (relayed ? name : name.trim());

/** The prefixes in scope, as offsets from the element's start. */
export class Prefixes {
  #scopes = new Int32Array(8 * SCOPE);
  #count = 0;
  /** Numbers for namespace names, equal when the names are; made when two prefixed attributes have to be compared. */
  #uris = new Map<string, number>();
  readonly #uriOf: number[] = [];
  /** Indices into the wrapper's prefixes. */
  readonly borrowed: number[] = [];
  #relayed = false;

  /** Makes ready for an element; `relayed` as in ScannerOptions. */
  begin(relayed: boolean): void {
    this.#relayed = relayed;
    this.#count = 0;
    if (this.borrowed.length > 0) this.borrowed.length = 0;
    if (this.#uris.size > 0) this.#uris = new Map();
  }

  /** Forgets what was declared deeper than `depth`. */
  leave(depth: number): void {
    while (this.#count > 0 && this.#scopes[(this.#count - 1) * SCOPE + 4] > depth) this.#count--;
  }

  /** Takes in the declarations of a tag. */
  declare(buf: Buffer, start: number, table: AttributeTable, depth: number, limits: ScannerLimits): void {
    const spans = table.spans;
    for (let at = 0; at < table.count * STRIDE; at += STRIDE) {
      if (!isDeclaration(buf, start, spans, at)) continue;
      if (spans[at + COLON_AT] < 0) {
        this.#checkName(buf, start + spans[at + VALUE_AT], start + spans[at + VALUE_END], false, false);
      } else this.#declarePrefix(buf, start, spans, at, depth, limits);
    }
  }

  #declarePrefix(
    buf: Buffer,
    start: number,
    spans: Int32Array,
    at: number,
    depth: number,
    limits: ScannerLimits,
  ): void {
    const from = spans[at + COLON_AT] + 1;
    const to = spans[at + NAME_END];
    const xml = isXml(buf, start + from, start + to);
    if (to - from === 5 && startsXmlns(buf, start + from)) throw badPrefix('xmlns is declared');
    this.#checkName(buf, start + spans[at + VALUE_AT], start + spans[at + VALUE_END], xml, true);
    if (xml) return;
    if (this.#count >= limits.namespaces) throw exceeded(limits, 'namespaces');
    this.#push(from, to, spans[at + VALUE_AT], spans[at + VALUE_END], depth);
  }

  /** The names of the namespaces `xml` and `xmlns` belong to them alone (section 3), and a prefix has one. */
  #checkName(buf: Buffer, from: number, to: number, xml: boolean, prefixed: boolean): void {
    if (!xml && isOrdinary(buf, from, to)) return;
    const name = counted(unescapeAttribute(buf.toString('utf8', from, to)), this.#relayed);
    if (prefixed && name === '') throw badPrefix('a prefix without a namespace');
    if (name === NS.xmlns) throw badPrefix('the namespace of xmlns is declared');
    if ((name === NS.xml) !== xml) throw badPrefix('xml and its namespace belong together');
  }

  #push(from: number, to: number, valueFrom: number, valueTo: number, depth: number): void {
    const at = this.#count * SCOPE;
    if (at === this.#scopes.length) {
      const wider = new Int32Array(at * 2);
      wider.set(this.#scopes);
      this.#scopes = wider;
    }
    this.#scopes[at] = from;
    this.#scopes[at + 1] = to;
    this.#scopes[at + 2] = valueFrom;
    this.#scopes[at + 3] = valueTo;
    this.#scopes[at + 4] = depth;
    this.#uriOf[this.#count++] = -1;
  }

  /** Finds what binds a prefix: 0 and up a scope, -1 and down the wrapper's, XML for `xml`. Throws when nothing does. */
  resolve(buf: Buffer, start: number, from: number, to: number, wrapper: Wrapper | undefined): number {
    const scopes = this.#scopes;
    for (let i = this.#count - 1; i >= 0; i--) {
      if (sameBytes(buf, start, scopes[i * SCOPE], scopes[i * SCOPE + 1], from, to)) return i;
    }
    if (isXml(buf, start + from, start + to)) return XML;
    if (wrapper !== undefined) {
      for (let i = 0; i < wrapper.prefixes.length; i++) {
        if (wrapper.prefixes[i].name.compare(buf, start + from, start + to) !== 0) continue;
        if (!this.borrowed.includes(i)) this.borrowed.push(i);
        return -1 - i;
      }
    }
    throw badPrefix('a prefix that is not declared');
  }

  /** Resolves the prefixes of a tag's attributes, which must differ by expanded name (section 6.3). */
  attributes(buf: Buffer, start: number, table: AttributeTable, wrapper: Wrapper | undefined): void {
    const spans = table.spans;
    const seen: number[] = [];
    for (let at = 0; at < table.count * STRIDE; at += STRIDE) {
      if (spans[at + COLON_AT] < 0 || isDeclaration(buf, start, spans, at)) continue;
      const binding = this.resolve(buf, start, spans[at + NAME_AT], spans[at + COLON_AT], wrapper);
      for (let i = 0; i < seen.length; i += 2) {
        const other = seen[i];
        if (
          sameBytes(
            buf,
            start,
            spans[other + COLON_AT],
            spans[other + NAME_END],
            spans[at + COLON_AT],
            spans[at + NAME_END],
          ) &&
          this.#uri(buf, start, binding, wrapper) === this.#uri(buf, start, seen[i + 1], wrapper)
        ) {
          throw malformed('an attribute appears twice');
        }
      }
      seen.push(at, binding);
    }
  }

  /** A number for the namespace name a binding stands for; each name is decoded once. */
  #uri(buf: Buffer, start: number, binding: number, wrapper: Wrapper | undefined): number {
    if (binding === XML) return 0;
    if (binding < 0) return this.#number(wrapper?.prefixes[-1 - binding].uri ?? '');
    if (this.#uriOf[binding] < 0) {
      const at = binding * SCOPE;
      const raw = buf.toString('utf8', start + this.#scopes[at + 2], start + this.#scopes[at + 3]);
      this.#uriOf[binding] = this.#number(unescapeAttribute(raw));
    }
    return this.#uriOf[binding];
  }

  #number(name: string): number {
    const uri = counted(name, this.#relayed);
    const known = this.#uris.get(uri);
    if (known !== undefined) return known;
    this.#uris.set(uri, this.#uris.size + 1);
    return this.#uris.size;
  }
}

/** What `resolve` answers for the prefix that is bound without a declaration. */
const XML = 0x7fffffff;

function isDeclaration(buf: Buffer, start: number, spans: Int32Array, at: number): boolean {
  const end = spans[at + COLON_AT] < 0 ? spans[at + NAME_END] : spans[at + COLON_AT];
  return end - spans[at] === 5 && startsXmlns(buf, start + spans[at]);
}

/** Whether these bytes are the prefix `xmlns`, which no element may have. */
export function isXmlns(buf: Buffer, from: number, to: number): boolean {
  return to - from === 5 && startsXmlns(buf, from);
}

/**
 * Whether a namespace name, as it is written, is by its ends and its length none of which more has to be known: not the
 * two that nobody may declare, and without white space around it.
 */
export function isOrdinary(buf: Buffer, from: number, to: number): boolean {
  if ((CLASS[buf[from]] & CLASS[buf[to - 1]] & ASCII_NAME) === 0) return false;
  return to - from < NS.xml.length || buf[to - 1] !== LAST_OF_XML;
}

const LAST_OF_XML = NS.xml.charCodeAt(NS.xml.length - 1);
