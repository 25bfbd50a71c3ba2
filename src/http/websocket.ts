// WebSocket upgrades (RFC 6455, RFC 7395 section 3.1) by @fastify/websocket. The gate in front of it looks at an upgrade
// before a WebSocket exists: path, subprotocol, Origin. What is said over the WebSocket is the matter of ../websocket.

import { EventEmitter } from 'node:events';
import { type IncomingMessage, type Server, ServerResponse, STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import fastifyWebsocket, { type WebSocket } from '@fastify/websocket';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Log } from '../log.js';
import type { Upstream } from '../stream/end.js';
import { WebSocketStream } from '../websocket/stream.js';
import { TickTurn } from '../websocket/turn.js';
import { DEFAULT_LIMITS } from '../xmpp/scanner.js';
import type { Connection } from './connection.js';
import { Origins } from './cors.js';
import { SECURITY } from './headers.js';
import type { HttpMetrics } from './metrics.js';
import { SocketCarrier } from './socket-carrier.js';

export interface WebSocketOptions {
  readonly path: string;
  readonly websocket_path: string;
  /** Origins whose pages may connect; empty: any. */
  readonly origins: readonly string[];
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
  readonly draining: () => boolean;
  connectionOf(message: IncomingMessage): Connection;
  /** Answers requests that want another protocol than WebSocket as if they wanted none. */
  plain(message: IncomingMessage, response: ServerResponse): void;
}

/** How long clients may take to say goodbye when the server stops. */
const GOODBYE = 1000;
/** Route of upgrades at the BOSH path, whose own GET is a page. */
const INNER = '/.websocket';
const FRAGMENTS = 64;
const CHUNKS = 1024;
const STREAM = Symbol('stream');

interface Carrying extends WebSocket {
  [STREAM]: WebSocketStream;
}

interface Draining extends Socket {
  [STREAM]?: WebSocketStream;
}

/** The WebSocket side of one HTTP server; emits `upgrade` for what may become a WebSocket. */
export class WebSockets extends EventEmitter {
  readonly #streams = new Set<WebSocketStream>();
  readonly #turn = new TickTurn();
  readonly #deps: WebSocketDeps;
  #options: WebSocketOptions;
  #origins: Origins;
  #share;
  #count = 0;
  #closing = false;
  #sweep: NodeJS.Timeout;

  constructor(options: WebSocketOptions, deps: WebSocketDeps) {
    super();
    this.#deps = deps;
    this.#options = options;
    this.#origins = new Origins(options.origins);
    this.#share = this.#shared(options);
    this.#sweep = setInterval(() => this.#look(), sweepEvery(options));
    this.#sweep.unref();
  }

  get size(): number {
    return this.#streams.size;
  }

  /** New limits and origins, for connections from now on. */
  reload(options: WebSocketOptions): void {
    this.#options = options;
    this.#origins = new Origins(options.origins);
    this.#share = this.#shared(options);
  }

  /** Listens to the upgrades of a server. */
  guard(server: Server): void {
    server.on('upgrade', (message: IncomingMessage, socket: Socket, head: Buffer) =>
      this.#upgrade(message, socket, head),
    );
  }

  /** The routes; their own context, so that no other route pays for the hooks. */
  readonly routes = async (app: FastifyInstance): Promise<void> => {
    await app.register(fastifyWebsocket, {
      preClose: () => this.#stop(),
      errorHandler: (error) => this.#deps.log.debug('websocket_error', { error: error.message }),
      options: {
        // The gate takes the place of the server whose upgrades are listened to.
        server: this as unknown as Server,
        perMessageDeflate: false,
        clientTracking: false,
        maxPayload: this.#options.max_data_held * 2,
        maxFragments: FRAGMENTS,
        maxBufferedChunks: CHUNKS,
        // The scanner checks every byte.
        skipUTF8Validation: true,
        handleProtocols: () => 'xmpp',
        ...{ closeTimeout: GOODBYE },
      },
    });
    const absent = (_: FastifyRequest, reply: FastifyReply) =>
      reply
        .code(426)
        .header('upgrade', 'websocket')
        .header('connection', 'upgrade')
        .type('text/plain; charset=utf-8')
        .send('This address speaks WebSocket (subprotocol xmpp).\n');
    const own = basePath(this.#options.websocket_path);
    for (const url of own === basePath(this.#options.path) ? [INNER] : [own, INNER]) {
      app.route({ method: 'GET', url, handler: absent, wsHandler: (ws, request) => this.#connected(ws, request.raw) });
    }
  };

  #connected(ws: WebSocket, message: IncomingMessage): void {
    const { socket } = message;
    const client = this.#deps.connectionOf(message).clientOf(message);
    const carrier = new SocketCarrier(ws, socket, client, this.#deps.metrics.websocket);
    const stream = new WebSocketStream(`ws-${++this.#count}`, carrier, this.#share);
    (ws as Carrying)[STREAM] = stream;
    (socket as Draining)[STREAM] = stream;
    this.#streams.add(stream);
    this.#deps.metrics.websocket.open++;
    ws.on('message', onMessage);
    ws.on('pong', onPong);
    ws.on('ping', this.#options.limits.rates ? onPing : ignore);
    ws.on('close', this.#onClose);
    socket.on('drain', onDrain);
  }

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
    if (this.#closing && this.#streams.size === 0) this.emit('empty');
  }

  #upgrade(message: IncomingMessage, socket: Socket, head: Buffer): void {
    if (message.headers.upgrade?.toLowerCase() !== 'websocket') return this.#servePlain(message, socket);
    const path = basePath((message.url ?? '').replace(/\?.*$/s, ''));
    const isBosh = path === basePath(this.#options.path);
    const { origin } = message.headers;
    if (!isBosh && path !== basePath(this.#options.websocket_path)) refuse(socket, 404, 'No WebSocket here.');
    else if (message.method !== 'GET') refuse(socket, 405, 'A WebSocket begins with GET.', ['Allow', 'GET']);
    else if (origin !== undefined && !this.#mayConnect(origin))
      refuse(socket, 403, 'This origin may not connect here.');
    else if (!speaksXmpp(message.headers['sec-websocket-protocol']))
      refuse(socket, 400, 'Sec-WebSocket-Protocol: xmpp is needed.');
    else if (this.#closing || this.#deps.draining()) refuse(socket, 503, 'Shutting down.', ['Retry-After', '5']);
    else {
      if (isBosh) message.url = INNER;
      this.emit('upgrade', message, socket, head);
    }
  }

  #mayConnect(origin: string): boolean {
    return this.#options.origins.length === 0 || this.#origins.has(origin);
  }

  // RFC 9110 section 7.8: a server may ignore Upgrade. Node has taken its parser off the connection, so a body that
  // follows cannot be read any more.
  #servePlain(message: IncomingMessage, socket: Socket): void {
    const { method, headers } = message;
    const hasBody = headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
    if ((method !== 'GET' && method !== 'HEAD') || hasBody) return refuse(socket, 400, 'Send this without Upgrade.');
    socket.on('error', () => socket.destroy());
    const response = new ServerResponse(message);
    response.shouldKeepAlive = false;
    response.assignSocket(socket);
    response.on('finish', () => socket.end());
    this.#deps.plain(message, response);
  }

  #shared(options: WebSocketOptions) {
    const { limits } = options;
    return {
      upstream: this.#deps.upstream,
      turn: this.#turn,
      now: () => performance.now(),
      pong: (took: number) => this.#deps.metrics.pinged(took),
      failed: (stream: WebSocketStream, error: unknown) =>
        this.#deps.log.error('websocket_message_failed', { stream: stream.name, error }),
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

  async #stop(): Promise<void> {
    this.#closing = true;
    for (const stream of this.#streams) stream.shutdown(this.#options.drain.see_other_uri || undefined);
    if (this.#streams.size > 0) {
      const late = setTimeout(() => this.emit('empty'), GOODBYE);
      await new Promise((resolve) => this.once('empty', resolve));
      clearTimeout(late);
    }
    for (const stream of this.#streams) stream.carrier.terminate();
    clearInterval(this.#sweep);
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

/** The path without the slashes at its end. */
export function basePath(path: string): string {
  return path.replace(/\/+$/, '') || '/';
}

function speaksXmpp(header: string | undefined): boolean {
  return header?.split(',').some((protocol) => protocol.trim() === 'xmpp') ?? false;
}

function refuse(socket: Socket, status: number, text: string, more: readonly string[] = []): void {
  const body = `${text}\n`;
  const headers = [
    'Content-Type',
    'text/plain; charset=utf-8',
    'Content-Length',
    String(Buffer.byteLength(body)),
    'Connection',
    'close',
    ...SECURITY,
    ...more,
  ];
  const lines = headers.flatMap((name, at) => (at % 2 === 0 ? [`${name}: ${headers[at + 1]}\r\n`] : []));
  socket.on('error', () => socket.destroy());
  socket.once('finish', () => socket.destroySoon());
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${lines.join('')}\r\n${body}`);
}

/** Times are kept to about a quarter of the shortest. */
function sweepEvery({ websocket_ping_interval, websocket_ping_timeout, open_timeout }: WebSocketOptions): number {
  const shortest = Math.min(websocket_ping_interval || 4, websocket_ping_timeout, open_timeout, 4);
  return Math.max(20, shortest * 250);
}
