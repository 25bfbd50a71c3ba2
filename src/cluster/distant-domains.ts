// The local domains as a process sees them that carries clients and does not have the core: an upstream at the other end of
// a wire. Order is kept, since all of a process's streams share that wire; a stream that has enough waits alone.

import type { LocalDomains } from '../stream/connector.js';
import { type ClientStream, closedEnd, type Ending, type StreamEnd, type Upstream } from '../stream/end.js';
import { StreamError } from '../xmpp/errors.js';
import type { StreamHeader } from '../xmpp/header.js';
import { prepareDomain } from '../xmpp/jid.js';
import type { Wire } from './wire.js';
import { type StreamsDeps, WiredStream, WiredStreams } from './wired-streams.js';
import { readEnding, WORD, writeAttachment, writeEnding } from './words.js';

const STOPPING = new StreamError('system-shutdown', 'the server is stopping');

export class DistantDomains extends WiredStreams<DistantStream> implements LocalDomains, Upstream {
  #names: readonly string[] = [];
  #domains: ReadonlySet<string> = new Set();
  #count = 0;

  constructor(domains: object, deps: StreamsDeps) {
    super(deps);
    this.reload(domains);
  }

  /** Takes other domains, by name. */
  reload(domains: object): void {
    this.#names = Object.keys(domains);
    this.#domains = new Set(this.#names.map(prepareDomain));
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
    const { wire } = this;
    if (wire === undefined) {
      queueMicrotask(() => client.close({ how: 'closed', error: STOPPING }));
      return closedEnd;
    }
    this.#count = (this.#count + 1) >>> 0;
    const stream = new DistantStream(this.#count, client, wire, this);
    this.streams.set(stream.number, stream);
    wire.send(WORD.attach, stream.number, writeAttachment(client, header));
    return stream;
  }

  /** A stream of this process came or left, for what is counted by address. */
  counted(party: string, by: 1 | -1): void {
    this.wire?.send(by > 0 ? WORD.came : WORD.left, 1, Buffer.from(party));
  }

  async stop(): Promise<void> {
    for (const stream of [...this.streams.values()]) stream.end({ how: 'closed', error: STOPPING });
    this.wire?.flush();
  }

  gone(error?: Error): void {
    this.wire = undefined;
    const failure = new StreamError('internal-server-error', undefined, { cause: error });
    for (const stream of [...this.streams.values()]) stream.end({ how: 'closed', error: failure });
  }
}

/** The server's end of one stream. */
class DistantStream extends WiredStream {
  constructor(
    number: number,
    readonly client: ClientStream,
    wire: Wire,
    domains: DistantDomains,
  ) {
    super(number, wire, domains, client);
  }

  close(ending: Ending): void {
    if (this.state !== 'open') return;
    this.state = 'leaving';
    for (const stanza of ending.undelivered ?? []) this.wire.send(WORD.returned, this.number, stanza.raw);
    this.wire.send(WORD.close, this.number, writeEnding(ending));
  }

  override hear(kind: number, payload: Buffer): void {
    if (this.state === 'leaving') this.#hearLate(kind, payload);
    else if (kind === WORD.close) this.end(readEnding(payload));
    else if (kind === WORD.mark) this.#mark(payload);
    else super.hear(kind, payload);
  }

  /** Ends the client. */
  end(ending: Ending): void {
    const open = this.state === 'open';
    this.state = 'over';
    this.all.forget(this);
    if (open) this.client.close(ending);
  }

  expel(cause: unknown): void {
    const error = new StreamError('internal-server-error', undefined, { cause });
    if (this.state === 'open') this.wire.send(WORD.close, this.number, writeEnding({ how: 'closed', error }));
    this.end({ how: 'closed', error });
  }

  #mark(mark: Buffer): void {
    this.client.reached(() => {
      if (this.state === 'open') this.wire.send(WORD.reached, this.number, mark);
    });
  }

  #hearLate(kind: number, payload: Buffer): void {
    if (kind === WORD.stanza) this.wire.send(WORD.returned, this.number, payload);
    else if (kind === WORD.closed) this.wire.send(WORD.gone, this.number);
    if (kind === WORD.closed || kind === WORD.close) this.end({ how: 'closed' });
  }
}
