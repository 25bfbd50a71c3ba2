// A store in memory that a test holds up: what is asked of it waits, from `hold` on, until it is let go.

import { MemoryDriver } from '../../src/storage/memory.js';
import type { Added, Driver, HistoryStore, Store, StoreKind } from '../../src/storage/store.js';
import { News } from './news.js';

type Method = (...args: never[]) => unknown;

export class SlowDriver implements Driver {
  readonly #memory = new MemoryDriver();
  readonly #adding: Promise<void>[] = [];
  readonly #held = new Set<string>();
  readonly #news = new News();
  /** What waits now, as `store operation`. */
  readonly waiting: string[] = [];
  /** Called before each operation; what it throws is how that fails. */
  fails: (store: string, operation: string) => void = () => {};

  get bytes(): number {
    return this.#memory.bytes;
  }

  /** Operations on this store wait from now on. */
  hold(store: string): void {
    this.#held.add(store);
  }

  /** They go on. */
  release(store: string): void {
    this.#held.delete(store);
    this.#news.tell();
  }

  /** Resolves when an operation on that store waits. */
  asked(store: string): Promise<void> {
    return this.#news.when(() => this.waiting.some((each) => each.startsWith(`${store} `)));
  }

  open<K extends StoreKind>(host: string, store: string, kind: K): Store<K> {
    return new Proxy<Store<K>>(this.#memory.open(host, store, kind), {
      get: (target, name) => {
        const method = Reflect.get(target, name) as Method;
        if (name === 'keys' || name === 'reserve' || name === 'hurry') return method.bind(target);
        if (name === 'settled') return () => Promise.allSettled(this.#adding);
        if (name === 'add')
          return (...args: Parameters<HistoryStore['add']>) => this.#add(target as HistoryStore, store, args);
        return async (...args: never[]) => {
          this.fails(store, String(name));
          await this.#turn(store, `${store} ${String(name)}`);
          return method.apply(target, args);
        };
      },
    });
  }

  /** Its id is told at once, whenever it is there. */
  #add(target: HistoryStore, store: string, [key, item]: Parameters<HistoryStore['add']>): Added {
    const id = this.#memory.open('', '', 'archive').reserve(item.at);
    const kept = { ...item, stanza: item.stanza.toString() };
    const add = async () => {
      this.fails(store, 'add');
      await this.#turn(store, `${store} add`);
      await target.add(key, kept, { id, idBytes: Buffer.from(id), done: Promise.resolve(), before: 0 }).done;
    };
    const done = add();
    done.catch(() => {});
    return { id, idBytes: Buffer.from(id), done, before: this.#adding.push(done) - 1 };
  }

  stop(): Promise<void> {
    return this.#memory.stop();
  }

  async #turn(store: string, what: string): Promise<void> {
    if (!this.#held.has(store)) return;
    this.waiting.push(what);
    this.#news.tell();
    await this.#news.when(() => !this.#held.has(store));
    this.waiting.splice(this.waiting.indexOf(what), 1);
  }
}
