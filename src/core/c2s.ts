// One stream of a client (RFC 6120 section 4), whatever carries it: what it may say before it is authenticated, before it
// has a resource, and after. Features, SASL, binding and the rest are modules; this keeps the order and the rules.

import { randomUUID } from 'node:crypto';
import { isLoopback } from '../stream/address.js';
import type { ClientStream, Ending, StreamEnd } from '../stream/end.js';
import { StanzaError, StreamError } from '../xmpp/errors.js';
import type { StreamHeader } from '../xmpp/header.js';
import type { JID } from '../xmpp/jid.js';
import { NS } from '../xmpp/ns.js';
import { Stanza } from '../xmpp/stanza.js';
import { elementsIn } from './elements.js';
import { Pace } from './pace.js';
import { type Session, Unsent } from './session.js';
import type { VirtualHost } from './virtual-host.js';

/** Who a client has proved to be. */
export interface Identity {
  /** The account, bare. */
  readonly jid: JID;
  readonly anonymous: boolean;
  readonly mechanism: string;
}

/** Before authentication a stanza has at most this many bytes and elements. */
export const EARLY_BYTES = 8192;
const EARLY_ELEMENTS = 32;

/** Stanzas of a client that are kept while it waits; its transport was told, and brings no more than one read has. */
const MOST_WAITING = 20_000;

export class C2s implements StreamEnd {
  identity: Identity | undefined;
  session: Session | undefined;
  /** The stream id, anew with each restart. */
  id = randomUUID() as string;
  /** Milliseconds; when it has to be bound. */
  readonly deadline: number;
  #over = false;
  #holds = 0;
  /** None nearly always, as of what waits. */
  #works: Set<Promise<void>> | undefined;
  readonly #pace = new Pace();
  /** It sends faster than it may: one of the holds. */
  #ahead = false;
  #waiting: (Stanza | StreamHeader)[] | undefined;
  /** The client is gone; what it said is still being looked at. */
  #ending: Ending | undefined;

  constructor(
    readonly client: ClientStream,
    readonly host: VirtualHost,
    public header: StreamHeader,
    now: number,
  ) {
    this.deadline = now + host.authTimeout * 1000;
  }

  get over(): boolean {
    return this.#over;
  }

  /** Its client is not there any more. */
  get gone(): boolean {
    return this.#over || this.#ending !== undefined;
  }

  /** Nobody can read along: by TLS, or because it does not leave this machine. */
  get secure(): boolean {
    return this.client.secure || isLoopback(this.client.remoteAddress);
  }

  // What the client says.

  open(header: StreamHeader): void {
    if (this.#over) return;
    if (this.#holds > 0) this.#wait(header);
    else this.#restart(header);
  }

  stanza(stanza: Stanza): boolean {
    if (this.#over) return true;
    if (this.#holds > 0) return this.#wait(stanza);
    this.#hear(stanza);
    return this.#holds === 0;
  }

  /** Its queue is bounded by its transport: only who has much to say waits for this. */
  drain(): void {
    this.session?.drain();
  }

  /** What it said before is looked at first: it was accepted. */
  close(ending: Ending): void {
    if (this.#over) return;
    if (this.#holds === 0) {
      this.#gone(ending);
      return;
    }
    this.#ending = ending;
    if (this.session?.outbound === this.client) this.session.outbound = new Unsent(ending.undelivered);
    // It sends nothing more: there is nothing to be slowed down.
    if (this.#ahead) this.#keepPace();
  }

  // What the host says.

  /** Answers the header, and offers what this client may do now. */
  greet(): void {
    if (this.#over) return;
    const { domain } = this.host;
    const { lang = 'en', from } = this.header;
    this.client.open({ from: domain, to: from, id: this.id, version: '1.0', lang });
    this.offer();
  }

  /** Says what it may do now; without a new header where nothing was restarted (XEP-0388 section 2.6.1). */
  offer(): void {
    if (this.#over) return;
    const features: string[] = [];
    this.#guarded(() => this.host.hooks.tell('stream-features', { stream: this, features }));
    this.client.stanza(new Stanza(Buffer.from(`${FEATURES}${features.join('')}</stream:features>`), NS.stream));
  }

  /** What is sent before there is a session, or does not belong to it. */
  send(stanza: Stanza): void {
    if (!this.#over) this.client.stanza(stanza);
  }

  /** Nothing further of the client is looked at until this is settled: order is kept. Rejections end the stream. */
  hold(work: Promise<unknown>): void {
    this.#holds++;
    const done = work
      .catch((error) => this.fail(error))
      .then(() => {
        this.#worked(done);
        this.#release();
      });
    this.#works ??= new Set();
    this.#works.add(done);
  }

  #worked(done: Promise<void>): void {
    this.#works?.delete(done);
    if (this.#works?.size === 0) this.#works = undefined;
  }

  /** Resolves when what it is held for now, and what is being kept, is settled; undefined where that is nothing. */
  get working(): Promise<unknown> | undefined {
    const keeping = this.session?.keeping;
    return this.#works === undefined ? keeping : Promise.all([keeping, ...this.#works]);
  }

  /** It goes on once it is no longer ahead of its pace. */
  sweep(now: number): void {
    const { limits } = this.host.core;
    if (!limits.rates || this.#pace.ahead(now, limits) === undefined) this.#keepPace();
  }

  #keepPace(): void {
    this.#ahead = false;
    this.host.keepsPace(this);
    this.#release();
  }

  /** Proved. Whoever says so to the client also says whether the stream is restarted. */
  authenticated(identity: Identity): void {
    this.identity = identity;
    this.host.hooks.tell('stream-authenticated', { stream: this });
    this.host.deps.events.authenticated(this);
  }

  /** From now on it is this session's connection. */
  bound(session: Session): void {
    this.session = session;
    this.host.settled(this);
  }

  /** Another stream takes its session over: what was not looked at yet will be said there again. */
  replaced(): void {
    this.session = undefined;
    this.end(new StreamError('conflict', 'the session went on over another connection'));
  }

  /** Ends it; the session too, unless it was taken away before. */
  end(error?: StreamError): void {
    if (this.#over) return;
    this.#over = true;
    this.host.left(this);
    const { session } = this;
    this.session = undefined;
    this.client.close({ how: 'closed', error });
    session?.closed({ how: 'closed', error });
  }

  /** Ends it for what was thrown. */
  fail(error: unknown): void {
    if (this.#over) return;
    if (!(error instanceof StreamError)) this.host.log.error('stream_failed', { client: this.client.name, error });
    this.end(
      error instanceof StreamError ? error : new StreamError('internal-server-error', undefined, { cause: error }),
    );
  }

  #guarded(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.fail(error);
    }
  }

  #restart(header: StreamHeader): void {
    this.header = header;
    this.id = randomUUID();
    this.greet();
  }

  #wait(said: Stanza | StreamHeader): boolean {
    this.#waiting ??= [];
    if (this.#waiting.push(said) > MOST_WAITING) {
      this.host.limited('stanzas_waiting');
      this.end(new StreamError('policy-violation', 'too many stanzas at once'));
    }
    return false;
  }

  #release(): void {
    this.#holds--;
    while (this.#holds === 0 && this.#waiting !== undefined && !this.#over) this.#next(this.#waiting);
    if (this.#holds > 0 || this.#over) return;
    if (this.#ending) this.#gone(this.#ending);
    else this.client.drain();
  }

  #next(waiting: (Stanza | StreamHeader)[]): void {
    const said = waiting.shift() as Stanza | StreamHeader;
    if (waiting.length === 0) this.#waiting = undefined;
    if (said instanceof Stanza) this.#hear(said);
    else this.#restart(said);
  }

  #gone(ending: Ending): void {
    this.#over = true;
    this.host.left(this);
    const { session } = this;
    this.session = undefined;
    if (session !== undefined) this.host.detached(session, ending);
  }

  #hear(stanza: Stanza): void {
    this.#count(stanza);
    try {
      if (this.session !== undefined) this.#hearBound(this.session, stanza);
      else this.#hearEarly(stanza);
    } catch (error) {
      this.fail(error);
    }
  }

  #count({ raw }: Stanza): void {
    const { limits } = this.host.core;
    const limit =
      limits.rates && this.#ending === undefined ? this.#pace.take(raw.length, this.host.time, limits) : undefined;
    if (limit === undefined) return;
    this.#ahead = true;
    this.#holds++;
    this.host.limited(limit);
    this.host.isAhead(this);
  }

  #hearBound(session: Session, stanza: Stanza): void {
    const { kind } = stanza;
    if (kind === undefined || stanza.ns !== NS.client) {
      this.#hearNonza(stanza);
      return;
    }
    session.handled++;
    this.host.sent(session, stanza, kind);
  }

  /** RFC 6120 sections 6.4 and 7.1: before binding only what leads there. */
  #hearEarly(stanza: Stanza): void {
    if (this.identity === undefined) this.#limit(stanza);
    const { kind } = stanza;
    if (kind === undefined || stanza.ns !== NS.client) {
      this.#hearNonza(stanza);
      return;
    }
    const hook = this.identity === undefined ? 'iq/unauthenticated' : 'iq/unbound';
    if (kind === 'iq' && this.host.hooks.run(hook, { stream: this, stanza })) return;
    throw new StreamError('not-authorized', this.identity ? 'bind a resource first' : 'authenticate first');
  }

  #limit({ raw }: Stanza): void {
    const many = raw.length <= EARLY_BYTES && elementsIn(raw) > EARLY_ELEMENTS;
    if (raw.length <= EARLY_BYTES && !many) return;
    this.host.limited(many ? 'elements_before_auth' : 'stanza_before_auth');
    throw new StreamError('policy-violation', 'too much for a client that has not said who it is');
  }

  #hearNonza(stanza: Stanza): void {
    const entry = this.host.hooks.nonza(stanza.ns);
    if (entry === undefined) throw new StreamError('unsupported-stanza-type');
    try {
      entry.handler({ stream: this, stanza });
    } catch (error) {
      if (!(error instanceof StreamError) && !(error instanceof StanzaError))
        this.host.hooks.failed(entry.owner, error);
      throw error;
    }
  }
}

const FEATURES = `<stream:features xmlns:stream='${NS.stream}' xmlns='${NS.client}'>`;
