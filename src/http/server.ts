// The HTTP face of the server: a Fastify instance with BOSH, WebSocket, host-meta (XEP-0156), health, metrics and pages.
// BOSH is taken from the node:http server before Fastify routes (bosh.ts says why); everything else is Fastify's, and
// whoever embeds the server can add routes and hooks. What BOSH and WebSocket mean is in ../bosh and ../websocket.

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import fastify, { type FastifyError, type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import type { Sessions } from '../bosh/sessions.js';
import type { Shelf } from '../files/shelf.js';
import type { Log } from '../log.js';
import type { Metrics } from '../metrics.js';
import { plainAddress } from '../net/address.js';
import type { Handle } from '../net/handle.js';
import { Networks } from '../stream/address.js';
import type { Upstream } from '../stream/end.js';
import { Bosh, type BoshHttpOptions } from './bosh.js';
import type { ChatDomain } from './chat.js';
import { Cors, type CorsOptions } from './cors.js';
import { fileRoutes } from './files.js';
import { checkHeaders, pairs, SECURITY, STRICT_TRANSPORT } from './headers.js';
import { hostMeta } from './host-meta.js';
import { answerClientError, Listener, type ListenerOptions } from './listener.js';
import { HttpMetrics } from './metrics.js';
import type { Status } from './pages/pages.js';
import { type Handover, Posts } from './posts.js';
import { type StatusOptions, statusRoutes } from './status.js';
import { basePath, Gate } from './upgrade.js';
import { type WebSocketOptions, WebSockets } from './websocket.js';

export type HttpOptions = ListenerOptions &
  BoshHttpOptions &
  WebSocketOptions &
  StatusOptions & {
    readonly trusted_proxies: readonly string[];
    readonly cors: CorsOptions;
  };

export interface HttpDeps {
  readonly sessions: Pick<Sessions, 'request' | 'oversize' | 'gone' | 'release'>;
  readonly upstream: Upstream;
  readonly log: Log;
  readonly metrics: Metrics;
  /** For the pages; what is not said is left at nothing. */
  readonly status?: () => Partial<Omit<Status, 'startedAt'>> & { readonly startedAt?: number | Date };
  /** What the pages show in place of that, where this is one process of several. */
  readonly whole?: () => Promise<Partial<Status>>;
  /** The domains that the chat page at `/` is for, asked at every request; with none, `/` is the status page. */
  readonly chat?: () => readonly ChatDomain[];
  /** URLs below which files are that clients have uploaded; the chat page shows pictures from there. */
  readonly uploads?: () => readonly string[];
  /** Files that clients share; without it there are none. */
  readonly files?: Shelf;
  /** Other processes that have sessions of BOSH. */
  readonly handover?: Handover;
}

export type Http = FastifyInstance & {
  /** WebSocket connections that are open. */
  readonly websockets: number;
  /** Takes new options, for connections and requests from now on. Paths, listener and TLS files stay. */
  reload(options: HttpOptions): void;
  /** Takes a connection from another process, and what that had read from it. */
  take(handle: Handle, said: Buffer): void;
};

/** Connections that are still busy so long after close began are cut. */
const LINGER = 2000;

/** An instance that is not listening yet. Throws on options that cannot be kept. */
export function createHttp(options: HttpOptions, deps: HttpDeps): Http {
  return new Face(options, deps).app;
}

class Face {
  readonly app: Http;
  readonly #deps: HttpDeps;
  readonly #listener: Listener;
  readonly #metrics: HttpMetrics;
  readonly #websockets: WebSockets;
  readonly #gate: Gate;
  readonly #startedAt = Date.now();
  #options: HttpOptions;
  #trusted: Networks;
  #cors: Cors;
  #bosh: Bosh;
  readonly #posts: Posts;

  constructor(options: HttpOptions, deps: HttpDeps) {
    this.#options = options;
    this.#deps = deps;
    this.#metrics = new HttpMetrics(deps.metrics);
    this.#listener = new Listener(options, deps.log);
    this.#trusted = new Networks(options.trusted_proxies);
    this.#cors = corsOf(options);
    this.#bosh = this.#newBosh();
    this.#websockets = this.#newWebSockets();
    this.#gate = this.#newGate();
    const isPlain = options.tls === null && !options.proxy_protocol;
    this.#posts = new Posts({
      bosh: () => this.#bosh,
      gate: this.#gate,
      ...(isPlain && deps.handover && { handover: deps.handover }),
    });
    this.app = this.#build();
    this.#guard();
    this.#routes();
  }

  #build(): Http {
    const app = fastify({
      serverFactory: (route) =>
        this.#listener.server(this.#posts, (message, response) => {
          // Without a socket, it waits for the answers ahead of it.
          if (response.socket === null && !this.#connectionOf(message).takes(response)) message.socket.destroy();
          else if (isAmbiguous(message)) refuse(response);
          else if (!this.#bosh.handle(message, response)) route(message, response);
        }),
      clientErrorHandler: (error, socket) => answerClientError(error as NodeJS.ErrnoException, socket, this.#cors),
      frameworkErrors: (error, request, reply) => this.#failed(error, request as FastifyRequest, reply as FastifyReply),
      routerOptions: { ignoreTrailingSlash: true },
      trustProxy: (address: string) => this.#trusted.has(plainAddress(address)),
      bodyLimit: this.#options.max_data_held,
      exposeHeadRoutes: false,
      // Requests of BOSH are told what became of their session, not that the server closes.
      return503OnClosing: false,
    });
    return Object.defineProperty(
      Object.assign(app, {
        reload: (options: HttpOptions) => this.#reload(options),
        take: (handle: Handle, said: Buffer) => this.#posts.take(handle, said),
      }),
      'websockets',
      {
        get: () => this.#websockets.size,
      },
    ) as unknown as Http;
  }

  #guard(): void {
    this.#gate.guard(this.app.server);
    this.app.addHook('onRequest', (_, reply, done) => {
      reply.headers(pairs([...SECURITY, ...this.#transport]));
      done();
    });
    this.app.addHook('onResponse', (request, reply, done) => {
      this.#metrics.page(request.method, reply.statusCode);
      done();
    });
    this.app.addHook('preClose', (done) => {
      this.#bosh.closing = true;
      this.#posts.close();
      setTimeout(() => this.#cut(), LINGER).unref();
      done();
    });
    this.app.addHook('onClose', (_, done) => {
      this.#listener.close();
      this.#posts.closeAll();
      done();
    });
  }

  #routes(): void {
    const connectionOf = this.#connectionOf;
    this.app.setErrorHandler((error: FastifyError, request, reply) => this.#failed(error, request, reply));
    this.app.setNotFoundHandler((request, reply) => this.#notFound(request, reply));
    this.app.register(this.#websockets.routes, { gate: this.#gate });
    this.app.register(async (app) => {
      hostMeta(app, () => this.#options, connectionOf);
      statusRoutes(app, {
        metrics: this.#deps.metrics,
        options: () => this.#options,
        status: () => this.#status,
        whole: () => this.#whole(),
        chat: () => this.#deps.chat?.() ?? [],
        uploads: () => this.#deps.uploads?.() ?? [],
        connectionOf,
      });
    });
    const { files } = this.#deps;
    if (files === undefined) return;
    this.app.register(async (app) => fileRoutes(app, { files, cors: () => this.#cors, connectionOf }));
  }

  #reload(options: HttpOptions): void {
    const trusted = new Networks(options.trusted_proxies);
    const cors = corsOf(options);
    this.#options = { ...options, path: this.#options.path, websocket_path: this.#options.websocket_path };
    this.#trusted = trusted;
    this.#cors = cors;
    this.#bosh = this.#newBosh();
    this.#websockets.reload(this.#options);
    this.#gate.reload(this.#options);
  }

  readonly #connectionOf = ({ socket }: { readonly socket: Socket }) =>
    this.#listener.connectionOf(socket, this.#trusted);

  #cut(): void {
    this.#posts.closeAll();
    this.app.server.closeAllConnections();
  }

  #newBosh(): Bosh {
    const { log, sessions } = this.#deps;
    checkHeaders(this.#options.http_headers);
    const deps = { log, sessions, cors: this.#cors, metrics: this.#metrics, headers: this.#transport };
    return new Bosh(this.#options, { ...deps, connectionOf: this.#connectionOf });
  }

  #newWebSockets(): WebSockets {
    const { upstream, log } = this.#deps;
    const leavingBy = ({ socket }: { readonly socket: Socket }) => this.#listener.leavingBy(socket, this.#trusted);
    return new WebSockets(this.#options, { upstream, log, metrics: this.#metrics, leavingBy });
  }

  #newGate(): Gate {
    return new Gate(this.#options, {
      draining: () => this.#status.draining,
      plain: (message: IncomingMessage, response: ServerResponse) => {
        if (!this.#bosh.handle(message, response)) this.app.routing(message, response);
      },
    });
  }

  get #transport(): readonly string[] {
    return this.#options.tls === null ? [] : STRICT_TRANSPORT;
  }

  get #status(): Status {
    const status = this.#deps.status?.() ?? {};
    return {
      version: '',
      sessions: 0,
      streams: 0,
      websockets: this.#websockets.size,
      components: [],
      draining: false,
      options: {},
      ...status,
      startedAt: Number(status.startedAt ?? this.#startedAt),
    };
  }

  async #whole(): Promise<Status> {
    return { ...this.#status, ...(await this.#deps.whole?.()) };
  }

  #notFound(request: FastifyRequest, reply: FastifyReply): FastifyReply {
    const allowed = this.#allowed(basePath(request.url.replace(/[?#].*$/s, '')));
    reply.headers(pairs(this.#cors.headers(request.headers.origin))).type('text/plain; charset=utf-8');
    if (allowed === undefined) return reply.code(404).send('Not found.\n');
    reply.header('allow', allowed);
    return request.method === 'OPTIONS' ? reply.code(204).send() : reply.code(405).send('Method not allowed.\n');
  }

  #allowed(path: string): string | undefined {
    if (path === basePath(this.#options.path)) return 'GET, HEAD, POST, OPTIONS';
    const methods = (['GET', 'HEAD', 'POST'] as const).filter(
      (method) => this.app.findRoute({ method, url: path }) !== null,
    );
    return methods.length === 0 ? undefined : [...methods, 'OPTIONS'].join(', ');
  }

  #failed(error: FastifyError, request: FastifyRequest, reply: FastifyReply): FastifyReply {
    const status = error.statusCode !== undefined && error.statusCode >= 400 ? error.statusCode : 500;
    if (status >= 500) this.#deps.log.error('http_request_failed', { error });
    reply
      .headers(pairs([...SECURITY, ...this.#cors.headers(request.headers.origin)]))
      .type('text/plain; charset=utf-8');
    return reply.code(status).send(status >= 500 ? 'Internal server error.\n' : 'Bad request.\n');
  }
}

function corsOf(options: HttpOptions): Cors {
  return new Cors(options.cors, Object.keys(options.http_headers));
}

// RFC 9112 section 3.2: two Hosts. And what has no version is of HTTP/0.9.
function isAmbiguous({ rawHeaders, httpVersionMajor }: IncomingMessage): boolean {
  let hosts = 0;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    if (rawHeaders[at].length === 4 && rawHeaders[at].toLowerCase() === 'host') hosts++;
  }
  return hosts > 1 || httpVersionMajor < 1;
}

function refuse(response: ServerResponse): void {
  response.shouldKeepAlive = false;
  response.writeHead(400, ['Content-Length', '0', ...SECURITY]).end();
}
