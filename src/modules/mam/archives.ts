// The archives of a host, of its accounts or its rooms: what is appended is told its id at once and is there a little later, and what is too
// old or too much is deleted now and then, the oldest first, a little at a time.

import type { ComponentHost } from '../../core/host.js';
import { Turns } from '../../core/turns.js';
import type { Added, HistoryStore } from '../../storage/store.js';
import type { Stanza } from '../../xmpp/stanza.js';

export interface Retention {
  /** Days; 0: for ever. */
  readonly max_age: number;
  /** 0: any number. */
  readonly max_items: number;
}

const DAY = 86_400_000;
/** Items that are deleted at a time. */
const CHUNK = 5000;
/** A share of what an archive may have: so much more may stay, where to delete it would cost what it would spare later on. */
const SLACK = 1 / 20;
/** An archive without a limit of items is looked at after so many. */
const OFTEN = 1000;
/** Milliseconds in which archives that are to be looked at are gathered: what is deleted is synced, all of it at once. */
const PAUSE = 1000;

export class Archives {
  /** What is not there yet. */
  readonly #adding = new Set<Promise<unknown>>();
  /** Of what was added last: much is there at the same time. */
  #last: Promise<unknown> | undefined;
  readonly #trimming = new Turns();
  /** Archives that are to be looked at. */
  readonly #grown = new Set<string>();
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(
    readonly host: Pick<ComponentHost, 'limited'>,
    readonly store: HistoryStore,
    public retention: Retention,
    /** The option that `max_items` is, by name. */
    readonly limit = 'mam.max_items',
  ) {}

  /** Nothing that is older is there for anybody; milliseconds since 1970. */
  get since(): number | undefined {
    const { max_age } = this.retention;
    return max_age > 0 ? Date.now() - max_age * DAY : undefined;
  }

  /** Told its id at once, and there a little later. `same`: what was told of it for another archive. */
  add(username: string, peer: string, at: number, stanza: Stanza, same?: Added): Added {
    const added = this.store.add(username, { at, with: peer, stanza }, same);
    if (added.done !== this.#last) this.#follow(added.done);
    const often = this.#often;
    if (added.before % often === often - 1) this.#grew(username);
    return added;
  }

  #follow(done: Promise<unknown>): void {
    this.#last = done;
    this.#adding.add(done);
    const settled = () => void this.#adding.delete(done);
    done.then(settled, settled);
  }

  /** Resolves when all that was added until now is there, or could not be kept. */
  settled(username: string): Promise<void> {
    return this.store.settled(username);
  }

  /** Somebody waits for what was added. */
  hurry(): void {
    this.store.hurry();
  }

  /** What is not done. */
  unfinished(): Promise<unknown>[] {
    this.#trimGrown();
    const trimming = this.#trimming.unfinished();
    return trimming === undefined ? [...this.#adding] : [...this.#adding, trimming];
  }

  async remove(username: string): Promise<void> {
    this.#grown.delete(username);
    await this.store.delete(username);
  }

  /** Looks at all archives, one after the other. */
  async sweep(): Promise<void> {
    const { max_age, max_items } = this.retention;
    if (max_age === 0 && max_items === 0) return;
    for await (const username of this.store.keys()) {
      if (this.#stopped) return;
      await this.#trim(username);
    }
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
    this.#grown.clear();
  }

  /** A tenth of what it may have. */
  get #often(): number {
    const { max_items } = this.retention;
    return max_items > 0 ? Math.ceil(max_items / 10) : OFTEN;
  }

  #grew(username: string): void {
    const { max_age, max_items } = this.retention;
    if (this.#stopped || (max_age === 0 && max_items === 0)) return;
    this.#grown.add(username);
    this.#timer ??= setTimeout(() => this.#trimGrown(), PAUSE);
    this.#timer.unref();
  }

  #trimGrown(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    for (const username of this.#grown) this.#trim(username).catch(() => {});
    this.#grown.clear();
  }

  /** Deletes what is too old, then what is too much. Rejects with StoreError. */
  #trim(username: string): Promise<void> {
    return this.#trimming.take(username, () => this.#trimNow(username));
  }

  async #trimNow(username: string): Promise<void> {
    const { since } = this;
    while (since !== undefined && (await this.#isOlder(username, since)))
      await this.store.delete(username, { end: since - 1, limit: CHUNK });
    const { max_items } = this.retention;
    if (max_items === 0) return;
    let excess = (await this.store.size(username)) - max_items;
    if (excess > 0) this.host.limited(this.limit);
    while (excess > max_items * SLACK) {
      const gone = await this.store.delete(username, { limit: Math.min(excess, CHUNK), roughly: true });
      excess = gone === 0 ? 0 : excess - gone;
    }
  }

  async #isOlder(username: string, since: number): Promise<boolean> {
    return (await this.store.query(username, { end: since - 1, limit: 1 })).items.length > 0;
  }
}
