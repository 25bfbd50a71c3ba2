// All histories of a database. What is added is gathered for some milliseconds, for all of them, and written to a file as
// one frame that is synced (files.ts); where each history has its items is kept in memory until there is enough of it to
// be worth an entry in the database, and is found again in the files after a crash. So a message costs its bytes once,
// however many histories have it, and small parts of one write and one sync.

import { ArchiveIds } from '../archive.js';
import type { Write } from '../draft.js';
import type { Journal } from '../journal.js';
import { ownKey, partUnder, under } from '../records.js';
import { type Added, type HistoryItem, StoreError } from '../store.js';
import { Turns } from '../turns.js';
import { Files, type Ground } from './files.js';
import { Frame, HEADER, mentions } from './frame.js';
import { hashOf, type Order, Places, type Spot } from './places.js';

/** How long items are gathered; milliseconds. */
const GATHER = 20;
/** Places that are kept in memory, of all histories, before they go into the database. */
const MANY = 20_000;
/** Places in one record. */
const PAGE = 500;
/** Bytes that the place of an item counts for, its share of the database included. */
const PLACE = 64;
/** Memory of a frame that is used again. */
const MEMORY = 262_144;
/** A larger one is not. */
const LARGEST = 8_388_608;

const KEPT = ownKey('history');

/** What the database says of all histories. */
interface Kept extends Ground {
  /** Of the ids that were given. */
  readonly time: number;
  readonly bytes: number;
  /** How many items of each file are in a history, counted for each that has it. */
  readonly live: Readonly<Record<string, number>>;
}

/** A history in sum, as far as the database has its places. */
export interface Sum {
  readonly items: number;
  /** By how much the time in an id may be later than its item's. */
  readonly late: number;
  /** The order of the last one, as in keys; '' without one. */
  readonly last: string;
}

/** What a history has beyond what the database knows of it. */
class Book {
  places = new Places();
  /** Places of it that went into the database; those behind so many, counted from the first, may be lost. */
  gone = 0;
  durable = 0;
  late = 0;
  /** The last frame that something was added to. */
  open: Gathering | undefined;

  constructor(
    readonly store: string,
    readonly key: string,
    readonly name: Buffer,
  ) {}
}

/** A frame, and who waits for it. */
class Gathering {
  readonly frame: Frame;
  readonly done: Promise<void>;
  readonly books: Book[] = [];
  /** How many places each of them has with this frame, counted from its first. */
  counts: readonly number[] = [];
  bytes = 0;
  timer: NodeJS.Timeout | undefined;
  resolve: () => void = () => {};
  reject: (error: StoreError) => void = () => {};

  constructor(
    memory: Buffer,
    readonly ground: Ground,
  ) {
    this.frame = new Frame(memory);
    this.done = new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
    this.done.catch(() => {});
  }
}

/** What was added, as long as others may have the same. */
class Entry implements Added {
  constructor(
    readonly id: string,
    readonly done: Promise<void>,
    readonly gathering: Gathering,
    /** Where the item is in the frame. */
    readonly item: number,
  ) {}
}

export class Chronicle {
  readonly #books = new Map<string, Map<string, Book>>();
  readonly #turns = new Turns();
  #kept: Kept;
  /** Behind the last frame that is durable. */
  #end: Ground;
  #gathering: Gathering | undefined;
  #writing: Gathering | undefined;
  #written: Promise<void> = Promise.resolve();
  /** Places that are not in the database, and what they and their items count for. */
  #fresh = 0;
  #freshBytes = 0;
  #memory: Buffer | undefined;
  #stopped = false;

  private constructor(
    readonly journal: Journal,
    readonly files: Files,
    readonly ids: ArchiveIds,
    readonly maxBytes: number,
    kept: Kept,
  ) {
    this.#kept = kept;
    this.#end = kept;
  }

  /** Finds what was not in the database yet. */
  static async open(path: string, journal: Journal, run: number, maxBytes: number): Promise<Chronicle> {
    const [text] = await journal.read((disk) => disk.getMany([KEPT]));
    const none: Kept = { file: 1, offset: 0, time: 0, bytes: 0, live: {} };
    const kept: Kept = text === undefined ? none : JSON.parse(text);
    const chronicle = new Chronicle(journal, new Files(path), new ArchiveIds(run), maxBytes, kept);
    await chronicle.#replay();
    return chronicle;
  }

  async #replay(): Promise<void> {
    let { time } = this.#kept;
    for await (const { file, offset, entries } of this.files.from(this.#kept.file, this.#kept.offset)) {
      for (const { name, peer, id, at, start, end } of mentions(entries)) {
        const cut = name.lastIndexOf('\u0000');
        const book = this.#book(name.slice(0, cut), partUnder(name.slice(0, cut), name));
        const order = orderOf(id) ?? { time: 0, number: 0 };
        time = Math.max(time, order.time);
        const [place, length] = [offset + HEADER + start, end - start];
        this.#push(book, order.time, order.number, at, file, place, length, peer);
        book.durable++;
      }
    }
    this.#end = { file: this.files.file, offset: this.files.offset };
    this.ids.notBefore(time + 1);
    this.journal.outside = this.bytes;
  }

  /** Of all items, and of their places. */
  get bytes(): number {
    return this.#kept.bytes + this.#freshBytes;
  }

  add(store: string, key: string, item: HistoryItem, same: Added | undefined): Added {
    if (this.#stopped) return this.#refused(item, new StoreError('failed', 'the storage is closed'));
    const gathering = this.#open();
    const { frame, ground } = gathering;
    const book = this.#book(store, key);
    const before = frame.size;
    const at = timeIn(item);
    const start = sharedIn(gathering, same) ?? frame.item(at, item.stanza);
    const id = this.ids.reserve(at);
    frame.mention(id, book.name, item.with, start);
    const length = frame.size - start;
    if (this.maxBytes > 0 && this.bytes + this.journal.ahead + length + PLACE > this.maxBytes) {
      frame.cut(before);
      return this.#refused(item, new StoreError('full', `the storage has its ${this.maxBytes} bytes`));
    }
    const { time, number } = this.ids;
    this.#push(book, time, number, at, ground.file, ground.offset + start, length, item.with);
    gathering.bytes += length + PLACE;
    if (book.open !== gathering) {
      book.open = gathering;
      gathering.books.push(book);
    }
    return new Entry(id, gathering.done, gathering, start);
  }

  #push(
    book: Book,
    time: number,
    number: number,
    at: number,
    file: number,
    offset: number,
    length: number,
    peer: string | undefined,
  ): void {
    const late = at !== time;
    if (late) book.late = Math.max(book.late, Math.ceil(time - at));
    book.places.push(time, number, file, offset, length, late, hashOf(peer));
    this.#fresh++;
    this.#freshBytes += length + PLACE;
    this.journal.outside = this.bytes;
  }

  #refused(item: HistoryItem, error: StoreError): Added {
    const done = Promise.reject(error);
    done.catch(() => {});
    return { id: this.ids.reserve(timeIn(item)), done };
  }

  #book(store: string, key: string): Book {
    let books = this.#books.get(store);
    if (books === undefined) {
      books = new Map();
      this.#books.set(store, books);
    }
    let book = books.get(key);
    if (book === undefined) {
      book = new Book(store, key, Buffer.from(under(store, key)));
      books.set(key, book);
    }
    return book;
  }

  // Writing.

  #open(): Gathering {
    if (this.#gathering !== undefined) return this.#gathering;
    const { file, offset } = this.files;
    const ground = this.#writing
      ? this.files.next(this.#writing.ground, this.#writing.frame.size)
      : this.files.next({ file, offset }, 0);
    const gathering = new Gathering(this.#memory ?? Buffer.allocUnsafeSlow(MEMORY), ground);
    this.#memory = undefined;
    this.#gathering = gathering;
    gathering.timer = setTimeout(() => void this.flush(), GATHER);
    return gathering;
  }

  /** Resolves when all that was added is durable, or was refused. */
  flush(): Promise<void> {
    if (this.#gathering !== undefined) {
      clearTimeout(this.#gathering.timer);
      if (this.#writing === undefined) this.#written = this.#write(this.#gathering);
      else this.#written = this.#written.then(() => this.flush());
    }
    return this.#written;
  }

  async #write(gathering: Gathering): Promise<void> {
    this.#gathering = undefined;
    this.#writing = gathering;
    gathering.counts = gathering.books.map(({ gone, places }) => gone + places.count);
    try {
      await this.files.write(gathering.frame.sealed(), gathering.ground);
      this.#end = { file: this.files.file, offset: this.files.offset };
      for (const [i, book] of gathering.books.entries()) book.durable = gathering.counts[i];
      this.#writing = undefined;
      gathering.resolve();
    } catch (error) {
      this.#lost(gathering, error);
    }
    if (gathering.frame.memory.length <= LARGEST) this.#memory = gathering.frame.memory;
    if (this.#fresh >= MANY) this.index().catch(() => {});
  }

  /** Nothing of it is there, nor of what was to come behind it. */
  #lost(gathering: Gathering, error: unknown): void {
    const failure = failureOf(error);
    const behind = this.#gathering;
    this.#gathering = undefined;
    this.#writing = undefined;
    clearTimeout(behind?.timer);
    for (const each of behind === undefined ? [gathering] : [gathering, behind]) {
      for (const book of each.books) {
        this.#fresh -= Math.max(book.gone + book.places.count - book.durable, 0);
        book.places.cut(book.durable - book.gone);
        if (book.places.count === 0) this.#books.get(book.store)?.delete(book.key);
      }
      this.#freshBytes -= each.bytes;
      each.reject(failure);
    }
    this.journal.outside = this.bytes;
  }

  // Places.

  /** What a history has that may not be in the database, and is durable. */
  fresh(store: string, key: string): { readonly places: Places; readonly late: number } {
    const book = this.#books.get(store)?.get(key);
    return { places: book?.places.upTo(book.durable - book.gone) ?? new Places(), late: book?.late ?? 0 };
  }

  /** Keys of histories that have something durable which may not be in the database. */
  *keys(store: string): Iterable<string> {
    for (const { key, durable, gone } of this.#books.get(store)?.values() ?? []) if (durable > gone) yield key;
  }

  /** Everything that is durable now goes into the database. */
  index(): Promise<void> {
    return this.#turns.take('', () => this.#index());
  }

  async #index(): Promise<void> {
    const { file, offset } = this.#end;
    const taken = [...this.#books.values()]
      .flatMap((books) => [...books.values()])
      .map((book) => ({ book, places: book.places.upTo(book.durable - book.gone), late: book.late }))
      .filter(({ places }) => places.count > 0);
    if (taken.length === 0) return;
    const sums = await this.sums(taken.map(({ book }) => under(sumsOf(book.store), book.key)));
    const live = { ...this.#kept.live };
    let { bytes, time } = this.#kept;
    const before = bytes;
    const writes: Write[] = [];
    for (const [i, { book, places, late }] of taken.entries()) {
      for (let from = 0; from < places.count; from += PAGE) writes.push(pageOf(book, places, from));
      for (let at = 0; at < places.count; at++) {
        const spot = places.at(at);
        live[spot.file] = (live[spot.file] ?? 0) + 1;
        bytes += costOf(spot);
        time = Math.max(time, spot.time);
      }
      const { key, text, sum } = sums[i];
      const next = {
        items: sum.items + places.count,
        late: Math.max(sum.late, late),
        last: orderKey(places.order(places.count - 1)),
      };
      writes.push({ key, text: JSON.stringify(next), was: text, free: true });
    }
    const next = { file, offset, time, bytes, live };
    await this.journal.add([...writes, this.#note(next)]);
    this.#kept = next;
    this.#freshBytes -= bytes - before;
    for (const { book, places } of taken) this.#indexed(book, places.count);
    this.journal.outside = this.bytes;
  }

  #indexed(book: Book, count: number): void {
    book.places = book.places.rest(count);
    book.gone += count;
    this.#fresh -= count;
    if (book.places.count === 0) this.#books.get(book.store)?.delete(book.key);
  }

  #note(kept: Kept): Write {
    return { key: KEPT, text: JSON.stringify(kept), was: JSON.stringify(this.#kept), free: true };
  }

  async sums(keys: readonly string[]): Promise<readonly { key: string; text: string | undefined; sum: Sum }[]> {
    const texts = await this.journal.read((disk) => disk.getMany([...keys]));
    return keys.map((key, i) => {
      const text = texts[i];
      return { key, text, sum: text === undefined ? { items: 0, late: 0, last: '' } : JSON.parse(text) };
    });
  }

  /**
   * Changes what the database has of places, when all that was added until now is in there: `make` gives what is to be
   * written, and which items are gone.
   */
  async change(
    make: () => Promise<{ readonly writes: readonly Write[]; readonly gone: readonly Spot[] }>,
  ): Promise<void> {
    if (this.#stopped) throw new StoreError('failed', 'the storage is closed');
    await this.flush();
    await this.#turns.take('', async () => {
      await this.#index();
      const { writes, gone } = await make();
      if (gone.length === 0) return;
      const live: Record<string, number> = { ...this.#kept.live };
      let { bytes } = this.#kept;
      for (const spot of gone) {
        live[spot.file]--;
        if (live[spot.file] === 0) delete live[spot.file];
        bytes -= costOf(spot);
      }
      const next = { ...this.#kept, bytes, live };
      await this.journal.add([...writes, this.#note(next)]);
      const files = Object.keys(this.#kept.live).length;
      this.#kept = next;
      this.journal.outside = this.bytes;
      // One that stays behind is no harm: it is looked for again.
      if (Object.keys(live).length < files)
        await this.files.retain((file) => String(file) in live || file >= next.file).catch(() => {});
    });
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.flush();
    await this.index().catch(() => {});
    await this.files.close().catch(() => {});
  }
}

/** The record names of a store, by the name that its entries have in the files. */
export const sumsOf = (store: string) => `${store} sum`;

/** What an id says of its place among others; undefined: it is none of ours. */
export function orderOf(id: string): Order | undefined {
  if (!/^[0-9a-z]{23,}$/.test(id)) return undefined;
  return { time: Number.parseInt(id.slice(0, 9), 36), number: Number.parseInt(id.slice(15, 23), 36) };
}

/** As keys of records are ordered. */
export function orderKey({ time, number }: Order): string {
  return time.toString(36).padStart(9, '0') + number.toString(36).padStart(9, '0');
}

/** What an item, as one history has it, counts for. */
const costOf = ({ length }: Spot) => length + PLACE;

function pageOf(book: Book, places: Places, from: number): Write {
  const key = under(under(book.store, book.key), orderKey(places.order(from)));
  return { key, text: places.text(from, Math.min(from + PAGE, places.count)), was: undefined, free: true };
}

/** Where an item is that another history has already, when it is in this frame, and near. */
function sharedIn(gathering: Gathering, same: Added | undefined): number | undefined {
  if (!(same instanceof Entry) || same.gathering !== gathering) return undefined;
  return gathering.frame.reaches(same.item) ? same.item : undefined;
}

/** Clocks say many things. */
const timeIn = ({ at }: HistoryItem) => (Number.isFinite(at) ? at : 0);

function failureOf(error: unknown): StoreError {
  if (error instanceof StoreError) return error;
  const { code = '' } = error as NodeJS.ErrnoException;
  const isFull = code === 'ENOSPC' || code === 'EDQUOT';
  const message = isFull ? 'the disk of the storage is full' : 'the storage failed';
  return new StoreError(isFull ? 'full' : 'failed', message, { cause: error });
}
