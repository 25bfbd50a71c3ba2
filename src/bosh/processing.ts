// What becomes of a session's requests when their turn has come (XEP-0124 section 14.2): one after the other in rid
// order, each once. Keys, acknowledgements and pauses end here, the rest goes to the streams. Which requests are taken
// at all the session decides, and what is answered, answers.ts.

import type { Answers } from './answers.js';
import type { Condition } from './conditions.js';
import type { Deadlines } from './deadlines.js';
import type { Exchange } from './exchange.js';
import type { KeyChain } from './keys.js';
import { type BoshRequest, isPoll } from './request.js';
import type { Pending } from './requests.js';
import type { BoshStream } from './stream.js';
import type { Streams } from './streams.js';
import type { Termination } from './termination.js';

export class Processing {
  /** Section 15: what the keys of requests are held against, if its client uses them. */
  keys: KeyChain | undefined;
  #addressed = false;
  /** A server that answers at once must not have a later request processed in the middle of this one. */
  #advancing = false;

  constructor(
    readonly exchange: Exchange,
    readonly streams: Streams,
    readonly answers: Answers,
    readonly deadlines: Deadlines,
    readonly termination: Termination,
  ) {}

  /** Processes what has no gap before it, as long as no server asks to wait. */
  advance(): void {
    if (this.#advancing) return;
    this.#advancing = true;
    try {
      while (!this.termination.over && !this.streams.blocked && this.#takeNext());
    } finally {
      this.#advancing = false;
    }
  }

  /**
   * A request without what was not offered: pauses (section 10) and streams (section 16.3). Once payloads came with `to`,
   * as libpurple's do, an empty request with `to` adds no stream either. What remains is a poll like any other.
   */
  understood(request: BoshRequest): BoshRequest {
    const { session, terms } = this.exchange;
    const { max_streams_per_session, pidgin_compatible } = session.options;
    this.#addressed ||= request.addressed && pidgin_compatible;
    const adds = request.adds && max_streams_per_session > 1 && !this.#addressed;
    const pause = terms.maxpause > 0 ? request.pause : undefined;
    return adds === request.adds && pause === request.pause ? request : { ...request, adds, pause };
  }

  #takeNext(): boolean {
    const pending = this.exchange.next();
    const request = pending?.take();
    if (!pending || !request) return false;
    this.exchange.processed = pending.rid;
    const fault = this.#process(pending, request);
    if (fault) this.termination.fail(fault, pending.held);
    return true;
  }

  /** Hands back what is wrong with it. */
  #process(pending: Pending, said: BoshRequest): Condition | undefined {
    const { exchange } = this;
    const { terms } = exchange;
    const request = this.understood(said);
    if (this.keys && !this.keys.accept(request.key, request.newkey)) return 'item-not-found';
    exchange.due = Math.max(exchange.due, request.rid - (terms.polls ? 0 : terms.hold));
    exchange.acknowledged(pending, request.ack, isPoll(request));
    // A request that had overtaken a pause ends it.
    this.deadlines.heard();
    if (request.pause !== undefined) {
      if (request.pause > terms.maxpause) return 'policy-violation';
      this.#pause(pending, request.pause);
    }
    if (this.answers.ending) return undefined;
    if (request.restart) return this.#restart(request);
    if (request.adds) return this.#add(pending, request);
    return this.#forward(request);
  }

  /** Section 10. */
  #pause(pending: Pending, seconds: number): void {
    pending.pause = true;
    this.exchange.due = pending.rid;
    this.deadlines.pause(seconds);
  }

  #restart({ tag, stream: id }: BoshRequest): Condition | undefined {
    const streams = this.streams.named(id);
    if (!streams || !tag) return 'item-not-found';
    for (const stream of streams) stream.restart(tag);
    return undefined;
  }

  /** Section 16.2. */
  #add(pending: Pending, { tag }: BoshRequest): Condition | undefined {
    const { options, counts } = this.exchange.session;
    if (this.streams.size >= options.max_streams_per_session) {
      counts.limited('max_streams_per_session');
      return 'policy-violation';
    }
    const client = pending.held ?? this.streams.first;
    if (tag && client) pending.added = this.streams.open(tag, client);
    this.exchange.due = pending.rid;
    return undefined;
  }

  #forward({ stanzas, terminate, stream: id }: BoshRequest): Condition | undefined {
    if (stanzas.length === 0 && !terminate) return undefined;
    const streams = this.streams.named(id);
    if (!streams) return 'item-not-found';
    for (const stream of streams) stream.forward(stanzas);
    if (terminate) this.#terminate(streams);
    return undefined;
  }

  /** Section 16.4: one of several goes alone, and the client is told like of any other end. */
  #terminate(streams: readonly BoshStream[]): void {
    const stay = [...this.streams].some((stream) => !stream.ending && !streams.includes(stream));
    if (stay) for (const stream of streams) stream.finish({ how: 'closed' });
    else this.termination.terminate();
  }
}
