// RFC 7395: XMPP over WebSocket. A message is an `<open/>`, a `<close/>` or one whole first-level element (section
// 3.3.3); these are the pure functions both ways. What a stream does with them is in stream.ts, the older framing with a
// `<stream:stream>` in draft.ts, and the frames of RFC 6455 in outbox.ts.

import { StreamError } from '../xmpp/errors.js';
import { attribute } from '../xmpp/escape.js';
import { readHeader, type StreamHeader } from '../xmpp/header.js';
import { NS } from '../xmpp/ns.js';
import { type ScannerLimits, scanStanza } from '../xmpp/scanner.js';
import type { Stanza } from '../xmpp/stanza.js';
import { streamErrorStanza } from '../xmpp/stream-error.js';

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

const said = (name: string, value: string | undefined) => attribute(name, value, '"');

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

/** A `<stream:error/>` that stands alone (section 3.5): the server's own words where it has some. */
export const streamError: Framing['error'] = (error) => streamErrorStanza(error).raw;

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
      `<open xmlns="${NS.framing}"${said('from', from)}${said('id', id)} version="1.0"${said('xml:lang', lang)}/>`,
    ),
  error: streamError,
  close: (uri) =>
    uri === undefined ? CLOSE : Buffer.from(`<close xmlns="${NS.framing}"${said('see-other-uri', uri)}/>`),
};

function frame(stanza: Stanza): Opening | Closing {
  if (stanza.name === 'open') return new Opening(readHeader(stanza));
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
