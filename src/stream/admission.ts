// How many streams may be open, and how fast new ones may come: in all, and by address. An IPv6 address counts by its
// /64, which is what one subscriber has. Trusted proxies are exempt from what is counted by address: behind them, when
// they do not say whom they speak for, is everybody.

import { StreamError } from '../xmpp/errors.js';
import { Networks, partyOf } from './address.js';

export interface AdmissionOptions {
  /** Addresses and networks (CIDR). */
  readonly trusted_proxies: readonly string[];
  readonly limits: {
    /** False lifts all of these. */
    readonly rates: boolean;
    readonly sessions: number;
    readonly sessions_per_address: number;
    readonly creations_per_second: number;
    readonly creation_burst: number;
  };
}

export interface Refusal {
  readonly reason: 'resource-constraint' | 'policy-violation';
  /** The name of the limit, below `limits`. */
  readonly limit: 'sessions' | 'sessions_per_address' | 'creations_per_second';
  readonly error: StreamError;
}

const refusal = (reason: Refusal['reason'], limit: Refusal['limit'], text: string): Refusal =>
  Object.freeze({ reason, limit, error: new StreamError(reason, text) });

const FULL = refusal('resource-constraint', 'sessions', 'this server has as many sessions as it may; try again later');
const MANY = refusal('policy-violation', 'sessions_per_address', 'too many sessions from your address');
const FAST = refusal(
  'policy-violation',
  'creations_per_second',
  'new sessions from your address come too fast; wait a little',
);

/** Addresses whose creation rate is remembered; the one not seen for longest makes room. */
const REMEMBERED = 10_000;

export class Admission {
  #limits: AdmissionOptions['limits'];
  #exempt: Networks;
  readonly #sessions = new Map<string, number>();
  readonly #buckets = new Map<string, Bucket>();
  #size = 0;

  constructor(
    options: AdmissionOptions,
    /** Seconds that only go up. */
    readonly now: () => number = () => performance.now() / 1000,
    /** Told of everyone who comes or leaves, where others count too. */
    readonly told: (party: string, by: 1 | -1) => void = () => {},
  ) {
    this.#limits = options.limits;
    this.#exempt = new Networks(options.trusted_proxies);
  }

  /** Takes new limits; who is in stays in. */
  reload(options: AdmissionOptions): void {
    this.#limits = options.limits;
    this.#exempt = new Networks(options.trusted_proxies);
  }

  get size(): number {
    return this.#size;
  }

  /** Counts one in, to be counted out by `leave`; or says why not. */
  enter(address: string): Refusal | undefined {
    const party = partyOf(address);
    const refusal = this.#limits.rates ? this.#judge(address, party) : undefined;
    if (refusal !== undefined) return refusal;
    this.#count(party, 1);
    this.told(party, 1);
    return undefined;
  }

  leave(address: string): void {
    const party = partyOf(address);
    this.#count(party, -1);
    this.told(party, -1);
  }

  /** One came somewhere else that counts together with this; or so many are there, or left there. */
  hear(party: string, by: number): void {
    this.#count(party, by);
    if (by === 1) this.#take(party);
  }

  #count(party: string, by: number): void {
    const count = (this.#sessions.get(party) ?? 0) + by;
    this.#size += by;
    if (count > 0) this.#sessions.set(party, count);
    else this.#sessions.delete(party);
  }

  #judge(address: string, party: string): Refusal | undefined {
    const { sessions, sessions_per_address } = this.#limits;
    if (this.#size >= sessions) return FULL;
    if (this.#exempt.has(address)) return undefined;
    if ((this.#sessions.get(party) ?? 0) >= sessions_per_address) return MANY;
    return this.#take(party) ? undefined : FAST;
  }

  #take(party: string): boolean {
    const { creations_per_second, creation_burst } = this.#limits;
    const now = this.now();
    const { tokens, at } = this.#buckets.get(party) ?? { tokens: creation_burst, at: now };
    const filled = Math.min(creation_burst, tokens + (now - at) * creations_per_second);
    const granted = filled >= 1;
    this.#buckets.delete(party);
    this.#buckets.set(party, { tokens: granted ? filled - 1 : filled, at: now });
    if (this.#buckets.size > REMEMBERED) this.#forgetOldest();
    return granted;
  }

  #forgetOldest(): void {
    for (const party of this.#buckets.keys()) {
      this.#buckets.delete(party);
      return;
    }
  }
}

interface Bucket {
  readonly tokens: number;
  readonly at: number;
}
