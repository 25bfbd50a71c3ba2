// The ports for clients over TCP: one that begins in plain text (RFC 6120), one that begins with TLS (XEP-0368). It accepts,
// learns whose a connection is, bounds those that are not attached yet, sweeps all for their deadlines, and ends them when the
// server stops. What a client may do is client.ts's.

import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import type { Log } from '../log.js';
import type { Metrics } from '../metrics.js';
import { type Client, peerOf } from '../net/address.js';
import { awaitProxyHeader } from '../net/proxy-protocol.js';
import type { TlsOptions } from '../net/tls.js';
import type { Upstream } from '../stream/end.js';
import { StreamError } from '../xmpp/errors.js';
import { DEFAULT_LIMITS } from '../xmpp/scanner.js';
import { type ClientShare, TcpClient } from './client.js';
import { TcpMetrics } from './metrics.js';
import { Encryption } from './starttls.js';
import { TCP_DEFAULTS, type Turn } from './stream.js';

/** As in the configuration: bytes and seconds. */
export interface ListenerOptions {
  readonly host: string;
  readonly tls: TlsOptions | null;
  readonly c2s: {
    readonly host?: string;
    readonly port: number | null;
    readonly direct_tls_port: number | null;
    readonly tls: TlsOptions | null;
    readonly require_tls: boolean;
    readonly send_timeout: number;
  };
  readonly proxy_protocol: boolean;
  readonly http_socket_keepalive: number;
  readonly max_data_held: number;
  readonly open_timeout: number;
  readonly limits: {
    readonly queue_soft: number;
    readonly queue_hard: number;
    readonly depth: number;
    readonly elements: number;
    readonly attributes: number;
  };
  readonly drain: { readonly see_other_host: string };
}

export interface ListenerDeps {
  readonly upstream: Upstream;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly turn: Turn;
  /** Bounds, by address, the connections that are not attached yet. */
  readonly admission: Admission;
  /** The default namespace of its streams; absent: the client's. */
  readonly contentNs?: string;
  /** What its connections are called in logs; absent: tcp. */
  readonly label?: string;
}

export interface Admission {
  /** Undefined, or the limit that is in the way. */
  enter(address: string): { readonly limit: string } | undefined;
  leave(address: string): void;
}

/** How long clients may take to say goodbye when the server stops. */
const GOODBYE = 1000;

export class TcpListener {
  readonly #deps: ListenerDeps;
  readonly #metrics: TcpMetrics;
  readonly #clients = new Set<TcpClient>();
  readonly #waiting = new Set<TcpClient>();
  readonly #encryption: Encryption | undefined;
  #options: ListenerOptions;
  #share: ClientShare;
  #servers: Server[] = [];
  #ports: { plain?: AddressInfo; direct?: AddressInfo } = {};
  #sweep: NodeJS.Timeout | undefined;
  #count = 0;
  #emptied: (() => void) | undefined;

  /** Throws when the certificate cannot be used. */
  constructor(options: ListenerOptions, deps: ListenerDeps) {
    this.#options = options;
    this.#deps = deps;
    const [clients, waiting] = [this.#clients, this.#waiting];
    this.#metrics = new TcpMetrics(deps.metrics, {
      get waiting() {
        return waiting.size;
      },
      get size() {
        return clients.size;
      },
      get bytes() {
        let bytes = 0;
        for (const { stream } of clients) bytes += stream.waiting;
        return bytes;
      },
    });
    const tls = options.c2s.tls ?? options.tls;
    const shaken = (outcome: 'ok' | 'failed') => this.#metrics.shaken(outcome);
    if (tls !== null) this.#encryption = new Encryption(tls, { log: deps.log, shaken });
    this.#share = this.#shared(options);
  }

  /** Where it listens. */
  get ports(): { readonly plain?: AddressInfo; readonly direct?: AddressInfo } {
    return this.#ports;
  }

  get size(): number {
    return this.#clients.size;
  }

  /** Listens. Rejects with the system's error when an address cannot be had. */
  async start(): Promise<void> {
    const { port, direct_tls_port, require_tls } = this.#options.c2s;
    if (port !== null) this.#ports = { plain: await this.#listen(port, false) };
    if (direct_tls_port !== null) this.#ports = { ...this.#ports, direct: await this.#listen(direct_tls_port, true) };
    if (port !== null && !require_tls && this.#deps.contentNs === undefined)
      this.#deps.log.warn('tls_not_required', { port: this.#ports.plain?.port });
    this.#sweep = setInterval(() => this.#look(), sweepEvery(this.#options)).unref();
  }

  /** New limits, for connections from now on. */
  reload(options: ListenerOptions): void {
    this.#options = options;
    this.#share = this.#shared(options);
  }

  /** Tells every client to go, and resolves when all are gone; who takes longer than a second is cut. */
  async stop(): Promise<void> {
    for (const server of this.#servers) server.close();
    const location = this.#options.drain.see_other_host;
    const reason = location
      ? new StreamError('see-other-host', 'the server is stopping; another one is ready', { location })
      : new StreamError('system-shutdown', 'the server is stopping');
    for (const client of this.#clients) client.shutdown(reason);
    if (this.#clients.size > 0) await this.#empty();
    clearInterval(this.#sweep);
    this.#encryption?.close();
  }

  async #listen(port: number, direct: boolean): Promise<AddressInfo> {
    const { c2s, host, http_socket_keepalive: idle } = this.#options;
    const server = createServer({ noDelay: true, keepAlive: idle > 0, keepAliveInitialDelay: idle * 1000 });
    server.on('connection', (socket) => this.#accept(socket, direct));
    this.#servers.push(server);
    await once(server.listen(port, c2s.host ?? host), 'listening');
    server.on('error', (error) => this.#deps.log.error('accept_failed', { error }));
    return server.address() as AddressInfo;
  }

  #accept(socket: Socket, direct: boolean): void {
    if (!this.#options.proxy_protocol) this.#arrive(socket, peerOf(socket), direct);
    else awaitProxyHeader(socket, (client) => this.#arrive(socket, client ?? peerOf(socket), direct));
  }

  #arrive(socket: Socket, peer: Client, direct: boolean): void {
    const refusal = this.#deps.admission.enter(peer.address);
    if (refusal !== undefined) {
      this.#metrics.limited(refusal.limit);
      this.#deps.log.debug('connection_refused', { address: peer.address, limit: `limits.${refusal.limit}` });
      socket.destroy();
      return;
    }
    const client = new TcpClient(`${this.#deps.label ?? 'tcp'}-${++this.#count}`, socket, peer, this.#share, direct);
    this.#clients.add(client);
    this.#waiting.add(client);
  }

  #settled(client: TcpClient): void {
    if (this.#waiting.delete(client)) this.#deps.admission.leave(client.remoteAddress);
  }

  #gone(client: TcpClient): void {
    this.#settled(client);
    this.#clients.delete(client);
    if (this.#clients.size === 0) this.#emptied?.();
  }

  #shared(options: ListenerOptions): ClientShare {
    const { limits, max_data_held: stanza } = options;
    const { depth, elements, attributes, queue_soft: soft, queue_hard: hard } = limits;
    return {
      upstream: this.#deps.upstream,
      encryption: this.#encryption,
      requireTls: options.c2s.require_tls,
      openTimeout: options.open_timeout * 1000,
      sendTimeout: options.c2s.send_timeout * 1000,
      now: () => performance.now(),
      settled: (client) => this.#settled(client),
      gone: (client) => this.#gone(client),
      rejected: this.#metrics.rejected,
      limited: this.#metrics.limited,
      failed: (client, error) => this.#deps.log.error('tcp_stream_failed', { client: client.name, error }),
      tcp: {
        ...TCP_DEFAULTS,
        role: 'receiving',
        contentNs: this.#deps.contentNs ?? TCP_DEFAULTS.contentNs,
        limits: { ...DEFAULT_LIMITS, stanza, depth, elements, attributes },
        soft,
        hard,
        turn: this.#deps.turn,
        counts: this.#metrics.counts,
      },
    };
  }

  #look(): void {
    const now = performance.now();
    for (const client of this.#clients) client.sweep(now);
  }

  #cut(): void {
    for (const client of this.#clients) client.terminate();
  }

  #empty(): Promise<void> {
    return new Promise((resolve) => {
      const late = setTimeout(() => this.#cut(), GOODBYE);
      this.#emptied = () => {
        clearTimeout(late);
        resolve();
      };
    });
  }
}

/** Times are kept to about a quarter of the shortest. */
function sweepEvery({ open_timeout, c2s: { send_timeout } }: ListenerOptions): number {
  return Math.max(20, Math.min(open_timeout, send_timeout, 4) * 250);
}
