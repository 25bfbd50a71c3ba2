// XEP-0124 (BOSH 1.11) and XEP-0206 (XMPP over BOSH) without HTTP: takes whole request bodies, finds or creates their
// sessions, and answers through Held. It does no I/O, has no timers and no clock of its own; whoever carries the requests
// hands it time and calls `sweep`. Who may connect where is the upstream's business.

import { hash } from 'node:crypto';
import type { Log } from '../log.js';
import type { Metrics } from '../metrics.js';
import type { Upstream } from '../stream/end.js';
import { Tokens } from '../tokens.js';
import { StreamError } from '../xmpp/errors.js';
import type { ScannerLimits, StartTag } from '../xmpp/scanner.js';
import { type Body, readBody, readHead, scanLimits } from './body.js';
import { type Condition, DEFAULT_CONTENT, faultOf, terminalResponse, UNKNOWN } from './conditions.js';
import { Counts } from './counts.js';
import { DepartedSessions } from './departed.js';
import { routeHost } from './header.js';
import type { BoshClock, Held } from './held.js';
import { comesAs, negotiate, readContent } from './negotiation.js';
import type { BoshOptions } from './options.js';
import { readRequest } from './request.js';
import { Session, type Shared } from './session.js';
import type { Aftermath } from './termination.js';
import { readRid } from './window.js';

export type { BoshOptions } from './options.js';

/** What the engine is given. */
export interface BoshDeps {
  readonly upstream: Upstream;
  readonly clock: BoshClock;
  readonly log: Log;
  readonly metrics: Metrics;
  /** Prefix of every sid: which node owns the session. */
  readonly node?: string;
  /** Told that a session's client has seen the responses to this rid and all before it. */
  readonly acknowledged?: (rid: number, session: string) => void;
}

// A sweep that comes this much late means that the process stood still.
const STALL = 2000;
/** Of randomness in a sid. */
const SID_BYTES = 18;
const NAME_BYTES = 12;

export class Sessions implements Shared {
  options: BoshOptions;
  readonly upstream: Upstream;
  readonly clock: BoshClock;
  readonly counts: Counts;
  readonly acknowledged: Shared['acknowledged'];
  readonly names = new Tokens(NAME_BYTES);
  readonly #log: Log;
  readonly #node: string;
  readonly #sids = new Tokens(SID_BYTES);
  #limits: ScannerLimits;
  readonly #sessions = new Map<string, Session>();
  readonly #departed = new DepartedSessions();
  #swept: number | undefined;

  constructor(options: BoshOptions, deps: BoshDeps) {
    this.options = options;
    this.upstream = deps.upstream;
    this.clock = deps.clock;
    this.acknowledged = deps.acknowledged;
    this.#log = deps.log;
    this.#node = deps.node ?? '0';
    this.#limits = scanLimits(options.limits);
    this.counts = new Counts(deps.metrics);
  }

  /** Takes new options for sessions from now on; those that are there keep what was negotiated. */
  reload(options: BoshOptions): void {
    this.options = options;
    this.#limits = scanLimits(options.limits);
  }

  /** Sessions that are not over. */
  get size(): number {
    return this.#sessions.size;
  }

  /** Their streams. */
  get streams(): number {
    return this.counts.streams;
  }

  /** Takes one complete request body, already decompressed. The bytes are given away. */
  request(bytes: Buffer, held: Held): void {
    let body: Body;
    try {
      body = readBody(bytes, this.#limits);
    } catch (error) {
      if (error instanceof StreamError) this.counts.rejected(error.condition);
      this.#refuse(readHead(bytes, this.#limits), held, faultOf(error));
      return;
    }
    const sid = body.tag.attr('sid');
    if (sid === undefined) this.#create(body, held);
    else this.#find(sid, body, held);
  }

  /** A request body was longer than allowed; `head` is what was read of it. Its session ends. */
  oversize(head: Buffer, held: Held): void {
    this.counts.limited('max_data_held');
    this.#refuse(readHead(head, this.#limits), held, 'policy-violation');
  }

  /** The connection of a request closed before it was answered. */
  gone(held: Held): void {
    held.holder?.gone(held);
  }

  /** Answers it this turn, empty if need be, for another request waits behind it on its connection. */
  release(held: Held): void {
    held.holder?.release(held);
  }

  /** Looks at all deadlines; to be called about every 100 ms. */
  sweep(): void {
    const now = this.clock.now();
    const late = now - (this.#swept ?? now);
    this.#swept = now;
    if (late > STALL) for (const session of this.#sessions.values()) session.forgive(late);
    for (const session of this.#sessions.values()) if (session.deadline <= now) this.#expire(session, now);
    this.#departed.sweep(now);
  }

  /** Ends all sessions: system-shutdown, or see-other-uri when the error's location is a URI. */
  stop(error: StreamError): void {
    for (const session of [...this.#sessions.values()]) session.stop(error);
  }

  leave(session: Session, after: Aftermath): void {
    const now = this.clock.now();
    this.#sessions.delete(session.sid);
    this.counts.sessions = this.#sessions.size;
    this.#departed.add(session.sid, after, now + session.terms.wait * 1000 + 5000);
    const duration = Math.round((now - session.created) / 1000);
    this.#log.debug('session_closed', { transport: 'bosh', session: session.name, reason: after.reason, duration });
  }

  failed(session: Session, error: unknown, held?: Held): void {
    this.#log.error('session_failed', { transport: 'bosh', session: session.name, error });
    session.fail('internal-server-error', held);
  }

  #expire(session: Session, now: number): void {
    try {
      session.expire(now);
    } catch (error) {
      this.failed(session, error);
    }
  }

  #find(sid: string, body: Body, held: Held): void {
    const session = this.#sessions.get(sid);
    if (!session) {
      const rid = readRid(body.tag.attr('rid'));
      held.reply(this.#departed.answer(sid, rid, body.checksum) ?? UNKNOWN);
    } else if (!comesAs(session.terms, held)) held.drop();
    else this.#pass(session, body, held);
  }

  #pass(session: Session, body: Body, held: Held): void {
    try {
      const request = readRequest(body);
      session.request(request, held);
    } catch (error) {
      const fault = faultOf(error);
      if (fault === 'internal-server-error') this.failed(session, error, held);
      else session.fail(fault, held);
    }
  }

  /** Answers a request that cannot be read; it ends the session it names. */
  #refuse(tag: StartTag | undefined, held: Held, condition: Condition): void {
    const sid = tag?.attr('sid');
    const session = sid === undefined ? undefined : this.#sessions.get(sid);
    if (!session) {
      if (sid !== undefined) held.reply(this.#departed.answer(sid, undefined, 0) ?? UNKNOWN);
      else if (tag) this.#decline(tag, held, condition);
      else held.reply(terminalResponse({ condition }));
    } else if (!comesAs(session.terms, held)) held.drop();
    else session.fail(condition, held);
  }

  /** Answers a creation request that comes to nothing. */
  #decline(tag: StartTag, held: Held, condition: Condition): void {
    const contentType = readContent(tag.attr('content')) ?? DEFAULT_CONTENT;
    held.reply(terminalResponse({ condition }, contentType, tag.attr('ver') === undefined));
  }

  #create(body: Body, held: Held): void {
    const { tag } = body;
    const rid = readRid(tag.attr('rid'));
    if (!asksForSession(tag)) held.reply(UNKNOWN);
    else if (rid === undefined) this.#decline(tag, held, 'bad-request');
    else if (!this.#domainOf(tag)) this.#decline(tag, held, 'improper-addressing');
    else this.#negotiate(rid, body, held);
  }

  #negotiate(rid: number, body: Body, held: Held): void {
    try {
      const terms = negotiate(body.tag, held, this.options);
      const sid = `${this.#node}-${this.#sids.next()}`;
      this.#begin(new Session(this, sid, nameOf(sid), terms, rid), body, held);
    } catch (error) {
      this.#decline(body.tag, held, faultOf(error));
    }
  }

  #begin(session: Session, body: Body, held: Held): void {
    this.#sessions.set(session.sid, session);
    this.counts.sessions = this.#sessions.size;
    this.#log.debug('session_created', {
      transport: 'bosh',
      session: session.name,
      ua: body.tag.attr('ua')?.slice(0, 256),
    });
    try {
      session.create(body.tag, body.checksum, held);
    } catch (error) {
      this.failed(session, error, held);
    }
  }

  #domainOf(tag: StartTag): string | undefined {
    return tag.attr('to') || (this.options.route_filter ? routeHost(tag.attr('route')) : undefined);
  }
}

const CREATION = ['to', 'route', 'ver', 'wait', 'hold'];

/** Whether a request without sid wants a session; one that says nothing about it forgot its sid. */
const asksForSession = (tag: StartTag) => CREATION.some((name) => tag.attr(name) !== undefined);

/** What stands for a sid in logs. */
const nameOf = (sid: string) => `bosh-${hash('sha256', sid, 'hex').slice(0, 12)}`;
