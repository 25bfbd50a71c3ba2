// Whose nodes an address has something to do with: kept beside the nodes of accounts, so that when it is no more they are found
// without reading all nodes of all accounts. It may name an account too many, never one too few.

import type { MapStore } from '../../storage/store.js';
import type { NodeRecord } from './node.js';
import type { Tree } from './trees.js';

export class Relations {
  /** By address and owner. */
  readonly #store: MapStore;

  constructor(store: MapStore) {
    this.#store = store;
  }

  /** Whose nodes may know this address, a bare JID. */
  async of(bare: string): Promise<string[]> {
    return [...(await this.#store.all(bare)).keys()];
  }

  /** A node is about to know others than before. Resolves when that is kept. */
  async begin({ owner }: Tree, before: NodeRecord, after: NodeRecord): Promise<void> {
    if (isSame(before, after)) return;
    const known = accountsOf(before);
    await this.#all(accountsOf(after), (bare) => (known.has(bare) ? undefined : this.#store.set(bare, owner, true)));
  }

  /** A node knows others than before; `after`: undefined when it is gone. */
  async end(tree: Tree, before: NodeRecord, after?: NodeRecord): Promise<void> {
    if (after !== undefined && isSame(before, after)) return;
    const left = accountsOf(before);
    if (after !== undefined) for (const bare of accountsOf(after)) left.delete(bare);
    const nodes = [...tree.nodes.values()];
    await this.#all(left, (bare) => {
      const isKnown = nodes.some(({ record }) => knows(record, bare));
      return isKnown ? undefined : this.#store.set(bare, tree.owner, undefined);
    });
  }

  async #all(addresses: ReadonlySet<string>, change: (bare: string) => Promise<void> | undefined): Promise<void> {
    await Promise.all([...addresses].map(change));
  }
}

/** Whether an address, a bare JID, has something to do with the node. */
export const knows = ({ affiliations, subscriptions }: NodeRecord, bare: string): boolean =>
  affiliations.has(bare) || subscriptions.of(bare).length > 0;

/** All of them. */
export const accountsOf = ({ affiliations, subscriptions }: NodeRecord): Set<string> =>
  new Set([...affiliations.keys(), ...subscriptions.accounts]);

const isSame = (one: NodeRecord, other: NodeRecord): boolean =>
  one.affiliations === other.affiliations && one.subscriptions === other.subscriptions;
