// How much of everything the scanner takes before it says policy-violation.

import { StreamError } from './errors.js';

/** All are counted before anything is allocated for them; what is over is a policy-violation. */
export interface ScannerLimits {
  /** Bytes of one stanza as received, and again after CDATA sections were rewritten as text. */
  stanza: number;
  /** Elements in one stanza, itself included. */
  elements: number;
  /** Nesting in one stanza, itself included. */
  depth: number;
  /** Attributes of one element, namespace declarations included. */
  attributes: number;
  /** Bytes of one start tag. */
  attributeBytes: number;
  /** Bytes of one name with its prefix, or of one reference. */
  name: number;
  /** Namespace prefixes that one stanza, or the stream header, declares at the same time. */
  namespaces: number;
}

export const DEFAULT_LIMITS: ScannerLimits = Object.freeze({
  stanza: 262_144,
  elements: 10_000,
  depth: 64,
  attributes: 64,
  attributeBytes: 65_536,
  name: 256,
  namespaces: 32,
});

const WHAT: Readonly<Record<keyof ScannerLimits, string>> = {
  stanza: 'bytes in a stanza',
  elements: 'elements in a stanza',
  depth: 'nested elements',
  attributes: 'attributes in an element',
  attributeBytes: 'bytes in a tag',
  name: 'bytes in a name',
  namespaces: 'namespace prefixes',
};

/** The error for a limit that was passed; names it. */
export function exceeded(limits: ScannerLimits, which: keyof ScannerLimits): StreamError {
  return new StreamError('policy-violation', `more than ${limits[which]} ${WHAT[which]}`);
}

/** The error for what has no limit of its own to be named. */
export function tooMuch(of: string): StreamError {
  return new StreamError('policy-violation', `too much of ${of}`);
}

/** XML or namespaces in XML are violated. */
export function malformed(text: string): StreamError {
  return new StreamError('not-well-formed', text);
}

/** XML that RFC 6120 section 11.1 forbids in streams. */
export function restricted(text: string): StreamError {
  return new StreamError('restricted-xml', text);
}
