// A node: how it is configured, who has what to do with it, and its items. What is known of it is in memory; what items
// carry is read when it is asked for, but for the last one.

import { randomBytes } from 'node:crypto';
import type { Json, MapStore } from '../../storage/store.js';
import { BASE, type NodeConfig } from './node-config.js';

export type Affiliation = 'owner' | 'publisher' | 'publish-only' | 'member' | 'outcast';
export type SubscriptionState = 'subscribed' | 'pending';

/** What is kept of a node. Never changed: another one follows it. */
export interface NodeRecord {
  /** The key of its items: a node that is made anew has none of those of the one before. */
  readonly uid: string;
  readonly config: NodeConfig;
  /** By bare JID. */
  readonly affiliations: ReadonlyMap<string, Affiliation>;
  /** By the JID that is subscribed. */
  readonly subscriptions: ReadonlyMap<string, SubscriptionState>;
}

export interface Item {
  readonly id: string;
  /** Counts up at its node. */
  readonly order: number;
  /** Who published it: a full JID. */
  readonly by: string;
  /** Milliseconds since 1970. */
  readonly at: number;
  /** The payload; '' for none. */
  readonly xml: string;
}

export type NewItem = Omit<Item, 'order'>;

export const newRecord = (config: NodeConfig, owner: string | undefined): NodeRecord => ({
  uid: randomBytes(12).toString('base64url'),
  config,
  affiliations: new Map(owner === undefined ? [] : [[owner, 'owner']]),
  subscriptions: new Map(),
});

export function keptRecord({ uid, config, affiliations, subscriptions }: NodeRecord): Json {
  return { uid, config: { ...config }, affiliations: [...affiliations], subscriptions: [...subscriptions] };
}

export function readRecord(kept: Json): NodeRecord {
  const record = kept as unknown as {
    uid: string;
    config: NodeConfig;
    affiliations: [string, Affiliation][];
    subscriptions: [string, SubscriptionState][];
  };
  return {
    uid: record.uid,
    config: { ...BASE, ...record.config },
    affiliations: new Map(record.affiliations),
    subscriptions: new Map(record.subscriptions),
  };
}

interface Known {
  readonly order: number;
  readonly by: string;
}

export class Node {
  readonly #store: MapStore;
  readonly #key: string;
  #known: Promise<Map<string, Known>> | undefined;
  #ids: readonly string[] = [];
  #last: Item | undefined;

  constructor(
    readonly name: string,
    public record: NodeRecord,
    owner: string,
    store: MapStore,
  ) {
    this.#store = store;
    this.#key = `${owner} ${record.uid}`;
  }

  get config(): NodeConfig {
    return this.record.config;
  }

  affiliation(bare: string): Affiliation | undefined {
    return this.record.affiliations.get(bare);
  }

  /** Reads which items there are. */
  known(): Promise<Map<string, Known>> {
    this.#known ??= this.#read().catch((error) => {
      this.#known = undefined;
      throw error;
    });
    return this.#known;
  }

  /** Ids, the newest first; none before they were read. */
  get ids(): readonly string[] {
    return this.#ids;
  }

  /** The newest item. */
  async last(): Promise<Item | undefined> {
    await this.known();
    return this.#last;
  }

  async items(ids: readonly string[]): Promise<Item[]> {
    const found = await Promise.all(ids.map((id) => this.#store.get(this.#key, id)));
    return found.filter((item) => item !== undefined).map((item) => item as unknown as Item);
  }

  /** Keeps the item, and no more than so many; the oldest go. */
  async keep(item: NewItem, most: number): Promise<void> {
    const known = await this.known();
    const order = (this.#last?.order ?? 0) + 1;
    const kept: Item = { ...item, order };
    const others = [...known.keys()].filter((id) => id !== item.id);
    const old = others.slice(0, Math.max(0, others.length + 1 - most));
    const gone = old.map((id) => [id, undefined] as const);
    await this.#store.change(this.#key, [[item.id, { ...kept }], ...gone]);
    for (const id of old) known.delete(id);
    known.delete(item.id);
    known.set(item.id, { order, by: item.by });
    this.#changed(known, kept);
  }

  /** The node keeps none: this one is the last while the server runs. */
  async pass(item: NewItem): Promise<void> {
    await this.known();
    this.#last = { ...item, order: (this.#last?.order ?? 0) + 1 };
  }

  async retract(ids: readonly string[]): Promise<void> {
    const known = await this.known();
    const left = [...known.keys()].filter((id) => !ids.includes(id));
    const newest = left.at(-1);
    const [last] = newest === undefined ? [] : await this.items([newest]);
    await this.#store.change(
      this.#key,
      ids.map((id) => [id, undefined] as const),
    );
    for (const id of ids) known.delete(id);
    this.#changed(known, last);
  }

  /** Forgets all items. */
  async clear(): Promise<void> {
    await this.#store.remove(this.#key);
    this.#known = Promise.resolve(new Map());
    this.#changed(new Map(), undefined);
  }

  #changed(known: ReadonlyMap<string, Known>, last: Item | undefined): void {
    this.#ids = [...known.keys()].reverse();
    this.#last = last;
  }

  async #read(): Promise<Map<string, Known>> {
    const kept = [...(await this.#store.all(this.#key)).values()].map((item) => item as unknown as Item);
    const items = kept.sort((a, b) => a.order - b.order);
    const known = new Map(items.map(({ id, order, by }) => [id, { order, by }]));
    this.#changed(known, items.at(-1));
    return known;
  }
}
