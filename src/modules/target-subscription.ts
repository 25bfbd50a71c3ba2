// The subscription of a component to the presence of the account whose clients serve for it (RFC 6121 section 3.1). It is
// asked for until it is there, less and less often; a person, or the clients, have to say yes.

import type { ComponentHost } from '../core/host.js';
import { attribute } from '../xmpp/escape.js';
import type { JID } from '../xmpp/jid.js';
import { NS } from '../xmpp/ns.js';
import { Stanza } from '../xmpp/stanza.js';

export type SubscriptionState =
  | 'waiting' // nobody can be asked yet
  | 'asked'
  | 'subscribed'
  | 'refused'
  | 'unreachable';

/** Milliseconds between two requests: at first, and at most. */
const [FIRST, LONGEST] = [10_000, 3_600_000];

export class TargetSubscription {
  #state: SubscriptionState = 'waiting';
  #pause = FIRST;
  /** When to ask again. */
  #next = Number.POSITIVE_INFINITY;

  constructor(
    readonly host: ComponentHost,
    readonly target: JID,
  ) {}

  get state(): SubscriptionState {
    return this.#state;
  }

  /** The account can be asked. */
  up(): void {
    this.#pause = FIRST;
    this.#ask();
  }

  down(): void {
    this.#next = Number.POSITIVE_INFINITY;
    this.#become('waiting');
  }

  granted(): void {
    this.#next = Number.POSITIVE_INFINITY;
    this.#become('subscribed');
    // Servers need not tell by themselves who is there when there was a subscription before.
    this.send('probe');
  }

  lost(why: 'refused' | 'unreachable'): void {
    if (this.#state === 'waiting') return;
    if (this.#state === 'subscribed') {
      this.#pause = FIRST;
      this.#next = this.host.now() + FIRST;
    }
    this.#become(why);
  }

  sweep(now: number): void {
    if (now >= this.#next) this.#ask();
  }

  /** Presence from the component to the account; without a type: it is there. */
  send(type?: string): void {
    const addresses = `${attribute('from', this.host.domain)}${attribute('to', this.target.toString())}`;
    const tag = `<presence xmlns='${NS.client}'${addresses}${attribute('type', type)}/>`;
    this.host.route(new Stanza(Buffer.from(tag), NS.client));
  }

  #ask(): void {
    this.#next = this.host.now() + this.#pause;
    this.#pause = Math.min(this.#pause * 2, LONGEST);
    this.#become('asked');
    this.send('subscribe');
  }

  #become(state: SubscriptionState): void {
    if (state === this.#state) return;
    this.#state = state;
    this.host.log.info('client_proxy_subscription', { state });
  }
}
