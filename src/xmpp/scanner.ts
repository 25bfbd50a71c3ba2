// The scanner: bytes -> header, stanza, end. A document is a wrapper (`<stream:stream>`, `<body>`) whose start tag is
// the header and whose child elements are the stanzas, or one element alone (an RFC 7395 message).
//
// What leaves it is proven: well-formed XML 1.0 and Namespaces in XML 1.0, UTF-8, without what RFC 6120 section 11.1
// forbids (comments, processing instructions, DTDs, entities), within limits. And a stanza is self-contained: what it
// inherited from its wrapper is written into its first tag, so its bytes may be put into any other wrapper.
// It builds no tree and does not judge what elements mean. The bytes of elements are read in element-scan.ts.

import { type DocumentEvents, DocumentScan, readDocument, type ScannerOptions } from './document-scan.js';
import { malformed, type ScannerLimits } from './limits.js';
import { Stanza } from './stanza.js';
import type { StartTag } from './tag.js';

export type { ScannerOptions } from './document-scan.js';
export { DEFAULT_LIMITS, type ScannerLimits } from './limits.js';
export { StartTag } from './tag.js';

/** What a document consists of, in its order. */
export interface ScannerEvents {
  /** The wrapper's start tag. */
  header(tag: StartTag): void;
  /** A child element of the wrapper. */
  stanza(stanza: Stanza): void;
  /** The wrapper's end tag. */
  end(): void;
}

/** One document at a time, in chunks of any size. Time is linear in the bytes, however they are cut. */
export class Scanner extends DocumentScan {
  constructor(events: ScannerEvents, limits?: ScannerLimits, options?: ScannerOptions) {
    super(elementsAsStanzas(events), limits, options);
  }
}

const elementsAsStanzas = (events: ScannerEvents): DocumentEvents => ({
  header: (tag) => events.header(tag),
  element: (raw) => events.stanza(new Stanza(raw)),
  end: () => events.end(),
});

/** A whole document, read. */
export interface ScannedDocument {
  readonly header: StartTag;
  readonly stanzas: Stanza[];
}

/**
 * Reads a whole document, such as a BOSH `<body/>`. The buffer is given away: stanzas may be slices of it.
 * Throws what push throws, and not-well-formed when the document is not complete.
 */
export function scanDocument(body: Buffer, limits?: ScannerLimits, options?: ScannerOptions): ScannedDocument {
  const { header, elements } = readDocument(body, limits, options);
  if (header === undefined) throw malformed('a document without a header');
  return { header, stanzas: elements.map((raw) => new Stanza(raw)) };
}

/**
 * Reads exactly one element that stands alone, such as an RFC 7395 message; `defaultNs` is declared on it when it
 * declares no default namespace itself. The buffer is given away: the stanza may be a slice of it.
 * Throws what push throws, and not-well-formed when the element is not complete.
 */
export function scanStanza(message: Buffer, limits?: ScannerLimits, defaultNs?: string): Stanza {
  return new Stanza(readDocument(message, limits, { alone: true, defaultNs }).elements[0]);
}
