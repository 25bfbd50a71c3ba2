// The archives of a host, of its accounts or its rooms: what is appended is told its id at once and is there a little later, and what is too
// old or too much is deleted now and then, the oldest first, a little at a time.

import type { ComponentHost } from '../../core/host.js';
import { Turns } from '../../core/turns.js';
import type { ArchiveStore } from '../../storage/store.js';

export interface Retention {
  /** Days; 0: for ever. */
  readonly max_age: number;
  /** 0: any number. */
  readonly max_items: number;
}

export interface Appended {
  readonly id: string;
  /** Resolves when it is kept; rejects with StoreError. */
  readonly done: Promise<unknown>;
}

const DAY = 86_400_000;
/** Items that are deleted at a time. */
const CHUNK = 500;
/** An archive is looked at after so many messages, or a tenth of what it may have. */
const OFTEN = 100;

export class Archives {
  /** What is being appended to each archive: the last of it. */
  readonly #last = new Map<string, Promise<unknown>>();
  /** Messages since an archive was looked at. */
  readonly #grown = new Map<string, number>();
  readonly #trimming = new Turns();
  #stopped = false;

  constructor(
    readonly host: Pick<ComponentHost, 'limited'>,
    readonly store: ArchiveStore,
    public retention: Retention,
    /** The option that `max_items` is, by name. */
    readonly limit = 'mam.max_items',
  ) {}

  /** Nothing that is older is there for anybody; milliseconds since 1970. */
  get since(): number | undefined {
    const { max_age } = this.retention;
    return max_age > 0 ? Date.now() - max_age * DAY : undefined;
  }

  append(username: string, peer: string, stanza: string): Appended {
    const at = Date.now();
    const id = this.store.reserve(at);
    const done = this.store.append(username, { id, at, with: peer, stanza });
    this.#last.set(username, done);
    const settled = () => {
      if (this.#last.get(username) === done) this.#last.delete(username);
    };
    done.then(settled, settled);
    this.#grow(username);
    return { id, done };
  }

  /** Resolves when all that was appended until now is there, or could not be kept. */
  async settled(username: string): Promise<void> {
    await this.#last.get(username)?.catch(() => {});
  }

  /** What is not done. */
  unfinished(): Promise<unknown>[] {
    const trimming = this.#trimming.unfinished();
    return trimming === undefined ? [...this.#last.values()] : [...this.#last.values(), trimming];
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
  }

  #grow(username: string): void {
    const { max_age, max_items } = this.retention;
    if (max_age === 0 && max_items === 0) return;
    const grown = (this.#grown.get(username) ?? 0) + 1;
    const often = max_items > 0 ? Math.min(OFTEN, Math.ceil(max_items / 10)) : OFTEN;
    if (grown < often) this.#grown.set(username, grown);
    else {
      this.#grown.delete(username);
      this.#trim(username).catch(() => {});
    }
  }

  /** Deletes what is too old, then what is too much. Rejects with StoreError. */
  #trim(username: string): Promise<void> {
    return this.#trimming.take(username, async () => {
      const { since } = this;
      if (since !== undefined) while ((await this.#drop(username, CHUNK, since)) === CHUNK);
      const { max_items } = this.retention;
      if (max_items === 0) return;
      let excess = (await this.store.size(username)) - max_items;
      if (excess > 0) this.host.limited(this.limit);
      while (excess > 0) {
        const gone = await this.#drop(username, Math.min(excess, CHUNK));
        excess = gone === 0 ? 0 : excess - gone;
      }
    });
  }

  /** The oldest, so many at most, from before `since`; how many there were. */
  async #drop(username: string, limit: number, since?: number): Promise<number> {
    const end = since === undefined ? undefined : since - 1;
    const { items } = await this.store.query(username, { limit, end });
    if (items.length === 0) return 0;
    return await this.store.delete(username, { ids: items.map(({ id }) => id) });
  }
}
