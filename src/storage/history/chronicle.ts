// All histories of a database. What is added is gathered for some milliseconds, for all of them, and written to a file as
// one frame that is synced (files.ts); where each history has its items is kept in memory until there is enough of it to
// be worth an entry in the database, and is found again in the files after a crash. So a message costs its bytes once,
// however many histories have it, and small parts of one write and one sync.

import type { Write } from '../draft.js';
import type { Journal } from '../journal.js';
import { ownKey, partUnder, under } from '../records.js';
import { type Added, type HistoryItem, StoreError } from '../store.js';
import { Turns } from '../turns.js';
import { Files, type Ground } from './files.js';
import { Frame, HEADER, mentions } from './frame.js';
import { type Chance, HistoryIds } from './ids.js';
import { hashOf, type Order, Places, type Spot } from './places.js';

/** How long items are gathered; milliseconds. */
const GATHER = 20;
/** Places that are kept in memory, of all histories, before they go into the database. */
const MANY = 20_000;
/** Histories that are remembered when they have nothing new. */
const KNOWN = 10_000;
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

const NOTHING = { text: undefined, sum: { items: 0, late: 0, last: '' } } as const;

/** What a history has beyond what the database knows of it. */
class Book {
  places = new Places();
  /** Places of it that went into the database; those behind so many, counted from the first, may be lost. */
  gone = 0;
  durable = 0;
  late = 0;
  /** The last frame that something was added to, and where its name is in there. */
  open: Gathering | undefined;
  named = -1;
  /** The last peer, and its hash. */
  peer: string | undefined;
  hash = 0;
  /** What the database has, once it was read. */
  sum: { readonly text: string | undefined; readonly sum: Sum } | undefined;

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
  readonly #ids: HistoryIds;
  readonly #time: number;
  readonly #number: number;
  readonly #chance: Chance;
  readonly #at: number;

  /** `item`: where the item is in the frame. */
  constructor(
    ids: HistoryIds,
    readonly gathering: Gathering,
    readonly item: number,
  ) {
    this.#ids = ids;
    this.#time = ids.time;
    this.#number = ids.number;
    this.#chance = ids.chance;
    this.#at = ids.at;
  }

  get id(): string {
    return this.#ids.text(this.#time, this.#number, this.#chance, this.#at);
  }

  get done(): Promise<void> {
    return this.gathering.done;
  }
}

/** A change of what the database has of a history. */
export interface Changed {
  readonly store: string;
  readonly key: string;
  readonly writes: readonly Write[];
  readonly gone: readonly Spot[];
}

export class Chronicle {
  readonly #books = new Map<string, Map<string, Book>>();
  readonly #turns = new Turns();
  /** Changes that are not begun. */
  readonly #waiting: Map<string, () => Promise<Changed>>[] = [];
  readonly #changing = new WeakMap<object, Promise<void>>();
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
    readonly ids: HistoryIds,
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
    const chronicle = new Chronicle(journal, new Files(path), new HistoryIds(run), maxBytes, kept);
    await chronicle.#replay();
    return chronicle;
  }

  async #replay(): Promise<void> {
    let { time } = this.#kept;
    for await (const { file, offset, entries } of this.files.from(this.#kept.file, this.#kept.offset)) {
      for (const { name, peer, time: its, number, at, start, end } of mentions(entries)) {
        const cut = name.lastIndexOf('\u0000');
        const book = this.#book(name.slice(0, cut), partUnder(name.slice(0, cut), name));
        time = Math.max(time, its);
        const [place, length] = [offset + HEADER + start, end - start];
        this.#push(book, its, number, at, file, place, length, peer);
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
    this.ids.next(at);
    const mention = frame.size;
    frame.mention(this.ids, book.name, book.open === gathering ? book.named : -1, item.with, start);
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
      book.named = mention;
      gathering.books.push(book);
    }
    return new Entry(this.ids, gathering, start);
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
    if (peer !== book.peer) {
      book.peer = peer;
      book.hash = hashOf(peer);
    }
    book.places.push(time, number, file, offset, length, late, book.hash);
    this.#fresh++;
    this.#freshBytes += length + PLACE;
    this.journal.outside = this.bytes;
  }

  #refused(item: HistoryItem, error: StoreError): Added {
    const done = Promise.reject(error);
    done.catch(() => {});
    this.ids.next(timeIn(item));
    const { time, number, chance, at } = this.ids;
    return { id: this.ids.text(time, number, chance, at), done };
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
    await this.#readSums(taken.map(({ book }) => book));
    const live = { ...this.#kept.live };
    let { bytes, time } = this.#kept;
    const before = bytes;
    const each = (at: number, length: number) => {
      live[at] = (live[at] ?? 0) + 1;
      bytes += length + PLACE;
    };
    const writes: Write[] = [];
    const sums = taken.map(({ book, places, late }) => {
      for (let from = 0; from < places.count; from += PAGE) writes.push(pageOf(book, places, from, each));
      const last = places.order(places.count - 1);
      time = Math.max(time, last.time);
      const { text: was, sum } = book.sum ?? NOTHING;
      const next = { items: sum.items + places.count, late: Math.max(sum.late, late), last: orderKey(last) };
      const text = JSON.stringify(next);
      writes.push({ key: sumKeyOf(book), text, was, free: true });
      return { text, sum: next };
    });
    const next = { file, offset, time, bytes, live };
    await this.journal.add([...writes, this.#note(next)]);
    this.#kept = next;
    this.#freshBytes -= bytes - before;
    for (const [i, { book, places }] of taken.entries()) this.#indexed(book, places.count, sums[i]);
    this.#forget();
    this.journal.outside = this.bytes;
  }

  #indexed(book: Book, count: number, sum: Book['sum']): void {
    book.places = book.places.rest(count);
    book.gone += count;
    book.sum = sum;
    this.#fresh -= count;
  }

  /** Those that have nothing new, when they are many. */
  #forget(): void {
    let size = 0;
    for (const books of this.#books.values()) size += books.size;
    if (size <= KNOWN) return;
    for (const books of this.#books.values()) {
      for (const [key, { places }] of books) if (places.count === 0) books.delete(key);
    }
  }

  async #readSums(books: readonly Book[]): Promise<void> {
    const unread = books.filter(({ sum }) => sum === undefined);
    if (unread.length === 0) return;
    for (const [i, sum] of (await this.sums(unread.map(sumKeyOf))).entries()) unread[i].sum = sum;
  }

  #note(kept: Kept): Write {
    return { key: KEPT, text: JSON.stringify(kept), was: JSON.stringify(this.#kept), free: true };
  }

  async sums(keys: readonly string[]): Promise<readonly { key: string; text: string | undefined; sum: Sum }[]> {
    const texts = await this.journal.read((disk) => disk.getMany([...keys]));
    return keys.map((key, i) => {
      const text = texts[i];
      return { key, text, sum: text === undefined ? NOTHING.sum : JSON.parse(text) };
    });
  }

  /**
   * Changes what the database has of places, when all that was added until now is in there: `make` gives what is to be
   * written, and which items are gone. All that wait are made together; two of one history are not.
   */
  change(history: string, make: () => Promise<Changed>): Promise<void> {
    if (this.#stopped) return Promise.reject(new StoreError('failed', 'the storage is closed'));
    const last = this.#waiting.at(-1);
    if (last !== undefined && !last.has(history)) last.set(history, make);
    else this.#waiting.push(new Map([[history, make]]));
    const group = this.#waiting.at(-1) as Map<string, () => Promise<Changed>>;
    const known = this.#changing.get(group);
    if (known !== undefined) return known;
    const change = this.flush().then(() => this.#turns.take('', () => this.#change(group)));
    this.#changing.set(group, change);
    return change;
  }

  async #change(group: ReadonlyMap<string, () => Promise<Changed>>): Promise<void> {
    this.#waiting.splice(this.#waiting.indexOf(group as Map<string, () => Promise<Changed>>), 1);
    // What was added meanwhile by those that joined.
    await this.flush();
    await this.#index();
    const changes = await Promise.all([...group.values()].map((make) => make()));
    const gone = changes.flatMap((change) => change.gone);
    if (gone.length === 0) return;
    const live: Record<string, number> = { ...this.#kept.live };
    let { bytes } = this.#kept;
    for (const spot of gone) {
      live[spot.file]--;
      if (live[spot.file] === 0) delete live[spot.file];
      bytes -= spot.length + PLACE;
    }
    const next = { ...this.#kept, bytes, live };
    await this.journal.add([...changes.flatMap(({ writes }) => writes), this.#note(next)]);
    const files = Object.keys(this.#kept.live).length;
    this.#kept = next;
    this.journal.outside = this.bytes;
    for (const { store, key } of changes) this.#forgetSum(store, key);
    if (Object.keys(live).length < files) await this.#tidy();
  }

  #forgetSum(store: string, key: string): void {
    const book = this.#books.get(store)?.get(key);
    if (book !== undefined) book.sum = undefined;
  }

  /** Deletes the files that nobody has anything in. One that stays behind is no harm: it is looked for again. */
  async #tidy(): Promise<void> {
    const { live, file } = this.#kept;
    await this.files.retain((each) => String(each) in live || each >= file).catch(() => {});
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

const sumKeyOf = ({ store, key }: Book) => under(sumsOf(store), key);

function pageOf(book: Book, places: Places, from: number, each: (file: number, length: number) => void): Write {
  const key = under(under(book.store, book.key), orderKey(places.order(from)));
  const text = places.text(from, Math.min(from + PAGE, places.count), each);
  return { key, text, was: undefined, free: true };
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
