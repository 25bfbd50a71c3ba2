// BOSH requests that other processes took and whose sessions are here: for the session engine they are requests like any
// other. One wire for each of those processes.

import { createServer, type Server, type Socket } from 'node:net';
import type { BoshResponse, Held, Holder, Wire as HttpWire } from '../bosh/held.js';
import type { Sessions } from '../bosh/sessions.js';
import type { Tls } from '../stream/end.js';
import { ASK, type Requester, writeReply } from './forwarding.js';
import { type Turn, Wire, type WireEnd } from './wire.js';

type Engine = Pick<Sessions, 'request' | 'oversize' | 'gone' | 'release'>;

export interface RequestsDeps {
  readonly sessions: Engine;
  readonly turn: Turn;
  /** A bug: it cost one request. */
  failed(error: unknown): void;
}

export class RequestsElsewhere {
  readonly #server: Server;
  readonly #wires = new Set<Wire>();
  readonly #deps: RequestsDeps;

  constructor(deps: RequestsDeps) {
    this.#deps = deps;
    this.#server = createServer((socket) => this.#accept(socket));
  }

  /** Listens to the other processes. Rejects with the system's error. */
  listen(path: string): Promise<void> {
    return new Promise((resolve, reject) => {
      // Of this process alone, though it has others beside it.
      this.#server.once('error', reject).listen({ path, exclusive: true }, resolve);
    });
  }

  close(): void {
    this.#server.close();
    for (const wire of this.#wires) wire.finish();
  }

  #accept(socket: Socket): void {
    const asker = new Asker(this.#deps, () => this.#wires.delete(wire));
    const wire = new Wire(socket, asker, this.#deps.turn);
    asker.use(wire);
    this.#wires.add(wire);
  }
}

/** Another process that brings requests. */
class Asker implements WireEnd {
  readonly #requests = new Map<number, ForwardedRequest>();
  readonly #connections = new Map<number, ForwardedConnection>();
  #wire: Wire | undefined;

  constructor(
    readonly deps: RequestsDeps,
    readonly forget: () => void,
  ) {}

  use(wire: Wire): void {
    this.#wire = wire;
  }

  reply(request: ForwardedRequest, response: BoshResponse): void {
    if (this.#requests.delete(request.number)) this.#wire?.send(ASK.reply, request.number, ...writeReply(response));
  }

  drop(request: ForwardedRequest): void {
    if (this.#requests.delete(request.number)) this.#wire?.send(ASK.drop, request.number);
  }

  // The wire.

  heard(kind: number, number: number, payload: Buffer): void {
    try {
      if (kind === ASK.request || kind === ASK.oversize) this.#hold(kind, number, payload);
      else if (kind === ASK.client) this.#client(number, JSON.parse(payload.toString()));
      else if (kind === ASK.ended) this.#ended(number, payload[0] === 1);
      else this.#about(kind, this.#requests.get(number));
    } catch (error) {
      this.deps.failed(error);
    }
  }

  drained(): void {}

  gone(): void {
    this.#wire = undefined;
    this.forget();
    for (const connection of this.#connections.values()) connection.broke = true;
    for (const request of this.#requests.values()) this.deps.sessions.gone(request);
    this.#requests.clear();
  }

  #client(number: number, requester: Requester): void {
    const known = this.#connections.get(number);
    if (known === undefined) this.#connections.set(number, new ForwardedConnection(requester));
    else known.requester = requester;
  }

  #ended(number: number, broke: boolean): void {
    const connection = this.#connections.get(number);
    if (connection !== undefined) connection.broke = broke;
    this.#connections.delete(number);
  }

  #hold(kind: number, number: number, payload: Buffer): void {
    const connection = this.#connections.get(payload.readUInt32LE(0));
    if (connection === undefined) throw new RangeError('a request of no connection');
    const request = new ForwardedRequest(number, connection, this);
    this.#requests.set(number, request);
    const body = payload.subarray(4);
    try {
      if (kind === ASK.request) this.deps.sessions.request(body, request);
      else this.deps.sessions.oversize(body, request);
    } catch (error) {
      request.drop();
      throw error;
    }
  }

  #about(kind: number, request: ForwardedRequest | undefined): void {
    if (request === undefined) return;
    if (kind === ASK.release) this.deps.sessions.release(request);
    else if (kind === ASK.gone && this.#requests.delete(request.number)) this.deps.sessions.gone(request);
  }
}

/** A client's connection to another process. */
class ForwardedConnection implements HttpWire {
  broke = false;

  constructor(public requester: Requester) {}
}

class ForwardedRequest implements Held {
  holder: Holder | undefined;
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly secure: boolean;
  readonly tls: Tls | undefined;

  constructor(
    readonly number: number,
    readonly connection: ForwardedConnection,
    readonly asker: Asker,
  ) {
    const { address, port, secure, tls } = connection.requester;
    this.remoteAddress = address;
    this.remotePort = port;
    this.secure = secure;
    this.tls = tls && { ...tls, exporter: () => undefined };
  }

  reply(response: BoshResponse): void {
    this.asker.reply(this, response);
  }

  drop(): void {
    this.asker.drop(this);
  }
}
