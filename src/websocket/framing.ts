// RFC 7395: XMPP over WebSocket. A message is an `<open/>`, a `<close/>` or one whole first-level element (section
// 3.3.3); these are the pure functions both ways. What a stream does with them is in stream.ts, the older framing with a
// `<stream:stream>` in draft.ts, and the frames of RFC 6455 in outbox.ts.

import { StreamError } from '../xmpp/errors.js';
import { escapeAttribute, escapeText } from '../xmpp/escape.js';
import type { StreamHeader } from '../xmpp/header.js';
import { NS } from '../xmpp/ns.js';
import { type ScannerLimits, scanStanza } from '../xmpp/scanner.js';
import type { Stanza } from '../xmpp/stanza.js';

/** A message that opens or restarts the stream. */
export class Opening {
  constructor(readonly header: StreamHeader) {}
}

/** A message that ends the stream. */
export class Closing {
  /** `<close/>`, or a `<stream:error/>` of the client. */
  constructor(readonly error?: StreamError) {}
}

/** How a stream is put into messages: RFC 7395, or the draft before it. */
export interface Framing {
  /** Throws a StreamError when the message is not exactly one well-formed word that a client may say. */
  read(message: Buffer, limits: ScannerLimits): Stanza | Opening | Closing;
  open(header: StreamHeader): Buffer;
  error(error: StreamError): Buffer;
  /** With a URI: where the client is to go instead (section 3.6.1). */
  close(uri?: string): Buffer;
}

const CLOSED = new Closing();
// strophe.js compares this text byte for byte.
const CLOSE = Buffer.from(`<close xmlns="${NS.framing}" />`);

/** What a client may not say at the first level: TLS and compression end at us, the rest is for servers (section 3.9). */
const FOREIGN: ReadonlySet<string> = new Set([
  NS.framing,
  NS.stream,
  NS.tls,
  NS.compress,
  NS.httpbind,
  NS.server,
  NS.component,
]);

export const framing: Framing = {
  read(message, limits) {
    const stanza = scanStanza(message, limits, NS.client);
    if (stanza.ns === NS.framing) return frame(stanza);
    if (stanza.name === 'open' || (stanza.name === 'close' && stanza.ns === NS.client)) {
      throw new StreamError('invalid-namespace', `<${stanza.name}/> belongs to ${NS.framing}`);
    }
    return allowed(stanza);
  },
  open: ({ from, id, lang }) =>
    // `<open ` and version 1.0 are what strophe.js looks for.
    Buffer.from(
      `<open xmlns="${NS.framing}"${attribute('from', from)}${attribute('id', id)} version="1.0"${attribute('xml:lang', lang)}/>`,
    ),
  error: streamError,
  close: (uri) =>
    uri === undefined ? CLOSE : Buffer.from(`<close xmlns="${NS.framing}"${attribute('see-other-uri', uri)}/>`),
};

function frame(stanza: Stanza): Opening | Closing {
  if (stanza.name === 'open') return new Opening(headerOf((name) => stanza.attr(name)));
  if (stanza.name === 'close') return CLOSED;
  throw new StreamError('unsupported-stanza-type', 'neither <open/> nor <close/>');
}

/** The stanza, or what it means when it is a client's stream error; everything that only servers say is refused. */
export function allowed(stanza: Stanza): Stanza | Closing {
  if (!FOREIGN.has(stanza.ns)) return stanza;
  if (stanza.ns === NS.stream && stanza.name === 'error') {
    return new Closing(new StreamError('undefined-condition', 'stream error from the client'));
  }
  throw new StreamError('unsupported-stanza-type', `<${stanza.name}/> is not for clients`);
}

export function headerOf(attr: (name: string) => string | undefined): StreamHeader {
  return {
    to: attr('to'),
    from: attr('from'),
    id: attr('id'),
    version: attr('version'),
    lang: attr('xml:lang'),
  };
}

/** A `<stream:error/>` that stands alone (section 3.5): the server's own words where it has some. */
export function streamError(error: StreamError): Buffer {
  if (error.element !== undefined) return error.element.raw;
  const text =
    error.text === undefined ? '' : `<text xmlns="${NS.streams}" xml:lang="en">${escapeText(error.text)}</text>`;
  const where = error.condition === 'see-other-host' ? escapeText(error.location ?? '') : '';
  const condition = `<${error.condition} xmlns="${NS.streams}">${where}</${error.condition}>`;
  return Buffer.from(`<stream:error xmlns:stream="${NS.stream}">${condition}${text}</stream:error>`);
}

/** ` name="value"`, or nothing. */
export function attribute(name: string, value: string | undefined): string {
  return value === undefined ? '' : ` ${name}="${escapeAttribute(value)}"`;
}
