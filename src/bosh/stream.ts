// One XMPP stream of a session, as its server sees it: what the server says is queued until the session can answer a
// request with it. Which request, and when, is the session's business.

import type { ClientStream, Ending, StreamEnd, Tls } from '../stream/end.js';
import { closedEnd } from '../stream/end.js';
import { Marks } from '../stream/marks.js';
import { attribute } from '../xmpp/escape.js';
import type { StreamHeader } from '../xmpp/header.js';
import { NS } from '../xmpp/ns.js';
import type { StartTag } from '../xmpp/scanner.js';
import type { Stanza } from '../xmpp/stanza.js';
import type { Counts } from './counts.js';
import { headerOf } from './header.js';
import type { Held } from './held.js';
import { headerAttributes, type Terms } from './negotiation.js';
import type { BoshOptions } from './options.js';

/** What a stream tells the session it belongs to. */
export interface StreamOwner {
  readonly name: string;
  readonly terms: Pick<Terms, 'tls'>;
  readonly options: BoshOptions;
  readonly counts: Counts;
  /** There is something to say. */
  wake(): void;
  /** The server can take more. */
  resume(): void;
  /** The server closed it. */
  ended(stream: BoshStream): void;
}

/** Where a client comes from. */
export type Origin = Pick<Held, 'remoteAddress' | 'remotePort' | 'secure'>;

export class BoshStream implements ClientStream {
  readonly transport = 'bosh';
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly secure: boolean;
  /** Its peer. */
  server: StreamEnd = closedEnd;
  /** The server asked to wait. */
  blocked = false;
  /** How the server ended it. */
  ending: Ending | undefined;
  /** The server's last stream header. */
  header: StreamHeader | undefined;
  /** Bytes in the queue. */
  bytes = 0;
  /** How many stanzas were given to responses. */
  given = 0;
  /** How many of them the client has. */
  #had = 0;
  readonly #marks = new Marks();
  #queue: Stanza[] = [];
  #fresh = false;
  #full = false;

  /** `id` is its name in the protocol, `opened` the header the client first asked for. */
  constructor(
    readonly owner: StreamOwner,
    readonly id: string,
    readonly opened: StreamHeader,
    client: Origin,
    readonly route: string | undefined,
  ) {
    this.remoteAddress = client.remoteAddress;
    this.remotePort = client.remotePort;
    this.secure = client.secure;
  }

  get name(): string {
    return this.owner.name;
  }

  get tls(): Tls | undefined {
    return this.owner.terms.tls;
  }

  open(header: StreamHeader): void {
    if (this.ending) return;
    this.header = header;
    this.#fresh = true;
    this.owner.wake();
  }

  stanza(stanza: Stanza): boolean {
    if (this.ending) return true;
    this.#queue.push(stanza);
    this.bytes += stanza.raw.length;
    this.owner.counts.queuedBytes += stanza.raw.length;
    this.owner.wake();
    if (this.bytes <= this.owner.options.limits.queue_soft) return true;
    this.#setFull(true);
    return false;
  }

  drain(): void {
    this.blocked = false;
    this.owner.resume();
  }

  reached(told: () => void): void {
    const said = this.given + this.#queue.length;
    if (this.ending) return;
    if (said === this.#had) told();
    else this.#marks.add(said, told);
  }

  /** The client has so many of those that were given. */
  had(count: number): void {
    if (count <= this.#had) return;
    this.#had = count;
    this.#marks.reach(count);
  }

  close(ending: Ending): void {
    if (this.ending) return;
    this.ending = ending;
    this.server = closedEnd;
    this.blocked = false;
    this.owner.ended(this);
  }

  /** XEP-0206 section 5: the client opens it anew, for the domain it was opened for. */
  restart(tag: StartTag): void {
    this.server.open(headerOf(tag, this.opened));
  }

  /** Takes a request's payloads to the server. */
  forward(stanzas: readonly Stanza[]): void {
    for (const stanza of stanzas) if (!this.server.stanza(stanza)) this.blocked = !this.ending;
  }

  /** Whether a response can be made for it. A header alone is one only if no features will follow it. */
  get ready(): boolean {
    return this.#queue.length > 0 || (this.#fresh && this.header?.version === undefined);
  }

  /** Whether all of the queue fits one body (XEP-0206 section 2). */
  get plain(): boolean {
    return this.bytes <= this.owner.options.limits.queue_soft && !this.#queue.some(isAlone);
  }

  /** The stanzas of the next body. */
  take(): Stanza[] {
    const queue = this.#queue;
    const count = this.#run(queue);
    const taken = count === queue.length ? queue : queue.slice(0, count);
    this.#queue = count === queue.length ? [] : queue.slice(count);
    this.given += count;
    const bytes = count === queue.length ? this.bytes : lengthOf(taken);
    this.bytes -= bytes;
    this.owner.counts.queuedBytes -= bytes;
    return taken;
  }

  /** Features and SASL stand alone, stanzas together up to the soft limit (XEP-0206 section 2). */
  #run(queue: readonly Stanza[]): number {
    const limit = this.owner.options.limits.queue_soft;
    let bytes = 0;
    for (let count = 0; count < queue.length; count++) {
      if (isAlone(queue[count])) return Math.max(count, 1);
      bytes += queue[count].raw.length;
      if (bytes > limit) return Math.max(count, 1);
    }
    return queue.length;
  }

  /** The attributes of the body that carries these: the server's new header, once, and the features' prefix. */
  attributes(stanzas: readonly Stanza[]): string {
    const header = this.#fresh && this.header ? headerAttributes(this.header) : '';
    this.#fresh = false;
    const streamed = stanzas.length === 1 && stanzas[0].ns === NS.stream;
    return streamed ? `${header}${attribute('xmlns:stream', NS.stream)}` : header;
  }

  /** Tells the server to go on, if it was told to wait and half of the room is free again. */
  relax(): void {
    if (!this.#full || this.bytes > this.owner.options.limits.queue_soft / 2) return;
    this.#setFull(false);
    this.server.drain();
  }

  /** Says goodbye to the server: once, and last; `undelivered` come before what is still queued. */
  finish(ending: Ending): void {
    const queued = this.#queue;
    this.owner.counts.queuedBytes -= this.bytes;
    this.bytes = 0;
    this.#queue = [];
    this.#setFull(false);
    const server = this.server;
    this.server = closedEnd;
    this.ending ??= ending;
    const undelivered = [...(ending.undelivered ?? []), ...queued];
    server.close(undelivered.length > 0 ? { ...ending, undelivered } : ending);
  }

  #setFull(full: boolean): void {
    if (this.#full === full) return;
    this.#full = full;
    this.owner.counts.paused += full ? 1 : -1;
  }
}

function lengthOf(stanzas: readonly Stanza[]): number {
  let bytes = 0;
  for (const stanza of stanzas) bytes += stanza.raw.length;
  return bytes;
}

function isAlone(stanza: Stanza): boolean {
  if (stanza.kind !== undefined) return false;
  const ns = stanza.ns;
  return ns === NS.sasl || ns === NS.sasl2 || ns === NS.stream;
}
