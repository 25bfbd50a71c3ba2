// The `<body/>` wrapper (XEP-0124 section 6) as bytes: read in one pass of the scanner, written by copying. What a request
// means is not decided here.

import { crc32 } from 'node:zlib';
import { StreamError } from '../xmpp/errors.js';
import { tooMuch } from '../xmpp/limits.js';
import { NS } from '../xmpp/ns.js';
import { DEFAULT_LIMITS, Scanner, type ScannerLimits, type StartTag, scanDocument } from '../xmpp/scanner.js';
import type { Stanza } from '../xmpp/stanza.js';
import type { BoshOptions } from './options.js';

/** A request's `<body/>`, whole and proven. */
export interface Body {
  readonly tag: StartTag;
  /** Its payloads; those without a namespace of their own are in jabber:client (XEP-0206 section 2). */
  readonly stanzas: readonly Stanza[];
  /** Tells the bytes of one request from another's; no defence against design, as nothing is processed twice anyway. */
  readonly checksum: number;
  /** Bytes it takes. */
  readonly size: number;
}

const SCAN = { defaultNs: NS.client };
/** Bodies of our own hold what servers said. */
const SCAN_OWN = { ...SCAN, relayed: true };

/** The scanner's limits for request bodies: a body that was accepted by size may be one stanza. */
export function scanLimits(limits: BoshOptions['limits']): ScannerLimits {
  const { depth, elements, attributes } = limits;
  return { ...DEFAULT_LIMITS, stanza: Number.MAX_SAFE_INTEGER, depth: depth + 1, elements, attributes };
}

/** What payloads may grow to by what they inherit from the `<body/>`: so many times its bytes, and some. */
const GROWTH = 4;
const FREE_GROWTH = 65_536;

/** Reads a whole `<body/>`; throws StreamError when it is not one. */
export function readBody(bytes: Buffer, limits: ScannerLimits): Body {
  const { header: tag, stanzas } = scanDocument(bytes, limits, SCAN);
  if (!isBody(tag)) throw new StreamError('invalid-namespace', 'not a body of httpbind');
  const size = Math.max(sizeOf(stanzas), bytes.length);
  if (size > bytes.length * GROWTH + FREE_GROWTH) throw tooMuch('inherited declarations');
  return { tag, stanzas: stanzas.map(admit), checksum: crc32(bytes), size };
}

// What speaks of the stream itself is ours to say; TLS and compression belong to HTTP (XEP-0206 sections 2 and 4); the rest
// is between servers.
const REFUSED = new Set<string>([NS.stream, NS.tls, NS.compress, NS.framing, NS.server, NS.component]);

function admit(stanza: Stanza): Stanza {
  const ns = stanza.ns;
  if (ns === NS.client) return stanza;
  if (REFUSED.has(ns)) throw new StreamError('unsupported-feature', `a client may not send ${stanza.name}`);
  if (ns !== NS.httpbind) return stanza;
  if (stanza.attr('xmlns') !== NS.httpbind)
    throw new StreamError('bad-namespace-prefix', 'a prefixed httpbind payload');
  return stanza.with({ xmlns: NS.client });
}

function sizeOf(stanzas: readonly Stanza[]): number {
  let size = 0;
  for (const stanza of stanzas) size += stanza.raw.length;
  return size;
}

/** The start tag of a `<body/>` whose rest is not to be had: cut off, or not well-formed. */
export function readHead(bytes: Buffer, limits: ScannerLimits): StartTag | undefined {
  let tag: StartTag | undefined;
  const header = (found: StartTag) => {
    tag = found;
  };
  try {
    new Scanner({ header, stanza() {}, end() {} }, limits, SCAN).push(bytes);
  } catch (error) {
    if (!(error instanceof StreamError)) throw error;
  }
  return tag && isBody(tag) ? tag : undefined;
}

const isBody = (tag: StartTag) => tag.name === 'body' && tag.ns === NS.httpbind;

const OPEN = `<body xmlns='${NS.httpbind}'`;
const PREFIX = Buffer.from(`${OPEN}>`);
const SUFFIX = Buffer.from('</body>');
/** A `<body/>` that says nothing. */
export const EMPTY = Buffer.from(`${OPEN}/>`);

/** Writes a `<body/>`: `attributes` as they stand in the tag, then the payloads' bytes. */
export function writeBody(attributes: string, stanzas: readonly Stanza[]): Buffer {
  if (stanzas.length === 0) return attributes === '' ? EMPTY : Buffer.from(`${OPEN}${attributes}/>`);
  const prefix = attributes === '' ? PREFIX : Buffer.from(`${OPEN}${attributes}>`);
  const body = Buffer.allocUnsafe(prefix.length + sizeOf(stanzas) + SUFFIX.length);
  let at = prefix.copy(body);
  for (const stanza of stanzas) at += stanza.raw.copy(body, at);
  SUFFIX.copy(body, at);
  return body;
}

/** The payloads of a `<body/>` that this server wrote. */
export function payloadsOf(body: Buffer): readonly Stanza[] {
  return body === EMPTY ? [] : scanDocument(body, OWN, SCAN_OWN).stanzas;
}

const OWN: ScannerLimits = {
  stanza: Number.MAX_SAFE_INTEGER,
  elements: Number.MAX_SAFE_INTEGER,
  depth: 4096,
  attributes: 4096,
  attributeBytes: Number.MAX_SAFE_INTEGER,
  name: 65536,
  namespaces: 4096,
};
