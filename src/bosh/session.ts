// A BOSH session (XEP-0124 sections 8 to 16): takes requests in rid order to its streams, and answers them in rid order
// with what the streams' servers said. It does no I/O and owns no clock: what has a deadline is looked at when `expire`
// is called, what is to be said waits for `flush`, once a turn.

import { randomBytes } from 'node:crypto';
import type { Ending, Upstream } from '../stream/end.js';
import { StreamError } from '../xmpp/errors.js';
import { NS } from '../xmpp/ns.js';
import type { StartTag } from '../xmpp/scanner.js';
import type { Stanza } from '../xmpp/stanza.js';
import { Activity } from './activity.js';
import { attribute, writeBody } from './body.js';
import {
  type Condition,
  type Terminal,
  terminalAttributes,
  terminalBody,
  terminalOf,
  terminalResponse,
  UNKNOWN,
} from './conditions.js';
import type { Counts } from './counts.js';
import { Exchange } from './exchange.js';
import { headerOf } from './header.js';
import type { BoshClock, BoshResponse, Held } from './held.js';
import { KeyChain } from './keys.js';
import { creationAttributes, type Terms } from './negotiation.js';
import type { BoshOptions } from './options.js';
import { type BoshRequest, isPoll } from './request.js';
import type { Pending } from './requests.js';
import { BoshStream, type StreamOwner } from './stream.js';
import { Streams } from './streams.js';

/** What all sessions of a server share. */
export interface Shared {
  readonly options: BoshOptions;
  readonly upstream: Upstream;
  readonly clock: BoshClock;
  readonly counts: Counts;
  hold(held: Held, session: Session): void;
  unhold(held: Held): void;
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
  readonly last?: { readonly rid: number; readonly checksum: number; readonly response: BoshResponse };
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
  readonly #streams = new Streams();
  readonly #activity: Activity;
  #keys: KeyChain | undefined;
  /** The creation request, until it is answered. */
  #creation: StartTag | undefined;
  #inactivity: number;
  /** The servers of all streams are gone; the client learns it when it has all they said. */
  #ending: Terminal | undefined;
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
    this.#inactivity = terms.inactivity * 1000;
  }

  /** Begins: its first stream is opened, and the answer waits for the features (XEP-0206 section 4). */
  create(tag: StartTag, checksum: number, held: Held): void {
    this.#creation = tag;
    const newkey = tag.attr('newkey');
    if (newkey !== undefined) this.#keys = new KeyChain(newkey);
    this.#exchange.hold(this.#exchange.processed, checksum, held);
    this.#open(tag, held);
    this.wake();
  }

  /** A request with this session's sid. */
  request(request: BoshRequest, held: Held): void {
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
      this.fail('policy-violation', held);
      return;
    }
    this.#exchange.hold(rid, checksum, held, request);
    this.#advance();
    this.wake();
  }

  /** Section 14.3: what was answered gets the same bytes again, what still waits moves to the newest connection. */
  #repeat({ rid, checksum }: BoshRequest, held: Held): void {
    const pending = this.#exchange.requests.find(rid);
    const sent = this.#exchange.responses.find(rid);
    if (this.#activity.repeats(rid, this.shared.clock.now())) this.fail('policy-violation', held);
    else if ((pending ?? sent)?.checksum !== checksum) this.fail('item-not-found', held);
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
    const request = pending?.request;
    if (!pending || !request) return false;
    pending.request = undefined;
    this.#exchange.processed = pending.rid;
    const fault = this.#process(pending, request);
    if (fault) this.fail(fault, pending.held);
    return true;
  }

  /** Hands back what is wrong with it. */
  #process(pending: Pending, request: BoshRequest): Condition | undefined {
    const exchange = this.#exchange;
    if (this.#keys && !this.#keys.accept(request.key, request.newkey)) return 'item-not-found';
    exchange.due = Math.max(exchange.due, request.rid - (this.terms.polls ? 0 : this.terms.hold));
    exchange.acknowledged(request.rid, request.ack, isPoll(request));
    if (request.pause !== undefined && this.terms.maxpause > 0) {
      if (request.pause > this.terms.maxpause) return 'policy-violation';
      this.#pause(pending, request.pause);
    }
    if (this.#ending) return undefined;
    if (request.restart) return this.#restart(request);
    if (request.adds && this.options.max_streams_per_session > 1) return this.#add(pending, request);
    return this.#forward(request);
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
    if (this.#streams.size >= this.options.max_streams_per_session) return 'policy-violation';
    if (tag && pending.held) pending.added = this.#open(tag, pending.held);
    this.#exchange.due = pending.rid;
    return undefined;
  }

  #open(tag: StartTag, held: Held): BoshStream {
    const header = headerOf(tag);
    const stream = new BoshStream(this, randomBytes(12).toString('base64url'), header, held, tag.attr('route'));
    this.#streams.add(stream);
    this.counts.streams++;
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
    if (streams.length < this.#streams.size) for (const stream of streams) stream.finish({ how: 'closed' });
    else this.#finish('terminate', {}, { how: 'closed' });
    return undefined;
  }

  /** A server closed its stream. */
  ended(stream: BoshStream): void {
    if (this.#streams.open === 0) this.#ending = terminalOf(stream.ending?.error, stream.ending?.how);
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
      if (this.#overflows()) this.#overflow();
      while (!this.#over && this.#answerHead());
      if (!this.#over) this.#settle();
    } catch (error) {
      this.shared.failed(this, error);
    }
  }

  #settle(): void {
    for (const stream of this.#streams) stream.relax();
    this.#arm();
  }

  /** Answers the oldest request, if it is time; false when it stays. */
  #answerHead(): boolean {
    const head = this.#exchange.head;
    if (!head) return false;
    if (this.#creation) return this.#answerCreation(head, this.#creation);
    if (head.pause) this.#exchange.answer(head, '');
    else if (head.added) this.#say(head, head.added);
    else return this.#answerOrHold(head);
    return true;
  }

  #answerOrHold(head: Pending): boolean {
    const exchange = this.#exchange;
    const stream = this.#streams.speaker() ?? (this.#ending ? undefined : this.#streams.finished());
    if (!stream && !this.#ending) {
      if (head.rid > exchange.due) return false;
      this.#answerEmpty(head);
    } else if (!head.held) {
      // Nobody listens there: what there is to say goes to a later request, or waits for one or for a repeat of this.
      if (!exchange.requests.liveUpTo(exchange.processed)) return false;
      this.#answerEmpty(head);
    } else if (!stream || this.#concludes(stream)) this.#conclude(stream);
    else if (stream.ready) this.#say(head, stream);
    else this.#sayEnd(head, stream);
    return true;
  }

  #answerEmpty(head: Pending): void {
    this.#activity.answered(head.rid, false);
    this.#exchange.answer(head, '');
  }

  /** One body of one stream (section 16.3). */
  #say(head: Pending, stream: BoshStream): void {
    const stanzas = stream.take();
    const named = head.added || this.#streams.several ? attribute('stream', stream.id) : '';
    this.#activity.answered(head.rid, true);
    this.#exchange.answer(head, named + stream.attributes(stanzas), stanzas, stream);
  }

  /** Section 16.5: one of several streams is no more. */
  #sayEnd(head: Pending, stream: BoshStream): void {
    const terminal = terminalOf(stream.ending?.error, stream.ending?.how);
    this.#streams.remove(stream);
    this.counts.streams--;
    this.#activity.answered(head.rid, true);
    const words = terminalAttributes(terminal) + attribute('stream', stream.id);
    this.#exchange.answer(head, words, terminal.payload ? [terminal.payload] : []);
  }

  /** XEP-0124 section 7.2: the response that names the session, with the features if they are there. */
  #answerCreation(head: Pending, tag: StartTag): boolean {
    const stream = this.#streams.first;
    if (!stream) return false;
    if (!stream.ready && this.#ending) {
      this.#conclude();
      return true;
    }
    const { due } = this.#exchange;
    if (!stream.ready && due < head.rid && this.shared.clock.now() < this.#deadlineOf(head)) return false;
    const stanzas = stream.take();
    const said = stream.attributes(stanzas);
    const name = this.options.max_streams_per_session > 1 ? stream.id : undefined;
    const declared = said.includes('xmlns:xmpp');
    const creation = { sid: this.sid, rid: head.rid, stream: name, tag, declared };
    this.#creation = undefined;
    this.#exchange.answer(head, creationAttributes(this.terms, creation, this.options) + said, stanzas, stream);
    return true;
  }

  /** XEP-0206 section 6: a stream error comes with the stanzas before it; else they had a body of their own. */
  #concludes(stream: BoshStream): boolean {
    return this.#ending?.payload?.ns === NS.stream && this.#streams.size === 1 && stream.plain;
  }

  #conclude(stream?: BoshStream): void {
    const terminal = this.#ending ?? {};
    this.#finish(terminal.condition ?? 'closed', terminal, { how: 'closed' }, stream?.take());
  }

  #overflows(): boolean {
    for (const stream of this.#streams) if (stream.bytes > this.options.limits.queue_hard) return true;
    return false;
  }

  #overflow(): void {
    const error = new StreamError('resource-constraint', 'the client does not read what is sent to it');
    this.#finish('overflow', { condition: 'policy-violation' }, { how: 'lost', error });
  }

  /** When a request has to be answered. */
  #deadlineOf(pending: Pending): number {
    const { wait, polls } = this.terms;
    const { features_timeout, pidgin_compatible } = this.options;
    let seconds = wait;
    if (this.#creation) seconds = polls || !pidgin_compatible ? 0 : Math.min(wait, features_timeout);
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
    if (this.#creation) this.#lose();
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

  /** Ends it for what is wrong with a request, which is told so; what else waits is told of it (section 17.2). */
  fail(condition: Condition, held?: Held): void {
    const { contentType, legacy } = this.terms;
    const response = terminalResponse({ condition }, contentType, legacy);
    if (held) this.#exchange.reply(held, response);
    if (this.#over) return;
    this.#over = true;
    const other = terminalResponse({ condition: 'other-request' }, contentType);
    for (const pending of this.#exchange.requests) {
      if (pending.held && pending.held !== held) this.#exchange.reply(pending.held, other);
    }
    this.#leave({ reason: condition, response }, { how: 'closed', error: errorOf(condition) });
  }

  /** Section 13: the oldest request that waits learns it, the others get empty bodies. */
  #finish(reason: string, terminal: Terminal, ending: Ending, queued?: readonly Stanza[]): void {
    this.#over = true;
    const { contentType } = this.terms;
    let last: Aftermath['last'];
    for (const { held, rid, checksum } of this.#exchange.requests) {
      if (!held) continue;
      const body = last ? writeBody('', []) : terminalBody(terminal, queued);
      const response: BoshResponse = { status: 200, contentType, body };
      last ??= { rid, checksum, response };
      this.#exchange.reply(held, response);
    }
    const response = terminal.condition ? terminalResponse(terminal, contentType) : UNKNOWN;
    this.#leave({ reason, response, last }, ending);
  }

  /** Says goodbye to the servers; with what a client may have missed, unless it left by itself or was sent away. */
  #leave(after: Aftermath, ending: Ending): void {
    const missed = ending.how === 'lost' || after.reason === 'item-not-found';
    for (const stream of this.#streams) {
      stream.finish(missed ? { ...ending, undelivered: this.#exchange.responses.unconfirmed(stream) } : ending);
    }
    this.counts.streams -= this.#streams.size;
    this.#exchange.responses.clear();
    this.deadline = Number.POSITIVE_INFINITY;
    this.shared.leave(this, after);
  }
}

function errorOf(condition: Condition): StreamError {
  if (condition === 'bad-request') return new StreamError('bad-format');
  if (condition === 'policy-violation' || condition === 'internal-server-error') return new StreamError(condition);
  return new StreamError('undefined-condition', condition);
}
