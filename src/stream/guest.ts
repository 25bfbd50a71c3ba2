// A client that was let in, between its transport and its upstream. Every stream of every transport passes here, so this is
// where streams and stanzas are counted, and where a client that is not authenticated yet is kept short.

import { StreamError } from '../xmpp/errors.js';
import type { StreamHeader } from '../xmpp/header.js';
import type { Stanza } from '../xmpp/stanza.js';
import { type HostCounts, kindOf, type StreamCounts } from './counts.js';
import { type ClientStream, closedEnd, type Ending, type StreamEnd } from './end.js';
import { belies, otherAddress } from './identity.js';
import { Login } from './login.js';
import { WrappedClient } from './wrapped-client.js';

/** What guests have to do with where they are. */
export interface House {
  readonly counts: StreamCounts;
  /** Bytes of the largest stanza that a client may send before it is authenticated; 0: no limit of its own. */
  readonly stanzaBeforeAuth: number;
  /** It was too large. */
  exceeded(guest: Guest): void;
  /** It says that it is somebody else than its certificate was issued to. */
  belied(guest: Guest): void;
  /** Said once. */
  left(guest: Guest): void;
  /** Its upstream threw. */
  failed(guest: Guest, error: unknown): void;
}

type Side = 'client' | 'server';

/** A client as its upstream sees it. */
export class Guest extends WrappedClient {
  server: StreamEnd = closedEnd;
  /** Until the client is authenticated. */
  login: Login | undefined = new Login();
  #state: 'opening' | 'open' | 'gone' = 'opening';
  readonly #since = performance.now();
  #clientWaits = false;
  #serverWaits = false;

  constructor(
    client: ClientStream,
    readonly host: HostCounts,
    readonly house: House,
  ) {
    super(client);
    house.counts.created(client.transport, host);
  }

  /** What the client holds. */
  get end(): StreamEnd {
    return new GuestEnd(this);
  }

  override open(header: StreamHeader): void {
    if (this.#state === 'opening') {
      this.#state = 'open';
      this.house.counts.opened(this.transport);
    }
    this.client.open(header);
  }

  override stanza(stanza: Stanza): boolean {
    this.host.out[kindOf(stanza.raw)]++;
    if (this.login !== undefined) this.#answered(this.login, stanza);
    if (this.client.stanza(stanza)) return true;
    this.waits('server', true);
    return false;
  }

  override drain(): void {
    this.waits('client', false);
    this.client.drain();
  }

  override close(ending: Ending): void {
    this.left(ending);
    this.client.close(ending);
  }

  /** It is not let to send this: too much for a client that has not said who it is. */
  oversized(stanza: Stanza): boolean {
    const { stanzaBeforeAuth } = this.house;
    return stanzaBeforeAuth > 0 && stanza.raw.length > stanzaBeforeAuth;
  }

  /** Ends both sides for what the client sent. */
  expel(error: StreamError): void {
    const { server } = this;
    this.server = closedEnd;
    this.close({ how: 'closed', error });
    server.close({ how: 'closed', error });
  }

  /** One side was asked to wait, or can go on. */
  waits(side: Side, waiting: boolean): void {
    const before = side === 'client' ? this.#clientWaits : this.#serverWaits;
    if (before === waiting || this.#state === 'gone') return;
    if (side === 'client') this.#clientWaits = waiting;
    else this.#serverWaits = waiting;
    this.house.counts.paused[side] += waiting ? 1 : -1;
  }

  /** Whoever says it first. */
  left(ending: Ending): void {
    if (this.#state === 'gone') return;
    this.waits('client', false);
    this.waits('server', false);
    const { counts } = this.house;
    counts.left(this.transport, this.#state === 'open', ending, (performance.now() - this.#since) / 1000);
    this.#state = 'gone';
    this.house.left(this);
  }

  #answered(login: Login, stanza: Stanza): void {
    const outcome = login.answered(stanza);
    if (outcome === undefined) return;
    if (outcome !== 'none') this.host.attempted(login.mechanism, outcome);
    this.login = outcome === 'failure' ? new Login() : undefined;
  }
}

const TOO_MUCH = new StreamError('policy-violation', 'a stanza larger than is taken before authentication');

class GuestEnd implements StreamEnd {
  constructor(readonly guest: Guest) {}

  open(header: StreamHeader): void {
    const { guest } = this;
    if (!belies(guest, header.from)) {
      guest.server.open(header);
      return;
    }
    guest.house.belied(guest);
    guest.expel(otherAddress());
  }

  stanza(stanza: Stanza): boolean {
    const { guest } = this;
    guest.host.in[kindOf(stanza.raw)]++;
    if (guest.login !== undefined && !this.#admits(guest, guest.login, stanza)) return true;
    if (guest.server.stanza(stanza)) return true;
    guest.waits('client', true);
    return false;
  }

  // What a transport says from an event of a socket, where nobody would catch what an upstream of somebody's own throws.

  drain(): void {
    const { guest } = this;
    guest.waits('server', false);
    try {
      guest.server.drain();
    } catch (cause) {
      guest.house.failed(guest, cause);
      guest.server = closedEnd;
      guest.close({ how: 'closed', error: new StreamError('internal-server-error', undefined, { cause }) });
    }
  }

  close(ending: Ending): void {
    const { guest } = this;
    guest.left(ending);
    try {
      guest.server.close(ending);
    } catch (error) {
      guest.house.failed(guest, error);
    }
  }

  #admits(guest: Guest, login: Login, stanza: Stanza): boolean {
    if (guest.oversized(stanza)) {
      guest.house.exceeded(guest);
      guest.expel(TOO_MUCH);
      return false;
    }
    login.asked(stanza);
    return true;
  }
}
