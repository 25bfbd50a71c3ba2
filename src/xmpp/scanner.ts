// The scanner: bytes -> header, stanza, end. A document is a wrapper (`<stream:stream>`, `<body>`) whose start tag is
// the header and whose child elements are the stanzas, or one element alone (an RFC 7395 message).
//
// What leaves it is proven: well-formed XML 1.0 and Namespaces in XML 1.0, UTF-8, without what RFC 6120 section 11.1
// forbids (comments, processing instructions, DTDs, entities), within limits. And a stanza is self-contained: what it
// inherited from its wrapper is written into its first tag, so its bytes may be put into any other wrapper.
// It builds no tree and does not judge what elements mean. The bytes of elements are read in element-scan.ts.

import { type DocumentEvents, DocumentScan, type ScannerOptions } from './document-scan.js';
import { malformed, type ScannerLimits } from './limits.js';
import { NS } from './ns.js';
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

const stanzaOf = (raw: Buffer, client: boolean) => new Stanza(raw, client ? NS.client : undefined);

const elementsAsStanzas = (events: ScannerEvents): DocumentEvents => ({
  header: (tag) => events.header(tag),
  element: (raw, client) => events.stanza(stanzaOf(raw, client)),
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
  const { header, stanzas } = whole.read(body, limits, options);
  if (header === undefined) throw malformed('a document without a header');
  return { header, stanzas };
}

/**
 * Reads exactly one element that stands alone, such as an RFC 7395 message; `defaultNs` is declared on it when it
 * declares no default namespace itself. The buffer is given away: the stanza may be a slice of it.
 * Throws what push throws, and not-well-formed when the element is not complete.
 */
export function scanStanza(message: Buffer, limits?: ScannerLimits, defaultNs?: string): Stanza {
  return whole.read(message, limits, defaultNs === NS.client ? CLIENT : { alone: true, defaultNs }).stanzas[0];
}

const CLIENT: ScannerOptions = { alone: true, defaultNs: NS.client };

/** Reads whole documents, one after the other; keeps nothing of them. */
class WholeDocuments implements DocumentEvents {
  #scan = new DocumentScan(this, undefined, { owned: true });
  #header: StartTag | undefined;
  #stanzas: Stanza[] = [];

  read(bytes: Buffer, limits?: ScannerLimits, options?: ScannerOptions) {
    try {
      this.#scan.whole(bytes, limits, options);
      return { header: this.#header, stanzas: this.#stanzas };
    } finally {
      this.#header = undefined;
      this.#stanzas = [];
    }
  }

  header(tag: StartTag): void {
    this.#header = tag;
  }

  element(raw: Buffer, client: boolean): void {
    this.#stanzas.push(stanzaOf(raw, client));
  }

  end(): void {}
}

const whole = new WholeDocuments();
