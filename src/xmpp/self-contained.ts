// The bytes of a stanza that left its wrapper: its own, with the declarations it took from there put into its first tag
// and its CDATA sections written as text. Everything else stays as it came.

import type { ElementScan } from './element-scan.js';
import { exceeded, type ScannerLimits } from './limits.js';
import type { Wrapper } from './namespaces.js';

const CDATA_OPEN = '<![CDATA['.length;
const CDATA_CLOSE = ']]>'.length;
const NOTHING: readonly Buffer[] = [];

/** What has to be put in behind the first tag's name. */
function missing(scan: ElementScan, wrapper: Wrapper | undefined): readonly Buffer[] {
  if (wrapper === undefined) return NOTHING;
  const own = scan.declaresDefault ? undefined : wrapper.defaultDeclaration;
  if (scan.borrowed.length === 0) return own === undefined ? NOTHING : [own];
  const borrowed = scan.borrowed.map((index) => wrapper.prefixes[index].declaration);
  return own === undefined ? borrowed : [own, ...borrowed];
}

const BRACKET = 0x5d;
const BRACKET_REFERENCE = Buffer.from('&#93;');

/**
 * CDATA sections as escaped text; offsets are relative to the stanza. A `]` in a section or just before it becomes a
 * reference: without the section around it, it could make a `]]>` with what follows.
 */
function withoutCdata(bytes: Buffer, cdata: readonly number[]): Buffer {
  const parts: Buffer[] = [];
  let done = 0;
  for (let i = 0; i < cdata.length; i += 2) {
    const text = bytes.toString('latin1', cdata[i] + CDATA_OPEN, cdata[i + 1] - CDATA_CLOSE);
    const bracketed = cdata[i] > done && bytes[cdata[i] - 1] === BRACKET;
    parts.push(bytes.subarray(done, bracketed ? cdata[i] - 1 : cdata[i]));
    if (bracketed) parts.push(BRACKET_REFERENCE);
    parts.push(
      Buffer.from(
        text.replace(/[&<>\]]/g, (char) => REFERENCES[char]),
        'latin1',
      ),
    );
    done = cdata[i + 1];
  }
  parts.push(bytes.subarray(done));
  return Buffer.concat(parts);
}

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

/** A copy with `parts` put in at `at`. */
function spliced(bytes: Buffer, from: number, to: number, at: number, parts: readonly Buffer[]): Buffer {
  let more = 0;
  for (let i = 0; i < parts.length; i++) more += parts[i].length;
  const raw = Buffer.allocUnsafe(to - from + more);
  for (let i = 0; i < at; i++) raw[i] = bytes[from + i];
  let pos = at;
  for (let i = 0; i < parts.length; i++) {
    raw.set(parts[i], pos);
    pos += parts[i].length;
  }
  bytes.copy(raw, pos, from + at, to);
  return raw;
}
