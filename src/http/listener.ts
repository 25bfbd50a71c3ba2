// The node:http server below Fastify: its time-outs, TLS, the PROXY protocol, and what a connection is told whose bytes
// are no HTTP.

import { createServer, type RequestListener, type Server, STATUS_CODES } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { Socket } from 'node:net';
import type { Log } from '../log.js';
import { peerOf } from '../net/address.js';
import { ProxiedPeers } from '../net/proxy-protocol.js';
import { followTls, readTls, type TlsOptions } from '../net/tls.js';
import type { Networks } from '../stream/address.js';
import { Connection } from './connection.js';
import type { Cors } from './cors.js';
import type { Posts } from './posts.js';
import { endWith } from './upgrade.js';

export interface ListenerOptions {
  readonly tls: TlsOptions | null;
  readonly proxy_protocol: boolean;
  readonly max_wait: number;
  readonly http_socket_keepalive: number;
}

const HEADERS_WITHIN = 10_000;
// Of what the client sends: it does not cut a request that waits for its answer.
const REQUEST_WITHIN = 30_000;
const HANDSHAKE_WITHIN = 10_000;
const CHECK_EVERY = 1000;
const HEADER_BYTES = 16_384;
/** A connection without a byte either way for so long beyond the longest wait is of a client that does not read. */
const SILENT_BEYOND_WAIT = 30_000;
/** A connection that carried a poll may carry the next one. */
const KEPT_BEYOND_WAIT = 10_000;

export class Listener {
  readonly #options: ListenerOptions;
  readonly #log: Log;
  readonly #proxied: ProxiedPeers | undefined;
  #unfollow: (() => void) | undefined;

  constructor(options: ListenerOptions, log: Log) {
    this.#options = options;
    this.#log = log;
    if (options.proxy_protocol) this.#proxied = new ProxiedPeers();
  }

  /** A server that is not listening yet; `posts` sees its connections first. */
  server(posts: Posts, listener: RequestListener): Server {
    const { tls, http_socket_keepalive, max_wait } = this.#options;
    const options = {
      keepAlive: http_socket_keepalive > 0,
      keepAliveInitialDelay: http_socket_keepalive * 1000,
      noDelay: true,
      maxHeaderSize: HEADER_BYTES,
      keepAliveTimeout: max_wait * 1000 + KEPT_BEYOND_WAIT,
      headersTimeout: HEADERS_WITHIN,
      requestTimeout: REQUEST_WITHIN,
      connectionsCheckingInterval: CHECK_EVERY,
    };
    const server = tls === null ? createServer(options, listener) : this.#tlsServer(tls, options, listener);
    server.timeout = max_wait * 1000 + SILENT_BEYOND_WAIT;
    posts.guard(server);
    this.#proxied?.guard(server);
    return server;
  }

  /** The connection of a request, known from its first on. */
  connectionOf(socket: Socket, trusted: Networks): Connection {
    return Connection.of(socket) ?? this.#newConnection(socket, trusted).keep(socket);
  }

  /** The same where this request is the last, for another protocol goes on over it. */
  leavingBy(socket: Socket, trusted: Networks): Connection {
    return Connection.leave(socket) ?? this.#newConnection(socket, trusted);
  }

  #newConnection(socket: Socket, trusted: Networks): Connection {
    const peer = peerOf(socket);
    const named = this.#proxied?.of(socket);
    return new Connection(named ? { ...named, secure: named.secure || peer.secure } : peer, trusted);
  }

  close(): void {
    this.#unfollow?.();
  }

  #tlsServer(tls: TlsOptions, options: object, listener: RequestListener): Server {
    const server = createTlsServer({ ...options, ...readTls(tls), handshakeTimeout: HANDSHAKE_WITHIN }, listener);
    this.#unfollow = followTls(server, tls, this.#log);
    return server;
  }
}

/** What is said to bytes that are no HTTP request, or come too slowly: a status, and the end of the connection. */
export function answerClientError(error: NodeJS.ErrnoException, socket: Socket, cors: Cors): void {
  if (error.code === 'ERR_HTTP_REQUEST_TIMEOUT' && Connection.of(socket)?.isPatient) return;
  const isOther = error.code === 'ECONNRESET' || !socket.writable;
  // While a request waits, an answer here would be taken for the answer to that.
  if (isOther || Connection.of(socket)?.owesAnswer) {
    socket.destroy();
    return;
  }
  const status = statusOf(error.code);
  endWith(socket, status, STATUS_CODES[status] ?? '', cors.headers(undefined));
}

function statusOf(code: string | undefined): number {
  if (code === 'HPE_HEADER_OVERFLOW') return 431;
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return 408;
  if (code === 'HPE_CHUNK_EXTENSIONS_OVERFLOW') return 413;
  return 400;
}
