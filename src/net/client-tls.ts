// A client's own TLS connection, as upstreams may know it. It asks the socket when it is asked itself: a connection that
// nobody is curious about costs this object and nothing more.

import type { Socket } from 'node:net';
import type { PeerCertificate, TLSSocket } from 'node:tls';
import type { ClientCertificate, Tls } from '../stream/end.js';
import { endpointOf } from './server-end-point.js';
import { xmppAddresses } from './xmpp-addr.js';

/** RFC 9266 section 2. */
const LABEL = 'EXPORTER-Channel-Binding';
const LENGTH = 32;

export class ClientTls implements Tls {
  readonly #socket: TLSSocket;
  #version: string | undefined;
  /** Null: it has none that counts. */
  #certificate: ClientCertificate | null | undefined;

  private constructor(socket: TLSSocket) {
    this.#socket = socket;
  }

  /** Of a connection whose handshake is over; undefined where it is not one of TLS. */
  static of(socket: Socket): ClientTls | undefined {
    return (socket as TLSSocket).encrypted === true ? new ClientTls(socket as TLSSocket) : undefined;
  }

  get version(): string {
    this.#version ??= this.#socket.getProtocol() ?? '';
    return this.#version;
  }

  // RFC 9266 section 3.1: before TLS 1.3 only with an extended master secret, of which Node does not tell.
  exporter(): Buffer | undefined {
    if (this.#socket.destroyed || this.version !== 'TLSv1.3') return undefined;
    return this.#socket.exportKeyingMaterial(LENGTH, LABEL, Buffer.alloc(0));
  }

  endpoint(): Buffer | undefined {
    const { raw } = (this.#socket.destroyed ? {} : this.#socket.getCertificate()) as Partial<PeerCertificate>;
    return raw === undefined ? undefined : endpointOf(raw);
  }

  get certificate(): ClientCertificate | undefined {
    if (this.#certificate === undefined) this.#certificate = certificateOf(this.#socket) ?? null;
    return this.#certificate ?? undefined;
  }
}

// A resumed session of TLS 1.3 without a certificate is `authorized` too.
function certificateOf(socket: TLSSocket): ClientCertificate | undefined {
  const certificate = socket.authorized ? socket.getPeerX509Certificate() : undefined;
  if (certificate === undefined) return undefined;
  const fingerprint = certificate.fingerprint256.replaceAll(':', '').toLowerCase();
  return Object.freeze({ fingerprint, addresses: Object.freeze(xmppAddresses(certificate.raw)) });
}
