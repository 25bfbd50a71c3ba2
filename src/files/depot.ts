// The files of one service: a place for each is promised first, as a slot, taken once by whoever knows its token, and kept
// until its time is over. What is said to be kept is on disk and has its record in a store; what has no record is nobody's.

import { randomBytes } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import type { Log } from '../log.js';
import { type Json, type KeyValueStore, StoreError } from '../storage/store.js';
import { type Folder, SizeError } from './folder.js';
import { Ledger, type Quota, type Refusal } from './ledger.js';

export interface DepotOptions extends Quota {
  /** Days that files are kept; 0: for ever. */
  readonly expire: number;
  /** Seconds from the promise of a slot to the beginning of its upload. */
  readonly slot_timeout: number;
  /** Bytes per second that an upload must bring on the average. */
  readonly min_rate: number;
}

/** What somebody wants to upload. */
export interface Wish {
  /** The account, as its bare address. */
  readonly owner: string;
  readonly name: string;
  readonly type: string;
  /** Whether it was said, or assumed. */
  readonly typed: boolean;
  readonly size: number;
  /** Not to be there any more from then on; milliseconds since 1970. */
  readonly before?: number;
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

/** A file that is there. */
export interface StoredFile extends Omit<FileRecord, 'owner' | 'before'> {
  readonly id: string;
  /** When it goes; Infinity: never. */
  readonly until: number;
  /** Resolves to its bytes, which are the caller's to close; undefined when they are gone. */
  open(): Promise<FileHandle | undefined>;
}

/** `taken`: another upload has it, or had it; `broken`: the body failed; `gone`: nobody wants it any more. */
export type Outcome = 'stored' | 'taken' | 'broken' | 'full' | 'failed' | 'gone';

/** A place for one file. */
export interface Slot extends Wish {
  /** Of the file, for all who are to read it. */
  readonly id: string;
  /** For the one who uploads it. */
  readonly token: string;
  readonly isOpen: boolean;
  /** Milliseconds that the upload may take. */
  readonly within: number;
  /** Stores the body, and resolves when that is done or has failed; it never rejects. */
  receive(body: Body): Promise<Outcome>;
}

/** What is uploaded. Whoever reads it is told by a BodyError when it comes to no good end. */
export interface Body extends AsyncIterable<Buffer> {
  /** Nobody wants it any more: it ends with a BodyError. */
  stop(): void;
}

/** The connection of an upload broke, it was too slow, or it was stopped. */
export class BodyError extends Error {
  override readonly name = 'BodyError';

  constructor(readonly reason: 'cut' | 'slow' | 'stopped') {
    super(reason);
  }
}

interface Promised extends Slot {
  readonly deadline: number;
  state: 'open' | 'busy' | 'done' | 'gone';
  work: Promise<unknown>;
  body?: Body;
}

/** Nobody gets a place: a limit is in the way. */
export class QuotaError extends Error {
  override readonly name = 'QuotaError';

  constructor(readonly refusal: Refusal) {
    super(refusal.limit);
  }
}

const DAY = 86_400_000;
/** What every upload may take at least; milliseconds. */
const PATIENCE = 30_000;
const FULL = new Set(['ENOSPC', 'EDQUOT']);
const RANDOM = 20;

export interface DepotDeps {
  readonly folder: Folder;
  readonly store: KeyValueStore;
  readonly log: Log;
  /** Told how each upload ended. */
  ended(outcome: Outcome): void;
  /** Milliseconds since 1970. */
  now(): number;
}

export class Depot {
  readonly ledger = new Ledger();
  readonly #deps: DepotDeps;
  readonly #options: DepotOptions;
  /** By their tokens, oldest first. */
  readonly #slots = new Map<string, Promised>();
  readonly #before: Promise<unknown>;
  #loaded: Promise<void> | undefined;
  #expiring: Promise<void> | undefined;
  #looked = 0;
  #closed = false;

  /** `before` settles when nobody else uses the folder. */
  constructor(options: DepotOptions, deps: DepotDeps, before: Promise<unknown> = Promise.resolve()) {
    this.#options = options;
    this.#deps = deps;
    this.#before = before;
    this.#load().catch(() => {});
  }

  /** Promises a place. Rejects with QuotaError, or with StoreError when the files that are there could not be read. */
  async reserve(wish: Wish): Promise<Slot> {
    await this.#load();
    const now = this.#deps.now();
    const refusal = this.ledger.refuses(wish.owner, wish.size, this.#options, now);
    if (refusal !== undefined) throw new QuotaError(refusal);
    const slot = this.#slot(wish, now);
    this.#slots.set(slot.token, slot);
    this.ledger.set(slot.id, { owner: wish.owner, bytes: wish.size, at: now, until: slot.deadline, kept: false });
    return slot;
  }

  /** The slot that has this token, while its upload may begin; also afterwards, when it was used. */
  slot(token: string): Slot | undefined {
    const slot = this.#slots.get(token);
    return slot === undefined || this.#closed || slot.deadline <= this.#deps.now() ? undefined : slot;
  }

  /** Rejects with StoreError. */
  async find(id: string): Promise<StoredFile | undefined> {
    if (this.#closed) return undefined;
    const record = recordOf(await this.#deps.store.get(id));
    if (record === undefined) return undefined;
    const { name, type, size, at } = record;
    const until = this.#until(record);
    if (until <= this.#deps.now()) return undefined;
    return { id, name, type, size, at, until, open: () => this.#deps.folder.open(id, size) };
  }

  /** Removes all that an account has. Rejects when that cannot be done. */
  async forget(owner: string): Promise<void> {
    await this.#load();
    const slots = [...this.#slots.values()].filter((slot) => slot.owner === owner);
    for (const slot of slots) this.#drop(slot);
    await Promise.all(slots.map(({ work }) => work));
    for (const id of [...this.ledger.of(owner).keys()]) await this.#remove(id);
  }

  /** Looks at what is due. */
  sweep(): void {
    const now = this.#deps.now();
    for (const slot of this.#slots.values()) {
      if (slot.deadline > now) break;
      if (slot.state !== 'busy') this.#drop(slot);
    }
    if (Math.abs(now - this.#looked) < 60_000 || this.#expiring !== undefined) return;
    this.#looked = now;
    this.#expiring = this.#expire(now)
      .catch((error) => this.#deps.log.error('upload_sweep_failed', { error }))
      .finally(() => {
        this.#expiring = undefined;
      });
  }

  /** Takes nothing more; resolves when all that was begun is done. */
  async close(): Promise<void> {
    this.#closed = true;
    const slots = [...this.#slots.values()];
    for (const { body } of slots) body?.stop();
    const works = slots.map(({ work }) => work);
    await Promise.allSettled([this.#loaded, this.#expiring, ...works]);
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
    const { store, folder, log } = this.#deps;
    for await (const id of store.keys()) {
      const record = recordOf(await store.get(id));
      if (record !== undefined) this.#count(id, record);
    }
    const leftovers = await folder.prepare((id) => this.ledger.has(id));
    if (leftovers > 0) log.info('upload_leftovers_removed', { count: leftovers });
  }

  #count(id: string, record: FileRecord): void {
    const { owner, size: bytes, at } = record;
    this.ledger.set(id, { owner, bytes, at, until: this.#until(record), kept: true });
  }

  #until({ at, before = Number.POSITIVE_INFINITY }: Pick<FileRecord, 'at' | 'before'>): number {
    const { expire } = this.#options;
    return Math.min(before, expire === 0 ? Number.POSITIVE_INFINITY : at + expire * DAY);
  }

  #slot(wish: Wish, now: number): Promised {
    const { slot_timeout, min_rate } = this.#options;
    const slot: Promised = {
      ...wish,
      id: randomBytes(RANDOM).toString('hex'),
      token: randomBytes(RANDOM).toString('hex'),
      deadline: now + slot_timeout * 1000,
      within: PATIENCE + (wish.size / min_rate) * 1000,
      state: 'open',
      work: Promise.resolve(),
      get isOpen() {
        return this.state === 'open';
      },
      receive: (body) => {
        if (slot.state === 'gone' || this.#closed) return Promise.resolve('gone');
        if (slot.state !== 'open') return Promise.resolve('taken');
        slot.state = 'busy';
        slot.body = body;
        const work = this.#receive(slot, body);
        slot.work = work;
        return work;
      },
    };
    return slot;
  }

  async #receive(slot: Promised, body: Body): Promise<Outcome> {
    const outcome = await this.#store(slot, body).then(
      (): Outcome => 'stored',
      (error) => this.#outcomeOf(slot, error),
    );
    slot.body = undefined;
    if (slot.state === 'busy') slot.state = outcome === 'stored' ? 'done' : 'open';
    this.#deps.ended(outcome);
    return outcome;
  }

  async #store(slot: Promised, body: Body): Promise<void> {
    const { folder, store, now } = this.#deps;
    const { id, owner, name, type, size, before } = slot;
    await folder.receive(id, body, size);
    const record: FileRecord = { owner, name, type, size, at: now(), before };
    try {
      if (slot.state !== 'busy') throw new BodyError('stopped');
      await store.set(id, record);
    } catch (error) {
      await folder.remove(id);
      throw error;
    }
    this.#count(id, record);
  }

  #outcomeOf({ id, size, state }: Promised, error: unknown): Outcome {
    if (state === 'gone' || this.#closed) return 'gone';
    if (error instanceof SizeError || error instanceof BodyError) return 'broken';
    this.#deps.log.error('upload_failed', { file: id.slice(0, 8), size, error });
    return isFull(error) ? 'full' : 'failed';
  }

  /** Its file stays, if it has one. */
  #drop(slot: Promised): void {
    this.#slots.delete(slot.token);
    if (slot.state !== 'done') this.ledger.remove(slot.id);
    slot.state = 'gone';
    slot.body?.stop();
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

function isFull(error: unknown): boolean {
  if (error instanceof StoreError) return error.condition === 'full';
  return FULL.has((error as NodeJS.ErrnoException | undefined)?.code ?? '');
}

function recordOf(json: Json | undefined): FileRecord | undefined {
  const record = json as Partial<FileRecord> | null | undefined;
  return typeof record?.owner === 'string' && typeof record.size === 'number' ? (record as FileRecord) : undefined;
}
