// The driver that keeps everything in memory and nothing beyond the process. It is the honest twin of the others: values
// go in and out as copies, ids and limits are the same, and the same tests hold it to the contract.

import { ArchiveIds, archived, isInRange, timeOf } from './archive.js';
import {
  type Added,
  type ArchiveItem,
  type ArchivePage,
  type ArchiveQuery,
  type ArchiveRange,
  type ArchiveStore,
  type Change,
  type DeletedRange,
  type Driver,
  type HistoryItem,
  type HistoryStore,
  type Items,
  type Json,
  type KeyValueStore,
  type MapStore,
  type NewArchiveItem,
  type Store,
  StoreError,
  type StoreKind,
} from './store.js';

export class MemoryDriver implements Driver {
  readonly #stores = new Map<string, Store<StoreKind>>();
  readonly #room: Room;

  /** `maxBytes` bounds the keys and values together; 0 does not. */
  constructor(maxBytes = 0) {
    this.#room = new Room(maxBytes);
  }

  get bytes(): number {
    return this.#room.bytes;
  }

  open<K extends StoreKind>(host: string, store: string, kind: K): Store<K> {
    const name = JSON.stringify([host, store, kind]);
    const open = this.#stores.get(name) ?? new KINDS[kind](this.#room);
    this.#stores.set(name, open);
    return open as Store<K>;
  }

  async stop(): Promise<void> {
    this.#room.isClosed = true;
  }
}

/** How much is kept, and whether there is anything to be had at all. */
class Room {
  bytes = 0;
  isClosed = false;
  readonly ids = new ArchiveIds(0);

  constructor(readonly max: number) {}

  check(): void {
    if (this.isClosed) throw new StoreError('failed', 'the storage is closed');
  }

  /** Throws when that much more is too much; what makes it smaller is always taken. */
  take(bytes: number): void {
    this.check();
    if (bytes > 0 && this.max > 0 && this.bytes + bytes > this.max) {
      throw new StoreError('full', `the storage has its ${this.max} bytes`);
    }
    this.bytes += bytes;
  }
}

/** The texts of values under a key: kept as JSON, so that nobody shares a reference. */
class Texts {
  readonly #texts = new Map<string, string>();

  get size(): number {
    return this.#texts.size;
  }

  keys(): Iterable<string> {
    return this.#texts.keys();
  }

  *entries(): Iterable<[string, Json]> {
    for (const [name, text] of this.#texts) yield [name, JSON.parse(text)];
  }

  get(name: string): Json | undefined {
    return read(this.#texts.get(name));
  }

  /** How many bytes more there would be. */
  growth(name: string, text: string | undefined): number {
    return cost(name, text) - cost(name, this.#texts.get(name));
  }

  set(name: string, text: string | undefined): void {
    if (text === undefined) this.#texts.delete(name);
    else this.#texts.set(name, text);
  }
}

class MemoryKeyValues implements KeyValueStore {
  readonly #values = new Texts();
  readonly #room: Room;

  constructor(room: Room) {
    this.#room = room;
  }

  async get(key: string): Promise<Json | undefined> {
    this.#room.check();
    return this.#values.get(key);
  }

  async set(key: string, value: Json | undefined): Promise<void> {
    this.#write(key, write(value));
  }

  async update(key: string, change: Change): Promise<Json | undefined> {
    this.#room.check();
    const text = write(change(this.#values.get(key)));
    this.#write(key, text);
    return read(text);
  }

  #write(key: string, text: string | undefined): void {
    this.#room.take(this.#values.growth(key, text));
    this.#values.set(key, text);
  }

  async *keys(): AsyncIterable<string> {
    this.#room.check();
    yield* [...this.#values.keys()];
  }
}

class MemoryMaps implements MapStore {
  readonly #maps = new Map<string, Texts>();
  readonly #room: Room;

  constructor(room: Room) {
    this.#room = room;
  }

  async get(key: string, field: string): Promise<Json | undefined> {
    this.#room.check();
    return this.#maps.get(key)?.get(field);
  }

  set(key: string, field: string, value: Json | undefined): Promise<void> {
    return this.change(key, [[field, value]]);
  }

  async update(key: string, field: string, change: Change): Promise<Json | undefined> {
    this.#room.check();
    const text = write(change(this.#maps.get(key)?.get(field)));
    this.#write(key, new Map([[field, text]]));
    return read(text);
  }

  async change(key: string, fields: Iterable<readonly [string, Json | undefined]>): Promise<void> {
    this.#write(key, new Map([...fields].map(([field, value]) => [field, write(value)])));
  }

  #write(key: string, texts: ReadonlyMap<string, string | undefined>): void {
    const map = this.#maps.get(key) ?? new Texts();
    this.#room.take([...texts].reduce((sum, [field, text]) => sum + map.growth(field, text), 0));
    for (const [field, text] of texts) map.set(field, text);
    if (map.size > 0) this.#maps.set(key, map);
    else this.#maps.delete(key);
  }

  async all(key: string): Promise<Map<string, Json>> {
    this.#room.check();
    return new Map(this.#maps.get(key)?.entries());
  }

  async size(key: string): Promise<number> {
    this.#room.check();
    return this.#maps.get(key)?.size ?? 0;
  }

  async remove(key: string): Promise<void> {
    this.#write(key, new Map([...(this.#maps.get(key)?.keys() ?? [])].map((field) => [field, undefined])));
  }

  async *keys(): AsyncIterable<string> {
    this.#room.check();
    yield* [...this.#maps.keys()];
  }
}

class MemoryItems implements Items {
  readonly #archives = new Map<string, ArchiveItem[]>();

  constructor(readonly room: Room) {}

  protected last(key: string): ArchiveItem | undefined {
    return this.#archives.get(key)?.at(-1);
  }

  /** Throws StoreError. */
  protected push(key: string, item: ArchiveItem): void {
    this.room.take(cost(key, write(item)));
    const items = this.#archives.get(key);
    if (items === undefined) this.#archives.set(key, [item]);
    else items.push(item);
  }

  async get(key: string, id: string): Promise<ArchiveItem | undefined> {
    this.room.check();
    return this.#archives.get(key)?.find((item) => item.id === id);
  }

  async query(key: string, query: ArchiveQuery): Promise<ArchivePage> {
    const found = this.#find(key, query);
    const { limit, backwards = false } = query;
    const items = backwards ? found.slice(Math.max(found.length - limit, 0)) : found.slice(0, limit);
    return { items, complete: items.length === found.length };
  }

  async size(key: string, range: ArchiveRange = {}): Promise<number> {
    return this.#find(key, range).length;
  }

  async delete(key: string, range: DeletedRange = {}): Promise<number> {
    const gone = new Set(this.#find(key, range).slice(0, range.limit));
    const left = this.#find(key, {}).filter((item) => !gone.has(item));
    for (const item of gone) this.room.take(-cost(key, write(item)));
    if (left.length > 0) this.#archives.set(key, left);
    else this.#archives.delete(key);
    return gone.size;
  }

  async *keys(): AsyncIterable<string> {
    this.room.check();
    yield* [...this.#archives.keys()];
  }

  #find(key: string, range: ArchiveRange): ArchiveItem[] {
    this.room.check();
    return (this.#archives.get(key) ?? []).filter((item) => isInRange(item, range));
  }
}

class MemoryArchives extends MemoryItems implements ArchiveStore {
  reserve(at: number): string {
    return this.room.ids.reserve(at);
  }

  async append(key: string, item: NewArchiveItem): Promise<string> {
    const last = this.last(key);
    const id = this.room.ids.of(item, last ? timeOf(last.id) : 0);
    this.push(key, archived(item, id));
    return id;
  }
}

class MemoryHistories extends MemoryItems implements HistoryStore {
  readonly #added = new Map<string, number>();

  add(key: string, item: HistoryItem): Added {
    const id = this.room.ids.reserve(item.at);
    try {
      this.push(key, archived({ ...item, stanza: item.stanza.toString() }, id));
      return { id, idBytes: Buffer.from(id), done: DONE, before: this.#count(key) };
    } catch (error) {
      const done = Promise.reject(error);
      done.catch(() => {});
      return { id, idBytes: Buffer.from(id), done, before: this.#count(key) };
    }
  }

  hurry(): void {}

  async settled(): Promise<void> {}

  #count(key: string): number {
    const before = this.#added.get(key) ?? 0;
    this.#added.set(key, before + 1);
    return before;
  }
}

const DONE = Promise.resolve();

const KINDS = { keyvalue: MemoryKeyValues, map: MemoryMaps, archive: MemoryArchives, history: MemoryHistories };

function write(value: Json | ArchiveItem | undefined): string | undefined {
  return JSON.stringify(value);
}

function read(text: string | undefined): Json | undefined {
  return text === undefined ? undefined : JSON.parse(text);
}

function cost(name: string, text: string | undefined): number {
  return text === undefined ? 0 : Buffer.byteLength(name) + Buffer.byteLength(text);
}
