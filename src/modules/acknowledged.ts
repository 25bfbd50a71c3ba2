// What one client was sent and has not acknowledged (XEP-0198 sections 4 and 5): the outbound side of a session with stream
// management. It stands between the session and its stream, and in for the stream while there is none.

import type { C2s } from '../core/c2s.js';
import type { Outbound, Session } from '../core/session.js';
import { Marks } from '../stream/marks.js';
import { StreamError } from '../xmpp/errors.js';
import { NS } from '../xmpp/ns.js';
import { Stanza } from '../xmpp/stanza.js';

/** Stanzas after which an acknowledgement is asked for at once. */
const OFTEN = 10;

const COUNTS = 2 ** 32;
const REQUEST = new Stanza(Buffer.from(`<r xmlns='${NS.sm3}'/>`), NS.sm3);

/** What it has to do with where it is. */
export interface Keeper {
  readonly maxStanzas: number;
  readonly maxBytes: number;
  /** It has something that is not acknowledged, or not asked for. */
  waits(unacknowledged: Acknowledged): void;
  limited(limit: 'max_unacked' | 'max_unacked_bytes'): void;
}

export class Acknowledged implements Outbound {
  #queue: Stanza[] = [];
  #bytes = 0;
  /** How many the client has acknowledged since counting began. */
  #acked = 0;
  /** How many there were when an acknowledgement was last asked for. */
  #asked = 0;
  readonly #marks = new Marks();
  /** How many stanzas of the client it was last told to have been handled. */
  #answered = 0;

  constructor(
    readonly session: Session,
    readonly keeper: Keeper,
    /** By which its client comes back; undefined: it does not want to. */
    readonly token: string | undefined,
  ) {}

  /** How many were sent since counting began. */
  get sent(): number {
    return this.#acked + this.#queue.length;
  }

  stanza(stanza: Stanza): boolean {
    this.#queue.push(stanza);
    this.#bytes += stanza.raw.length;
    const { keeper, session } = this;
    const { stream } = session;
    const taken = stream?.client.stanza(stanza) ?? true;
    if (this.#queue.length > keeper.maxStanzas) this.#overflow('max_unacked');
    else if (this.#bytes > keeper.maxBytes) this.#overflow('max_unacked_bytes');
    else if (this.sent - this.#asked >= OFTEN) this.ask();
    else if (this.#queue.length === 1) keeper.waits(this);
    return taken && this.#hasRoom;
  }

  reached(told: () => void): void {
    if (this.#queue.length === 0) told();
    else this.#marks.add(this.sent, told);
  }

  undelivered(): readonly Stanza[] {
    return this.#queue;
  }

  /** Asks for an acknowledgement of what was not asked for yet. */
  ask(): void {
    if (this.#queue.length === 0 || this.#asked === this.sent) return;
    this.#asked = this.sent;
    this.session.stream?.send(REQUEST);
  }

  /** Tells the client that so many of its stanzas were handled; never fewer than it was told before. */
  answer(handled: number, stream: C2s): void {
    this.#answered = Math.max(this.#answered, handled);
    stream.send(new Stanza(Buffer.from(`<a xmlns='${NS.sm3}' h='${this.#answered % COUNTS}'/>`), NS.sm3));
  }

  /** The client has that many, modulo 2^32. Throws StreamError when it was never sent so many (section 4). */
  acknowledge(h: number): void {
    const count = (((h - this.#acked) % COUNTS) + COUNTS) % COUNTS;
    if (count > this.#queue.length) throw tooHigh(h, this.sent % COUNTS);
    for (let i = 0; i < count; i++) this.#bytes -= this.#queue[i].raw.length;
    this.#queue = count === this.#queue.length ? [] : this.#queue.slice(count);
    this.#acked += count;
    this.#marks.reach(this.#acked);
    if (this.#queue.length > 0) this.keeper.waits(this);
    if (this.#hasRoom) this.session.drain();
  }

  /** Who can wait is to leave room for those who cannot. */
  get #hasRoom(): boolean {
    const { maxStanzas, maxBytes } = this.keeper;
    return this.#queue.length * 2 <= maxStanzas && this.#bytes * 2 <= maxBytes;
  }

  /** Sends again, on the session's new stream, what the client does not have. */
  repeat(): void {
    const { stream } = this.session;
    for (const stanza of this.#queue) stream?.client.stanza(stanza);
    this.#asked = this.#acked;
    this.ask();
  }

  /** The session goes on without acknowledgements. */
  replacedBy(outbound: Outbound): void {
    this.session.outbound = outbound;
    for (const told of this.#marks.take()) outbound.reached(told);
  }

  #overflow(limit: 'max_unacked' | 'max_unacked_bytes'): void {
    this.keeper.limited(limit);
    // Not in the middle of what is being sent.
    queueMicrotask(() => this.session.end(new StreamError('policy-violation', 'too much is not acknowledged')));
  }
}

/** The stream error that section 4 gives, with both counts. */
function tooHigh(h: number, sent: number): StreamError {
  const condition = `<undefined-condition xmlns='${NS.streams}'/>`;
  const detail = `<handled-count-too-high xmlns='${NS.sm3}' h='${h}' send-count='${sent}'/>`;
  const element = `<stream:error xmlns:stream='${NS.stream}'>${condition}${detail}</stream:error>`;
  return new StreamError('undefined-condition', 'more was acknowledged than was sent', {
    element: new Stanza(Buffer.from(element), NS.stream),
  });
}
