// TLS of clients over TCP: what is said of STARTTLS (RFC 6120 section 5), and the handshake of it and of direct TLS (XEP-0368).
// One TLS server without a port of its own shakes hands over sockets that others accepted. It does not know streams.

import type { Socket } from 'node:net';
import { createServer, type Server, type TLSSocket } from 'node:tls';
import type { Log } from '../log.js';
import { followTls, readTls, type TlsOptions } from '../net/tls.js';
import { NS } from '../xmpp/ns.js';
import { Stanza } from '../xmpp/stanza.js';

const OFFER = Buffer.from(`<starttls xmlns='${NS.tls}'/>`);
/** The features of a stream that nothing but STARTTLS can be done with (section 5.4.1). */
export const TLS_REQUIRED = Stanza.from(
  `<stream:features xmlns:stream='${NS.stream}'><starttls xmlns='${NS.tls}'><required/></starttls></stream:features>`,
);
export const PROCEED = Stanza.from(`<proceed xmlns='${NS.tls}'/>`);
export const TLS_FAILURE = Stanza.from(`<failure xmlns='${NS.tls}'/>`);

export const isStarttls = (stanza: Stanza): boolean => stanza.ns === NS.tls && stanza.name === 'starttls';

/** These features, and STARTTLS. */
export function withStarttls(features: Stanza): Stanza {
  const { raw, closed, content } = features;
  if (!closed) return new Stanza(Buffer.concat([raw.subarray(0, content.start), OFFER, raw.subarray(content.start)]));
  const open = raw.subarray(0, raw.lastIndexOf('/'));
  return new Stanza(Buffer.concat([open, Buffer.from('>'), OFFER, Buffer.from(`</${content.name}>`)]));
}

/** Who waits for the end of a handshake. */
export interface Securing {
  secured(socket: TLSSocket): void;
}

export interface EncryptionDeps {
  readonly log: Log;
  /** A handshake came to its end. */
  shaken(outcome: 'ok' | 'failed'): void;
}

export class Encryption {
  readonly #server: Server;
  readonly #waiting = new Map<string, Securing>();
  readonly #deps: EncryptionDeps;
  readonly #unfollow: () => void;

  /** Throws when the certificate cannot be used. */
  constructor(options: TlsOptions, deps: EncryptionDeps) {
    this.#deps = deps;
    this.#server = createServer({ ...readTls(options), ALPNProtocols: ['xmpp-client'] });
    this.#server.on('secureConnection', (socket) => this.#shaken(socket));
    this.#server.on('tlsClientError', (error, socket) => this.#failed(error, socket));
    this.#unfollow = followTls(this.#server, options, deps.log);
  }

  /** Shakes hands over this socket, for as long as its owner lets it; one that fails is told by the socket's end. */
  secure(socket: Socket, who: Securing): void {
    const key = keyOf(socket);
    if (key === undefined) {
      socket.destroy();
      return;
    }
    this.#waiting.set(key, who);
    this.#server.emit('connection', socket);
  }

  /** The socket is gone, or nobody waits for it any more. */
  forget(socket: Socket): void {
    const key = keyOf(socket);
    if (key !== undefined) this.#waiting.delete(key);
  }

  close(): void {
    this.#unfollow();
  }

  #shaken(socket: TLSSocket): void {
    const key = keyOf(socket);
    const who = key === undefined ? undefined : this.#waiting.get(key);
    if (key === undefined || who === undefined) {
      socket.on('error', () => {}).destroy();
      return;
    }
    this.#waiting.delete(key);
    this.#deps.shaken('ok');
    who.secured(socket);
  }

  #failed(error: NodeJS.ErrnoException & { readonly reason?: string }, socket: TLSSocket): void {
    const { code, reason = error.message } = error;
    this.#deps.shaken('failed');
    this.#deps.log.debug('tls_handshake_failed', { address: socket.remoteAddress, code, reason });
    socket.destroy();
  }
}

/** A connection by both of its ends: TLS on top of a socket has the same. Undefined when it is gone. */
function keyOf({ remoteAddress, remotePort, localAddress, localPort }: Socket): string | undefined {
  return remoteAddress && `${remoteAddress} ${remotePort} ${localAddress} ${localPort}`;
}
