// Which bytes of a representation are asked for (RFC 9110 section 14), and whether the client has it already (section 13).

import type { IncomingHttpHeaders } from 'node:http';

/** Both ends belong to it. */
export interface Range {
  readonly start: number;
  readonly end: number;
}

/**
 * The one range of a header; undefined where all is to be sent: none is asked for, or several, or in another unit.
 * `unsatisfiable`: there is nothing of it.
 */
export function rangeOf(header: string | undefined, size: number): Range | 'unsatisfiable' | undefined {
  const [, first, last] = /^bytes=[ \t]*(\d{0,15})-(\d{0,15})[ \t]*$/i.exec(header ?? '') ?? [];
  if (first === undefined || (first === '' && last === '')) return undefined;
  if (first === '') return suffix(Number(last), size);
  const [start, end] = [Number(first), last === '' ? size - 1 : Math.min(Number(last), size - 1)];
  if (last !== '' && Number(last) < start) return undefined;
  return start >= size ? 'unsatisfiable' : { start, end };
}

function suffix(length: number, size: number): Range | 'unsatisfiable' {
  return length === 0 || size === 0 ? 'unsatisfiable' : { start: Math.max(size - length, 0), end: size - 1 };
}

export interface Validators {
  readonly tag: string;
  /** Milliseconds since 1970. */
  readonly modified: number;
}

/** Section 13.2.2: 304 is the answer. */
export function isUnchanged(headers: IncomingHttpHeaders, { tag, modified }: Validators): boolean {
  const known = headers['if-none-match'];
  if (known !== undefined) return known.split(',').some((each) => ['*', tag, `W/${tag}`].includes(each.trim()));
  const since = Date.parse(headers['if-modified-since'] ?? '');
  return !Number.isNaN(since) && seconds(modified) <= seconds(since);
}

/** Section 13.1.5: what the client has a part of is still this. */
export function isSame(headers: IncomingHttpHeaders, { tag, modified }: Validators): boolean {
  const said = headers['if-range'];
  if (typeof said !== 'string') return true;
  return said.startsWith('"') || said.startsWith('W/') ? said === tag : seconds(Date.parse(said)) === seconds(modified);
}

const seconds = (time: number): number => Math.floor(time / 1000);
