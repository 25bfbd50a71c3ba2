// Whose a connection is.

import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';

/** Where a connection or a request came from. */
export interface Client {
  readonly address: string;
  /** 0 when a proxy did not tell. */
  readonly port: number;
  /** Whether the client's own connection is encrypted. */
  readonly secure: boolean;
}

/** An IPv4 address that was mapped into IPv6, as the address it is. */
export function plainAddress(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address);
  return mapped === null ? address : mapped[1];
}

/** The other end of the TCP connection itself. */
export function peerOf(socket: Socket): Client {
  return {
    address: plainAddress(socket.remoteAddress ?? ''),
    port: socket.remotePort ?? 0,
    secure: (socket as TLSSocket).encrypted === true,
  };
}
