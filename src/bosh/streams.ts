// The streams of a session (XEP-0124 section 16): one nearly always, several for clients with several accounts.

import type { Ending, Upstream } from '../stream/end.js';
import type { Tokens } from '../tokens.js';
import type { StartTag } from '../xmpp/scanner.js';
import { headerOf } from './header.js';
import type { Responses } from './responses.js';
import { BoshStream, type Origin, type StreamOwner } from './stream.js';

const REMEMBERED = 8;

export class Streams {
  #list: BoshStream[] = [];
  #closed: string[] = [];
  #turn = 0;
  /** There was ever more than one, so bodies have to name theirs. */
  several = false;

  constructor(
    readonly owner: StreamOwner,
    readonly upstream: Upstream,
    readonly names: Tokens,
  ) {}

  /** Opens one, as a creation asks for it or a request that adds one (section 16.2). */
  open(tag: StartTag, client: Origin): BoshStream {
    const header = headerOf(tag);
    const stream = new BoshStream(this.owner, this.names.next(), header, client, tag.attr('route'));
    this.#add(stream);
    const server = this.upstream.attach(stream, header);
    if (!stream.ending) stream.server = server;
    return stream;
  }

  #add(stream: BoshStream): void {
    this.#list = [...this.#list, stream];
    this.owner.counts.streams++;
    if (this.#list.length > 1) this.several = true;
  }

  /** Takes out one that has nothing more to say; its name is remembered for what the client sent before it knew. */
  remove(stream: BoshStream): void {
    this.#list = this.#list.filter((other) => other !== stream);
    this.owner.counts.streams--;
    this.#closed = [...this.#closed.slice(1 - REMEMBERED), stream.id];
  }

  get size(): number {
    return this.#list.length;
  }

  get first(): BoshStream | undefined {
    return this.#list[0];
  }

  [Symbol.iterator](): IterableIterator<BoshStream> {
    return this.#list.values();
  }

  /** Their servers have ended all. */
  get ended(): boolean {
    for (const stream of this.#list) if (!stream.ending) return false;
    return true;
  }

  /** A server asked to wait. */
  get blocked(): boolean {
    for (const stream of this.#list) if (stream.blocked) return true;
    return false;
  }

  /** More waits for the client than may wait for one that reads. */
  get overflow(): boolean {
    for (const stream of this.#list) if (stream.bytes > this.owner.options.limits.queue_hard) return true;
    return false;
  }

  /** Those a request is meant for: the named one, or all; undefined when there is none of that name. */
  named(id: string | undefined): readonly BoshStream[] | undefined {
    if (id === undefined) return this.#list;
    const stream = this.#list.find((one) => one.id === id);
    if (stream) return [stream];
    return this.#closed.includes(id) ? [] : undefined;
  }

  /** The next that has something to say, each in its turn. */
  speaker(): BoshStream | undefined {
    const list = this.#list;
    for (let i = 0; i < list.length; i++) {
      const at = (this.#turn + i) % list.length;
      if (!list[at].ready) continue;
      this.#turn = at + 1;
      return list[at];
    }
    return undefined;
  }

  /** One that its server ended and that has nothing more to say. */
  finished(): BoshStream | undefined {
    for (const stream of this.#list) if (stream.ending && !stream.ready) return stream;
    return undefined;
  }

  /** Says goodbye to all servers, with what their clients may have missed of these responses. */
  finish(ending: Ending, missed: Responses | undefined): void {
    this.owner.counts.streams -= this.#list.length;
    for (const stream of this.#list) {
      stream.finish(missed ? { ...ending, undelivered: missed.unconfirmed(stream) } : ending);
    }
  }
}
