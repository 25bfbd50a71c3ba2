// Content codings of RFC 9110 section 8.4.1 in both directions (XEP-0124 sections 5 and 7.2, `accept`). Both are done
// at once and not in the thread pool: responses of a session must leave in the order of their rids.

import { deflateSync, gunzipSync, gzipSync, inflateRawSync, inflateSync } from 'node:zlib';

/** Bodies below this are not worth compressing. */
export const COMPRESSED_FROM = 1024;
/** Above this, a small window no longer pays. */
const SMALL = 16_384;

export type Coding = 'gzip' | 'deflate';

/** The coding the client would like, of those we have. */
export function acceptedCoding(header: string | string[] | undefined): Coding | undefined {
  if (header === undefined) return undefined;
  let found: Coding | undefined;
  for (const part of String(header).toLowerCase().split(',')) {
    const [name, ...parameters] = part.split(';').map((word) => word.trim());
    if (parameters.some((parameter) => /^q=0(\.0*)?$/.test(parameter))) continue;
    if (name === 'gzip' || name === 'x-gzip') return 'gzip';
    if (name === 'deflate') found = 'deflate';
  }
  return found;
}

/** Whether the client takes Brotli, which only what was compressed beforehand is sent in. */
export function acceptsBrotli(header: string | string[] | undefined): boolean {
  return /(?:^|,)\s*br\s*(?:,|$|;(?!\s*q=0(?:\.0*)?\s*(?:,|$)))/i.test(String(header ?? ''));
}

/** Quick rather than small: a large window costs 256 KiB of memory to set up, for any size of body. */
export function compress(body: Buffer, coding: Coding): Buffer {
  const options = body.length < SMALL ? { level: 1, windowBits: 13, memLevel: 6 } : { level: 1 };
  return coding === 'gzip' ? gzipSync(body, options) : deflateSync(body, options);
}

/** How much larger than its compressed form a request may be, beyond this many bytes. */
const RATIO = 20;
const RATIO_FREE = 16_384;

/** What a request's body became: its bytes, or why not. */
export type Inflated = Buffer | 'unsupported' | 'broken' | 'oversize';

/** The coding a request says it has. libpurple puts its media type there: that, like `identity`, is none. */
export function appliedCoding(header: string | undefined): string | undefined {
  const coding = header?.trim().toLowerCase();
  return coding === '' || coding === 'identity' || coding?.includes('/') ? undefined : coding;
}

/** Undoes the Content-Encoding of a request, giving up where the result passes `limit` or is suspiciously large. */
export function inflate(body: Buffer, coding: string, limit: number): Inflated {
  const maxOutputLength = Math.min(limit, Math.max(RATIO_FREE, body.length * RATIO));
  try {
    switch (coding) {
      case 'gzip':
      case 'x-gzip':
        return gunzipSync(body, { maxOutputLength });
      case 'deflate':
        return isZlib(body) ? inflateSync(body, { maxOutputLength }) : inflateRawSync(body, { maxOutputLength });
      default:
        return 'unsupported';
    }
  } catch (error) {
    return error instanceof RangeError ? 'oversize' : 'broken';
  }
}

// Many clients send the bare stream of RFC 1951 under the name of RFC 1950.
function isZlib(body: Buffer): boolean {
  return body.length > 1 && (body[0] & 0x0f) === 8 && ((body[0] << 8) | body[1]) % 31 === 0;
}
