// The bytes of a stanza that left its wrapper: its own, with the declarations it took from there put into its first tag
// and its CDATA sections written as text. Everything else stays as it came.

import { isUtf8 } from 'node:buffer';
import type { ElementScan } from './element-scan.js';
import { exceeded, malformed, type ScannerLimits, tooMuch } from './limits.js';
import type { Wrapper } from './namespaces.js';

const CDATA_OPEN = '<![CDATA['.length;
const CDATA_CLOSE = ']]>'.length;
const { allocUnsafe } = Buffer;
const NOTHING: readonly Buffer[] = [];
/** Bytes of declarations that one stanza may borrow: thousands of small ones may borrow the same. */
const MOST_BORROWED = 1024;

/** What has to be put in behind the first tag's name. */
function missing(scan: ElementScan, wrapper: Wrapper | undefined): readonly Buffer[] {
  if (wrapper === undefined) return NOTHING;
  const own = scan.declaresDefault ? undefined : wrapper.defaultDeclaration;
  if (scan.borrowed.length === 0) return own === undefined ? NOTHING : [own];
  const borrowed = scan.borrowed.map((index) => wrapper.prefixes[index].declaration);
  if (borrowed.reduce((sum, { length }) => sum + length, 0) > MOST_BORROWED) throw tooMuch('borrowed declarations');
  return own === undefined ? borrowed : [own, ...borrowed];
}

/** Bytes that, just before a section, could make something new with what follows once the section is gone. */
const JOINTS: ReadonlyMap<number, Buffer> = new Map([
  [0x5d, Buffer.from('&#93;')], // ]]>
  [0x0d, Buffer.from('&#10;')], // one line end of two
]);

/** CDATA sections as escaped text; offsets are relative to the stanza. */
function withoutCdata(bytes: Buffer, cdata: readonly number[]): Buffer {
  // Before the sections go: what stands around them could make one character of two broken ones.
  if (!isUtf8(bytes)) throw malformed('not UTF-8');
  const parts: Buffer[] = [];
  let done = 0;
  for (let i = 0; i < cdata.length; i += 2) {
    const text = bytes.toString('latin1', cdata[i] + CDATA_OPEN, cdata[i + 1] - CDATA_CLOSE);
    const joint = cdata[i] > done ? JOINTS.get(bytes[cdata[i] - 1]) : undefined;
    parts.push(bytes.subarray(done, joint === undefined ? cdata[i] : cdata[i] - 1));
    if (joint !== undefined) parts.push(joint);
    parts.push(Buffer.from(escaped(text), 'latin1'));
    done = cdata[i + 1];
  }
  parts.push(bytes.subarray(done));
  return Buffer.concat(parts);
}

const escaped = (latin1: string) => latin1.replace(/\r\n?|[&<>]|\]$/g, (found) => REFERENCES[found] ?? '&#10;');

// UTF-8 as latin1 stays what it is; only ASCII is replaced.
const REFERENCES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', ']': '&#93;' };

/**
 * The stanza that `scan` has just read at `start` of `buf`. `own`: the bytes may be kept as they are, without a copy,
 * when nothing has to be put in.
 */
export function selfContained(
  scan: ElementScan,
  wrapper: Wrapper | undefined,
  buf: Buffer,
  start: number,
  end: number,
  own: boolean,
  limits: ScannerLimits,
): Buffer {
  let bytes = buf;
  let from = start;
  let to = end;
  if (scan.cdata.length > 0) {
    bytes = withoutCdata(buf.subarray(start, end), scan.cdata);
    if (bytes.length > limits.stanza) throw exceeded(limits, 'stanza');
    from = 0;
    to = bytes.length;
  }
  const parts = missing(scan, wrapper);
  if (parts.length === 0 && (own || bytes !== buf)) return bytes.subarray(from, to);
  return spliced(bytes, from, to, scan.firstNameEnd, parts);
}

/** The same of an element that took no prefix and has no CDATA; `at` is the offset behind its first name. */
export function withDefault(
  declaration: Buffer | undefined,
  buf: Buffer,
  start: number,
  end: number,
  at: number,
  own: boolean,
): Buffer {
  if (declaration !== undefined) {
    const raw = allocUnsafe(end - start + declaration.length);
    for (let i = start; i < at; i++) raw[i - start] = buf[i];
    for (let i = 0; i < declaration.length; i++) raw[at - start + i] = declaration[i];
    buf.copy(raw, at - start + declaration.length, at, end);
    return raw;
  }
  return own ? buf.subarray(start, end) : Buffer.from(buf.subarray(start, end));
}

/** A copy with `parts` put in at `at`. */
function spliced(bytes: Buffer, from: number, to: number, at: number, parts: readonly Buffer[]): Buffer {
  let more = 0;
  for (let i = 0; i < parts.length; i++) more += parts[i].length;
  const raw = allocUnsafe(to - from + more);
  for (let i = 0; i < at; i++) raw[i] = bytes[from + i];
  let pos = at;
  for (let i = 0; i < parts.length; i++) {
    raw.set(parts[i], pos);
    pos += parts[i].length;
  }
  bytes.copy(raw, pos, from + at, to);
  return raw;
}
