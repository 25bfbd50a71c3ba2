// What is known of one TCP connection, between its requests: whose it is, and which of its requests wait. Node answers
// pipelined requests in order, so one that waits holds up those behind it (RFC 9112 section 9.3.2); whoever comes next
// asks for the one before to be answered (XEP-0124 section 18.1).

import type { IncomingHttpHeaders, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Client } from '../net/address.js';
import { ClientTls } from '../net/client-tls.js';
import type { Networks } from '../stream/address.js';
import { forwardedClient } from './address.js';

/** A request that waits for its answer on a connection. */
export interface Waiting {
  /** The one that came before it on this connection and waits too. */
  before: Waiting | undefined;
  readonly isOver: boolean;
  /** It was received whole. */
  readonly isWhole: boolean;
  /** Another request waits behind it. */
  hurry(): void;
  /** The connection is gone. */
  gone(): void;
}

/** Requests behind one that is not answered; whoever sends more does not read what it asks for. */
export const MOST_PILED = 32;

const CONNECTION = Symbol('connection');

interface Carrying extends Socket {
  [CONNECTION]?: Connection;
}

export class Connection {
  /** The newest request that is not answered. */
  newest: Waiting | undefined;
  /** It ended with an error, or before everything was written. */
  broke = false;
  /** What it brings has a time of its own, and may take longer than other requests. */
  isPatient = false;
  readonly #peer: Client;
  readonly #viaProxy: boolean;
  readonly #trusted: Networks;
  #lastHeader: string | undefined;
  #lastClient: Client;
  #piled = 0;
  #tls: ClientTls | undefined;
  // Nobody nearly always.
  #told: readonly (() => void)[] | undefined;

  constructor(peer: Client, trusted: Networks) {
    this.#peer = peer;
    this.#trusted = trusted;
    this.#viaProxy = trusted.has(peer.address);
    this.#lastClient = peer;
  }

  /** It is this socket's, and ends with it. */
  keep(socket: Socket): this {
    (socket as Carrying)[CONNECTION] = this;
    socket.on('close', closed);
    return this;
  }

  /** The connection below a request; `undefined` before its first. */
  static of(socket: Socket): Connection | undefined {
    return (socket as Carrying)[CONNECTION];
  }

  /** The client of a request; worked out again only when the proxy says something new. */
  clientOf({ headers }: { readonly headers: IncomingHttpHeaders }): Client {
    if (!this.#viaProxy) return this.#peer;
    const header = forwarding(headers);
    if (header !== this.#lastHeader) {
      this.#lastHeader = header;
      this.#lastClient = forwardedClient(headers, this.#peer, this.#trusted);
    }
    return this.#lastClient;
  }

  /** The client's own TLS connection: not that of a proxy which says for whom it speaks. */
  tlsOf({
    headers,
    socket,
  }: {
    readonly headers: IncomingHttpHeaders;
    readonly socket: Socket;
  }): ClientTls | undefined {
    if (this.#viaProxy && forwarding(headers) !== NOBODY) return undefined;
    this.#tls ??= ClientTls.of(socket);
    return this.#tls;
  }

  /** Calls back when it has ended. */
  ended(told: () => void): void {
    this.#told = [...(this.#told ?? []), told];
  }

  /** Another protocol goes on over this socket, and nothing of its connection is asked for any more. */
  static leave(socket: Socket): Connection | undefined {
    const known = Connection.of(socket);
    if (known === undefined) return undefined;
    socket.off('close', closed);
    (socket as Carrying)[CONNECTION] = undefined;
    return known;
  }

  /** It has. */
  close(broke: boolean): void {
    this.broke = broke;
    for (let waiting = this.newest; waiting !== undefined; waiting = waiting.before) waiting.gone();
    this.newest = undefined;
    for (const told of this.#told ?? []) told();
  }

  /** Whether the peer is a proxy whose headers count. */
  get viaProxy(): boolean {
    return this.#viaProxy;
  }

  /** Whether the next answer on this connection belongs to a request that waits. */
  get owesAnswer(): boolean {
    for (let waiting = this.newest; waiting !== undefined; waiting = waiting.before) if (waiting.isWhole) return true;
    return false;
  }

  /** Takes in a request that came before those ahead of it were answered; false when there are too many. */
  takes(response: ServerResponse): boolean {
    if (this.#piled >= MOST_PILED) return false;
    this.#piled++;
    response.once('close', () => this.#piled--);
    return true;
  }

  /** Forgets requests that were answered, also those behind which others wait. */
  answered(): void {
    while (this.newest?.isOver) this.newest = this.newest.before;
    for (let waiting = this.newest; waiting !== undefined; waiting = waiting.before) {
      while (waiting.before?.isOver) waiting.before = waiting.before.before;
    }
  }
}

/** What a proxy says of the client. */
function forwarding(headers: IncomingHttpHeaders): string {
  return `${headers['x-forwarded-for'] ?? ''}|${headers.forwarded ?? ''}|${headers['x-forwarded-proto'] ?? ''}`;
}

const NOBODY = forwarding({});

function closed(this: Socket, hadError: boolean): void {
  Connection.of(this)?.close(hadError || this.writableLength > 0);
}
