// BOSH requests on their way to the process that has their session, as frames on a wire of their own, and the answers back.
// A client's requests come over whichever connections it has, and a connection is of the process that took it.

import type { BoshResponse } from '../bosh/held.js';
import type { ClientCertificate } from '../stream/end.js';

/** To the owner: requests by a number of theirs, connections by one of theirs. Back: what became of a request. */
export const ASK = Object.freeze({
  /** Whose the requests are that come from this connection from now on. */
  client: 1,
  /** The connection's number in four bytes, then the body. */
  request: 2,
  /** The same; the body was too large, and this is what was read of it. */
  oversize: 3,
  /** The connection of this request is gone. */
  gone: 4,
  /** Another request waits behind this one. */
  release: 5,
  /** A connection is gone; one byte: whether it broke off. */
  ended: 6,
  reply: 7,
  drop: 8,
});

/** Who makes requests over a connection. */
export interface Requester {
  readonly address: string;
  readonly port: number;
  readonly secure: boolean;
  /** The version of TLS, and the client's certificate, where TLS ends here. */
  readonly tls?: { readonly version: string; readonly certificate?: ClientCertificate };
}

export function writeReply({ status, contentType, body }: BoshResponse): [head: Buffer, body: Buffer] {
  const head = Buffer.allocUnsafe(3 + contentType.length);
  head.writeUInt16LE(status, 0);
  head[2] = contentType.length;
  head.write(contentType, 3, 'latin1');
  return [head, body];
}

export function readReply(bytes: Buffer): BoshResponse {
  const end = 3 + bytes[2];
  return {
    status: bytes.readUInt16LE(0) as BoshResponse['status'],
    contentType: bytes.toString('latin1', 3, end),
    body: bytes.subarray(end),
  };
}
