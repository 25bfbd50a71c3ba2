// WebSockets (RFC 6455) by the server that @fastify/websocket brings, and the streams on them: made, swept for their deadlines, and ended when
// the server stops. upgrade.ts decides who gets one; what is said over it is the matter of ../websocket.

import type { IncomingMessage, Server } from 'node:http';
import type { Socket } from 'node:net';
import fastifyWebsocket, { type WebSocket } from '@fastify/websocket';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Log } from '../log.js';
import type { Upstream } from '../stream/end.js';
import { Tick } from '../tick.js';
import { type StreamShare, WebSocketStream } from '../websocket/stream.js';
import { DEFAULT_LIMITS } from '../xmpp/scanner.js';
import type { Connection } from './connection.js';
import type { HttpMetrics } from './metrics.js';
import { SocketCarrier } from './socket-carrier.js';
import { basePath, type Gate, type GateOptions } from './upgrade.js';

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
  connectionOf(message: IncomingMessage): Connection;
}

/** How long clients may take to say goodbye when the server stops. */
const GOODBYE = 1000;
const FRAGMENTS = 64;
const CHUNKS = 1024;
const STREAM = Symbol('stream');

interface Carrying extends WebSocket {
  [STREAM]: WebSocketStream;
}

interface Draining extends Socket {
  [STREAM]?: WebSocketStream;
}

/** The WebSockets of one HTTP server. */
export class WebSockets {
  readonly #streams = new Set<WebSocketStream>();
  readonly #turn: Tick;
  readonly #deps: WebSocketDeps;
  readonly #sweep: NodeJS.Timeout;
  #options: WebSocketOptions;
  #share: StreamShare;
  #count = 0;
  #emptied: (() => void) | undefined;

  constructor(options: WebSocketOptions, deps: WebSocketDeps) {
    this.#deps = deps;
    this.#turn = new Tick((error) => deps.log.error('websocket_flush_failed', { error }));
    deps.metrics.queued(() => this.#waiting());
    this.#options = options;
    this.#share = this.#shared(options);
    this.#sweep = setInterval(() => this.#look(), sweepEvery(options));
    this.#sweep.unref();
  }

  get size(): number {
    return this.#streams.size;
  }

  #waiting(): number {
    let bytes = 0;
    for (const stream of this.#streams) bytes += stream.waiting;
    return bytes;
  }

  /** New limits, for connections from now on. */
  reload(options: WebSocketOptions): void {
    this.#options = options;
    this.#share = this.#shared(options);
  }

  /** What the gate lets in, and the route of requests that want no upgrade; in their own context, so that no other route pays for hooks. */
  readonly routes = async (app: FastifyInstance, { gate }: { gate: Gate }): Promise<void> => {
    await app.register(fastifyWebsocket, {
      preClose: () => this.#stop(gate),
      errorHandler: this.#onError,
      options: {
        // In place of the server whose upgrades are listened to.
        server: gate as unknown as Server,
        perMessageDeflate: false,
        clientTracking: false,
        // Up to twice the limit is answered with a stream error first.
        maxPayload: this.#options.max_data_held * 2,
        maxFragments: FRAGMENTS,
        maxBufferedChunks: CHUNKS,
        // The scanner checks every byte.
        skipUTF8Validation: true,
        handleProtocols: () => 'xmpp',
        ...{ closeTimeout: GOODBYE },
      },
    });
    gate.enter = (message, socket, head) =>
      app.websocketServer.handleUpgrade(message, socket, head, (ws) => this.#connected(ws, message));
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

  #connected(ws: WebSocket, message: IncomingMessage): void {
    const { socket } = message;
    const connection = this.#deps.connectionOf(message);
    const client = connection.clientOf(message);
    const carrier = new SocketCarrier(ws, socket, client, this.#deps.metrics.websocket, connection.tlsOf(message));
    connection.left(socket);
    const stream = new WebSocketStream(`ws-${++this.#count}`, carrier, this.#share);
    (ws as Carrying)[STREAM] = stream;
    (socket as Draining)[STREAM] = stream;
    this.#streams.add(stream);
    this.#deps.metrics.websocket.open++;
    ws.on('error', this.#onError);
    ws.on('message', onMessage);
    ws.on('pong', onPong);
    ws.on('ping', this.#options.limits.rates ? onPing : ignore);
    ws.on('close', this.#onClose);
    socket.on('drain', onDrain);
  }

  readonly #onError = (error: Error) => this.#deps.log.debug('websocket_error', { error: error.message });

  // Shared by all sockets: `this` of a listener is the WebSocket.
  readonly #onClose = ((hub: WebSockets) =>
    function (this: WebSocket, code: number) {
      hub.#closed((this as Carrying)[STREAM], code);
    })(this);

  #closed(stream: WebSocketStream, code: number): void {
    this.#streams.delete(stream);
    this.#deps.metrics.websocket.open--;
    this.#deps.metrics.closed(code);
    stream.gone();
    if (this.#streams.size === 0) this.#emptied?.();
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
    for (const stream of this.#streams) stream.sweep(now);
  }

  async #stop(gate: Gate): Promise<void> {
    gate.closing = true;
    for (const stream of this.#streams) stream.shutdown(this.#options.drain.see_other_uri || undefined);
    if (this.#streams.size > 0) await this.#empty();
    for (const stream of this.#streams) stream.carrier.terminate();
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

function onMessage(this: WebSocket, data: unknown, binary: boolean): void {
  const stream = (this as Carrying)[STREAM];
  (stream.carrier as SocketCarrier).counts.bytesIn += (data as Buffer).length;
  stream.message(data as Buffer, binary);
}

function onPong(this: WebSocket): void {
  (this as Carrying)[STREAM].ponged();
}

function onPing(this: WebSocket): void {
  const stream = (this as Carrying)[STREAM];
  if (!(stream.carrier as SocketCarrier).mayPing()) stream.abuse();
}

function ignore(): void {}

function onDrain(this: Socket): void {
  (this as Draining)[STREAM]?.drained();
}

/** Times are kept to about a quarter of the shortest. */
function sweepEvery({ websocket_ping_interval, websocket_ping_timeout, open_timeout }: WebSocketOptions): number {
  const shortest = Math.min(websocket_ping_interval || 4, websocket_ping_timeout, open_timeout, 4);
  return Math.max(20, shortest * 250);
}
