// How fast one client may send, in stanzas and in bytes. What it sends beyond that is not refused: it is looked at later.
// Each count is the time at which what was sent will have been paid for, so that nothing has to be done while it is quiet.

import type { CoreOptions } from './options.js';

/** The names of the limits, below `limits`. */
export type PaceLimit = 'stanzas_per_second' | 'bytes_per_second';
export type PaceLimits = Pick<CoreOptions['limits'], PaceLimit | 'stanza_burst' | 'byte_burst'>;

/** Times in milliseconds. A rate of 0 is no limit. */
export class Pace {
  #stanzas = 0;
  #bytes = 0;

  /** A stanza of so many bytes; returns the limit that has to be waited for before the next one. */
  take(bytes: number, now: number, limits: PaceLimits): PaceLimit | undefined {
    this.#stanzas = paid(this.#stanzas, now, 1, limits.stanzas_per_second);
    this.#bytes = paid(this.#bytes, now, bytes, limits.bytes_per_second);
    return this.ahead(now, limits);
  }

  /** The limit that still has to be waited for. */
  ahead(now: number, limits: PaceLimits): PaceLimit | undefined {
    const { stanzas_per_second, stanza_burst, bytes_per_second, byte_burst } = limits;
    if ((this.#stanzas - now) * stanzas_per_second > stanza_burst * 1000) return 'stanzas_per_second';
    if ((this.#bytes - now) * bytes_per_second > byte_burst * 1000) return 'bytes_per_second';
    return undefined;
  }
}

const paid = (until: number, now: number, amount: number, perSecond: number): number =>
  perSecond > 0 ? Math.max(until, now) + (amount * 1000) / perSecond : 0;
