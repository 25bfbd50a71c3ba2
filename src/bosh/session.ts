// A BOSH session (XEP-0124 sections 8 to 16): takes requests in rid order to its streams, and answers them in rid order
// with what the streams' servers said. Here is what it does when something comes: a request, a word from a server, the
// end of a turn, a deadline. It does no I/O and owns no clock: what has a deadline is looked at when `expire` is called,
// what is to be said waits for `flush`, once a turn. The rest has files of its own: processing.ts what requests ask for,
// answers.ts what is said to them, exchange.ts both by rid, deadlines.ts when, termination.ts the end.

import type { Upstream } from '../stream/end.js';
import type { Tokens } from '../tokens.js';
import type { StreamError } from '../xmpp/errors.js';
import type { StartTag } from '../xmpp/scanner.js';
import { Activity } from './activity.js';
import { Answers } from './answers.js';
import { type Condition, terminalOf } from './conditions.js';
import type { Counts } from './counts.js';
import { Deadlines } from './deadlines.js';
import { Exchange } from './exchange.js';
import type { BoshClock, Held } from './held.js';
import { KeyChain } from './keys.js';
import type { Terms } from './negotiation.js';
import type { BoshOptions } from './options.js';
import { Processing } from './processing.js';
import { type BoshRequest, isPoll } from './request.js';
import type { Pending } from './requests.js';
import type { BoshStream, StreamOwner } from './stream.js';
import { Streams } from './streams.js';
import { type Aftermath, Termination } from './termination.js';

/** What all sessions of a server share. */
export interface Shared {
  readonly options: BoshOptions;
  readonly upstream: Upstream;
  readonly clock: BoshClock;
  readonly counts: Counts;
  /** Names for streams. */
  readonly names: Tokens;
  /** The client has seen the responses to this rid and all before it; said once for a rid. */
  readonly acknowledged?: ((rid: number, session: string) => void) | undefined;
  /** The session is over. */
  leave(session: Session, after: Aftermath): void;
  /** It did what it must not. */
  failed(session: Session, error: unknown): void;
}

export class Session implements StreamOwner {
  /** When `expire` has something to do. */
  deadline = Number.POSITIVE_INFINITY;
  readonly options: BoshOptions;
  readonly counts: Counts;
  readonly created: number;
  readonly #exchange: Exchange;
  readonly #streams: Streams;
  readonly #activity: Activity;
  readonly #deadlines: Deadlines;
  readonly #answers: Answers;
  readonly #termination: Termination;
  readonly #processing: Processing;
  #scheduled = false;

  constructor(
    readonly shared: Shared,
    readonly sid: string,
    readonly name: string,
    readonly terms: Terms,
    rid: number,
  ) {
    this.options = shared.options;
    this.counts = shared.counts;
    this.created = shared.clock.now();
    const exchange = new Exchange(this, shared, terms, rid);
    const streams = new Streams(this, shared.upstream, shared.names);
    const activity = new Activity(terms.requests, terms.polling * 1000, terms.polls);
    const deadlines = new Deadlines(exchange);
    const answers = new Answers(exchange, streams, activity, deadlines);
    const termination = new Termination(exchange, streams);
    this.#processing = new Processing(exchange, streams, answers, deadlines, termination);
    this.#exchange = exchange;
    this.#streams = streams;
    this.#activity = activity;
    this.#deadlines = deadlines;
    this.#answers = answers;
    this.#termination = termination;
  }

  /** Begins: its first stream is opened, and the answer waits for the features (XEP-0206 section 4). */
  create(tag: StartTag, checksum: number, held: Held): void {
    this.#answers.creation = tag;
    const newkey = tag.attr('newkey');
    if (newkey !== undefined) this.#processing.keys = new KeyChain(newkey);
    this.#exchange.hold(this.#exchange.processed, checksum, held);
    this.#streams.open(tag, held);
    this.wake();
  }

  /** A request with this session's sid. */
  request(said: BoshRequest, held: Held): void {
    const request = this.#processing.understood(said);
    // What can be answered does not count against the window only because its turn is still to come.
    if (this.#scheduled && this.#exchange.requests.live >= this.terms.requests) this.flush();
    const leaving = request.terminate || request.pause !== undefined;
    // Section 11 allows one request more to pause or terminate.
    const verdict = this.#exchange.judge(request.rid, this.terms.requests + (leaving ? 1 : 0));
    this.counts.rids[verdict]++;
    this.#deadlines.heard();
    if (verdict === 'beyond') this.fail('item-not-found', held);
    else if (verdict === 'answered' || verdict === 'pending') this.#repeat(request, held);
    else this.#accept(request, held, leaving);
  }

  #accept(request: BoshRequest, held: Held, leaving: boolean): void {
    const { rid, checksum } = request;
    const unanswered = this.#exchange.requests.live + 1;
    const arrival = { rid, empty: isPoll(request), leaving, unanswered };
    if (this.#activity.offends(arrival, this.shared.clock.now())) {
      this.counts.limited('overactivity');
      this.fail('policy-violation', held);
      return;
    }
    const pending = this.#exchange.hold(rid, checksum, held, request);
    this.#processing.advance();
    if (pending.request) this.#keep(pending, held);
    this.wake();
  }

  /** Its turn has not come. A large window is no licence to fill it with large requests. */
  #keep(pending: Pending, held: Held): void {
    const { requests } = this.#exchange;
    pending.rest();
    if (!requests.outgrow(this.terms.sure, this.options.limits.window_bytes)) return;
    this.counts.limited('window_bytes');
    this.fail('policy-violation', held);
  }

  /** Section 14.3: what was answered gets the same bytes again, what still waits moves to the newest connection. */
  #repeat({ rid, checksum }: BoshRequest, held: Held): void {
    const pending = this.#exchange.requests.find(rid);
    const sent = this.#exchange.responses.find(rid);
    if (this.#activity.repeats(rid, this.shared.clock.now())) {
      this.counts.limited('overactivity');
      this.fail('policy-violation', held);
    } else if ((pending ?? sent)?.checksum !== checksum) {
      if (this.#exchange.responses.lacks(rid)) this.counts.limited('window_bytes');
      this.fail('item-not-found', held);
    } else if (pending) this.#exchange.move(pending, held);
    else if (sent) this.#exchange.resend(sent, held);
    this.wake();
  }

  /** A server closed its stream. */
  ended(stream: BoshStream): void {
    if (this.#streams.ended) this.#answers.ending = terminalOf(stream.ending?.error, stream.ending?.how);
    this.resume();
  }

  /** A server can take more. */
  resume(): void {
    if (this.#termination.over) return;
    this.#processing.advance();
    this.wake();
  }

  /** There may be something to say: `flush` at the end of this turn. */
  wake(): void {
    if (this.#scheduled || this.#termination.over) return;
    this.#scheduled = true;
    this.shared.clock.soon(this);
  }

  /** Answers all that can be answered now. */
  flush(): void {
    this.#scheduled = false;
    const termination = this.#termination;
    if (termination.over) return;
    try {
      this.#answer();
      if (!termination.over && this.#streams.overflow) termination.overflow();
      if (!termination.over) this.#settle();
    } catch (error) {
      this.shared.failed(this, error);
    }
  }

  #answer(): void {
    let progress = this.#answers.next();
    while (progress === 'answered') progress = this.#answers.next();
    if (progress === 'over') this.#termination.conclude(this.#answers.ending ?? {}, this.#answers.remaining());
  }

  #settle(): void {
    for (const stream of this.#streams) stream.relax();
    this.deadline = this.#deadlines.next();
  }

  /** Looks at the deadlines: `wait` (section 8), and the inactivity of a client without requests (section 10). */
  expire(now: number): void {
    if (this.#termination.over) return;
    // What set the deadline may have changed since.
    this.deadline = this.#deadlines.next();
    if (now < this.deadline) return;
    if (this.#exchange.requests.live === 0) {
      this.#termination.lose();
      return;
    }
    for (const pending of [...this.#exchange.requests]) {
      if (pending.held && this.#deadlines.of(pending) <= now) this.#exchange.dismiss(pending);
    }
    this.flush();
  }

  /** The process stood still for that long: no client could be heard. */
  forgive(milliseconds: number): void {
    this.#exchange.idleSince += milliseconds;
    this.deadline = this.#deadlines.next();
  }

  /** Its connection is gone. A client that never learnt its sid is gone with it. */
  gone(held: Held): void {
    this.#exchange.lost(held);
    if (this.#answers.creation) this.#termination.lose();
    else this.wake();
  }

  /** It has to be answered now. */
  release(held: Held): void {
    const pending = this.#exchange.requests.holder(held);
    if (pending) this.#exchange.dismiss(pending);
    this.wake();
  }

  /** The server stops. */
  stop(error: StreamError): void {
    this.flush();
    if (!this.#termination.over) this.#termination.stop(error);
  }

  /** Ends it for what is wrong with a request (section 17.2). */
  fail(condition: Condition, held?: Held): void {
    this.#termination.fail(condition, held);
  }
}
