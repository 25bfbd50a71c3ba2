// What modules keep beyond a connection, and what a driver promises about it. A store is named by its host and its own
// name, and is of one of four kinds. Types only: memory.ts and level.ts are the drivers, index.ts picks one.
//
// Every change resolves when it is durable by the driver's standard, and whoever reads after that sees it. It rejects
// with a StoreError when it could not be made so, and then nothing of it is there. Keys and fields are any strings.

/** What can be kept: what JSON can say. A property that is undefined is not kept. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [name: string]: Json | undefined };

/** Gives the value that follows; undefined removes it. Throwing leaves everything as it was. It must not wait. */
export type Change = (value: Json | undefined) => Json | undefined;

/** One value a key, such as a user's password hashes. */
export interface KeyValueStore {
  get(key: string): Promise<Json | undefined>;
  /** Undefined removes the key. */
  set(key: string, value: Json | undefined): Promise<void>;
  /** Reads, changes and writes with no other change of that key in between; resolves to the new value. */
  update(key: string, change: Change): Promise<Json | undefined>;
  /** All keys, in no order. */
  keys(): AsyncIterable<string>;
}

/** Fields under a key, such as a user's contacts, by JID. A key is there as long as it has a field. */
export interface MapStore {
  get(key: string, field: string): Promise<Json | undefined>;
  /** Undefined removes the field. */
  set(key: string, field: string, value: Json | undefined): Promise<void>;
  /** As `KeyValueStore.update`, for one field. */
  update(key: string, field: string, change: Change): Promise<Json | undefined>;
  /** Sets (or, by undefined, removes) several fields, all or none. A Map does, and so do Object.entries. */
  change(key: string, fields: Iterable<readonly [field: string, value: Json | undefined]>): Promise<void>;
  all(key: string): Promise<Map<string, Json>>;
  /** How many fields the key has. */
  size(key: string): Promise<number>;
  /** Removes all fields of the key at once. */
  remove(key: string): Promise<void>;
  /** All keys, in no order. */
  keys(): AsyncIterable<string>;
}

/** A stanza as it was kept. */
export interface ArchiveItem {
  /** Given by `append` or `reserve`: printable ASCII, never given again, and greater as text than those of the items before it. */
  readonly id: string;
  /** When it was, in milliseconds since 1970. */
  readonly at: number;
  /** Whom it was exchanged with. */
  readonly with?: string;
  readonly stanza: string;
}

export interface NewArchiveItem extends Omit<ArchiveItem, 'id'> {
  /** One that `reserve` gave. Those of one archive are appended in the order in which they were given. */
  readonly id?: string;
}

/** A part of an archive; what is not said does not limit. */
export interface ArchiveRange {
  /** Only items behind this id, which need not be there any more. */
  readonly after?: string;
  /** Only items in front of this id, which need not be there any more. */
  readonly before?: string;
  /** Earliest `at`, in milliseconds, itself included. */
  readonly start?: number;
  /** Latest `at`, in milliseconds, itself included. */
  readonly end?: number;
  /** Exactly this `with`. */
  readonly with?: string;
  /** Only items with these ids; one that is not there is passed over. */
  readonly ids?: readonly string[];
}

export interface ArchiveQuery extends ArchiveRange {
  /** Most items of the answer. */
  readonly limit: number;
  /** Takes the last items of the range instead of the first. */
  readonly backwards?: boolean;
}

export interface DeletedRange extends ArchiveRange {
  /** Most items that are deleted, the first ones. */
  readonly limit?: number;
  /** Some of them may stay, where the store would have to write again what lies with them; not all. */
  readonly roughly?: boolean;
}

/** Items in the order in which they were appended, whichever end they were taken from. */
export interface ArchivePage {
  readonly items: readonly ArchiveItem[];
  /** The range has no items besides these. */
  readonly complete: boolean;
}

/** Stanzas under a key, in the order they were appended, as they can be asked for. */
export interface Items {
  get(key: string, id: string): Promise<ArchiveItem | undefined>;
  query(key: string, query: ArchiveQuery): Promise<ArchivePage>;
  /** How many items the key has; in a range, when one is given. */
  size(key: string, range?: ArchiveRange): Promise<number>;
  /** Deletes the items of a range at once, or all; the first of them, when it has a limit. Resolves to how many there were. */
  delete(key: string, range?: DeletedRange): Promise<number>;
  /** All keys that have items, in no order. */
  keys(): AsyncIterable<string>;
}

/** Few that come and go: messages for who is away. Each is a change of its own. */
export interface ArchiveStore extends Items {
  /** An id for an item of that time, to be told before the item is appended. Nobody can guess it. */
  reserve(at: number): string;
  /**
   * Resolves to the item's id: the one that was reserved; or another, when the archive already has an item of a later time,
   * from before the clock was set back.
   */
  append(key: string, item: NewArchiveItem): Promise<string>;
}

/** What writes itself where it is wanted. */
export interface Copyable {
  /** Bytes. */
  readonly size: number;
  copyTo(target: Buffer, at: number): void;
  toString(): string;
}

/** A new item of a history. Its bytes are taken before `add` returns. */
export interface HistoryItem extends Omit<ArchiveItem, 'id' | 'stanza'> {
  readonly stanza: string | Buffer | Copyable;
}

export interface Added {
  /** Nobody can guess it. */
  readonly id: string;
  /** The same, for who wants the bytes of it: overwritten when another is asked for. */
  readonly idBytes: Uint8Array;
  /** Resolves when it is durable, the same promise for many; rejects with StoreError, and then it is not there. */
  readonly done: Promise<void>;
  /** How many its key got before it, since the server started or the key was last quiet for long. */
  readonly before: number;
}

/**
 * Many that stay: message archives. What is added is gathered for some milliseconds and made durable together; the oldest
 * are deleted at times, many at once.
 */
export interface HistoryStore extends Items {
  /**
   * At the end of what the key has. `same`: what was told of the same item, of the same time, when it was added under another
   * key, of this store or another one: its bytes are kept once, where that can be.
   */
  add(key: string, item: HistoryItem, same?: Added): Added;
  /** Somebody waits for what was added: it is gathered no longer. */
  hurry(): void;
  /** The same for what this key got, where that is not durable yet: resolves when it is, or was refused. */
  settled(key: string): Promise<void>;
}

interface Stores {
  readonly keyvalue: KeyValueStore;
  readonly map: MapStore;
  readonly archive: ArchiveStore;
  readonly history: HistoryStore;
}

export type StoreKind = keyof Stores;
export type Store<K extends StoreKind> = Stores[K];

/** Where stores are kept. */
export interface Driver {
  /** Bytes of all keys and values that are kept. */
  readonly bytes: number;
  /** The same host, store and kind are the same store. Reads and writes nothing yet. */
  open<K extends StoreKind>(host: string, store: string, kind: K): Store<K>;
  /** Finishes what was begun; whatever is asked afterwards rejects. */
  stop(): Promise<void>;
}

/** A change that was not made, or a question that could not be answered. `full`: there is no room for it. */
export class StoreError extends Error {
  override readonly name = 'StoreError';

  constructor(
    readonly condition: 'full' | 'failed',
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}
