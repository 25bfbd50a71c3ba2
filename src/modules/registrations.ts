// How many accounts were made from where: an address (of IPv6, its /64) may make so many within the interval. Trusted
// proxies that do not say whom they speak for are not counted.

import { Networks, partyOf } from '../stream/address.js';

/** Addresses that are remembered; the one that was used first makes room. */
const REMEMBERED = 10_000;

export interface RegistrationLimits {
  readonly per_address: number;
  /** In seconds. */
  readonly interval: number;
}

export class Registrations {
  /** When accounts were made, in milliseconds, oldest first. */
  readonly #times = new Map<string, readonly number[]>();

  constructor(
    public limits: RegistrationLimits,
    /** Milliseconds that never go back. */
    readonly now: () => number,
  ) {}

  /** Counts one more from there; undefined when it is too many, else what takes it back. */
  take(address: string, trusted: readonly string[]): (() => void) | undefined {
    if (new Networks(trusted).has(address)) return () => {};
    const party = partyOf(address);
    const now = this.now();
    const recent = (this.#times.get(party) ?? []).filter((at) => now - at < this.limits.interval * 1000);
    if (recent.length >= this.limits.per_address) return undefined;
    this.#set(party, [...recent, now]);
    return () => {
      const times = [...(this.#times.get(party) ?? [])];
      const at = times.lastIndexOf(now);
      if (at >= 0) this.#set(party, times.toSpliced(at, 1));
    };
  }

  #set(party: string, times: readonly number[]): void {
    this.#times.delete(party);
    if (times.length > 0) this.#times.set(party, times);
    for (const oldest of this.#times.keys()) {
      if (this.#times.size <= REMEMBERED) return;
      this.#times.delete(oldest);
    }
  }
}
