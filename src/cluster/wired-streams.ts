// What both processes of a hall have alike: at one end of a wire streams by their numbers, and for each stream who asked whom
// to wait. The other end of a stream has the same number; who attaches, and who leaves how, is said by each side apart.

import type { Ending, StreamEnd } from '../stream/end.js';
import type { StreamHeader } from '../xmpp/header.js';
import { Stanza } from '../xmpp/stanza.js';
import type { Wire, WireEnd } from './wire.js';
import { readHeader, WORD, writeHeader } from './words.js';

export interface StreamsDeps {
  /** Streams of this address came to other processes, or left. */
  counted(party: string, by: number): void;
  /** A bug: it cost one stream. */
  failed(error: unknown): void;
}

/** Those that go over one wire. */
export abstract class WiredStreams<Stream extends WiredStream> implements WireEnd {
  readonly #deps: StreamsDeps;
  protected readonly streams = new Map<number, Stream>();
  /** Those that wait for room on the wire. */
  readonly #waiting = new Set<WiredStream>();
  protected wire: Wire | undefined;

  constructor(deps: StreamsDeps) {
    this.#deps = deps;
  }

  use(wire: Wire): void {
    this.wire = wire;
  }

  get size(): number {
    return this.streams.size;
  }

  waits(stream: WiredStream): void {
    this.#waiting.add(stream);
  }

  forget(stream: WiredStream): void {
    this.streams.delete(stream.number);
    this.#waiting.delete(stream);
  }

  // The wire.

  heard(kind: number, number: number, payload: Buffer): void {
    try {
      this.hear(kind, number, payload);
    } catch (error) {
      this.#deps.failed(error);
      this.streams.get(number)?.expel(error);
    }
  }

  drained(): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const stream of waiting) stream.roomy();
  }

  abstract gone(error?: Error): void;

  protected hear(kind: number, number: number, payload: Buffer): void {
    if (kind === WORD.came) this.#deps.counted(payload.toString(), number);
    else if (kind === WORD.left) this.#deps.counted(payload.toString(), -number);
    else this.streams.get(number)?.hear(kind, payload);
  }
}

/** One of them: who is here speaks to it, and hears from it what comes over the wire. */
export abstract class WiredStream implements StreamEnd {
  /** `leaving`: the client has left, and what was underway to it is not back yet. */
  protected state: 'open' | 'leaving' | 'over' = 'open';
  /** The other process has enough of this stream. */
  #full = false;
  /** Who is here was asked to wait. */
  #waits = false;
  /** Who is here has enough, and the other process was told. */
  #told = false;

  constructor(
    readonly number: number,
    readonly wire: Wire,
    protected readonly all: { waits(stream: WiredStream): void; forget(stream: WiredStream): void },
    /** Who is here. */
    protected here: StreamEnd,
  ) {}

  // What is said here.

  open(header: StreamHeader): void {
    if (this.state === 'open') this.wire.send(WORD.open, this.number, writeHeader(header));
  }

  stanza(stanza: Stanza): boolean {
    if (this.state !== 'open') return true;
    const roomy = this.wire.send(WORD.stanza, this.number, stanza.raw);
    if (!roomy) this.all.waits(this);
    this.#waits = !roomy || this.#full;
    return !this.#waits;
  }

  drain(): void {
    if (!this.#told || this.state !== 'open') return;
    this.#told = false;
    this.wire.send(WORD.drain, this.number);
  }

  abstract close(ending: Ending): void;

  // What comes over the wire.

  hear(kind: number, payload: Buffer): void {
    if (kind === WORD.stanza) this.#deliver(payload);
    else if (kind === WORD.open) this.here.open(readHeader(payload));
    else if (kind === WORD.full) this.#full = true;
    else if (kind === WORD.drain) this.#drained();
  }

  /** There is room on the wire again. */
  roomy(): void {
    if (this.state === 'open' && !this.#full) this.#goOn();
  }

  /** Ends both sides. */
  abstract expel(cause: unknown): void;

  #deliver(raw: Buffer): void {
    if (this.here.stanza(new Stanza(raw)) || this.#told || this.state !== 'open') return;
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
    this.here.drain();
  }
}
