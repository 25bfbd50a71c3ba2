// The clients of one other process as the core sees them. What was underway to a client when it left comes back and counts
// as undelivered; when its process is gone, so that nobody can tell, the client counts as lost.

import { type ClientStream, closedEnd, type Ending, type StreamEnd, type Upstream } from '../stream/end.js';
import { StreamError } from '../xmpp/errors.js';
import type { StreamHeader } from '../xmpp/header.js';
import { Stanza } from '../xmpp/stanza.js';
import type { Wire, WireEnd } from './wire.js';
import { readAttachment, readEnding, readHeader, WORD, writeEnding, writeHeader } from './words.js';

export interface ClientsDeps {
  readonly upstream: Upstream;
  /** Streams of this address came there, or left. */
  counted(party: string, by: number): void;
  /** A bug: it cost one stream. */
  failed(error: unknown): void;
  /** The process is gone, or broke the rules. */
  lost(error?: Error): void;
}

export class DistantClients implements WireEnd {
  readonly #clients = new Map<number, DistantClient>();
  /** Those that wait for room on the wire. */
  readonly #waiting = new Set<DistantClient>();
  readonly #deps: ClientsDeps;
  #wire: Wire | undefined;

  constructor(
    /** What tells their process, after the name of each. */
    readonly number: number,
    deps: ClientsDeps,
  ) {
    this.#deps = deps;
  }

  use(wire: Wire): void {
    this.#wire = wire;
  }

  get size(): number {
    return this.#clients.size;
  }

  waits(client: DistantClient): void {
    this.#waiting.add(client);
  }

  forget(client: DistantClient): void {
    this.#clients.delete(client.number);
    this.#waiting.delete(client);
  }

  // The wire.

  heard(kind: number, number: number, payload: Buffer): void {
    try {
      if (kind === WORD.attach) this.#attach(number, payload);
      else if (kind === WORD.came) this.#deps.counted(payload.toString(), number);
      else if (kind === WORD.left) this.#deps.counted(payload.toString(), -number);
      else this.#clients.get(number)?.hear(kind, payload);
    } catch (error) {
      this.#deps.failed(error);
      this.#clients.get(number)?.expel(error);
    }
  }

  drained(): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const client of waiting) client.roomy();
  }

  gone(error?: Error): void {
    this.#wire = undefined;
    for (const client of [...this.#clients.values()]) client.lose();
    this.#deps.lost(error);
  }

  #attach(number: number, payload: Buffer): void {
    const wire = this.#wire;
    if (wire === undefined || this.#clients.has(number)) return;
    const { client: facts, header } = readAttachment(payload);
    const client = new DistantClient(number, { ...facts, name: `${facts.name}@${this.number}` }, wire, this);
    this.#clients.set(number, client);
    client.server = this.#deps.upstream.attach(client, header);
  }
}

type Facts = ReturnType<typeof readAttachment>['client'];

/** One client. */
class DistantClient implements ClientStream {
  readonly name: string;
  readonly transport: ClientStream['transport'];
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly secure: boolean;
  readonly route: string | undefined;
  readonly tls: ClientStream['tls'];
  server: StreamEnd = closedEnd;
  /** `leaving`: it has left, and not all that was underway to it is back. */
  #state: 'open' | 'leaving' | 'over' = 'open';
  /** The client has enough. */
  #full = false;
  /** The core was asked to wait. */
  #waits = false;
  /** The core has enough, and the client was told. */
  #told = false;
  #ending: Ending = { how: 'lost' };
  #undelivered: Stanza[] = [];
  /** What was sent after it had left. */
  #late: Stanza[] = [];
  #marks: Map<number, () => void> | undefined;
  #mark = 0;

  constructor(
    readonly number: number,
    facts: Facts,
    readonly wire: Wire,
    readonly clients: DistantClients,
  ) {
    this.name = facts.name;
    this.transport = facts.transport;
    this.remoteAddress = facts.remoteAddress;
    this.remotePort = facts.remotePort;
    this.secure = facts.secure;
    this.route = facts.route;
    this.tls = facts.tls;
  }

  // What the core says.

  open(header: StreamHeader): void {
    if (this.#state === 'open') this.wire.send(WORD.open, this.number, writeHeader(header));
  }

  stanza(stanza: Stanza): boolean {
    if (this.#state === 'leaving') this.#late.push(stanza);
    if (this.#state !== 'open') return true;
    const roomy = this.wire.send(WORD.stanza, this.number, stanza.raw);
    if (!roomy) this.clients.waits(this);
    this.#waits = !roomy || this.#full;
    return !this.#waits;
  }

  drain(): void {
    if (!this.#told || this.#state !== 'open') return;
    this.#told = false;
    this.wire.send(WORD.drain, this.number);
  }

  reached(told: () => void): void {
    if (this.#state !== 'open') return;
    this.#marks ??= new Map();
    this.#mark = (this.#mark + 1) >>> 0;
    this.#marks.set(this.#mark, told);
    const mark = Buffer.allocUnsafe(4);
    mark.writeUInt32LE(this.#mark);
    this.wire.send(WORD.mark, this.number, mark);
  }

  close(ending: Ending): void {
    if (this.#state === 'open') this.wire.send(WORD.close, this.number, writeEnding(ending));
    this.#over();
  }

  // What the client says.

  hear(kind: number, payload: Buffer): void {
    const { server } = this;
    if (kind === WORD.stanza) this.#hearStanza(payload);
    else if (kind === WORD.open) server.open(readHeader(payload));
    else if (kind === WORD.drain) this.#drained();
    else if (kind === WORD.full) this.#full = true;
    else if (kind === WORD.returned) this.#undelivered.push(new Stanza(payload));
    else if (kind === WORD.reached) this.#reached(payload.readUInt32LE());
    else if (kind === WORD.close) this.#leave(readEnding(payload));
    else if (kind === WORD.gone) this.#gone();
  }

  /** There is room on the wire again. */
  roomy(): void {
    if (this.#state === 'open' && !this.#full) this.#goOn();
  }

  /** Its process is gone. */
  lose(): void {
    this.#gone();
  }

  /** Ends both sides. */
  expel(cause: unknown): void {
    const { server } = this;
    const ending: Ending = { how: 'closed', error: new StreamError('internal-server-error', undefined, { cause }) };
    this.close(ending);
    server.close(ending);
  }

  #hearStanza(raw: Buffer): void {
    if (this.server.stanza(new Stanza(raw)) || this.#told || this.#state !== 'open') return;
    this.#told = true;
    this.wire.send(WORD.full, this.number);
  }

  #drained(): void {
    this.#full = false;
    this.#goOn();
  }

  #goOn(): void {
    if (!this.#waits) return;
    this.#waits = false;
    this.server.drain();
  }

  #reached(mark: number): void {
    const told = this.#marks?.get(mark);
    this.#marks?.delete(mark);
    told?.();
  }

  #leave(ending: Ending): void {
    this.#state = 'leaving';
    this.#ending = ending;
    this.#marks = undefined;
    this.wire.send(WORD.closed, this.number);
  }

  #gone(): void {
    const { server } = this;
    const undelivered = [...this.#undelivered, ...this.#late];
    const ending = { ...this.#ending, undelivered };
    this.#over();
    server.close(ending);
  }

  #over(): void {
    this.#state = 'over';
    this.#marks = undefined;
    this.#undelivered = [];
    this.#late = [];
    this.clients.forget(this);
    this.server = closedEnd;
  }
}
