// A document around its elements, in chunks: mark, declaration, header, white space, end; and the bytes that wait for more.
// What scanner.ts promises of documents is kept here, what it promises of elements in element-scan.ts.

import { isUtf8 } from 'node:buffer';
import { CLASS, GT, LT, SLASH, SPACE } from './chars.js';
import { behindDeclaration, behindMark, refuseMarkup } from './document.js';
import { ElementScan } from './element-scan.js';
import { StreamError } from './errors.js';
import { DEFAULT_LIMITS, malformed, type ScannerLimits } from './limits.js';
import { bareWrapper, defaultDeclaration, type Wrapper, wrapperOf } from './namespaces.js';
import { NS } from './ns.js';
import { PlainScan } from './plain-scan.js';
import { selfContained, withDefault } from './self-contained.js';
import { StartTag } from './tag.js';

/** What a document consists of, in its order. */
export interface DocumentEvents {
  /** The wrapper's start tag. */
  header(tag: StartTag): void;
  /** A child element of the wrapper: its self-contained bytes; `client`: it is known to be in jabber:client. */
  element(raw: Buffer, client: boolean): void;
  /** The wrapper's end tag. */
  end(): void;
}

export interface ScannerOptions {
  /** Takes the place of the wrapper's default namespace for its children: BOSH's own must not leak into stanzas. */
  readonly defaultNs?: string;
  /** The document is one stanza, without a wrapper: no header is told. */
  readonly alone?: boolean;
  /** Chunks are given away: stanzas may be slices of them, so nobody changes their bytes any more. */
  readonly owned?: boolean;
  /**
   * Another server has read what comes, so white space around a namespace name is part of it, as Namespaces in XML has
   * it and libexpat does. Else a name counts without: what saxes takes for nothing, or for the same, is refused.
   */
  readonly relayed?: boolean;
}

/** Where in a document the scanner is. */
type Place =
  | 'gap' // behind another document, whose white space may still come
  | 'mark' // at its very start
  | 'declaration' // behind a byte order mark
  | 'prolog' // before the first tag
  | 'header' // in the wrapper's start tag
  | 'stream' // between stanzas
  | 'stanza'
  | 'closing' // in the wrapper's end tag, behind its name
  | 'epilog' // behind the end
  | 'dead';

// Scans that are not in the middle of an element, for any scanner to use.
const idle: ElementScan[] = [];
const MOST_IDLE = 32;
// Keeps nothing from one call to the next.
const plain = new PlainScan();

const NOTHING = Buffer.alloc(0);
const BARE = bareWrapper(undefined);

/** One document at a time, in chunks of any size. Time is linear in the bytes, however they are cut. */
export class DocumentScan {
  readonly #events: DocumentEvents;
  #limits: ScannerLimits;
  /** What children inherit when their wrapper declares nothing else. */
  #instead: Wrapper;
  #alone: boolean;
  readonly #owned: boolean;
  #relayed: boolean;
  /** The bytes are known to be UTF-8. */
  #proven = false;
  #place: Place = 'mark';
  #wrapper: Wrapper;
  #wrapperName: Buffer = NOTHING;
  #scan: ElementScan | undefined;
  /** An element or token that is not complete, from its first byte on; longer than what it holds. */
  #held: Buffer | undefined;
  #heldLength = 0;

  constructor(events: DocumentEvents, limits: ScannerLimits = DEFAULT_LIMITS, options: ScannerOptions = {}) {
    this.#events = events;
    this.#limits = limits;
    this.#instead = inheritance(options.defaultNs);
    this.#alone = options.alone ?? false;
    this.#owned = options.owned ?? false;
    this.#relayed = options.relayed ?? false;
    this.#wrapper = this.#outside();
  }

  /**
   * Reads a chunk and tells its events before it returns. The chunk is the caller's again afterwards, unless the option
   * `owned` is set.
   * Throws a StreamError (not-well-formed, bad-format, restricted-xml, unsupported-encoding, bad-namespace-prefix,
   * policy-violation for limits); whatever was thrown, also by an event, the scanner ignores what follows.
   */
  push(chunk: Buffer): void {
    if (this.#place === 'dead') return;
    try {
      if (this.#held === undefined) this.#read(chunk, chunk.length);
      else this.#read(this.#append(this.#held, chunk), this.#heldLength);
    } catch (error) {
      this.stop();
      throw error;
    }
  }

  /**
   * Reads one whole document that is given away, whatever was read before, and keeps nothing of it.
   * Throws what push throws, and not-well-formed when it is not complete.
   */
  whole(bytes: Buffer, limits: ScannerLimits = DEFAULT_LIMITS, options: ScannerOptions = {}): void {
    if (!isUtf8(bytes)) throw malformed('not UTF-8');
    this.#proven = true;
    this.#limits = limits;
    this.#instead = inheritance(options.defaultNs);
    this.#alone = options.alone ?? false;
    this.#relayed = options.relayed ?? false;
    this.reset();
    try {
      this.push(bytes);
      if (!this.ended) throw malformed('the document is not complete');
    } finally {
      this.stop();
      this.#wrapper = BARE;
      this.#wrapperName = NOTHING;
    }
  }

  /** A new document follows (stream restart). In an event: the rest of the chunk is the new document. */
  reset(): void {
    this.#drop();
    this.#place = 'mark';
    this.#wrapper = this.#outside();
  }

  /** The same between two streams of one connection: white space before the new document is the old one's keep-alive. */
  restart(): void {
    this.reset();
    this.#place = 'gap';
  }

  /** Nothing is read any more, the rest of the chunk included. */
  stop(): void {
    this.#drop();
    this.#place = 'dead';
  }

  /** Whether the document is complete. */
  get ended(): boolean {
    return this.#place === 'epilog' && this.#held === undefined;
  }

  /** What a first tag inherits. */
  #outside(): Wrapper {
    return this.#alone ? this.#instead : BARE;
  }

  #drop(): void {
    this.#held = undefined;
    this.#heldLength = 0;
    this.#retire();
  }

  #append(held: Buffer, chunk: Buffer): Buffer {
    const length = this.#heldLength + chunk.length;
    let buf = held;
    if (length > held.length) {
      buf = Buffer.allocUnsafeSlow(Math.max(length, 2 * held.length));
      held.copy(buf, 0, 0, this.#heldLength);
      this.#held = buf;
    }
    chunk.copy(buf, this.#heldLength);
    this.#heldLength = length;
    return buf;
  }

  /** Keeps what begins at `pos` for the next chunk. */
  #hold(buf: Buffer, pos: number, end: number): void {
    const length = end - pos;
    if (length === 0) this.#held = undefined;
    else if (buf === this.#held) buf.copyWithin(0, pos, end);
    else {
      this.#held = Buffer.allocUnsafeSlow(Math.max(256, length * 2));
      buf.copy(this.#held, 0, pos, end);
    }
    this.#heldLength = length;
  }

  #read(buf: Buffer, end: number): void {
    let pos = 0;
    while (pos < end) {
      const next = this.#step(buf, pos, end);
      if (this.#place === 'dead') return;
      if (next < 0) break;
      pos = next;
    }
    this.#hold(buf, pos, end);
  }

  /** Reads one thing; behind it, or -1 when it is not complete. */
  #step(buf: Buffer, pos: number, end: number): number {
    switch (this.#place) {
      case 'header':
      case 'stanza':
        return this.#element(buf, pos, end);
      case 'gap':
        if ((CLASS[buf[pos]] & SPACE) !== 0) return pos + 1;
        this.#place = 'mark';
        return pos;
      case 'mark': {
        const next = behindMark(buf, pos, end);
        if (next >= 0) this.#place = 'declaration';
        return next;
      }
      case 'declaration': {
        const next = behindDeclaration(buf, pos, end);
        if (next >= 0) this.#place = 'prolog';
        return next;
      }
      case 'closing':
        return this.#closing(buf, pos);
      default:
        return this.#between(buf, pos, end);
    }
  }

  /** Outside of elements, where nothing but white space and tags may stand. */
  #between(buf: Buffer, pos: number, end: number): number {
    const byte = buf[pos];
    if ((CLASS[byte] & SPACE) !== 0) return pos + 1;
    if (byte !== LT) throw this.#stray();
    if (pos + 1 >= end) return -1;
    refuseMarkup(buf[pos + 1]);
    if (this.#place === 'epilog') throw malformed('a second document');
    if (buf[pos + 1] === SLASH) return this.#endTag(buf, pos, end);
    this.#place = this.#place === 'prolog' && !this.#alone ? 'header' : 'stanza';
    const next = this.#plain(buf, pos, end);
    if (next > 0) return next;
    const scan = idle.pop() ?? new ElementScan(this.#limits);
    scan.begin(this.#limits, this.#wrapper, this.#place === 'header', this.#relayed);
    this.#scan = scan;
    return this.#element(buf, pos, end);
  }

  #stray(): StreamError {
    if (this.#place === 'stream') return new StreamError('bad-format', 'text between stanzas');
    return malformed('text outside of the document');
  }

  #element(buf: Buffer, pos: number, end: number): number {
    const scan = this.#scan;
    if (scan === undefined) throw new Error('no element is being read');
    const next = scan.scan(buf, pos, end);
    if (next < 0) return -1;
    if (this.#place === 'header') this.#header(scan, this.#kept(buf, pos, next));
    else this.#stanza(scan, buf, pos, next);
    return next;
  }

  /** Bytes that outlive this chunk. */
  #kept(buf: Buffer, pos: number, end: number): Buffer {
    const bytes = buf.subarray(pos, end);
    return this.#owned && buf !== this.#held ? bytes : Buffer.from(bytes);
  }

  #header(scan: ElementScan, bytes: Buffer): void {
    const closed = scan.selfClosed;
    this.#retire();
    this.#headed(bytes, closed, false);
  }

  /** `bare`: the tag declares no namespace that its children could inherit. */
  #headed(bytes: Buffer, closed: boolean, bare: boolean): void {
    if (!this.#proven && !isUtf8(bytes)) throw malformed('not UTF-8');
    const tag = new StartTag(bytes);
    this.#place = closed ? 'epilog' : 'stream';
    this.#wrapper = bare ? this.#instead : wrapperOf(tag, this.#instead.defaultDeclaration);
    this.#wrapperName = bytes.subarray(1, tag.nameEnd);
    this.#events.header(tag);
    if (closed && this.#place === 'epilog') this.#events.end();
  }

  #stanza(scan: ElementScan, buf: Buffer, pos: number, end: number): void {
    const raw = selfContained(scan, this.#wrapper, buf, pos, end, this.#owned && buf !== this.#held, this.#limits);
    this.#retire();
    this.#told(raw, false);
  }

  /** Behind what begins here, when it is plain; else 0. */
  #plain(buf: Buffer, pos: number, end: number): number {
    const isHeader = this.#place === 'header';
    const next = (isHeader ? plain.header : plain.element).call(plain, buf, pos, end, this.#limits);
    if (next === 0) return 0;
    if (isHeader) {
      const bare = !plain.declaresDefault || this.#instead !== BARE;
      this.#headed(this.#kept(buf, pos, next), plain.closed, bare);
    } else {
      const { defaultDeclaration: inherited, client } = this.#wrapper;
      const declaration = plain.declaresDefault ? undefined : inherited;
      const isClient = plain.declaresDefault ? plain.declaresClient : client;
      const own = this.#owned && buf !== this.#held;
      this.#told(withDefault(declaration, buf, pos, next, plain.firstNameEnd, own), isClient);
    }
    return next;
  }

  #told(raw: Buffer, client: boolean): void {
    if (!this.#proven && !isUtf8(raw)) throw malformed('not UTF-8');
    this.#place = this.#alone ? 'epilog' : 'stream';
    this.#events.element(raw, client);
  }

  #retire(): void {
    const scan = this.#scan;
    if (scan === undefined) return;
    this.#scan = undefined;
    scan.release();
    if (idle.length < MOST_IDLE) idle.push(scan);
  }

  #endTag(buf: Buffer, pos: number, end: number): number {
    const name = this.#wrapperName;
    if (this.#place === 'prolog') throw malformed('an end tag without a start');
    for (let i = 0; i < name.length; i++) {
      if (pos + 2 + i >= end) return -1;
      if (buf[pos + 2 + i] !== name[i]) throw malformed('an end tag that does not match');
    }
    this.#place = 'closing';
    return pos + 2 + name.length;
  }

  #closing(buf: Buffer, pos: number): number {
    if ((CLASS[buf[pos]] & SPACE) !== 0) return pos + 1;
    if (buf[pos] !== GT) throw malformed('an end tag that does not match');
    this.#place = 'epilog';
    this.#events.end();
    return pos + 1;
  }
}

const CLIENT = bareWrapper(defaultDeclaration(NS.client));

function inheritance(defaultNs: string | undefined): Wrapper {
  if (defaultNs === undefined) return BARE;
  return defaultNs === NS.client ? CLIENT : bareWrapper(defaultDeclaration(defaultNs));
}
