// The rosters of a host: contacts and subscriptions of its accounts, kept in the store `roster`. Who changes one waits for
// the one before: what is read, decided and written is never mixed, and what has been said to be done is in the store.

import { Part } from '../core/parts.js';
import type { Routed } from '../core/routed.js';
import { Turns } from '../core/turns.js';
import type { Json, MapStore } from '../storage/store.js';
import { NO_SUBSCRIPTION, type SubscriptionState } from './subscription-states.js';

/** What is kept of a contact. */
export interface RosterItem extends SubscriptionState {
  /** Shown to clients. One that is not only holds what a stranger asked for, or what was granted in advance. */
  readonly listed: boolean;
  readonly name: string | undefined;
  readonly groups: readonly string[];
  /** The subscription request as it came, while it is pending. */
  readonly request: string | undefined;
}

export const STRANGER: RosterItem = Object.freeze({
  ...NO_SUBSCRIPTION,
  listed: false,
  name: undefined,
  groups: [],
  request: undefined,
});

/** The field that is no contact: how often the roster changed. */
const VERSION = '';

/** What is to be of a contact, by its bare JID; undefined: it is to be forgotten. */
export type Decision = ReadonlyMap<string, RosterItem | undefined>;

/** What was done; undefined: there was none, or there is none any more. */
export interface RosterChange {
  readonly jid: string;
  readonly before: RosterItem | undefined;
  readonly after: RosterItem | undefined;
}

export class Roster {
  readonly #items: Map<string, RosterItem>;
  readonly #store: MapStore;
  #version: number;
  /** The last change, while one is not done. */
  #last: Promise<unknown> | undefined;
  /** How many changes are not done. */
  #changes = 0;

  constructor(
    readonly username: string,
    store: MapStore,
    kept: ReadonlyMap<string, Json>,
  ) {
    this.#store = store;
    this.#version = Number(kept.get(VERSION) ?? 0);
    this.#items = new Map();
    for (const [jid, item] of kept) if (jid !== VERSION) this.#items.set(jid, item as unknown as RosterItem);
  }

  /** Contacts by their bare JIDs. */
  get items(): ReadonlyMap<string, RosterItem> {
    return this.#items;
  }

  /** Of the whole (section 2.6.1). */
  get version(): string {
    return String(this.#version);
  }

  get(jid: string): RosterItem {
    return this.#items.get(jid) ?? STRANGER;
  }

  /**
   * Asks, when all changes before are done, what is to be, and writes that. What `decide` throws, and StoreError when it
   * could not be written, are for the caller alone; then nothing is changed. `then` runs at once when it is done, before
   * the next change is looked at.
   */
  change(decide: () => Decision, then: (changes: readonly RosterChange[]) => void): Promise<void> {
    return this.#turn(() => this.#changed(decide, then));
  }

  /** Forgets all of it, when all changes before are done. */
  remove(): Promise<void> {
    return this.#turn(async () => {
      await this.#store.remove(this.username);
      this.#items.clear();
    });
  }

  get isChanging(): boolean {
    return this.#changes > 0;
  }

  #turn(work: () => Promise<void>): Promise<void> {
    this.#changes++;
    const turn = (this.#last ?? Promise.resolve()).then(work);
    const done = () => {
      if (--this.#changes === 0) this.#last = undefined;
    };
    this.#last = turn.then(done, done);
    return turn;
  }

  async #changed(decide: () => Decision, then: (changes: readonly RosterChange[]) => void): Promise<void> {
    const decision = decide();
    const changes: RosterChange[] = [];
    if (decision.size > 0) {
      const version = this.#version + 1;
      await this.#store.change(this.username, [[VERSION, version], ...[...decision].map(kept)]);
      this.#version = version;
      for (const [jid, after] of decision) {
        changes.push({ jid, before: this.#items.get(jid), after });
        if (after === undefined) this.#items.delete(jid);
        else this.#items.set(jid, after);
      }
    }
    then(changes);
  }
}

const kept = ([jid, item]: readonly [string, RosterItem | undefined]): readonly [string, Json | undefined] => [
  jid,
  item && { ...item },
];

/** Rosters that nobody uses now are kept for the next who asks, so many. */
const SPARE = 500;

export class Rosters {
  readonly #store: MapStore;
  readonly #used = new Map<string, Roster>();
  readonly #spare = new Map<string, Roster>();
  readonly #reading = new Map<string, Promise<Roster>>();
  readonly #pairs = new Turns();

  constructor(store: MapStore) {
    this.#store = store;
  }

  /** The roster of an account that has sessions. */
  get(username: string): Roster | undefined {
    return this.#used.get(username);
  }

  /** Reads it, if it is not there; the same one for everybody. */
  async load(username: string): Promise<Roster> {
    const spare = this.#spare.get(username);
    if (spare !== undefined) this.#keep(spare);
    return spare ?? this.#used.get(username) ?? this.#reading.get(username) ?? this.#read(username);
  }

  /** Its account, for which it was loaded, has sessions: from now on `get` finds it. */
  use(roster: Roster): void {
    const { username } = roster;
    if (!this.#used.has(username)) this.#used.set(username, this.#spare.get(username) ?? roster);
    this.#spare.delete(username);
  }

  /** The account has no sessions any more. */
  release(username: string): void {
    const roster = this.#used.get(username);
    if (roster === undefined) return;
    this.#used.delete(username);
    this.#keep(roster);
  }

  /** The account is no more. */
  async remove(username: string): Promise<void> {
    const roster = await this.load(username);
    await roster.remove();
    if (this.#used.get(username) === roster) this.#used.delete(username);
    this.#spare.delete(username);
  }

  /**
   * Does this while nothing else changes between two addresses: of two accounts of this host both rosters say the same
   * before and after, and what one of them asks for never crosses what the other does.
   */
  between<T>(one: string, other: string, work: () => Promise<T>): Promise<T> {
    return this.#pairs.take([one, other].sort().join(' '), work);
  }

  #read(username: string): Promise<Roster> {
    const read = this.#store.all(username).then((items) => {
      const roster = new Roster(username, this.#store, items);
      this.#keep(roster);
      return roster;
    });
    this.#reading.set(username, read);
    const done = () => void this.#reading.delete(username);
    read.then(done, done);
    return read;
  }

  /** The ones longest unused make room; but for those that are being changed, of which there must be one only. */
  #keep(roster: Roster): void {
    this.#spare.delete(roster.username);
    this.#spare.set(roster.username, roster);
    for (const [username, spare] of this.#spare) {
      if (this.#spare.size <= SPARE) return;
      if (!spare.isChanging) this.#spare.delete(username);
    }
  }
}

export const ROSTERS = new Part<Rosters>('rosters');

/** Whether an account shows itself to who asks it for something: to itself, and to contacts that get its presence. */
export async function isShown(rosters: Rosters, { own, from, to }: Routed): Promise<boolean> {
  if (own) return true;
  const roster = rosters.get(to.local) ?? (await rosters.load(to.local));
  return roster.get(from.bare.toString()).from;
}
