// The local domains as a process sees them that carries clients and does not have the core: an upstream at the other end of
// a wire. Order is kept, since all of a process's streams share that wire; a stream that has enough waits alone.

import type { LocalDomains } from '../stream/connector.js';
import { type ClientStream, closedEnd, type Ending, type StreamEnd, type Upstream } from '../stream/end.js';
import { StreamError } from '../xmpp/errors.js';
import type { StreamHeader } from '../xmpp/header.js';
import { prepareDomain } from '../xmpp/jid.js';
import { Stanza } from '../xmpp/stanza.js';
import type { Wire, WireEnd } from './wire.js';
import { readEnding, readHeader, WORD, writeAttachment, writeEnding, writeHeader } from './words.js';

export interface DistantDeps {
  /** Streams of this address came to other processes, or left. */
  counted(party: string, by: number): void;
  /** A bug: it cost one stream. */
  failed(error: unknown): void;
}

const STOPPING = new StreamError('system-shutdown', 'the server is stopping');

export class DistantDomains implements LocalDomains, Upstream, WireEnd {
  readonly #deps: DistantDeps;
  readonly #streams = new Map<number, DistantStream>();
  /** Those that wait for room on the wire. */
  readonly #waiting = new Set<DistantStream>();
  #names: readonly string[] = [];
  #domains: ReadonlySet<string> = new Set();
  #count = 0;
  #wire: Wire | undefined;

  constructor(domains: object, deps: DistantDeps) {
    this.#deps = deps;
    this.reload(domains);
  }

  /** Takes other domains, by name. */
  reload(domains: object): void {
    this.#names = Object.keys(domains);
    this.#domains = new Set(this.#names.map(prepareDomain));
  }

  use(wire: Wire): void {
    this.#wire = wire;
  }

  get size(): number {
    return this.#streams.size;
  }

  get(domain: string): Upstream | undefined {
    try {
      return this.#domains.has(prepareDomain(domain)) ? this : undefined;
    } catch {
      return undefined;
    }
  }

  keys(): Iterable<string> {
    return this.#names;
  }

  attach(client: ClientStream, header: StreamHeader): StreamEnd {
    const wire = this.#wire;
    if (wire === undefined) {
      queueMicrotask(() => client.close({ how: 'closed', error: STOPPING }));
      return closedEnd;
    }
    this.#count = (this.#count + 1) >>> 0;
    const stream = new DistantStream(this.#count, client, wire, this);
    this.#streams.set(stream.number, stream);
    wire.send(WORD.attach, stream.number, writeAttachment(client, header));
    return stream;
  }

  /** A stream of this process came or left, for what is counted by address. */
  counted(party: string, by: 1 | -1): void {
    this.#wire?.send(by > 0 ? WORD.came : WORD.left, 1, Buffer.from(party));
  }

  async stop(): Promise<void> {
    for (const stream of [...this.#streams.values()]) stream.end({ how: 'closed', error: STOPPING });
    this.#wire?.flush();
  }

  waits(stream: DistantStream): void {
    this.#waiting.add(stream);
  }

  forget(stream: DistantStream): void {
    this.#streams.delete(stream.number);
    this.#waiting.delete(stream);
  }

  // The wire.

  heard(kind: number, number: number, payload: Buffer): void {
    try {
      if (kind === WORD.came) this.#deps.counted(payload.toString(), number);
      else if (kind === WORD.left) this.#deps.counted(payload.toString(), -number);
      else this.#streams.get(number)?.hear(kind, payload);
    } catch (error) {
      this.#deps.failed(error);
      this.#streams.get(number)?.expel(error);
    }
  }

  drained(): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const stream of waiting) stream.roomy();
  }

  gone(error?: Error): void {
    this.#wire = undefined;
    const failure = new StreamError('internal-server-error', undefined, { cause: error });
    for (const stream of [...this.#streams.values()]) stream.end({ how: 'closed', error: failure });
  }
}

/** The server's end of one stream. */
class DistantStream implements StreamEnd {
  /** `leaving`: its client has left, and what is still underway to it has to go back. */
  #state: 'open' | 'leaving' | 'over' = 'open';
  /** The core has enough of this stream. */
  #full = false;
  /** The client was asked to wait. */
  #waits = false;
  /** The client has enough, and the core was told. */
  #told = false;

  constructor(
    readonly number: number,
    readonly client: ClientStream,
    readonly wire: Wire,
    readonly domains: DistantDomains,
  ) {}

  // What the client says.

  open(header: StreamHeader): void {
    if (this.#state === 'open') this.wire.send(WORD.open, this.number, writeHeader(header));
  }

  stanza(stanza: Stanza): boolean {
    if (this.#state !== 'open') return true;
    const roomy = this.wire.send(WORD.stanza, this.number, stanza.raw);
    if (!roomy) this.domains.waits(this);
    this.#waits = !roomy || this.#full;
    return !this.#waits;
  }

  drain(): void {
    if (!this.#told || this.#state !== 'open') return;
    this.#told = false;
    this.wire.send(WORD.drain, this.number);
  }

  close(ending: Ending): void {
    if (this.#state !== 'open') return;
    this.#state = 'leaving';
    for (const stanza of ending.undelivered ?? []) this.wire.send(WORD.returned, this.number, stanza.raw);
    this.wire.send(WORD.close, this.number, writeEnding(ending));
  }

  // What the core says.

  hear(kind: number, payload: Buffer): void {
    if (this.#state === 'leaving') this.#hearLate(kind, payload);
    else if (kind === WORD.stanza) this.#deliver(payload);
    else if (kind === WORD.open) this.client.open(readHeader(payload));
    else if (kind === WORD.full) this.#full = true;
    else if (kind === WORD.drain) this.#drained();
    else if (kind === WORD.close) this.end(readEnding(payload));
    else if (kind === WORD.mark) this.#mark(payload);
  }

  /** There is room on the wire again. */
  roomy(): void {
    if (this.#state === 'open' && !this.#full) this.#goOn();
  }

  /** Ends the client. */
  end(ending: Ending): void {
    const open = this.#state === 'open';
    this.#state = 'over';
    this.domains.forget(this);
    if (open) this.client.close(ending);
  }

  /** Ends both sides. */
  expel(cause: unknown): void {
    const error = new StreamError('internal-server-error', undefined, { cause });
    if (this.#state === 'open') this.wire.send(WORD.close, this.number, writeEnding({ how: 'closed', error }));
    this.end({ how: 'closed', error });
  }

  #deliver(raw: Buffer): void {
    if (this.client.stanza(new Stanza(raw)) || this.#told || this.#state !== 'open') return;
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
    this.client.drain();
  }

  #mark(mark: Buffer): void {
    this.client.reached(() => {
      if (this.#state === 'open') this.wire.send(WORD.reached, this.number, mark);
    });
  }

  #hearLate(kind: number, payload: Buffer): void {
    if (kind === WORD.stanza) this.wire.send(WORD.returned, this.number, payload);
    else if (kind === WORD.closed) this.wire.send(WORD.gone, this.number);
    if (kind === WORD.closed || kind === WORD.close) this.end({ how: 'closed' });
  }
}
