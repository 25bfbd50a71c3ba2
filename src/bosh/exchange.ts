// The HTTP side of a session: requests that wait for their answers, answers that may have to be sent again, and where
// both stand (XEP-0124 sections 8, 9 and 14). What an answer says, and when it is time for one, the session decides.

import type { Stanza } from '../xmpp/stanza.js';
import { EMPTY, writeBody } from './body.js';
import { RECOVERABLE, terminalResponse } from './conditions.js';
import type { BoshResponse, Held } from './held.js';
import type { Terms } from './negotiation.js';
import type { BoshRequest } from './request.js';
import { Pending, Requests } from './requests.js';
import { Responses, type Sent } from './responses.js';
import type { Session, Shared } from './session.js';
import type { BoshStream } from './stream.js';
import { judge, type Verdict } from './window.js';

// How late a response has to be for a report of it to be worth a response (section 9.2).
const REPORT_AFTER = 1000;

/** The last request that was answered, and how. */
export interface Last {
  readonly rid: number;
  readonly checksum: number;
  readonly response: BoshResponse;
}

export class Exchange {
  readonly requests = new Requests();
  readonly responses: Responses;
  /** Highest rid that was answered. */
  answered: number;
  /** Highest rid whose request was processed. */
  processed: number;
  /** Requests up to this rid are answered without waiting for payloads. */
  due = 0;
  /** When the client was last left without a request that waits. */
  idleSince: number;
  #reported = 0;
  #report = '';

  constructor(
    readonly session: Session,
    readonly shared: Shared,
    readonly terms: Terms,
    /** The creation request's rid. */
    readonly first: number,
  ) {
    this.responses = new Responses(terms, shared.counts, shared.options.limits.window_bytes);
    this.answered = first - 1;
    this.processed = first;
    this.idleSince = shared.clock.now();
  }

  /** Judges a request by its rid; `size` is the window's. */
  judge(rid: number, size: number): Verdict {
    return judge(rid, this, size, this.requests.find(rid) !== undefined);
  }

  /** The request whose turn it is to be processed, if it is there. */
  next(): Pending | undefined {
    const pending = this.requests.find(this.processed + 1);
    return pending?.request && pending;
  }

  /** The oldest that can be answered. */
  get head(): Pending | undefined {
    const head = this.requests.head;
    return head && head.rid <= this.processed ? head : undefined;
  }

  hold(rid: number, checksum: number, held: Held, request?: BoshRequest): Pending {
    const pending = new Pending(rid, checksum, held, this.shared.clock.now(), this.answered, request);
    this.requests.add(pending);
    held.holder = this.session;
    return pending;
  }

  /** The same request on another connection: that one gets the answer, the older is told to forget it (section 14.3). */
  move(pending: Pending, held: Held): void {
    const old = pending.held;
    pending.held = held;
    pending.since = this.shared.clock.now();
    held.holder = this.session;
    if (old) this.send(old, RECOVERABLE);
  }

  /** Answers the head. Not kept are a pause's answer (section 14.3) and the first: its repeat makes another session. */
  answer(head: Pending, attributes: string, stanzas: readonly Stanza[] = [], stream?: BoshStream): void {
    const { rid, checksum, held } = head;
    const body = writeBody(attributes + this.acknowledgement(rid), stanzas);
    this.requests.remove(head);
    this.answered = rid;
    if (!head.pause && rid !== this.first) {
      const { polls } = this.terms;
      const connection = held?.connection;
      const given = stream?.given ?? 0;
      this.responses.add({ rid, checksum, body, stream, given, at: this.shared.clock.now(), connection, read: polls });
    }
    if (held) this.send(held, body);
  }

  /** Sends an answer again. */
  resend(sent: Sent, held: Held): void {
    this.shared.counts.resent++;
    sent.connection = held.connection;
    sent.read = this.terms.polls;
    this.send(held, sent.body);
  }

  /** It can wait no longer. What could not be processed is not received: the client sends it again (section 17.3). */
  dismiss(pending: Pending): void {
    if (pending.rid <= this.processed) {
      this.due = Math.max(this.due, pending.rid);
      return;
    }
    this.requests.remove(pending);
    if (pending.held) this.send(pending.held, RECOVERABLE);
  }

  /** Section 13: the oldest request that waits learns of the end, the others get empty bodies. */
  conclude(said: BoshResponse): Last | undefined {
    let last: Last | undefined;
    for (const { held, rid, checksum } of this.requests) {
      if (!held) continue;
      const response = last ? this.#response(EMPTY) : said;
      last ??= { rid, checksum, response };
      this.reply(held, response);
    }
    return last;
  }

  /** Section 17.2: what waits learns that another request ended the session. */
  dismissAll(): void {
    const response = terminalResponse({ condition: 'other-request' }, this.terms.contentType);
    for (const { held } of this.requests) if (held?.holder) this.reply(held, response);
  }

  send(held: Held, body: Buffer): void {
    this.reply(held, this.#response(body));
  }

  #response(body: Buffer): BoshResponse {
    return { status: 200, contentType: this.terms.contentType, body };
  }

  reply(held: Held, response: BoshResponse): void {
    held.holder = undefined;
    this.idleSince = this.shared.clock.now();
    held.reply(response);
  }

  /** A connection is gone. */
  lost(held: Held): void {
    const pending = this.requests.holder(held);
    if (pending) pending.held = undefined;
    held.holder = undefined;
    this.idleSince = this.shared.clock.now();
  }

  /** Section 9.1: the highest rid received without a gap, unless it is the one answered; then what section 9.2 reports. */
  acknowledgement(rid: number): string {
    const report = this.#report;
    this.#report = '';
    return this.terms.acks && this.processed !== rid ? ` ack='${this.processed}'${report}` : report;
  }

  /** What the client has, by its `ack` (section 9.2) or else by how many requests it may have out and when this one came. */
  acknowledged({ rid, behind }: Pending, ack: number | undefined, poll: boolean): void {
    if (!this.terms.acks) {
      const out = poll ? Math.max(this.terms.hold, 1) : this.terms.requests;
      this.#confirm(Math.min(rid - out, this.answered));
      this.responses.read(behind);
      return;
    }
    this.#confirm(Math.min(ack ?? rid - 1, this.answered));
    if (ack !== undefined && ack < this.answered && ack >= this.#reported) this.#tellLate(rid, ack + 1);
  }

  #confirm(rid: number): void {
    if (this.responses.confirm(rid) && rid >= this.first) this.shared.acknowledged?.(rid, this.session.name);
  }

  #tellLate(rid: number, missed: number): void {
    const sent = this.responses.find(missed);
    const late = sent ? this.shared.clock.now() - sent.at : 0;
    if (late < REPORT_AFTER) return;
    this.#reported = missed;
    this.#report = ` report='${missed}' time='${Math.min(Math.floor(late), 65535)}'`;
    this.due = Math.max(this.due, rid);
  }
}
