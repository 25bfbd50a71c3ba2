// Whom each account blocks (XEP-0191), kept in the store `blocking`. The list of an account that has sessions is at hand;
// others are read when something comes for them, and the last ones are remembered.

import { Turns } from '../core/turns.js';
import type { MapStore } from '../storage/store.js';
import type { JID } from '../xmpp/jid.js';
import type { Blocks } from './blocks.js';

/** Addresses, prepared. */
export type BlockList = ReadonlySet<string>;

/** Lists that nobody uses now are kept for the next who asks, so many. */
const SPARE = 1000;

/** Most accounts block nobody: they share this list. */
const NOBODY: BlockList = new Set();

/** Section 2.1: a full address, an account, a resource of a domain, or a whole domain. */
export function matches(list: BlockList, jid: JID): boolean {
  if (list.size === 0) return false;
  const { domain, resource } = jid;
  if (list.has(jid.toString()) || list.has(domain)) return true;
  return resource !== '' && (list.has(jid.bare.toString()) || list.has(`${domain}/${resource}`));
}

export class BlockLists implements Blocks {
  readonly #store: MapStore;
  readonly #used = new Map<string, BlockList>();
  readonly #spare = new Map<string, BlockList>();
  readonly #reading = new Map<string, Promise<BlockList>>();
  readonly #turns = new Turns();

  constructor(store: MapStore) {
    this.#store = store;
  }

  blocked(username: string, jid: JID): boolean {
    return this.blocking(username)?.(jid) ?? false;
  }

  blocking(username: string): ((jid: JID) => boolean) | undefined {
    const list = this.known(username);
    return list === undefined || list.size === 0 ? undefined : (jid) => matches(list, jid);
  }

  /** What is being read. */
  get reading(): Iterable<Promise<unknown>> {
    return this.#reading.values();
  }

  /** Undefined: it has to be read first. */
  known(username: string): BlockList | undefined {
    return this.#used.get(username) ?? this.#spare.get(username);
  }

  load(username: string): Promise<BlockList> {
    const known = this.known(username);
    if (known !== undefined) return Promise.resolve(known);
    return this.#reading.get(username) ?? this.#read(username);
  }

  /** The account has sessions: its list, which was read, stays. */
  use(username: string): void {
    const list = this.#spare.get(username);
    if (list === undefined) return;
    this.#spare.delete(username);
    this.#used.set(username, list);
  }

  /** It has none any more. */
  release(username: string): void {
    const list = this.#used.get(username);
    if (list === undefined) return;
    this.#used.delete(username);
    this.#remember(username, list);
  }

  /**
   * Asks what is to be added and removed when all changes before are done, and writes that; `then` runs at once when it
   * is written, and has it take effect by calling `apply`. Rejects with what `decide` throws, and with StoreError.
   */
  change(
    username: string,
    decide: (list: BlockList) => { readonly add?: readonly string[]; readonly remove?: readonly string[] },
    then: (apply: () => void) => void,
  ): Promise<void> {
    return this.#turns.take(username, async () => {
      const list = await this.load(username);
      const { add = [], remove = [] } = decide(list);
      const fields = [...add.map((jid) => [jid, true] as const), ...remove.map((jid) => [jid, undefined] as const)];
      if (fields.length > 0) await this.#store.change(username, fields);
      then(() => this.#replace(username, list, add, remove));
    });
  }

  /** Lists are replaced, never changed, for accounts share the empty one. One that is not at hand is read when asked for. */
  #replace(username: string, list: BlockList, add: readonly string[], remove: readonly string[]): void {
    const lists = this.#used.has(username) ? this.#used : this.#spare;
    if (!lists.has(username)) return;
    const changed = new Set([...list, ...add]);
    for (const jid of remove) changed.delete(jid);
    lists.set(username, changed.size === 0 ? NOBODY : changed);
  }

  /** The account is no more. */
  remove(username: string): Promise<void> {
    return this.#turns.take(username, async () => {
      this.#used.delete(username);
      this.#spare.delete(username);
      await this.#store.remove(username);
    });
  }

  #read(username: string): Promise<BlockList> {
    const read = this.#store.all(username).then((items) => {
      const list = items.size === 0 ? NOBODY : new Set(items.keys());
      this.#remember(username, list);
      return list;
    });
    this.#reading.set(username, read);
    const done = () => void this.#reading.delete(username);
    read.then(done, done);
    return read;
  }

  #remember(username: string, list: BlockList): void {
    this.#spare.set(username, list);
    for (const oldest of this.#spare.keys()) {
      if (this.#spare.size <= SPARE) return;
      this.#spare.delete(oldest);
    }
  }
}
