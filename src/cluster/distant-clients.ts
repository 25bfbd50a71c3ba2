// The clients of one other process as the core sees them. What was underway to a client when it left comes back and counts
// as undelivered; when its process is gone, so that nobody can tell, the client counts as lost.

import { type ClientStream, closedEnd, type Ending, type Upstream } from '../stream/end.js';
import { StreamError } from '../xmpp/errors.js';
import type { StreamHeader } from '../xmpp/header.js';
import { Stanza } from '../xmpp/stanza.js';
import type { Wire } from './wire.js';
import { type StreamsDeps, WiredStream, WiredStreams } from './wired-streams.js';
import { readAttachment, readEnding, WORD, writeEnding } from './words.js';

export interface ClientsDeps extends StreamsDeps {
  readonly upstream: Upstream;
  /** The process is gone, or broke the rules. */
  lost(error?: Error): void;
}

export class DistantClients extends WiredStreams<DistantClient> {
  readonly #upstream: Upstream;
  readonly #lost: (error?: Error) => void;

  constructor(
    /** What tells their process, after the name of each. */
    readonly number: number,
    { upstream, lost, ...deps }: ClientsDeps,
  ) {
    super(deps);
    this.#upstream = upstream;
    this.#lost = lost;
  }

  gone(error?: Error): void {
    this.wire = undefined;
    for (const client of [...this.streams.values()]) client.lose();
    this.#lost(error);
  }

  protected override hear(kind: number, number: number, payload: Buffer): void {
    if (kind === WORD.attach) this.#attach(number, payload);
    else super.hear(kind, number, payload);
  }

  #attach(number: number, payload: Buffer): void {
    const { wire } = this;
    if (wire === undefined || this.streams.has(number)) return;
    const { client: facts, header } = readAttachment(payload);
    const client = new DistantClient(number, { ...facts, name: `${facts.name}@${this.number}` }, wire, this);
    this.streams.set(number, client);
    client.attach(this.#upstream, header);
  }
}

type Facts = ReturnType<typeof readAttachment>['client'];

/** One client. */
class DistantClient extends WiredStream implements ClientStream {
  readonly name: string;
  readonly transport: ClientStream['transport'];
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly secure: boolean;
  readonly route: string | undefined;
  readonly tls: ClientStream['tls'];
  #ending: Ending = { how: 'lost' };
  #undelivered: Stanza[] = [];
  /** What was sent after it had left. */
  #late: Stanza[] = [];
  #marks: Map<number, () => void> | undefined;
  #mark = 0;

  constructor(number: number, facts: Facts, wire: Wire, clients: DistantClients) {
    super(number, wire, clients, closedEnd);
    this.name = facts.name;
    this.transport = facts.transport;
    this.remoteAddress = facts.remoteAddress;
    this.remotePort = facts.remotePort;
    this.secure = facts.secure;
    this.route = facts.route;
    this.tls = facts.tls;
  }

  attach(upstream: Upstream, header: StreamHeader): void {
    this.here = upstream.attach(this, header);
  }

  // What the core says.

  override stanza(stanza: Stanza): boolean {
    if (this.state === 'leaving') this.#late.push(stanza);
    return super.stanza(stanza);
  }

  reached(told: () => void): void {
    if (this.state !== 'open') return;
    this.#marks ??= new Map();
    this.#mark = (this.#mark + 1) >>> 0;
    this.#marks.set(this.#mark, told);
    const mark = Buffer.allocUnsafe(4);
    mark.writeUInt32LE(this.#mark);
    this.wire.send(WORD.mark, this.number, mark);
  }

  close(ending: Ending): void {
    if (this.state === 'open') this.wire.send(WORD.close, this.number, writeEnding(ending));
    this.#over();
  }

  // What the client says.

  override hear(kind: number, payload: Buffer): void {
    if (kind === WORD.returned) this.#undelivered.push(new Stanza(payload));
    else if (kind === WORD.reached) this.#reached(payload.readUInt32LE());
    else if (kind === WORD.close) this.#leave(readEnding(payload));
    else if (kind === WORD.gone) this.#gone();
    else super.hear(kind, payload);
  }

  /** Its process is gone. */
  lose(): void {
    this.#gone();
  }

  expel(cause: unknown): void {
    const server = this.here;
    const ending: Ending = { how: 'closed', error: new StreamError('internal-server-error', undefined, { cause }) };
    this.close(ending);
    server.close(ending);
  }

  #reached(mark: number): void {
    const told = this.#marks?.get(mark);
    this.#marks?.delete(mark);
    told?.();
  }

  #leave(ending: Ending): void {
    this.state = 'leaving';
    this.#ending = ending;
    this.#marks = undefined;
    this.wire.send(WORD.closed, this.number);
  }

  #gone(): void {
    const server = this.here;
    const undelivered = [...this.#undelivered, ...this.#late];
    const ending = { ...this.#ending, undelivered };
    this.#over();
    server.close(ending);
  }

  #over(): void {
    this.state = 'over';
    this.#marks = undefined;
    this.#undelivered = [];
    this.#late = [];
    this.all.forget(this);
    this.here = closedEnd;
  }
}
