// One client's connection to its server: found, dialled, secured and opened, one target after another; then the client's
// stanzas go straight to the TcpStream and the link only watches for the end.

import { type ClientStream, closedEnd, type Ending, type StreamEnd } from '../stream/end.js';
import { TcpStream } from '../tcp/stream.js';
import { bounce } from '../xmpp/bounce.js';
import { StreamError } from '../xmpp/errors.js';
import type { StreamHeader } from '../xmpp/header.js';
import type { Stanza } from '../xmpp/stanza.js';
import { Attempt, type Caller, type Means } from './attempt.js';
import { Backlog } from './backlog.js';
import { type Destination, targets } from './destination.js';
import { Passage } from './passage.js';
import type { Target } from './resolve.js';
import { Unreachable, unreachable } from './unreachable.js';

/** What all links of a proxy share, and whom they tell what happens. */
export interface Exchange extends Means {
  /** Its turn to reach its server; undefined: at once. */
  enter(link: Link): Promise<void> | undefined;
  /** It is there, or gave up. */
  leave(link: Link): void;
  opened(link: Link): void;
  /** The server's certificate was not verified, because it is on the loopback and nobody asked for it. */
  unverified(link: Link): void;
  /** One target failed; others follow. */
  missed(link: Link, target: Target, failure: Unreachable): void;
  refused(link: Link, failure: Unreachable): void;
  ended(link: Link, ending: Ending): void;
  /** Its client threw. */
  failed(link: Link, error: unknown): void;
  /** More was sent before the stream was open than is kept. */
  overflowed(link: Link): void;
  /** Nothing is held any more. */
  released(link: Link): void;
}

// A server that accepts and never answers must leave time for the next ones.
const SHARES = 3;

/** What the client's side holds. Before the stream is open it keeps what it is told, within the queue limits. */
export class Link implements StreamEnd, Caller {
  readonly #passage: Passage;
  #server: StreamEnd;
  /** The stream is not open yet, and nobody left. */
  #pending = true;
  #current: Attempt | undefined;

  constructor(
    readonly client: ClientStream,
    readonly to: Destination,
    readonly exchange: Exchange,
  ) {
    this.#passage = new Passage(client, this, exchange.options.max_data_held);
    const { queue_soft, queue_hard } = exchange.options.limits;
    this.#server = new Backlog(queue_soft, queue_hard, () => this.#overflow());
  }

  // What the client says.

  open(header: StreamHeader): void {
    this.#server.open(header);
  }

  stanza(stanza: Stanza): boolean {
    return this.#server.stanza(stanza);
  }

  drain(): void {
    this.#server.drain();
  }

  close(ending: Ending): void {
    const server = this.#server;
    this.#server = closedEnd;
    if (this.#pending) this.#abandon();
    else this.#leave(server, ending);
  }

  /**
   * XEP-0206 section 7: the server learns what its client never got, unless XEP-0198 is at work: then what was not
   * acknowledged is the server's to deliver elsewhere, and a bounce would be a second fate for the same stanza.
   */
  #leave(server: StreamEnd, { how, undelivered = [] }: Ending): void {
    const returned = this.#passage.managed ? [] : undelivered.map(bounce);
    for (const stanza of returned) if (stanza !== undefined) server.stanza(stanza);
    server.close({ how });
  }

  /** Bytes that wait for the server. */
  get waiting(): number {
    const server = this.#server;
    return server instanceof Backlog || server instanceof TcpStream ? server.waiting : 0;
  }

  /** Whether the stream is open. */
  get isOpen(): boolean {
    return !this.#pending;
  }

  // The way there.

  /** Begins; says `open` or `close` to the client, never before this call returned. */
  async begin(header: StreamHeader): Promise<void> {
    const timer = setTimeout(() => this.#refuse(LATE), this.exchange.options.negotiation_timeout * 1000);
    try {
      const turn = this.exchange.enter(this);
      if (turn !== undefined) await turn;
      if (this.#pending) await this.#reach(header);
    } catch (error) {
      this.#refuse(unreachable(error));
    } finally {
      clearTimeout(timer);
      this.exchange.leave(this);
    }
  }

  async #reach(header: StreamHeader): Promise<void> {
    const { resolver, options } = this.exchange;
    const asked = targets(this.to, resolver);
    const choice = asked instanceof Promise ? await this.#timed(asked) : asked;
    // The one and only target has all the time, which `begin` minds.
    const share =
      choice.length > 1 ? (options.negotiation_timeout * 1000) / Math.min(SHARES, choice.length) : undefined;
    const failures: Unreachable[] = [];
    for (const target of choice) {
      if (!this.#pending) return;
      this.#current = new Attempt(this, target, header);
      const failure = await this.#current.run(share, LATE);
      this.#current = undefined;
      if (failure === undefined) return;
      failures.push(failure);
      this.exchange.missed(this, target, failure);
    }
    throw failures.find(({ said }) => said !== undefined) ?? failures[0];
  }

  /** From here on the two ends hold each other. */
  handOver(stream: TcpStream, header: StreamHeader, features: Stanza | undefined): void {
    const backlog = this.#server;
    this.#pending = false;
    this.#server = stream;
    stream.peer = this.#passage;
    stream.onreleased = () => this.exchange.released(this);
    this.exchange.opened(this);
    if (backlog instanceof Backlog && backlog.empty(stream) && backlog.full) this.client.drain();
    this.#passage.open(header);
    if (features !== undefined && this.#server === stream) this.#passage.stanza(features);
  }

  unverified(): void {
    this.exchange.unverified(this);
  }

  async #timed(asked: Promise<Target[]>): Promise<Target[]> {
    const begun = performance.now();
    const answer = await asked;
    this.exchange.took('dns', (performance.now() - begun) / 1000);
    return answer;
  }

  // How it ends.

  #refuse(failure: Unreachable): void {
    if (!this.#pending) return;
    this.exchange.refused(this, failure);
    this.#giveUp(failure.told);
  }

  #giveUp(error: StreamError): void {
    if (!this.#pending) return;
    this.#server = closedEnd;
    this.#abandon();
    this.#passage.tell(() => this.client.close({ how: 'closed', error }));
  }

  #overflow(): void {
    if (this.#pending) this.exchange.overflowed(this);
    this.#giveUp(OVERFLOW);
  }

  #abandon(): void {
    this.#pending = false;
    this.#current?.abort(new Unreachable('closed', 'given up'));
    this.exchange.released(this);
  }

  failed(error: unknown): void {
    this.exchange.failed(this, error);
  }

  /** The server's side is over; its client is told by the passage. */
  ended(ending: Ending): void {
    this.#server = closedEnd;
    this.exchange.ended(this, ending);
  }

  /** Ends both sides. */
  stop(error: StreamError): void {
    if (this.#pending) {
      this.#giveUp(error);
      return;
    }
    const server = this.#server;
    if (server === closedEnd) return;
    this.#server = closedEnd;
    this.#passage.tell(() => this.client.close({ how: 'closed', error }));
    server.close({ how: 'closed' });
  }
}

const OVERFLOW = new StreamError('resource-constraint', 'too much was sent before the stream was open');
const LATE = new Unreachable('timeout', 'no open stream within the time of negotiation_timeout', 'negotiation_timeout');
