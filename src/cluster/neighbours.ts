// The other processes that carry clients, as this one needs them for BOSH: a request whose session is with another goes
// there and waits here for its answer. When that process is gone, so is the session. Wires are made when they are needed.

import { existsSync } from 'node:fs';
import { connect } from 'node:net';
import { UNKNOWN } from '../bosh/conditions.js';
import type { Held, Wire as HttpWire } from '../bosh/held.js';
import type { Sessions } from '../bosh/sessions.js';
import { ASK, type Requester, readReply } from './forwarding.js';
import { ownerOf } from './owner.js';
import { type Turn, Wire, type WireEnd } from './wire.js';

type Engine = Pick<Sessions, 'request' | 'oversize' | 'gone' | 'release'>;

export interface NeighbourDeps {
  /** Of this process. */
  readonly number: number;
  /** The sessions that are here. */
  readonly sessions: Engine;
  readonly turn: Turn;
  /** Where the process with that number is reached. */
  path(number: number): string;
  readonly counts: ForwardCounts;
}

export interface ForwardCounts {
  /** Requests that wait for an answer from elsewhere. */
  now: number;
  all: number;
  /** Not sent on, because a neighbour takes nothing. */
  refused: number;
}

export class Neighbours implements Engine {
  readonly #deps: NeighbourDeps;
  readonly #neighbours = new Map<number, Neighbour>();

  constructor(deps: NeighbourDeps) {
    this.#deps = deps;
  }

  request(bytes: Buffer, held: Held): void {
    const owner = ownerOf(bytes);
    if (this.#isOurs(owner)) this.#deps.sessions.request(bytes, held);
    else this.#ask(owner, ASK.request, bytes, held);
  }

  oversize(head: Buffer, held: Held): void {
    const owner = ownerOf(head);
    if (this.#isOurs(owner)) this.#deps.sessions.oversize(head, held);
    else this.#ask(owner, ASK.oversize, head, held);
  }

  gone(held: Held): void {
    held.holder?.gone(held);
  }

  release(held: Held): void {
    held.holder?.release(held);
  }

  close(): void {
    for (const neighbour of this.#neighbours.values()) neighbour.finish();
  }

  forget(neighbour: Neighbour): void {
    this.#neighbours.delete(neighbour.number);
  }

  #isOurs(owner: number | undefined): owner is undefined {
    return owner === undefined || owner === this.#deps.number;
  }

  #ask(owner: number, kind: number, body: Buffer, held: Held): void {
    const neighbour = this.#neighbours.get(owner) ?? this.#meet(owner);
    if (neighbour === undefined) held.reply(UNKNOWN);
    else neighbour.ask(kind, body, held);
  }

  /** Undefined when there is no such process. */
  #meet(number: number): Neighbour | undefined {
    const path = this.#deps.path(number);
    if (!existsSync(path)) return undefined;
    const neighbour = new Neighbour(number, this, this.#deps);
    neighbour.use(new Wire(connect(path), neighbour, this.#deps.turn));
    this.#neighbours.set(number, neighbour);
    return neighbour;
  }
}

class Neighbour implements WireEnd {
  readonly #tickets = new Map<number, Ticket>();
  readonly #connections = new WeakMap<HttpWire, Connection>();
  #wire: Wire | undefined;
  #requests = 0;
  #count = 0;
  /** It has enough for now. */
  #full = false;

  constructor(
    readonly number: number,
    readonly neighbours: Neighbours,
    readonly deps: NeighbourDeps,
  ) {}

  use(wire: Wire): void {
    this.#wire = wire;
  }

  /** One that is slow gets no more: the client sends it again. */
  ask(kind: number, body: Buffer, held: Held): void {
    const wire = this.#wire;
    if (wire === undefined) held.reply(UNKNOWN);
    else if (this.#full) this.#refuse(held);
    else this.#send(wire, kind, body, held);
  }

  finish(): void {
    this.#wire?.finish();
  }

  /** Its client is not there any more, or has another request behind it. */
  tell(kind: number, ticket: Ticket): void {
    if (kind === ASK.gone) this.#settle(ticket);
    this.#wire?.send(kind, ticket.number);
  }

  // The wire.

  heard(kind: number, number: number, payload: Buffer): void {
    const ticket = this.#tickets.get(number);
    if (ticket === undefined) return;
    this.#settle(ticket);
    if (kind === ASK.reply) ticket.held.reply(readReply(payload));
    else ticket.held.drop();
  }

  drained(): void {
    this.#full = false;
  }

  gone(): void {
    this.#wire = undefined;
    this.neighbours.forget(this);
    for (const ticket of [...this.#tickets.values()]) {
      this.#settle(ticket);
      ticket.held.reply(UNKNOWN);
    }
  }

  #send(wire: Wire, kind: number, body: Buffer, held: Held): void {
    this.#requests = (this.#requests + 1) >>> 0;
    const ticket = new Ticket(this.#requests, held, this);
    this.#tickets.set(ticket.number, ticket);
    held.holder = ticket;
    const { counts } = this.deps;
    counts.now++;
    counts.all++;
    const connection = Buffer.allocUnsafe(4);
    connection.writeUInt32LE(this.#connectionOf(wire, held));
    this.#full = !wire.send(kind, ticket.number, connection, body);
  }

  #refuse(held: Held): void {
    this.deps.counts.refused++;
    held.drop();
  }

  #settle(ticket: Ticket): void {
    this.#tickets.delete(ticket.number);
    ticket.held.holder = undefined;
    this.deps.counts.now--;
  }

  /** Tells whose requests come over this connection, when that is news there. */
  #connectionOf(wire: Wire, held: Held): number {
    const { connection: http } = held;
    const known = http && this.#connections.get(http);
    if (known?.is(held)) return known.number;
    const connection = new Connection(known?.number ?? ++this.#count, held);
    wire.send(ASK.client, connection.number, Buffer.from(JSON.stringify(connection.requester)));
    if (http === undefined) return connection.number;
    this.#connections.set(http, connection);
    if (known === undefined) http.ended?.(() => this.#ended(connection.number, http.broke));
    return connection.number;
  }

  #ended(connection: number, broke: boolean): void {
    this.#wire?.send(ASK.ended, connection, Buffer.from([broke ? 1 : 0]));
  }
}

/** Whom a connection was last said to be of. */
class Connection {
  readonly requester: Requester;

  constructor(
    readonly number: number,
    { remoteAddress: address, remotePort: port, secure, tls }: Held,
  ) {
    const known = tls?.certificate && { version: tls.version, certificate: tls.certificate };
    this.requester = { address, port, secure, ...(known && { tls: known }) };
  }

  /** What its TLS is does not change. */
  is({ remoteAddress, remotePort, secure }: Held): boolean {
    const { address, port, secure: was } = this.requester;
    return remoteAddress === address && remotePort === port && secure === was;
  }
}

/** A request that waits for an answer from elsewhere. */
class Ticket {
  constructor(
    readonly number: number,
    readonly held: Held,
    readonly neighbour: Neighbour,
  ) {}

  gone(): void {
    this.neighbour.tell(ASK.gone, this);
  }

  release(): void {
    this.neighbour.tell(ASK.release, this);
  }
}
