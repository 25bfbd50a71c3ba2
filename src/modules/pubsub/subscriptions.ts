// Who is subscribed to a node. Never changed: others follow it. A subscription whose lease has ended (XEP-0060 section
// 12.18) is none, and forgotten when the next one changes.

import type { Json } from '../../storage/store.js';
import { DEFAULTS, type SubscriptionOptions } from './subscription-options.js';

export type SubscriptionState = 'subscribed' | 'pending';

export interface Subscription {
  readonly state: SubscriptionState;
  readonly options: SubscriptionOptions;
}

type Entry = readonly [address: string, subscription: Subscription];

export const bareOf = (address: string): string => address.split('/', 1)[0];

export class Subscriptions {
  readonly #all: ReadonlyMap<string, Subscription>;
  /** When the first lease ends. */
  readonly #firstEnd: number;
  #accounts: ReadonlyMap<string, readonly string[]> | undefined;

  constructor(all: ReadonlyMap<string, Subscription> = new Map()) {
    this.#all = all;
    let first = Infinity;
    for (const { options } of all.values()) first = Math.min(first, options.expire ?? Infinity);
    this.#firstEnd = first;
  }

  static read(kept: readonly (readonly [string, SubscriptionState, Partial<SubscriptionOptions>?])[]): Subscriptions {
    const read = kept.map(([address, state, said]) => {
      const options = said === undefined ? DEFAULTS : { ...DEFAULTS, ...said };
      return [address, { state, options }] as const;
    });
    return new Subscriptions(new Map(read));
  }

  /** What is kept of it. */
  get kept(): Json {
    return [...this.#all].map(([address, { state, options }]) =>
      options === DEFAULTS ? [address, state] : [address, state, { ...options }],
    );
  }

  get(address: string): Subscription | undefined {
    const subscription = this.#all.get(address);
    return subscription === undefined || this.#hasEnded(subscription) ? undefined : subscription;
  }

  /** Of all addresses, in the order in which they came. */
  get entries(): Entry[] {
    const all = [...this.#all];
    return this.#firstEnd > Date.now() ? all : all.filter(([, subscription]) => !this.#hasEnded(subscription));
  }

  /** Those that have ended count until they are forgotten. */
  get size(): number {
    return this.#all.size;
  }

  /** Bare addresses of all, of those that have ended too. */
  get accounts(): Iterable<string> {
    return this.#byAccount.keys();
  }

  /** Of one account: of it, and of its resources. */
  of(bare: string): Entry[] {
    const entries = (this.#byAccount.get(bare) ?? []).map((address) => [address, this.get(address)] as const);
    return entries.filter((entry): entry is Entry => entry[1] !== undefined);
  }

  /** Those with these instead of what they were; undefined: there is none any more. */
  with(changes: Iterable<readonly [string, Subscription | undefined]>): Subscriptions {
    const all = new Map(this.entries);
    for (const [address, subscription] of changes) {
      if (subscription === undefined) all.delete(address);
      else all.set(address, subscription);
    }
    return new Subscriptions(all);
  }

  get #byAccount(): ReadonlyMap<string, readonly string[]> {
    this.#accounts ??= byAccount(this.#all.keys());
    return this.#accounts;
  }

  #hasEnded({ options: { expire } }: Subscription): boolean {
    return expire !== undefined && expire <= Date.now();
  }
}

function byAccount(addresses: Iterable<string>): Map<string, string[]> {
  const accounts = new Map<string, string[]>();
  for (const address of addresses) {
    const bare = bareOf(address);
    const own = accounts.get(bare);
    if (own === undefined) accounts.set(bare, [address]);
    else own.push(address);
  }
  return accounts;
}
