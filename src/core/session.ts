// A client with an address: one resource of an account. It outlives its connection where a module keeps it for its
// client to come back (XEP-0198): then what it is sent goes to that module until there is a connection again.

import type { Ending } from '../stream/end.js';
import type { StreamError } from '../xmpp/errors.js';
import { attribute } from '../xmpp/escape.js';
import type { JID } from '../xmpp/jid.js';
import type { Stanza } from '../xmpp/stanza.js';
import { Attributes } from '../xmpp/tag.js';
import type { C2s } from './c2s.js';

/** Where a session's stanzas go: its stream, or who stands before it. False: enough for now (nobody need heed it). */
export interface Outbound {
  stanza(stanza: Stanza): boolean;
  /** Calls back, once, when its client has all that it took so far, as far as can be known; not when it ends before. */
  reached(told: () => void): void;
  /** What it took and its client does not have, when the session ends; without it, what its transport says counts. */
  undelivered?(): readonly Stanza[];
}

export class Session {
  /** The same as text, once. */
  readonly address: string;
  readonly bareAddress: string;
  /** Its last available presence, as it was broadcast; undefined while it is unavailable. */
  presence: Stanza | undefined;
  /** RFC 6121 section 4.7.2.3; negative: it takes no messages that are for the account. */
  priority = 0;
  /** Its connection; undefined while it waits for its client. */
  stream: C2s | undefined;
  outbound: Outbound;
  /** Who is told that it is over; set by the host that it is in. */
  owner: { closed(session: Session, ending: Ending): void } | undefined;
  /** Who may hold stanzas back before they go there (XEP-0352). */
  filter: Omit<Outbound, 'reached'> | undefined;
  /** Stanzas of its client that were taken, as XEP-0198 counts: since it was enabled, over all its connections. */
  handled = 0;
  /** When its presence last changed, for choosing among equal priorities; counts up. */
  activity = 0;
  #over = false;
  #stamp: Attributes | undefined;
  /** The language in there. */
  #lang: string | undefined;
  // None nearly always: an empty set or list is a fortieth of what an idle session takes.
  /** What is being kept of what its client said. */
  #keeping: Set<Promise<unknown>> | undefined;
  #keptLast: Promise<unknown> | undefined;
  #waiting: (() => void)[] | undefined;

  constructor(
    readonly jid: JID,
    stream: C2s,
    /** For this session only; its account is gone with it. */
    readonly anonymous: boolean,
  ) {
    this.address = jid.toString();
    this.bareAddress = jid.bare.toString();
    this.stream = stream;
    this.outbound = stream.client;
  }

  get over(): boolean {
    return this.#over;
  }

  /** What says of a message that it is from here, and in which language, if that is to be said; made once. */
  stamp(lang: string | undefined): Attributes {
    if (this.#stamp === undefined || this.#lang !== lang) {
      this.#lang = lang;
      this.#stamp = new Attributes(attribute('from', this.address) + attribute('xml:lang', lang));
    }
    return this.#stamp;
  }

  /** To its client. False: enough for now, for whoever can wait (`drained` tells when there is room); it was still taken. */
  send(stanza: Stanza): boolean {
    return (this.filter ?? this.outbound).stanza(stanza);
  }

  /**
   * Calls back, once, when its client has all that it was sent so far and that was not held back, as far as can be known: it
   * has acknowledged it, or its transport has sent it. Not when the session ends before.
   */
  reached(told: () => void): void {
    this.outbound.reached(told);
  }

  /** Nothing is held back any more. */
  unfiltered(): void {
    const { filter } = this;
    this.filter = undefined;
    for (const stanza of filter?.undelivered?.() ?? []) this.outbound.stanza(stanza);
  }

  /** What its client said is not acknowledged before this is settled, which must not reject; the client is not held up. */
  keeps(work: Promise<unknown>): void {
    // Much is kept together, and told here as the same again and again.
    if (work === this.#keptLast) return;
    this.#keptLast = work;
    this.#keeping ??= new Set();
    this.#keeping.add(work);
    void work.then(() => this.#kept(work));
  }

  #kept(work: Promise<unknown>): void {
    this.#keeping?.delete(work);
    if (this.#keeping?.size === 0) this.#keeping = undefined;
  }

  /** Resolves when what is being kept now is settled; undefined where that is nothing. */
  get keeping(): Promise<unknown> | undefined {
    return this.#keeping && Promise.all(this.#keeping);
  }

  /** Resolves when its client can take more, or will take nothing any more. */
  drained(): Promise<void> {
    if (this.#over) return Promise.resolve();
    return new Promise((resolve) => {
      this.#waiting ??= [];
      this.#waiting.push(resolve);
    });
  }

  /** There is room again. */
  drain(): void {
    const waiting = this.#waiting;
    if (waiting === undefined) return;
    this.#waiting = undefined;
    for (const wake of waiting) wake();
  }

  /** Ends it and its stream, with an error or without. */
  end(error?: StreamError): void {
    if (this.#over) return;
    const { stream } = this;
    if (stream) stream.end(error);
    else this.closed({ how: 'closed', error });
  }

  /** Said once, by whoever ends it. */
  closed(ending: Ending): void {
    if (this.#over) return;
    this.#over = true;
    const { filter, outbound } = this;
    this.stream = undefined;
    this.filter = undefined;
    this.outbound = NOWHERE;
    const undelivered = [...(outbound.undelivered?.() ?? ending.undelivered ?? []), ...(filter?.undelivered?.() ?? [])];
    this.owner?.closed(this, { ...ending, undelivered });
    this.drain();
  }
}

/** In for a client that is gone, while what it said is still being looked at. */
export class Unsent implements Outbound {
  readonly #stanzas: Stanza[];

  constructor(stanzas: readonly Stanza[] = []) {
    this.#stanzas = [...stanzas];
  }

  stanza(stanza: Stanza): boolean {
    this.#stanzas.push(stanza);
    return true;
  }

  reached(): void {}

  undelivered(): readonly Stanza[] {
    return this.#stanzas;
  }
}

const NOWHERE: Outbound = Object.freeze({ stanza: () => true, reached: () => {} });
