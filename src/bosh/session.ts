// A BOSH session (XEP-0124 sections 8 to 16): takes requests in rid order to its streams, and answers them in rid order
// with what the streams' servers said. It does no I/O and owns no clock: what has a deadline is looked at when `expire`
// is called, what is to be said waits for `flush`, once a turn.

import { randomBytes } from 'node:crypto';
import type { Ending, Upstream } from '../stream/end.js';
import { StreamError } from '../xmpp/errors.js';
import type { StartTag } from '../xmpp/scanner.js';
import type { Stanza } from '../xmpp/stanza.js';
import { Activity } from './activity.js';
import { Answers } from './answers.js';
import { type Condition, type Terminal, terminalOf, terminalResponse, UNKNOWN } from './conditions.js';
import type { Counts } from './counts.js';
import { Exchange, type Last } from './exchange.js';
import { headerOf } from './header.js';
import type { BoshClock, BoshResponse, Held } from './held.js';
import { KeyChain } from './keys.js';
import type { Terms } from './negotiation.js';
import type { BoshOptions } from './options.js';
import { type BoshRequest, isPoll } from './request.js';
import type { Pending } from './requests.js';
import { BoshStream, type Origin, type StreamOwner } from './stream.js';
import { Streams } from './streams.js';

/** What all sessions of a server share. */
export interface Shared {
  readonly options: BoshOptions;
  readonly upstream: Upstream;
  readonly clock: BoshClock;
  readonly counts: Counts;
  /** The client has seen the responses to this rid and all before it; said once for a rid. */
  readonly acknowledged?: ((rid: number, session: string) => void) | undefined;
  /** The session is over. */
  leave(session: Session, after: Aftermath): void;
  /** It did what it must not. */
  failed(session: Session, error: unknown): void;
}

/** What remains of a session that is over. */
export interface Aftermath {
  /** How it ended, for the log and the metrics. */
  readonly reason: string;
  /** What later requests are told. */
  readonly response: BoshResponse;
  /** The last request that was answered, for a repeat of it. */
  readonly last?: Last;
}

// Deadlines are looked at every 100 ms, and a response has to be there by `wait` (section 8).
const MARGIN = 150;

export class Session implements StreamOwner {
  /** When `expire` has something to do. */
  deadline = Number.POSITIVE_INFINITY;
  readonly options: BoshOptions;
  readonly counts: Counts;
  readonly created: number;
  readonly #exchange: Exchange;
  readonly #streams: Streams;
  readonly #activity: Activity;
  readonly #answers: Answers;
  #keys: KeyChain | undefined;
  #addressed = false;
  #inactivity: number;
  #scheduled = false;
  /** A server that answers at once must not have a later request processed in the middle of this one. */
  #advancing = false;
  #over = false;

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
    this.#exchange = new Exchange(this, shared, terms, rid);
    this.#activity = new Activity(terms.requests, terms.polling * 1000, terms.polls);
    this.#streams = new Streams(shared.counts);
    this.#answers = new Answers(this.#exchange, this.#streams, this.#activity);
    this.#inactivity = terms.inactivity * 1000;
  }

  /** Begins: its first stream is opened, and the answer waits for the features (XEP-0206 section 4). */
  create(tag: StartTag, checksum: number, held: Held): void {
    this.#answers.creation = tag;
    const newkey = tag.attr('newkey');
    if (newkey !== undefined) this.#keys = new KeyChain(newkey);
    this.#exchange.hold(this.#exchange.processed, checksum, held);
    this.#open(tag, held);
    this.wake();
  }

  /** A request with this session's sid. */
  request(said: BoshRequest, held: Held): void {
    const request = this.#understood(said);
    // What can be answered does not count against the window only because its turn is still to come.
    if (this.#scheduled && this.#exchange.requests.live >= this.terms.requests) this.flush();
    const leaving = request.terminate || request.pause !== undefined;
    // Section 11 allows one request more to pause or terminate.
    const verdict = this.#exchange.judge(request.rid, this.terms.requests + (leaving ? 1 : 0));
    this.counts.rids[verdict]++;
    this.#inactivity = this.terms.inactivity * 1000;
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
    this.#advance();
    pending.rest();
    this.wake();
  }

  /** Section 14.3: what was answered gets the same bytes again, what still waits moves to the newest connection. */
  #repeat({ rid, checksum }: BoshRequest, held: Held): void {
    const pending = this.#exchange.requests.find(rid);
    const sent = this.#exchange.responses.find(rid);
    if (this.#activity.repeats(rid, this.shared.clock.now())) {
      this.counts.limited('overactivity');
      this.fail('policy-violation', held);
    } else if ((pending ?? sent)?.checksum !== checksum) this.fail('item-not-found', held);
    else if (pending) this.#exchange.move(pending, held);
    else if (sent) this.#exchange.resend(sent, held);
    this.wake();
  }

  /** Processes what has no gap before it, as long as no server asks to wait. */
  #advance(): void {
    if (this.#advancing) return;
    this.#advancing = true;
    try {
      while (!this.#over && !this.#streams.blocked && this.#takeNext());
    } finally {
      this.#advancing = false;
    }
  }

  #takeNext(): boolean {
    const pending = this.#exchange.next();
    const request = pending?.take();
    if (!pending || !request) return false;
    this.#exchange.processed = pending.rid;
    const fault = this.#process(pending, request);
    if (fault) this.fail(fault, pending.held);
    return true;
  }

  /** Hands back what is wrong with it. */
  #process(pending: Pending, said: BoshRequest): Condition | undefined {
    const exchange = this.#exchange;
    const request = this.#understood(said);
    if (this.#keys && !this.#keys.accept(request.key, request.newkey)) return 'item-not-found';
    exchange.due = Math.max(exchange.due, request.rid - (this.terms.polls ? 0 : this.terms.hold));
    exchange.acknowledged(pending, request.ack, isPoll(request));
    // A request that had overtaken a pause ends it.
    this.#inactivity = this.terms.inactivity * 1000;
    if (request.pause !== undefined) {
      if (request.pause > this.terms.maxpause) return 'policy-violation';
      this.#pause(pending, request.pause);
    }
    if (this.#answers.ending) return undefined;
    if (request.restart) return this.#restart(request);
    if (request.adds) return this.#add(pending, request);
    return this.#forward(request);
  }

  /**
   * Without what was not offered: pauses (section 10) and streams (section 16.3). Once payloads came with `to`, as
   * libpurple's do, an empty request with `to` adds no stream either. What remains is a poll like any other.
   */
  #understood(request: BoshRequest): BoshRequest {
    const { max_streams_per_session, pidgin_compatible } = this.options;
    this.#addressed ||= request.addressed && pidgin_compatible;
    const adds = request.adds && max_streams_per_session > 1 && !this.#addressed;
    const pause = this.terms.maxpause > 0 ? request.pause : undefined;
    return adds === request.adds && pause === request.pause ? request : { ...request, adds, pause };
  }

  /** Section 10. */
  #pause(pending: Pending, seconds: number): void {
    pending.pause = true;
    this.#exchange.due = pending.rid;
    this.#inactivity = Math.max(seconds, 1) * 1000;
  }

  /** XEP-0206 section 5: the stream is opened anew, for the domain it was opened for. */
  #restart({ tag, stream: id }: BoshRequest): Condition | undefined {
    const streams = this.#streams.named(id);
    if (!streams || !tag) return 'item-not-found';
    for (const stream of streams) stream.server.open(headerOf(tag, stream.opened));
    return undefined;
  }

  /** Section 16.2. */
  #add(pending: Pending, { tag }: BoshRequest): Condition | undefined {
    if (this.#streams.size >= this.options.max_streams_per_session) {
      this.counts.limited('max_streams_per_session');
      return 'policy-violation';
    }
    const client = pending.held ?? this.#streams.first;
    if (tag && client) pending.added = this.#open(tag, client);
    this.#exchange.due = pending.rid;
    return undefined;
  }

  #open(tag: StartTag, client: Origin): BoshStream {
    const header = headerOf(tag);
    const stream = new BoshStream(this, randomBytes(12).toString('base64url'), header, client, tag.attr('route'));
    this.#streams.add(stream);
    const server = this.shared.upstream.attach(stream, header);
    if (!stream.ending) stream.server = server;
    return stream;
  }

  #forward({ stanzas, terminate, stream: id }: BoshRequest): Condition | undefined {
    if (stanzas.length === 0 && !terminate) return undefined;
    const streams = this.#streams.named(id);
    if (!streams) return 'item-not-found';
    for (const stream of streams) {
      for (const stanza of stanzas) if (!stream.server.stanza(stanza)) stream.blocked = !stream.ending;
    }
    if (!terminate) return undefined;
    // Section 16.4: one of several goes alone, and the client is told like of any other end.
    const stay = [...this.#streams].some((stream) => !stream.ending && !streams.includes(stream));
    if (stay) for (const stream of streams) stream.finish({ how: 'closed' });
    else this.#finish('terminate', {}, { how: 'closed' });
    return undefined;
  }

  /** A server closed its stream. */
  ended(stream: BoshStream): void {
    if (this.#streams.open === 0) this.#answers.ending = terminalOf(stream.ending?.error, stream.ending?.how);
    this.resume();
  }

  /** A server can take more. */
  resume(): void {
    if (this.#over) return;
    this.#advance();
    this.wake();
  }

  /** There may be something to say: `flush` at the end of this turn. */
  wake(): void {
    if (this.#scheduled || this.#over) return;
    this.#scheduled = true;
    this.shared.clock.soon(this);
  }

  /** Answers all that can be answered now. */
  flush(): void {
    this.#scheduled = false;
    if (this.#over) return;
    try {
      this.#answer();
      if (!this.#over && this.#overflows()) this.#overflow();
      if (!this.#over) this.#settle();
    } catch (error) {
      this.shared.failed(this, error);
    }
  }

  #answer(): void {
    const late = (head: Pending) => this.#deadlineOf(head) <= this.shared.clock.now();
    let progress = this.#answers.next(late);
    while (progress === 'answered') progress = this.#answers.next(late);
    if (progress === 'over') this.#conclude();
  }

  #settle(): void {
    for (const stream of this.#streams) stream.relax();
    this.#arm();
  }

  /** All was said. A stream error takes the last stanzas with it. */
  #conclude(): void {
    const terminal = this.#answers.ending ?? {};
    const stream = this.#streams.first;
    const queued = stream?.ready && this.#answers.concludes(stream) ? stream.take() : [];
    this.#finish(terminal.condition ?? 'closed', terminal, { how: 'closed' }, queued);
  }

  #overflows(): boolean {
    for (const stream of this.#streams) if (stream.bytes > this.options.limits.queue_hard) return true;
    return false;
  }

  #overflow(): void {
    this.counts.limited('queue_hard');
    const error = new StreamError('resource-constraint', 'the client does not read what is sent to it');
    this.#finish('overflow', { condition: 'policy-violation' }, { how: 'lost', error });
  }

  /** When a request has to be answered. */
  #deadlineOf(pending: Pending): number {
    const { wait, polls } = this.terms;
    const { features_timeout, pidgin_compatible } = this.options;
    let seconds = wait;
    if (this.#answers.creation) seconds = polls || !pidgin_compatible ? 0 : Math.min(wait, features_timeout);
    return pending.since + Math.max(0, seconds * 1000 - MARGIN);
  }

  #arm(): void {
    const { requests, idleSince } = this.#exchange;
    let deadline = Number.POSITIVE_INFINITY;
    for (const pending of requests) if (pending.held) deadline = Math.min(deadline, this.#deadlineOf(pending));
    this.deadline = deadline === Number.POSITIVE_INFINITY ? idleSince + this.#inactivity : deadline;
  }

  /** Looks at the deadlines: `wait` (section 8), and the inactivity of a client without requests (section 10). */
  expire(now: number): void {
    if (this.#over) return;
    // What set the deadline may have changed since.
    this.#arm();
    if (now < this.deadline) return;
    if (this.#exchange.requests.live === 0) {
      this.#lose();
      return;
    }
    for (const pending of [...this.#exchange.requests]) {
      if (pending.held && this.#deadlineOf(pending) <= now) this.#exchange.dismiss(pending);
    }
    this.flush();
  }

  #lose(): void {
    const error = new StreamError('connection-timeout', 'the client has gone silent');
    this.#finish('inactivity', {}, { how: 'lost', error });
  }

  /** The process stood still for that long: no client could be heard. */
  forgive(milliseconds: number): void {
    this.#exchange.idleSince += milliseconds;
    this.#arm();
  }

  /** Its connection is gone. A client that never learnt its sid is gone with it. */
  gone(held: Held): void {
    this.#exchange.lost(held);
    if (this.#answers.creation) this.#lose();
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
    if (!this.#over) this.#finish(error.condition, terminalOf(error), { how: 'closed', error });
  }

  /** Ends it for what is wrong with a request (section 17.2). */
  fail(condition: Condition, held?: Held): void {
    const { contentType, legacy } = this.terms;
    const response = terminalResponse({ condition }, contentType, legacy);
    if (held) this.#exchange.reply(held, response);
    if (this.#over) return;
    this.#exchange.dismissAll();
    // Whoever lost the thread said no goodbye: XEP-0198 may still find the stream.
    const how = condition === 'item-not-found' ? 'lost' : 'closed';
    this.#leave({ reason: condition, response }, { how, error: errorOf(condition) });
  }

  /** Ends it for another reason, and tells the client if it waits. */
  #finish(reason: string, terminal: Terminal, ending: Ending, queued?: readonly Stanza[]): void {
    const { contentType, legacy } = this.terms;
    const last = this.#exchange.conclude(terminalResponse(terminal, contentType, legacy, queued));
    const response = terminal.condition ? terminalResponse(terminal, contentType, legacy) : UNKNOWN;
    this.#leave({ reason, response, last }, ending);
  }

  /** Says goodbye to the servers; with what a client may have missed, unless it left by itself or was sent away. */
  #leave(after: Aftermath, ending: Ending): void {
    this.#over = true;
    this.deadline = Number.POSITIVE_INFINITY;
    this.#streams.finish(ending, ending.how === 'lost' ? this.#exchange.responses : undefined);
    this.#exchange.responses.clear();
    this.shared.leave(this, after);
  }
}

function errorOf(condition: Condition): StreamError {
  if (condition === 'bad-request') return new StreamError('bad-format');
  if (condition === 'policy-violation' || condition === 'internal-server-error') return new StreamError(condition);
  return new StreamError('undefined-condition', condition);
}
