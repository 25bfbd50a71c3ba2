// When a session has something to do though nothing comes: `wait` of its requests (XEP-0124 section 8), and the
// inactivity of a client without requests (section 10), for which a pause sets another time. Pure rules: who looks at
// the clock, and what happens then, is the session's business.

import type { Exchange } from './exchange.js';
import type { Pending } from './requests.js';

// Deadlines are looked at every 100 ms, and a response has to be there by `wait` (section 8).
const MARGIN = 150;

export class Deadlines {
  #inactivity = 0;

  constructor(readonly exchange: Exchange) {
    this.heard();
  }

  /** A request came or was processed: a pause is over. */
  heard(): void {
    this.#inactivity = this.exchange.terms.inactivity * 1000;
  }

  /** Section 10. */
  pause(seconds: number): void {
    this.#inactivity = Math.max(seconds, 1) * 1000;
  }

  /** When a request has to be answered. The creation request waits for the features alone (XEP-0206 section 4). */
  of(pending: Pending): number {
    const { first, terms, session } = this.exchange;
    const { features_timeout, pidgin_compatible } = session.options;
    let seconds = terms.wait;
    if (pending.rid === first) seconds = terms.polls || !pidgin_compatible ? 0 : Math.min(seconds, features_timeout);
    return pending.since + Math.max(0, seconds * 1000 - MARGIN);
  }

  /** The next of all: one of the requests that wait, or the end of a client that has none. */
  next(): number {
    const { requests, idleSince } = this.exchange;
    let next = Number.POSITIVE_INFINITY;
    for (const pending of requests) if (pending.held) next = Math.min(next, this.of(pending));
    return next === Number.POSITIVE_INFINITY ? idleSince + this.#inactivity : next;
  }
}
