// The files of one service: a place for each is promised first, as a slot, filled once by whoever knows its token, and kept
// until its time is over. What is said to be kept is on disk and has its record in a store; what has no record is nobody's.

import type { Log } from '../log.js';
import { type Json, type KeyValueStore, StoreError } from '../storage/store.js';
import type { Folder } from './folder.js';
import { Ledger, type Quota, type Refusal } from './ledger.js';
import type { Claim, FileFacts, Outcome, Registry, Slot, Wish } from './registry.js';
import { type Promised, type SlotOptions, Slots } from './slots.js';

export interface DepotOptions extends Quota, SlotOptions {
  /** Days that files are kept; 0: for ever. */
  readonly expire: number;
}

/** What is kept of a file beside its bytes. */
type FileRecord = {
  readonly owner: string;
  readonly name: string;
  readonly type: string;
  readonly size: number;
  readonly at: number;
  readonly before?: number;
};

/** Nobody gets a place: a limit is in the way. */
export class QuotaError extends Error {
  override readonly name = 'QuotaError';

  constructor(readonly refusal: Refusal) {
    super(refusal.limit);
  }
}

export interface DepotDeps {
  readonly folder: Folder;
  /** The folder is not made before it has a file. */
  readonly temporary: boolean;
  readonly store: KeyValueStore;
  readonly log: Log;
  /** Told how each upload ended. */
  ended(outcome: Outcome): void;
  /** Milliseconds since 1970. */
  now(): number;
}

const DAY = 86_400_000;
/** How often slots are looked at, and files; milliseconds. */
const SECOND = 1000;
const MINUTE = 60_000;

export class Depot implements Registry {
  readonly ledger = new Ledger();
  readonly #deps: DepotDeps;
  readonly #options: DepotOptions;
  readonly #slots: Slots;
  readonly #before: Promise<unknown>;
  #loaded: Promise<void> | undefined;
  #expiring: Promise<void> | undefined;
  #swept = 0;
  #looked = 0;
  #closed = false;

  /** `before` settles when nobody else uses the folder. */
  constructor(options: DepotOptions, deps: DepotDeps, before: Promise<unknown> = Promise.resolve()) {
    this.#options = options;
    this.#deps = deps;
    this.#before = before;
    this.#slots = new Slots(options);
    this.#load().catch(() => {});
  }

  /** Promises a place. Rejects with QuotaError, or with StoreError when the files that are there could not be read. */
  async reserve(wish: Wish): Promise<Slot> {
    await this.#load();
    const now = this.#deps.now();
    const refusal = this.ledger.refuses(wish.owner, wish.size, this.#options, now);
    if (refusal !== undefined) throw new QuotaError(refusal);
    const slot = this.#slots.add(wish, now);
    this.ledger.set(slot.id, { owner: wish.owner, bytes: wish.size, at: now, until: slot.deadline, kept: false });
    return slot;
  }

  async slot(token: string): Promise<Slot | undefined> {
    return this.#slotNow(token);
  }

  async begin(token: string): Promise<Claim | 'taken' | 'gone'> {
    const slot = this.#slotNow(token);
    if (slot === undefined) return 'gone';
    if (!slot.isOpen) return 'taken';
    const { folder, temporary, now } = this.#deps;
    this.#slots.begin(slot, now());
    if (temporary) await folder.make();
    return { id: slot.id, size: slot.size, path: folder.path };
  }

  async end(token: string, outcome: Outcome): Promise<Outcome> {
    const ended = await this.#end(this.#slots.get(token), outcome);
    this.#deps.ended(ended);
    return ended;
  }

  async find(id: string): Promise<FileFacts | undefined> {
    if (this.#closed) return undefined;
    const record = recordOf(await this.#deps.store.get(id));
    if (record === undefined) return undefined;
    const { name, type, size, at } = record;
    const until = this.#until(record);
    if (until <= this.#deps.now()) return undefined;
    const goes = Number.isFinite(until) ? { until } : {};
    return { id, name, type, size, at, ...goes, path: this.#deps.folder.path };
  }

  /** Removes all that an account has. Rejects when that cannot be done. */
  async forget(owner: string): Promise<void> {
    await this.#load();
    const slots = this.#slots.of(owner);
    for (const slot of slots) this.#drop(slot);
    await Promise.allSettled(slots.map(({ recording }) => recording));
    for (const id of [...this.ledger.of(owner).keys()]) await this.#remove(id);
  }

  /** Looks at what is due. */
  sweep(): void {
    const now = this.#deps.now();
    if (Math.abs(now - this.#swept) < SECOND) return;
    this.#swept = now;
    for (const slot of this.#slots.due(now)) this.#drop(slot);
    if (Math.abs(now - this.#looked) < MINUTE || this.#expiring !== undefined) return;
    this.#looked = now;
    this.#expiring = this.#expire(now)
      .catch((error) => this.#deps.log.error('upload_sweep_failed', { error }))
      .finally(() => {
        this.#expiring = undefined;
      });
  }

  /** Takes nothing more; resolves when all that was begun in the store is done. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.allSettled([this.#loaded, this.#expiring, ...this.#slots.recordings]);
  }

  /** What failed is tried again when it is needed the next time. */
  #load(): Promise<void> {
    this.#loaded ??= this.#before
      .then(() => this.#read())
      .catch((error) => {
        this.#loaded = undefined;
        this.#deps.log.error('uploads_not_loaded', { error });
        throw new StoreError('failed', 'the files could not be read', { cause: error });
      });
    return this.#loaded;
  }

  async #read(): Promise<void> {
    const { store, folder, temporary, log } = this.#deps;
    for await (const id of store.keys()) {
      const record = recordOf(await store.get(id));
      if (record !== undefined) this.#count(id, record);
    }
    if (temporary) return;
    await folder.make();
    const leftovers = await folder.tidy((id) => this.ledger.has(id));
    if (leftovers > 0) log.info('upload_leftovers_removed', { count: leftovers });
  }

  #count(id: string, record: FileRecord): void {
    const { owner, size: bytes, at } = record;
    this.ledger.set(id, { owner, bytes, at, until: this.#until(record), kept: true });
  }

  /** Infinity: never. */
  #until({ at, before = Number.POSITIVE_INFINITY }: Pick<FileRecord, 'at' | 'before'>): number {
    const { expire } = this.#options;
    return Math.min(before, expire === 0 ? Number.POSITIVE_INFINITY : at + expire * DAY);
  }

  #slotNow(token: string): Promised | undefined {
    const slot = this.#slots.get(token);
    return slot === undefined || this.#closed || slot.deadline <= this.#deps.now() ? undefined : slot;
  }

  async #end(slot: Promised | undefined, outcome: Outcome): Promise<Outcome> {
    if (slot?.state !== 'busy' || this.#closed) return 'gone';
    if (outcome !== 'stored') {
      slot.state = 'open';
      return outcome;
    }
    const recording = this.#record(slot);
    slot.recording = recording;
    try {
      await recording;
      slot.state = 'done';
      return 'stored';
    } catch (error) {
      slot.state = 'open';
      this.#deps.log.error('upload_failed', { file: slot.id.slice(0, 8), size: slot.size, error });
      return error instanceof StoreError && error.condition === 'full' ? 'full' : 'failed';
    } finally {
      slot.recording = undefined;
    }
  }

  async #record({ id, owner, name, type, size, before }: Promised): Promise<void> {
    const record: FileRecord = { owner, name, type, size, at: this.#deps.now(), before };
    await this.#deps.store.set(id, record);
    this.#count(id, record);
  }

  /** Its file stays, if it has one. */
  #drop(slot: Promised): void {
    this.#slots.remove(slot);
    if (slot.state !== 'done' && slot.recording === undefined) this.ledger.remove(slot.id);
  }

  async #expire(now: number): Promise<void> {
    await this.#load();
    const ids = this.ledger.due(now);
    for (const id of ids) {
      if (this.#closed) return;
      await this.#remove(id);
    }
    if (ids.length > 0) this.#deps.log.info('uploads_expired', { count: ids.length });
  }

  /** The record first: what is left without one is removed at the next start. */
  async #remove(id: string): Promise<void> {
    await this.#deps.store.set(id, undefined);
    await this.#deps.folder.remove(id);
    this.ledger.remove(id);
  }
}

function recordOf(json: Json | undefined): FileRecord | undefined {
  const record = json as Partial<FileRecord> | null | undefined;
  return typeof record?.owner === 'string' && typeof record.size === 'number' ? (record as FileRecord) : undefined;
}
