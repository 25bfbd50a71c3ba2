// All changes to a database on disk go through here. They are made up one after the other for each key, gathered while
// the batch before is being written, and written as one batch that is synced: a change is acknowledged when the disk has
// it. So a thousand changes at once cost a few syncs and not a thousand.
//
// A disk that fails: LevelDB must not be written to after a write failed, since what it then wrote behind the torn record
// would be lost at the next start; and the failed batch may still get into its log, whole, when the log is closed. So the
// changes that were waiting are rejected with the one that failed; and before the next is written, the database is opened
// anew and what the failed batch wrote is set back. Until there is room for that it stays open for reading.

import { Draft, growth, type Write } from './draft.js';
import { type KeyRange, ownKey } from './records.js';
import { StoreError } from './store.js';
import { Turns } from './turns.js';

/** What is needed of a database: texts in the order of their keys. */
export interface Disk {
  getMany(keys: string[]): Promise<(string | undefined)[]>;
  iterator(range: KeyRange & { readonly reverse?: boolean }): Records;
  keys(range: KeyRange & { readonly limit?: number }): Keys;
  batch(operations: Operation[], options: { readonly sync: true }): Promise<void>;
  close(): Promise<void>;
}

type Records = AsyncIterable<[key: string, text: string]>;
type Keys = AsyncIterable<string> & { seek(key: string): void; all(): Promise<string[]> };
type Operation = { type: 'put'; key: string; value: string } | { type: 'del'; key: string };

/** How a disk is opened again after a failure. */
export interface Ground {
  open(): Promise<Disk>;
  /** Rejects when there is no room to open it. */
  probe(): Promise<void>;
}

interface Change {
  readonly writes: readonly Write[];
  readonly growth: number;
  readonly resolve: () => void;
  readonly reject: (error: StoreError) => void;
}

/** Where the bytes that are kept are counted, in the batch that changes them. */
export const BYTES = ownKey('bytes');

/** Text of one batch at which the changes behind it wait for the next, in characters. */
const BATCH = 1_048_576;

export class Journal {
  readonly #turns = new Turns();
  // Histories build on nothing here, and their texts are long: tables that this has outgrown would keep them a while.
  /** What waits or is being written, by key: the next change builds on it. */
  readonly #ahead = new Map<string, Write>();
  readonly #begun = new Set<Promise<unknown>>();
  #queue: Change[] = [];
  #last: Promise<void> = Promise.resolve();
  #isWriting = false;
  #disk: Disk | undefined;
  /** A batch that failed, and is to be set back; while there is one, nothing is written. */
  #torn: readonly Write[] | undefined;
  #repair: Promise<Disk> | undefined;
  #failure: StoreError | undefined;
  #stopped: Promise<void> | undefined;
  #bytes: number;
  #bytesAhead: number;
  /** Bytes that are kept elsewhere, and count with those that are here. */
  outside: () => number = () => 0;

  constructor(
    disk: Disk,
    readonly ground: Ground,
    readonly maxBytes: number,
    bytes: number,
  ) {
    this.#disk = disk;
    this.#bytes = bytes;
    this.#bytesAhead = bytes;
  }

  /** Bytes that the disk has of keys and values. */
  get bytes(): number {
    return this.#bytes;
  }

  /** As many as there will be when everything that waits is written. */
  get ahead(): number {
    return this.#bytesAhead;
  }

  /** Asks the disk: it knows what was acknowledged, and nothing that was not. */
  async read<T>(ask: (disk: Disk) => Promise<T>): Promise<T> {
    try {
      return await ask(await this.#readable());
    } catch (error) {
      throw storeError(error);
    }
  }

  /** As `read`, one by one. */
  async *each<T>(ask: (disk: Disk) => AsyncIterable<T>): AsyncIterable<T> {
    try {
      yield* ask(await this.#readable());
    } catch (error) {
      throw storeError(error);
    }
  }

  /**
   * Makes up a change when its turn has come, and resolves when the disk has it; `queued` is told, before the turn ends,
   * when it is on its way.
   */
  change<T>(turn: string, make: (draft: Draft) => Promise<T>, queued: (result: T) => void = () => {}): Promise<T> {
    if (this.#stopped !== undefined) return Promise.reject(closed());
    const change = this.#turns
      .take(turn, () => this.#draft(make, queued))
      .then(async ({ result, written }) => {
        await written;
        return result;
      });
    this.#begin(change);
    return change;
  }

  /** The last failure: what was known of things that were on their way before it may be wrong. */
  get failure(): StoreError | undefined {
    return this.#failure;
  }

  /** Whether nobody has that turn: then who knows what is there, and what is on its way, may `add` at once. */
  isFree(turn: string): boolean {
    return this.#stopped === undefined && !this.#turns.busy(turn);
  }

  /** Resolves when the disk has it. Throws StoreError when there is no room. */
  add(writes: readonly Write[]): Promise<void> {
    const written = this.#enqueue(writes);
    this.#begin(written);
    return written;
  }

  #begin(change: Promise<unknown>): void {
    this.#begun.add(change);
    const done = () => this.#begun.delete(change);
    change.then(done, done);
  }

  /** Resolves when the changes that wait now are written or rejected. */
  async settled(): Promise<void> {
    await this.#last.catch(() => {});
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #stop(): Promise<void> {
    await Promise.allSettled(this.#begun);
    // What failed must be set back even now: closing may complete it.
    if (this.#torn !== undefined) await this.#mended().catch(() => {});
    await this.#disk?.close().catch(() => {});
    this.#disk = undefined;
  }

  /** The turn ends when the change is on its way: `written` comes later. */
  async #draft<T>(
    make: (draft: Draft) => Promise<T>,
    queued: (result: T) => void,
  ): Promise<{ result: T; written: Promise<void> }> {
    const before = this.#failure;
    const draft = new Draft((keys) => this.#peek(keys));
    const result = await make(draft);
    const writes = await draft.writes();
    // It may have read what was never written.
    if (this.#failure !== undefined && this.#failure !== before) throw this.#failure;
    const written = this.#enqueue(writes);
    queued(result);
    return { result, written };
  }

  /** Records as they will be when everything that waits is written. */
  async #peek(keys: readonly string[]): Promise<(string | undefined)[]> {
    const ahead = keys.map((key) => this.#ahead.get(key));
    const asked = keys.filter((_, index) => ahead[index] === undefined);
    const texts = asked.length === 0 ? [] : await this.read((disk) => disk.getMany(asked));
    let next = 0;
    return ahead.map((write) => (write === undefined ? texts[next++] : write.text));
  }

  #enqueue(writes: readonly Write[]): Promise<void> {
    if (writes.length === 0) return Promise.resolve();
    const more = growth(writes);
    if (more > 0 && this.maxBytes > 0 && this.#bytesAhead + this.outside() + more > this.maxBytes) {
      throw new StoreError('full', `the storage has its ${this.maxBytes} bytes`);
    }
    this.#bytesAhead += more;
    for (const write of writes) if (!write.free) this.#ahead.set(write.key, write);
    const written = new Promise<void>((resolve, reject) => {
      this.#queue.push({ writes, growth: more, resolve, reject });
    });
    this.#last = written;
    void this.#write();
    return written;
  }

  async #write(): Promise<void> {
    if (this.#isWriting) return;
    this.#isWriting = true;
    while (this.#queue.length > 0) {
      const group = this.#group();
      try {
        await this.#commit(group);
        this.#acknowledge(group);
      } catch (error) {
        this.#reject([...group, ...this.#queue], storeError(error));
      }
    }
    this.#isWriting = false;
  }

  /** The changes of the next batch: at least one. */
  #group(): Change[] {
    let size = 0;
    const end = this.#queue.findIndex((change) => {
      const isEnough = size >= BATCH;
      for (const { key, text } of change.writes) size += key.length + (text?.length ?? 0);
      return isEnough;
    });
    return this.#queue.splice(0, end === -1 ? this.#queue.length : end);
  }

  async #commit(group: readonly Change[]): Promise<void> {
    const disk = this.#torn === undefined && this.#disk !== undefined ? this.#disk : await this.#mended();
    const bytes = group.reduce((sum, change) => sum + change.growth, this.#bytes);
    const total = { key: BYTES, text: String(bytes), was: String(this.#bytes) };
    const writes = merged([...group.flatMap((change) => change.writes), total]);
    try {
      await disk.batch(writes.map(operation), { sync: true });
    } catch (error) {
      this.#torn = writes;
      throw error;
    }
    this.#bytes = bytes;
  }

  #acknowledge(group: readonly Change[]): void {
    for (const { writes, resolve } of group) {
      for (const write of writes) if (this.#ahead.get(write.key) === write) this.#ahead.delete(write.key);
      resolve();
    }
  }

  #reject(changes: readonly Change[], failure: StoreError): void {
    this.#failure = failure;
    this.#queue = [];
    this.#ahead.clear();
    this.#bytesAhead = this.#bytes;
    for (const { reject } of changes) reject(failure);
  }

  async #readable(): Promise<Disk> {
    if (this.#stopped !== undefined && this.#begun.size === 0) throw closed();
    await this.#repair?.catch(() => {});
    return this.#disk ?? this.#mended();
  }

  #mended(): Promise<Disk> {
    this.#repair ??= this.#mend().finally(() => {
      this.#repair = undefined;
    });
    return this.#repair;
  }

  /** The database, opened anew, without what failed. */
  async #mend(): Promise<Disk> {
    if (this.#disk !== undefined) {
      await this.ground.probe();
      this.#torn = this.#torn && (await complete(this.#torn, this.#disk));
    }
    await this.#disk?.close();
    this.#disk = undefined;
    const disk = await this.ground.open();
    try {
      if (this.#torn !== undefined) await disk.batch(this.#torn.map(reverse), { sync: true });
    } catch (error) {
      await disk.close();
      throw error;
    }
    this.#torn = undefined;
    this.#disk = disk;
    return disk;
  }
}

/** One write for each key: from before the first of them to what the last of them says. */
function merged(writes: readonly Write[]): readonly Write[] {
  const all = new Map<string, Write>();
  for (const write of writes) {
    const before = all.get(write.key);
    all.set(write.key, before === undefined ? write : { ...write, was: before.was, unread: before.unread });
  }
  return [...all.values()];
}

function operation({ key, text }: Pick<Write, 'key' | 'text'>): Operation {
  return text === undefined ? { type: 'del', key } : { type: 'put', key, value: text };
}

function reverse({ key, was }: Write): Operation {
  return operation({ key, text: was });
}

/** The same, with what they take the place of: the disk that failed still knows it, and nothing of them. */
async function complete(writes: readonly Write[], disk: Disk): Promise<readonly Write[]> {
  const unread = writes.filter((write) => write.unread);
  const texts = await disk.getMany(unread.map(({ key }) => key));
  const read = unread.map(({ key, text }, i) => ({ key, text, was: texts[i] }));
  return [...writes.filter((write) => !write.unread), ...read];
}

function closed(): StoreError {
  return new StoreError('failed', 'the storage is closed');
}

/** What a database says of its disk, in the words of the contract. */
function storeError(error: unknown): StoreError {
  if (error instanceof StoreError) return error;
  const said = `${error} ${error instanceof Error ? error.cause : ''}`;
  const isFull = /ENOSPC|EDQUOT|no space left|quota exceeded/i.test(said);
  const message = isFull ? 'the disk of the storage is full' : 'the storage failed';
  return new StoreError(isFull ? 'full' : 'failed', message, { cause: error });
}
