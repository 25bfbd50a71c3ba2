// A storage that is counted and, when it fails, logged: a driver around a driver.

import type { Log } from '../log.js';
import type { Counter, Histogram, Metrics } from '../metrics.js';
import {
  type Added,
  type ArchiveStore,
  type Driver,
  type HistoryStore,
  type KeyValueStore,
  type MapStore,
  type Store,
  StoreError,
  type StoreKind,
} from '../storage/store.js';

type Operation = 'read' | 'write';

/** The same method, with its operation told when it has ended. */
type Timed = <A extends unknown[], R>(
  operation: Operation,
  method: (...given: A) => Promise<R>,
) => (...given: A) => Promise<R>;

/** The same driver; what is asked of it shows in metrics and log. */
export function measured(driver: Driver, deps: { readonly metrics: Metrics; readonly log: Log }): Driver {
  const { metrics } = deps;
  const meter = new Meter(metrics, deps.log);
  metrics.read('storage_bytes', 'Bytes of keys and values that are kept.', [], () => [[{}, driver.bytes]]);
  return {
    get bytes() {
      return driver.bytes;
    },
    open: (host, store, kind) => KINDS[kind](driver.open(host, store, kind), meter.timed(kind), meter),
    stop: () => driver.stop(),
  };
}

const KINDS: { readonly [K in StoreKind]: (store: Store<K>, timed: Timed, meter: Meter) => Store<K> } = {
  keyvalue: (store: KeyValueStore, timed) => ({
    get: timed('read', (key) => store.get(key)),
    set: timed('write', (key, value) => store.set(key, value)),
    update: timed('write', (key, change) => store.update(key, change)),
    keys: () => store.keys(),
  }),
  map: (store: MapStore, timed) => ({
    get: timed('read', (key, field) => store.get(key, field)),
    all: timed('read', (key) => store.all(key)),
    size: timed('read', (key) => store.size(key)),
    set: timed('write', (key, field, value) => store.set(key, field, value)),
    update: timed('write', (key, field, change) => store.update(key, field, change)),
    change: timed('write', (key, fields) => store.change(key, fields)),
    remove: timed('write', (key) => store.remove(key)),
    keys: () => store.keys(),
  }),
  archive: (store: ArchiveStore, timed) => ({
    get: timed('read', (key, id) => store.get(key, id)),
    query: timed('read', (key, query) => store.query(key, query)),
    size: timed('read', (key, range) => store.size(key, range)),
    reserve: (at) => store.reserve(at),
    append: timed('write', (key, item) => store.append(key, item)),
    delete: timed('write', (key, range) => store.delete(key, range)),
    keys: () => store.keys(),
  }),
  history: (store: HistoryStore, timed, meter) => ({
    get: timed('read', (key, id) => store.get(key, id)),
    query: timed('read', (key, query) => store.query(key, query)),
    size: timed('read', (key, range) => store.size(key, range)),
    add: (key, item, same) => meter.gathered(store.add(key, item, same)),
    hurry: () => store.hurry(),
    settled: (key) => store.settled(key),
    delete: timed('write', (key, range) => store.delete(key, range)),
    keys: () => store.keys(),
  }),
};

/** A failing disk is logged once in this many milliseconds. */
const PAUSE = 10_000;

class Meter {
  readonly #operations: Counter<'kind' | 'operation' | 'outcome'>;
  readonly #seconds: Histogram<'kind' | 'operation'>;
  readonly #log: Log;
  /** What is written together now. */
  #group: { readonly done: Promise<void>; readonly begun: number; size: number } | undefined;
  #loggedAt = Number.NEGATIVE_INFINITY;

  constructor(metrics: Metrics, log: Log) {
    this.#log = log;
    const labels = ['kind', 'operation', 'outcome'] as const;
    this.#operations = metrics.counter('storage_operations_total', 'What was asked of the storage.', labels);
    this.#seconds = metrics.histogram('storage_seconds', 'Time of that.', ['kind', 'operation']);
  }

  timed(kind: StoreKind): Timed {
    return (operation, method) =>
      async (...given) => {
        const begun = performance.now();
        let outcome: StoreError['condition'] | 'ok' = 'ok';
        try {
          return await method(...given);
        } catch (error) {
          // What a change throws is its own affair: the storage did what it was asked.
          if (error instanceof StoreError) outcome = this.#failed(kind, operation, error);
          throw error;
        } finally {
          this.#operations.inc({ kind, operation, outcome });
          this.#seconds.observe({ kind, operation }, (performance.now() - begun) / 1000);
        }
      };
  }

  /** Many that are written together are timed as one, and counted each. */
  gathered(added: Added): Added {
    const group = this.#group;
    if (group !== undefined && group.done === added.done) group.size++;
    else this.#begin(added.done);
    return added;
  }

  #begin(done: Promise<void>): void {
    const group = { done, begun: performance.now(), size: 1 };
    this.#group = group;
    const ended = (outcome: StoreError['condition'] | 'ok') => {
      if (this.#group === group) this.#group = undefined;
      this.#operations.inc({ kind: 'history', operation: 'write', outcome }, group.size);
      this.#seconds.observe({ kind: 'history', operation: 'write' }, (performance.now() - group.begun) / 1000);
    };
    done.then(
      () => ended('ok'),
      (error) => ended(this.#failed('history', 'write', error)),
    );
  }

  #failed(kind: StoreKind, operation: Operation, error: StoreError): StoreError['condition'] {
    const now = performance.now();
    if (now - this.#loggedAt >= PAUSE) {
      this.#loggedAt = now;
      this.#log.error('storage_failed', { kind, operation, condition: error.condition, error });
    }
    return error.condition;
  }
}
