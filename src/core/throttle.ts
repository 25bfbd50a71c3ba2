// Guessing passwords, slowed down: failed logins are counted by address (an IPv6 address by its /64) and by account, whether
// it exists or not. Each failure is answered later than the one before, and after so many no more attempts are judged until
// some time has passed. Trusted proxies that do not say whom they speak for are not counted by address.
//
// Who keeps guessing at an account must not lock its owner out: where the owner has logged in from before is counted apart.

import { Networks, partyOf } from '../stream/address.js';
import type { CoreOptions } from './options.js';

/** The name of the limit, below `limits`. */
export type ThrottleLimit = 'auth_failures_per_address' | 'auth_failures_per_account';

/** Read anew each time. */
export interface ThrottleOptions {
  readonly trusted_proxies: CoreOptions['trusted_proxies'];
  readonly limits: Pick<CoreOptions['limits'], 'rates' | ThrottleLimit>;
}

/** Milliseconds until a limit that was used up is there again as a whole. */
const PERIOD = 300_000;

/** Addresses, accounts, and places of accounts that are remembered; of each, the one not used for longest makes room. */
const REMEMBERED = 10_000;

/** Milliseconds that the answer to a first failure is held back, and the most, which is for attempts that are refused. */
const SHORTEST = 200;
export const LONGEST = 2000;

export class Throttle {
  readonly #options: ThrottleOptions;
  readonly #limited: (limit: ThrottleLimit) => void;
  readonly #addresses: Failures;
  readonly #accounts: Failures;
  /** Accounts with the addresses that they were used from. */
  readonly #places = new Recent<true>();
  #exempt: { readonly of: readonly string[]; readonly list: Networks };

  constructor(
    options: ThrottleOptions,
    /** Told of the limit that was in the way. */
    limited: (limit: ThrottleLimit) => void,
    /** Milliseconds that only go up. */
    now: () => number,
  ) {
    this.#options = options;
    this.#limited = limited;
    this.#addresses = new Failures(now);
    this.#accounts = new Failures(now);
    this.#exempt = exemptOf(options.trusted_proxies);
  }

  /**
   * The limit that keeps an attempt from being judged. To be asked before the work of judging, and again before success is
   * said: many attempts at a time learn no more than the same number one after the other. `account` is a bare JID.
   */
  refuses(address: string, account: string): ThrottleLimit | undefined {
    const limit = this.#options.limits.rates ? this.#usedUp(address, account) : undefined;
    if (limit !== undefined) this.#limited(limit);
    return limit;
  }

  /** Counts a failure; returns the milliseconds that its answer has to wait. `account` where the client had said one. */
  failed(address: string, account?: string): number {
    const { rates, auth_failures_per_address, auth_failures_per_account } = this.#options.limits;
    if (!rates) return 0;
    const ofAddress = this.#addresses.add(this.#party(address), auth_failures_per_address);
    const target = account === undefined ? undefined : this.#target(address, account);
    const ofAccount = this.#accounts.add(target, auth_failures_per_account);
    return Math.min(LONGEST, Math.round(SHORTEST * 2 ** (Math.max(1, ofAddress, ofAccount) - 1)));
  }

  /** Somebody who may has logged in from there. */
  succeeded(address: string, account: string): void {
    this.#places.set(placeOf(address, account), true);
  }

  #usedUp(address: string, account: string): ThrottleLimit | undefined {
    const { auth_failures_per_address, auth_failures_per_account } = this.#options.limits;
    if (!this.#addresses.left(this.#party(address), auth_failures_per_address)) return 'auth_failures_per_address';
    const left = this.#accounts.left(this.#target(address, account), auth_failures_per_account);
    return left ? undefined : 'auth_failures_per_account';
  }

  /** Undefined for who is not counted. */
  #party(address: string): string | undefined {
    const { trusted_proxies } = this.#options;
    if (this.#exempt.of !== trusted_proxies) this.#exempt = exemptOf(trusted_proxies);
    return this.#exempt.list.has(address) ? undefined : partyOf(address);
  }

  #target(address: string, account: string): string {
    const place = placeOf(address, account);
    return this.#places.get(place) === undefined ? account : place;
  }
}

const exemptOf = (trusted: readonly string[]) => ({ of: trusted, list: new Networks(trusted) });

/** No JID ends in a space and an address. */
const placeOf = (address: string, account: string) => `${account} ${partyOf(address)}`;

/** How many failures count against each key; they wear off evenly, the limit in a period. */
class Failures {
  readonly #recent = new Recent<{ readonly count: number; readonly at: number }>();

  constructor(readonly now: () => number) {}

  /** Whether one more attempt is within the limit. */
  left(key: string | undefined, limit: number): boolean {
    return key === undefined || this.#count(key, limit) + 1 <= limit;
  }

  /** One more; returns how many count now. */
  add(key: string | undefined, limit: number): number {
    if (key === undefined) return 0;
    const count = Math.min(limit, this.#count(key, limit) + 1);
    this.#recent.set(key, { count, at: this.now() });
    return count;
  }

  #count(key: string, limit: number): number {
    const { count, at } = this.#recent.get(key) ?? { count: 0, at: 0 };
    return Math.max(0, count - ((this.now() - at) * limit) / PERIOD);
  }
}

/** A map that forgets what was not set for longest. */
class Recent<V> {
  readonly #values = new Map<string, V>();

  get(key: string): V | undefined {
    return this.#values.get(key);
  }

  set(key: string, value: V): void {
    this.#values.delete(key);
    this.#values.set(key, value);
    if (this.#values.size <= REMEMBERED) return;
    for (const oldest of this.#values.keys()) {
      this.#values.delete(oldest);
      return;
    }
  }
}
