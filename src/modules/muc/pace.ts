// How fast one account may speak, come and go in a room: what is faster is refused, because everybody would have to hear it.
// It is remembered for a little while of those who left, or they would only have to come again.

import type { ComponentHost } from '../../core/host.js';
import { StanzaError } from '../../xmpp/errors.js';
import type { Stanza } from '../../xmpp/stanza.js';
import type { MucOptions } from './options.js';

/** What a stanza may have in it, in bytes, and still count as one: everybody has to be written all of it. */
const SIZE = 4096;
/** Seconds' worth that may come at once. */
const BURST = 10;
/** Accounts that are remembered: those who have not spoken for longest are forgotten first. */
const MOST = 10_000;

export class Pace {
  /** When all that an account said will have been paid for, in milliseconds; who spoke last is last. */
  readonly #paid = new Map<string, number>();

  /** Throws StanzaError policy-violation when it was too much. `count`: as much as so many stanzas. */
  take(host: ComponentHost, bare: string, { stanzas_per_second: rate }: MucOptions, count = 1): void {
    if (rate === 0) return;
    const now = host.now();
    const paid = Math.max(this.#paid.get(bare) ?? 0, now) + (count * 1000) / rate;
    if (paid - now > BURST * 1000) {
      host.limited('muc.stanzas_per_second');
      throw new StanzaError('wait', 'policy-violation', 'too much at once');
    }
    this.#paid.delete(bare);
    this.#paid.set(bare, paid);
    this.#forget(now);
  }

  /** What has been paid for, as far as it is the oldest, and what is too many. */
  #forget(now: number): void {
    for (const [bare, paid] of this.#paid) {
      if (paid > now && this.#paid.size <= MOST) return;
      this.#paid.delete(bare);
    }
  }
}

/** As how many stanzas one counts. */
export const countOf = ({ raw }: Stanza): number => Math.ceil(raw.length / SIZE);
