// A node: how it is configured, who has what to do with it, and its items. What is known of it is in memory; what items
// carry is read when it is asked for, but for the last one.

import { randomBytes } from 'node:crypto';
import type { Json, MapStore } from '../../storage/store.js';
import { BASE, type Facts, type NodeConfig } from './node-config.js';
import { Subscriptions } from './subscriptions.js';

export type Affiliation = 'owner' | 'publisher' | 'publish-only' | 'member' | 'outcast';

/** What is kept of a node. Never changed: another one follows it. */
export interface NodeRecord {
  /** The key of its items: a node that is made anew has none of those of the one before. */
  readonly uid: string;
  readonly config: NodeConfig;
  /** By bare JID. */
  readonly affiliations: ReadonlyMap<string, Affiliation>;
  readonly subscriptions: Subscriptions;
  /** Who made it, a bare JID, and when, in milliseconds since 1970; undefined: nobody knows any more. */
  readonly creator: string | undefined;
  readonly created: number | undefined;
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

/** How much a node has place for. */
export interface Room {
  readonly items: number;
  readonly bytes: number;
}

/** `owner`: undefined when the whole tree is the creator's. */
export const newRecord = (config: NodeConfig, creator: string, owner: string | undefined): NodeRecord => ({
  uid: randomBytes(12).toString('base64url'),
  config,
  affiliations: new Map(owner === undefined ? [] : [[owner, 'owner']]),
  subscriptions: new Subscriptions(),
  creator,
  created: Date.now(),
});

export function keptRecord({ affiliations, subscriptions, config, ...record }: NodeRecord): Json {
  return { ...record, config: { ...config }, affiliations: [...affiliations], subscriptions: subscriptions.kept };
}

export function readRecord(kept: Json): NodeRecord {
  const record = kept as unknown as {
    uid: string;
    config: NodeConfig;
    affiliations: [string, Affiliation][];
    subscriptions: Parameters<typeof Subscriptions.read>[0];
    creator?: string;
    created?: number;
  };
  return {
    uid: record.uid,
    config: { ...BASE, ...record.config },
    affiliations: new Map(record.affiliations),
    subscriptions: Subscriptions.read(record.subscriptions),
    creator: record.creator,
    created: record.created,
  };
}

interface Known {
  readonly by: string;
  readonly at: number;
  readonly bytes: number;
}

const knownOf = ({ id, by, at, xml }: NewItem): Known => ({ by, at, bytes: id.length + Buffer.byteLength(xml) });

export class Node {
  readonly #store: MapStore;
  readonly #key: string;
  /** The oldest first. */
  #known: Promise<Map<string, Known>> | undefined;
  #bytes = 0;
  #ids: readonly string[] | undefined;
  #last: Item | undefined;
  #order = 0;
  /** Those that are too old; they leave the store with the next change. */
  readonly #expired = new Set<string>();

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

  /** Besides whom all of the tree belongs to. */
  get facts(): Facts {
    const { affiliations, subscriptions, creator, created } = this.record;
    const having = (wanted: Affiliation) => [...affiliations].filter(([, is]) => is === wanted).map(([jid]) => jid);
    const subscribers = subscriptions.entries.filter(([, { state }]) => state === 'subscribed').length;
    return { subscribers, owners: having('owner'), publishers: having('publisher'), creator, created };
  }

  /** Reads which items there are. */
  known(): Promise<ReadonlyMap<string, Known>> {
    return this.#current();
  }

  /** Ids of a node whose items are known, the newest first. */
  async ids(): Promise<readonly string[]> {
    const known = await this.known();
    this.#ids ??= [...known.keys()].reverse();
    return this.#ids;
  }

  /** The same as it was when it was asked for last. */
  get listed(): readonly string[] {
    return this.#ids ?? [];
  }

  /** The newest item. */
  async last(): Promise<Item | undefined> {
    await this.known();
    return this.#last;
  }

  async items(ids: readonly string[]): Promise<Item[]> {
    const known = await this.known();
    const there = ids.filter((id) => known.has(id));
    const found = await Promise.all(there.map((id) => this.#store.get(this.#key, id)));
    return found.filter((item) => item !== undefined).map((item) => item as unknown as Item);
  }

  /** What has to go, the oldest first, so that there is room for this item. */
  async displaced(item: NewItem, room: Room): Promise<string[]> {
    const known = await this.known();
    const before = known.get(item.id);
    let items = known.size + (before === undefined ? 1 : 0);
    let bytes = this.#bytes - (before?.bytes ?? 0) + knownOf(item).bytes;
    const gone: string[] = [];
    for (const [id, each] of known) {
      if (items <= room.items && bytes <= room.bytes) break;
      if (id === item.id) continue;
      gone.push(id);
      items--;
      bytes -= each.bytes;
    }
    return gone;
  }

  /** Keeps the item, and those not any more. */
  async keep(item: NewItem, gone: readonly string[]): Promise<void> {
    await this.#current();
    const kept: Item = { ...item, order: this.#order + 1 };
    await this.#write([[item.id, { ...kept }]], gone);
    const known = await this.#current();
    this.#forget(known, [...gone, item.id]);
    this.#expired.delete(item.id);
    known.set(item.id, knownOf(item));
    this.#bytes += knownOf(item).bytes;
    this.#order = kept.order;
    this.#last = kept;
  }

  /** The node keeps none: this one is the last while the server runs. */
  async pass(item: NewItem): Promise<void> {
    await this.known();
    this.#order++;
    this.#last = { ...item, order: this.#order };
  }

  async retract(ids: readonly string[]): Promise<void> {
    const newest = (await this.ids()).find((id) => !ids.includes(id));
    const [last] = newest === undefined ? [] : await this.items([newest]);
    await this.#write([], ids);
    this.#forget(await this.#current(), ids);
    this.#last = last;
  }

  /** Forgets all items. */
  async clear(): Promise<void> {
    // Who reads them now is not to find them afterwards.
    await this.#known?.catch(() => {});
    await this.#store.remove(this.#key);
    this.#known = Promise.resolve(new Map());
    this.#bytes = 0;
    this.#ids = undefined;
    this.#last = undefined;
    this.#expired.clear();
  }

  async #current(): Promise<Map<string, Known>> {
    this.#known ??= this.#read().catch((error) => {
      this.#known = undefined;
      throw error;
    });
    const known = await this.#known;
    this.#expire(known);
    return known;
  }

  async #write(items: readonly (readonly [string, Json])[], gone: readonly string[]): Promise<void> {
    const expired = [...this.#expired];
    const none = [...gone, ...expired].filter((id) => items.every(([kept]) => kept !== id));
    await this.#store.change(this.#key, [...none.map((id) => [id, undefined] as const), ...items]);
    for (const id of expired) this.#expired.delete(id);
  }

  #forget(known: Map<string, Known>, ids: Iterable<string>): void {
    for (const id of ids) {
      this.#bytes -= known.get(id)?.bytes ?? 0;
      known.delete(id);
    }
    this.#ids = undefined;
  }

  #expire(known: Map<string, Known>): void {
    const { item_expire } = this.config;
    if (item_expire === 'max') return;
    const oldest = Date.now() - item_expire * 1000;
    if (this.#last !== undefined && this.#last.at <= oldest) this.#last = undefined;
    const old = [...known].filter(([, { at }]) => at <= oldest).map(([id]) => id);
    for (const id of old) this.#expired.add(id);
    if (old.length > 0) this.#forget(known, old);
  }

  async #read(): Promise<Map<string, Known>> {
    const kept = [...(await this.#store.all(this.#key)).values()].map((item) => item as unknown as Item);
    const items = kept.sort((a, b) => a.order - b.order);
    this.#last = items.at(-1);
    this.#order = this.#last?.order ?? 0;
    const known = new Map(items.map((item) => [item.id, knownOf(item)]));
    this.#bytes = 0;
    for (const { bytes } of known.values()) this.#bytes += bytes;
    return known;
  }
}
