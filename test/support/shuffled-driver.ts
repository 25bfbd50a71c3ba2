// A store whose answers come in an order of a scheduler's choice: writes are done at once, and whoever waits for them goes on
// when his turn is drawn.

import type { Scheduler } from 'fast-check';
import { MemoryDriver } from '../../src/storage/memory.js';
import type { Driver, Store, StoreKind } from '../../src/storage/store.js';

type Method = (...args: never[]) => unknown;

export class ShuffledDriver implements Driver {
  readonly #memory = new MemoryDriver();

  constructor(readonly scheduler: Scheduler) {}

  get bytes(): number {
    return this.#memory.bytes;
  }

  /** What is kept, at once. */
  plain<K extends StoreKind>(host: string, store: string, kind: K): Store<K> {
    return this.#memory.open(host, store, kind);
  }

  open<K extends StoreKind>(host: string, store: string, kind: K): Store<K> {
    const { scheduler } = this;
    return new Proxy<Store<K>>(this.#memory.open(host, store, kind), {
      get(target, name) {
        const method = Reflect.get(target, name) as Method;
        return (...args: never[]) => {
          const answer = method.apply(target, args);
          return answer instanceof Promise ? scheduler.schedule(answer, String(name)) : answer;
        };
      },
    });
  }

  stop(): Promise<void> {
    return this.#memory.stop();
  }
}
