// All nodes of an address: of a service, or of an account. They are read when they are first asked for; those of accounts
// that nobody asked about for long are forgotten. Everything is in the store before it is said to be done.

import type { ComponentHost } from '../../core/host.js';
import { Turns } from '../../core/turns.js';
import type { Json, MapStore } from '../../storage/store.js';
import { keptRecord, Node, type NodeRecord, newRecord, readRecord } from './node.js';
import type { NodeConfig } from './node-config.js';
import { Relations } from './relations.js';

export class Tree {
  readonly nodes = new Map<string, Node>();
  /** Where nodes are that were here, by their names. */
  readonly moved = new Map<string, string>();

  constructor(
    /** The account; '' for a service. */
    readonly owner: string,
  ) {}
}

/** Trees that nobody uses now are kept for the next who asks, so many. */
const SPARE = 500;
/** Nodes of one address that are elsewhere now and not forgotten; those that were read first go first. */
const MOST_MOVED = 1000;

export class Trees {
  readonly #records: MapStore;
  readonly #items: MapStore;
  readonly #trees = new Map<string, Promise<Tree>>();
  readonly #there = new Map<string, Tree>();
  readonly #relations: Relations | undefined;
  readonly #turns = new Turns();

  /** `related`: there are many addresses, and who has something to do with whose nodes is kept. */
  constructor(host: ComponentHost, name: string, related = false) {
    this.#records = host.open(name, 'map');
    this.#items = host.open(`${name}_items`, 'map');
    this.#relations = related ? new Relations(host.open(`${name}_relations`, 'map')) : undefined;
  }

  /** The same one for everybody. */
  load(owner: string): Promise<Tree> {
    const there = this.#trees.get(owner);
    if (there !== undefined) this.#trees.delete(owner);
    const tree = there ?? this.#read(owner);
    this.#trees.set(owner, tree);
    for (const oldest of this.#trees.keys()) {
      if (this.#trees.size <= SPARE) break;
      if (!this.#turns.busy(oldest)) this.#forget(oldest);
    }
    return tree;
  }

  /** What was read lately. */
  there(owner: string): Tree | undefined {
    return this.#there.get(owner);
  }

  /** Changes of one address, one after the other. */
  change<T>(owner: string, work: (tree: Tree) => Promise<T>): Promise<T> {
    return this.#turns.take(owner, async () => work(await this.load(owner)));
  }

  /** Resolves when all is done; undefined: it is. */
  unfinished(): Promise<unknown> | undefined {
    return this.#turns.unfinished();
  }

  /** `owner`: undefined when the whole tree is the creator's. */
  async create(tree: Tree, name: string, config: NodeConfig, creator: string, owner?: string): Promise<Node> {
    const node = new Node(name, newRecord(config, creator, owner), tree.owner, this.#items);
    await this.#records.set(tree.owner, name, keptRecord(node.record));
    tree.nodes.set(name, node);
    tree.moved.delete(name);
    return node;
  }

  async write(tree: Tree, node: Node, change: Partial<NodeRecord>): Promise<void> {
    const before = node.record;
    const record = { ...before, ...change };
    await this.#relations?.begin(tree, before, record);
    await this.#records.set(tree.owner, node.name, keptRecord(record));
    node.record = record;
    await this.#relations?.end(tree, before, record).catch(() => {});
  }

  /** Addresses whose nodes may know this one, a bare JID. */
  async related(bare: string): Promise<readonly string[]> {
    return this.#relations === undefined ? [''] : this.#relations.of(bare);
  }

  /** Of its items none is found any more, even when they could not be removed. `uri`: where it is now. */
  async delete(tree: Tree, node: Node, uri?: string): Promise<void> {
    const { moved } = tree;
    const forgotten = uri === undefined ? [] : [...moved.keys()].slice(0, Math.max(moved.size + 1 - MOST_MOVED, 0));
    await this.#records.change(tree.owner, [
      ...forgotten.map((name) => [name, undefined] as const),
      [node.name, uri === undefined ? undefined : keptMove(uri)],
    ]);
    tree.nodes.delete(node.name);
    for (const name of forgotten) moved.delete(name);
    if (uri !== undefined) moved.set(node.name, uri);
    await this.#relations?.end(tree, node.record).catch(() => {});
    await node.clear().catch(() => {});
  }

  /** The account is no more. */
  remove(owner: string): Promise<void> {
    return this.change(owner, async (tree) => {
      const nodes = [...tree.nodes.values()];
      for (const node of nodes) await node.clear();
      await this.#records.remove(owner);
      tree.nodes.clear();
      for (const { record } of nodes) await this.#relations?.end(tree, record).catch(() => {});
      tree.moved.clear();
    });
  }

  #read(owner: string): Promise<Tree> {
    const read = this.#records.all(owner).then((kept) => {
      const tree = new Tree(owner);
      for (const [name, record] of kept) {
        const uri = readMove(record);
        if (uri === undefined) tree.nodes.set(name, new Node(name, readRecord(record), owner, this.#items));
        else tree.moved.set(name, uri);
      }
      return tree;
    });
    // It may have been forgotten meanwhile, and be read anew.
    const isThere = () => this.#trees.get(owner) === read;
    read.then(
      (tree) => void (isThere() && this.#there.set(owner, tree)),
      () => void (isThere() && this.#forget(owner)),
    );
    return read;
  }

  #forget(owner: string): void {
    this.#trees.delete(owner);
    this.#there.delete(owner);
  }
}

/** What is kept of a node that is elsewhere now. */
const keptMove = (uri: string): Json => ({ moved: uri });

function readMove(kept: Json): string | undefined {
  return (kept as { readonly moved?: string }).moved;
}
