// The gate of WebSocket upgrades: path, Origin (RFC 6455 section 10.2) and subprotocol (RFC 7395 section 3.1) are looked at
// before a WebSocket exists, and whoever does not pass gets an HTTP answer. Those who do pass Fastify's router by, as BOSH
// does: routing, hooks and their response cost a twentieth of a set-up.

import { EventEmitter } from 'node:events';
import { type IncomingMessage, type Server, ServerResponse, STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { Origins, type RawHeaders } from './cors.js';
import { SECURITY } from './headers.js';

export interface GateOptions {
  readonly path: string;
  readonly websocket_path: string;
  /** Origins whose pages may connect; empty: any. */
  readonly origins: readonly string[];
}

/** What is known of a request for an upgrade. */
export type UpgradeRequest = Pick<IncomingMessage, 'method' | 'url' | 'headers' | 'socket'>;

export interface GateDeps {
  readonly draining: () => boolean;
  /** Answers requests that want another protocol than WebSocket as if they wanted none. */
  plain(message: IncomingMessage, response: ServerResponse): void;
}

/** Emits nothing; an emitter because @fastify/websocket wants to listen to one. */
export class Gate extends EventEmitter {
  /** Makes a WebSocket of what was let in. */
  enter: (request: UpgradeRequest, socket: Socket, head: Buffer) => void = (_, socket) => socket.destroy();
  /** Lets nobody in any more. */
  closing = false;
  readonly #deps: GateDeps;
  readonly #bosh: string;
  readonly #websocket: string;
  #origins: Origins | undefined;

  constructor(options: GateOptions, deps: GateDeps) {
    super();
    this.#deps = deps;
    this.#bosh = basePath(options.path);
    this.#websocket = basePath(options.websocket_path);
    this.reload(options);
  }

  /** New origins, for upgrades from now on. */
  reload({ origins }: GateOptions): void {
    this.#origins = origins.length === 0 ? undefined : new Origins(origins);
  }

  /** Listens to the upgrades of a server. */
  guard(server: Server): void {
    server.on('upgrade', (message: IncomingMessage, socket: Socket, head: Buffer) => {
      if (!isFree(message, socket)) socket.destroy();
      else if (message.headers.upgrade?.toLowerCase() === 'websocket') this.#decide(message, socket, head);
      else this.#servePlain(message, socket);
    });
  }

  #decide(message: IncomingMessage, socket: Socket, head: Buffer): void {
    const refusal = this.#refusal(message);
    if (refusal !== undefined) {
      refuse(socket, ...refusal);
      return;
    }
    this.enter(message, socket, head);
  }

  /** Whether this request for a WebSocket gets one. */
  admits(request: UpgradeRequest): boolean {
    return this.#refusal(request) === undefined;
  }

  #refusal(message: UpgradeRequest): Refusal | undefined {
    const path = pathOf(message);
    const { origin } = message.headers;
    if (path !== this.#bosh && path !== this.#websocket) return [404, 'No WebSocket here.'];
    if (message.method !== 'GET') return [405, 'A WebSocket begins with GET.', ['Allow', 'GET']];
    if (origin !== undefined && this.#origins?.has(origin) === false) return [403, 'This origin may not connect here.'];
    if (!speaksXmpp(message)) return [400, 'Sec-WebSocket-Protocol: xmpp is needed.'];
    if (this.closing || this.#deps.draining()) return [503, 'Shutting down.', ['Retry-After', '5']];
    return undefined;
  }

  // RFC 9110 section 7.8: a server may ignore Upgrade. Node has taken its parser off the connection, so a body that
  // follows cannot be read any more.
  #servePlain(message: IncomingMessage, socket: Socket): void {
    const { method, headers } = message;
    const hasBody = headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
    if ((method !== 'GET' && method !== 'HEAD') || hasBody) {
      refuse(socket, 400, 'Send this without Upgrade.');
      return;
    }
    socket.on('error', () => socket.destroy());
    const response = new ServerResponse(message);
    response.shouldKeepAlive = false;
    response.assignSocket(socket);
    response.on('finish', () => socket.end());
    this.#deps.plain(message, response);
  }
}

type Refusal = [status: number, text: string, more?: RawHeaders];

function refuse(socket: Socket, ...refusal: Refusal): void {
  socket.on('error', () => socket.destroy());
  endWith(socket, ...refusal);
}

/**
 * Whether the answers to all earlier requests have left. A request that waits there (pipelining) would get the answer to
 * this one, or be written into the WebSocket; Node itself throws at such a response.
 */
function isFree(message: IncomingMessage, socket: Socket): boolean {
  const probe = new ServerResponse(message);
  try {
    probe.assignSocket(socket);
  } catch {
    return false;
  }
  probe.detachSocket(socket);
  return true;
}

/** Writes a whole answer to a socket that no HTTP parser owns, and ends it. */
export function endWith(socket: Socket, status: number, text: string, more: RawHeaders = []): void {
  const body = `${text}\n`;
  const length = String(Buffer.byteLength(body));
  const own = ['Content-Type', 'text/plain; charset=utf-8', 'Content-Length', length, 'Connection', 'close'];
  const headers = [...own, ...SECURITY, ...more];
  const lines = headers.flatMap((name, at) => (at % 2 === 0 ? [`${name}: ${headers[at + 1]}\r\n`] : []));
  socket.once('finish', () => socket.destroySoon());
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${lines.join('')}\r\n${body}`);
}

/** The path without the slashes at its end. */
export function basePath(path: string): string {
  return path.replace(/\/+$/, '') || '/';
}

function pathOf(message: UpgradeRequest): string {
  return basePath((message.url ?? '').replace(/\?.*$/s, ''));
}

function speaksXmpp({ headers }: UpgradeRequest): boolean {
  return headers['sec-websocket-protocol']?.split(',').some((protocol) => protocol.trim() === 'xmpp') ?? false;
}
