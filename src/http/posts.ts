// The shortcut of BOSH's requests past node:http, which is a third of their cost (docs/performance.md): a POST to the path
// of BOSH that is written as nearly all are is read here, and answered with one write; so is a request for a WebSocket,
// which then has its connection. Whatever else a connection says, and whoever is slow to say it, is handed to node:http
// with all bytes that nobody has answered, and stays there.

import { type Server, STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { Server as TlsServer } from 'node:tls';
import { giveHandle, type Handle, takeHandle } from '../net/handle.js';
import type { Bosh } from './bosh.js';
import type { RawHeaders } from './cors.js';
import { PostConnection, type PostShare } from './post-connection.js';
import { HeadReader, type PostHead } from './post-head.js';
import type { Gate, UpgradeRequest } from './upgrade.js';

export interface PostsDeps {
  /** Who takes requests now. */
  bosh(): Bosh;
  readonly gate: Pick<Gate, 'admits' | 'enter'>;
  /** Where connections may go; only those that are as the system has them, without TLS or anything in front of it. */
  readonly handover?: Handover;
}

/** Other processes that have sessions. */
export interface Handover {
  /** The one that is to have the connection of a request with this body; undefined where it may stay. */
  ownerOf(body: Buffer): number | undefined;
  /** Gives it a connection, and what was read from that. */
  give(owner: number, handle: Handle, said: Buffer): void;
}

/** Whoever says that he speaks for others: over his connection come requests of sessions anywhere. */
const ON_BEHALF = ['x-forwarded-for', 'forwarded', 'via', 'x-real-ip'];

/** What has not said a request to its end for so long is looked after by node:http, which has deadlines for that. */
const SLOW = 2000;
/** Browsers open connections before they have something to say; so long without a word, as node:http waits for headers. */
const SILENT = 10_000;
const SWEEP_EVERY = 1000;

/** All connections of one server that have said nothing but such requests so far. */
export class Posts implements PostShare {
  readonly reader: HeadReader;
  /** The time of the last sweep, as `performance.now()`. */
  now = performance.now();
  readonly #deps: PostsDeps;
  readonly #connections = new Set<PostConnection>();
  #hand: (socket: Socket) => void = () => {};
  #server: Server | undefined;
  /** What the connection has said that comes from another process at the moment. */
  #said: Buffer | undefined;
  #silence = 0;
  #kept = 0;
  #timer: NodeJS.Timeout | undefined;
  /** The headers that were written last, and their text behind the length. */
  #headers: RawHeaders | undefined;
  #text = '';

  constructor(deps: PostsDeps) {
    this.#deps = deps;
    this.reader = new HeadReader((path) => deps.bosh().isOurs(path));
  }

  /** Comes between a server that is not listening yet and its connections. */
  guard(server: Server): void {
    const event = server instanceof TlsServer ? 'secureConnection' : 'connection';
    const accept = server.listeners(event) as ((socket: Socket) => void)[];
    server.removeAllListeners(event);
    server.on(event, (socket: Socket) => this.#add(socket));
    this.#server ??= server;
    this.#hand = (socket) => {
      for (const listener of accept) listener.call(server, socket);
    };
    this.#silence = server.timeout;
    this.#kept = server.keepAliveTimeout;
    this.#timer = setInterval(() => this.#sweep(), SWEEP_EVERY).unref();
  }

  /** Takes a connection from another process, and what that had read from it; it stays here. */
  take(handle: Handle, said: Buffer): void {
    this.#said = said;
    if (this.#server === undefined || !giveHandle(this.#server, handle)) handle.close();
    this.#said = undefined;
  }

  /** Ends what carries no request; the others end with their answers, which `Bosh.closing` sees to. */
  close(): void {
    for (const connection of this.#connections) connection.closeIdle();
  }

  /** Cuts all that is left. */
  closeAll(): void {
    clearInterval(this.#timer);
    for (const { socket } of this.#connections) socket.destroy();
  }

  /** A connection without a byte either way for so many milliseconds is cut. */
  get silence(): number {
    return this.#silence;
  }

  bosh(): Bosh {
    return this.#deps.bosh();
  }

  forget(connection: PostConnection): void {
    this.#connections.delete(connection);
  }

  moves({ socket }: PostConnection, headers: PostHead['headers'], said: Buffer, body: Buffer): boolean {
    const { bosh, handover } = this.#deps;
    if (handover === undefined || bosh().closing || ON_BEHALF.some((name) => name in headers)) return false;
    const owner = handover.ownerOf(body);
    const handle = owner === undefined ? undefined : takeHandle(socket);
    if (owner === undefined || handle === undefined) return false;
    handover.give(owner, handle, said);
    return true;
  }

  /** Gives it to node:http. */
  hand(connection: PostConnection): void {
    this.#connections.delete(connection);
    this.#hand(connection.socket);
  }

  admits(request: UpgradeRequest): boolean {
    return this.#deps.gate.admits(request);
  }

  enter(connection: PostConnection, request: UpgradeRequest, head: Buffer): void {
    this.#connections.delete(connection);
    this.#deps.gate.enter(request, connection.socket, head);
  }

  /** The text in front of a body of this length. */
  head(status: number, headers: RawHeaders, length: number, last: boolean): string {
    if (headers !== this.#headers) {
      this.#headers = headers;
      this.#text = '\r\n';
      for (let at = 0; at < headers.length; at += 2) this.#text += `${headers[at]}: ${headers[at + 1]}\r\n`;
      this.#text += `Date: ${new Date().toUTCString()}\r\n`;
    }
    const line = status === 200 ? OK : `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\nContent-Length: `;
    return `${line}${length}${this.#text}${last ? LAST : this.#next}`;
  }

  #add(socket: Socket): void {
    const connection = new PostConnection(this, socket);
    this.#connections.add(connection);
    if (this.#said !== undefined) connection.goOn(this.#said);
  }

  get #next(): string {
    return `Connection: keep-alive\r\nKeep-Alive: timeout=${Math.floor(this.#kept / 1000)}\r\n\r\n`;
  }

  #sweep(): void {
    this.now = performance.now();
    this.#headers = undefined;
    const { now } = this;
    for (const connection of this.#connections) connection.sweep(now - SLOW, now - SILENT, now - this.#kept);
  }
}

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: ';
const LAST = 'Connection: close\r\n\r\n';
