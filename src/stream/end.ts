// The hall: everything that crosses it is one of four words. open, stanza and close are RFC 7395's names for what an
// XMPP stream consists of, whatever carries it; drain is flow control. A connection is two StreamEnds, each holding the
// other. Nothing here does I/O.

import type { StreamError } from '../xmpp/errors.js';
import type { StreamHeader } from '../xmpp/header.js';
import type { Stanza } from '../xmpp/stanza.js';

/** How a stream ended, as the end that still stands is told. */
export interface Ending {
  /**
   * `closed`: the peer said goodbye (`</stream:stream>`, `<close/>`, type='terminate') or was told goodbye.
   * `lost`: its connection is gone without a word; it has to look lost to the other side too, so that XEP-0198
   * resumption survives.
   */
  readonly how: 'closed' | 'lost';
  /** Why, where an error is the reason. */
  readonly error?: StreamError;
  /** Stanzas that were accepted for this peer and never reached it, oldest first. */
  readonly undelivered?: readonly Stanza[];
}

/** One end of a stream, as its peer sees it: whoever can be told these four words. */
export interface StreamEnd {
  /** The peer opened its stream, or restarted it. */
  open(header: StreamHeader): void;
  /** The peer sent this first-level element. False: enough for now, wait for drain; this one was still taken. */
  stanza(stanza: Stanza): boolean;
  /** The peer, which had returned false, can take more. */
  drain(): void;
  /** The peer is gone. Said once, and last. */
  close(ending: Ending): void;
}

/** What is known of a client by its own TLS connection to this server. */
export interface Tls {
  /** As node:tls names it, such as TLSv1.3. */
  readonly version: string;
  /** Channel binding data of type tls-exporter (RFC 9266), 32 bytes; undefined where the connection cannot give any. */
  exporter(): Buffer | undefined;
  /** The same of type tls-server-end-point (RFC 5929 section 4): a hash of the certificate that the client was shown. */
  endpoint?(): Buffer | undefined;
  /** The client's certificate, only where one of the configured authorities signed it. */
  readonly certificate?: ClientCertificate | undefined;
}

export interface ClientCertificate {
  /** SHA-256 over the certificate, in hexadecimal digits. */
  readonly fingerprint: string;
  /** The XMPP addresses it was issued to (id-on-xmppAddr, RFC 6120 section 13.7.1.4), as they are written there. */
  readonly addresses: readonly string[];
}

/** What an upstream may know of a client. */
export interface ClientStream extends StreamEnd {
  /** For logs: never the whole sid. */
  readonly name: string;
  readonly transport: 'bosh' | 'websocket' | 'tcp';
  /** The client's own address, after trusted proxies. */
  readonly remoteAddress: string;
  readonly remotePort: number;
  /** Whether its connection to us (or to a trusted proxy) is encrypted. */
  readonly secure: boolean;
  /** The BOSH `route` attribute, unchecked. */
  readonly route?: string;
  /** Where TLS ends here and the stream has one connection only, so not over BOSH (but for a certificate of its client). */
  readonly tls?: Tls;
  /**
   * Calls back, once, when all stanzas that it was told so far have reached the client as far as this transport can know:
   * BOSH acknowledges, elsewhere they have left this machine. Not when the client is gone before: then they count as
   * undelivered.
   */
  reached(told: () => void): void;
}

/** Whatever, given a client's end, hands back a server's end. */
export interface Upstream {
  /**
   * At once and without throwing: the end that is returned buffers until the other side is there. An upstream that
   * refuses closes the client (never before this call returned) and ignores what it is told from then on.
   */
  attach(client: ClientStream, header: StreamHeader): StreamEnd;
  /** Ends every stream with system-shutdown and resolves when all are gone. */
  stop(): Promise<void>;
}

/** The end that hears nothing: what a stream holds as its peer once close was said. */
export const closedEnd: StreamEnd = Object.freeze({
  open() {},
  stanza: () => true,
  drain() {},
  close() {},
});
