// WebSockets (RFC 6455) and the streams on them: made, swept for their deadlines, and ended when the server stops. upgrade.ts decides who gets
// one; handshake.ts answers the usual request, the server that @fastify/websocket brings any other; what is said then is the matter of ../websocket.

import type { IncomingMessage, Server } from 'node:http';
import type { Socket } from 'node:net';
import fastifyWebsocket from '@fastify/websocket';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Log } from '../log.js';
import type { Upstream } from '../stream/end.js';
import { Tick } from '../tick.js';
import { type StreamShare, WebSocketStream } from '../websocket/stream.js';
import { DEFAULT_LIMITS } from '../xmpp/scanner.js';
import type { Connection } from './connection.js';
import { shakeHands } from './handshake.js';
import type { HttpMetrics } from './metrics.js';
import { type CarrierShare, SocketCarrier } from './socket-carrier.js';
import { basePath, type Gate, type GateOptions, type UpgradeRequest } from './upgrade.js';

export interface WebSocketOptions extends GateOptions {
  readonly max_data_held: number;
  readonly websocket_ping_interval: number;
  readonly websocket_ping_timeout: number;
  readonly open_timeout: number;
  readonly limits: {
    readonly rates: boolean;
    readonly queue_soft: number;
    readonly queue_hard: number;
    readonly depth: number;
    readonly elements: number;
    readonly attributes: number;
  };
  readonly drain: { readonly see_other_uri: string };
}

export interface WebSocketDeps {
  readonly upstream: Upstream;
  readonly log: Log;
  readonly metrics: HttpMetrics;
  /** The connection of a request after which another protocol goes on over it. */
  leavingBy(message: UpgradeRequest): Connection;
}

/** How long clients may take to say goodbye when the server stops. */
const GOODBYE = 1000;

/** What `ws` makes after its handshake: the socket, and what came behind the request. */
class Upgraded {
  socket: Socket | undefined;
  head: Buffer | undefined;

  setSocket(socket: Socket, head: Buffer): void {
    this.socket = socket;
    this.head = head;
  }
}

/** The WebSockets of one HTTP server. */
export class WebSockets {
  readonly #carriers = new Set<SocketCarrier>();
  readonly #turn: Tick;
  readonly #deps: WebSocketDeps;
  readonly #sweep: NodeJS.Timeout;
  #options: WebSocketOptions;
  #share: StreamShare;
  #carrying: CarrierShare;
  #count = 0;
  #emptied: (() => void) | undefined;

  constructor(options: WebSocketOptions, deps: WebSocketDeps) {
    this.#deps = deps;
    this.#turn = new Tick((error) => deps.log.error('websocket_flush_failed', { error }));
    deps.metrics.queued(() => this.#waiting());
    this.#options = options;
    this.#share = this.#shared(options);
    this.#carrying = this.#carried(options);
    this.#sweep = setInterval(() => this.#look(), sweepEvery(options));
    this.#sweep.unref();
  }

  get size(): number {
    return this.#carriers.size;
  }

  #waiting(): number {
    let bytes = 0;
    for (const { stream } of this.#carriers) bytes += stream?.waiting ?? 0;
    return bytes;
  }

  /** New limits, for connections from now on. */
  reload(options: WebSocketOptions): void {
    this.#options = options;
    this.#share = this.#shared(options);
    this.#carrying = this.#carried(options);
  }

  /** What the gate lets in, and the route of requests that want no upgrade; in their own context, so that no other route pays for hooks. */
  readonly routes = async (app: FastifyInstance, { gate }: { gate: Gate }): Promise<void> => {
    await app.register(fastifyWebsocket, {
      preClose: () => this.#stop(gate),
      options: {
        // In place of the server whose upgrades are listened to.
        server: gate as unknown as Server,
        WebSocket: Upgraded as never,
        perMessageDeflate: false,
        clientTracking: false,
        handleProtocols: () => 'xmpp',
      },
    });
    gate.enter = (request, socket, head) => {
      if (shakeHands(request, socket)) this.#connected(request, socket, head);
      else
        app.websocketServer.handleUpgrade(request as IncomingMessage, socket, head, (upgraded) =>
          this.#connected(request, socket, (upgraded as unknown as Upgraded).head ?? head),
        );
    };
    const absent = (_: FastifyRequest, reply: FastifyReply) =>
      reply
        .code(426)
        .header('upgrade', 'websocket')
        .header('connection', 'upgrade')
        .type('text/plain; charset=utf-8')
        .send('This address speaks WebSocket (subprotocol xmpp).\n');
    const own = basePath(this.#options.websocket_path);
    if (own !== basePath(this.#options.path)) app.get(own, absent);
  };

  #connected(request: UpgradeRequest, socket: Socket, head: Buffer): void {
    const connection = this.#deps.leavingBy(request);
    const carrier = new SocketCarrier(socket, connection.clientOf(request), connection.tlsOf(request), this.#carrying);
    this.#turn.soon(carrier);
    this.#carriers.add(carrier);
    this.#deps.metrics.websocket.open++;
    carrier.begin(new WebSocketStream(`ws-${++this.#count}`, carrier, this.#share), head);
  }

  #closed(carrier: SocketCarrier, code: number): void {
    this.#carriers.delete(carrier);
    this.#deps.metrics.websocket.open--;
    this.#deps.metrics.closed(code);
    carrier.stream?.gone();
    if (this.#carriers.size === 0) this.#emptied?.();
  }

  #carried({ max_data_held, limits }: WebSocketOptions): CarrierShare {
    return {
      // Up to twice the limit is answered with a stream error first.
      most: max_data_held * 2,
      rates: limits.rates,
      counts: this.#deps.metrics.websocket,
      broke: (error) => this.#deps.log.debug('websocket_error', { error: error.message }),
      closed: (carrier, code) => this.#closed(carrier, code),
    };
  }

  #shared(options: WebSocketOptions): StreamShare {
    const { limits } = options;
    return {
      upstream: this.#deps.upstream,
      turn: this.#turn,
      now: () => performance.now(),
      pong: (took) => this.#deps.metrics.pinged(took),
      rejected: this.#deps.metrics.rejected,
      limited: this.#deps.metrics.limited,
      failed: (stream, error) => this.#deps.log.error('websocket_message_failed', { stream: stream.name, error }),
      limits: {
        scanner: {
          ...DEFAULT_LIMITS,
          stanza: options.max_data_held,
          depth: limits.depth,
          elements: limits.elements,
          attributes: limits.attributes,
        },
        queueSoft: limits.queue_soft,
        queueHard: limits.queue_hard,
        openTimeout: options.open_timeout * 1000,
        pingInterval: options.websocket_ping_interval * 1000,
        pingTimeout: options.websocket_ping_timeout * 1000,
      },
    };
  }

  #look(): void {
    const now = performance.now();
    for (const carrier of this.#carriers) {
      carrier.stream?.sweep(now);
      carrier.sweep(now);
    }
  }

  async #stop(gate: Gate): Promise<void> {
    gate.closing = true;
    for (const { stream } of this.#carriers) stream?.shutdown(this.#options.drain.see_other_uri || undefined);
    if (this.#carriers.size > 0) await this.#empty();
    for (const carrier of this.#carriers) carrier.terminate();
    clearInterval(this.#sweep);
  }

  #empty(): Promise<void> {
    return new Promise((resolve) => {
      const late = setTimeout(resolve, GOODBYE);
      this.#emptied = () => {
        clearTimeout(late);
        resolve();
      };
    });
  }
}

/** Times are kept to about a quarter of the shortest. */
function sweepEvery({ websocket_ping_interval, websocket_ping_timeout, open_timeout }: WebSocketOptions): number {
  const shortest = Math.min(websocket_ping_interval || 4, websocket_ping_timeout, open_timeout, 4);
  return Math.max(20, shortest * 250);
}
