// All histories of a database. What is added is gathered for some milliseconds, for all of them, and written to a file as
// one frame that is synced (files.ts); where each history has its items is kept in memory (recent.ts) until there is enough
// of it to be worth an entry in the database (catalogue.ts), and is found again in the files after a crash. So a message
// costs its bytes once, however many histories have it, and small parts of one write and one sync.

import type { Journal } from '../journal.js';
import { partUnder, under } from '../records.js';
import { type Added, type HistoryItem, StoreError } from '../store.js';
import { type Book, Books, type Sum } from './book.js';
import { Catalogue, type Changed } from './catalogue.js';
import { Compaction, type Entry as Moving } from './compaction.js';
import { Files, type Ground, type Place } from './files.js';
import { HEADER, mentions, stanzaAt } from './frame.js';
import { Entry, Gathering, sharedIn } from './gathering.js';
import { HistoryIds } from './ids.js';
import { PLACE } from './pages.js';
import type { Places } from './places.js';
import { Recent } from './recent.js';

/** How long items are gathered where nobody waits for them; milliseconds. A write of 20 costs nearly as much as one of 50. */
const GATHER = 50;
/** Places that are kept in memory, of all histories, before they go into the database. */
const MANY = 50_000;
/** Histories that are remembered when they have nothing new. */
const KNOWN = 10_000;
/** Memory of a frame that is used again. */
const MEMORY = 262_144;
/** A larger one is not. */
const LARGEST = 8_388_608;

/** A change of what the database has of a history. */
export interface Change {
  readonly store: string;
  readonly key: string;
  /** Items that the database has to have for it; else all that was added until then goes in there first. */
  readonly needs: number;
  /** Told what it is in sum; says what is to be written, and which items are gone. */
  make(sum: Sum): Promise<Changed>;
}

export class Chronicle {
  readonly #books = new Map<string, Books>();
  readonly #recent = new Recent();
  /** Changes that are not begun, by history; each of these maps is made together. */
  readonly #waiting: { readonly changes: Map<string, Change>; readonly done: Promise<void> }[] = [];
  /** Behind the last frame that is durable. */
  #end: Ground;
  #gathering: Gathering | undefined;
  #writing: Gathering | undefined;
  #written: Promise<void> = Promise.resolve();
  /** What recent places and their items count for. */
  #bytes = 0;
  /** Of frames that were written, at most two: one is written while the next is filled. */
  readonly #memory: Buffer[] = [];
  #stopped = false;
  readonly #compaction: Compaction;

  private constructor(
    readonly journal: Journal,
    readonly catalogue: Catalogue,
    readonly files: Files,
    readonly ids: HistoryIds,
    readonly maxBytes: number,
  ) {
    this.#end = catalogue.end;
    journal.outside = () => this.bytes;
    const freed = () => this.#retain();
    this.#compaction = new Compaction(catalogue, files, (items) => this.#move(items), freed);
  }

  /** Finds what was not in the database yet. */
  static async open(path: string, journal: Journal, run: number, maxBytes: number): Promise<Chronicle> {
    const catalogue = await Catalogue.read(journal);
    const chronicle = new Chronicle(journal, catalogue, new Files(path), new HistoryIds(run), maxBytes);
    await chronicle.#replay();
    return chronicle;
  }

  async #replay(): Promise<void> {
    let { time } = this.catalogue;
    for await (const { file, offset, entries } of this.files.from(this.#end.file, this.#end.offset)) {
      for (const { name, peer, time: its, number, at, start, end } of mentions(entries)) {
        const cut = name.lastIndexOf('\u0000');
        const store = name.slice(0, cut);
        const book = this.booksOf(store).of(partUnder(store, name));
        time = Math.max(time, its);
        book.meet(peer);
        this.#push(book, its, number, at, file, offset + HEADER + start, end - start);
      }
      this.#recent.keep(this.#recent.next);
    }
    this.#end = { file: this.files.file, offset: this.files.offset };
    this.ids.notBefore(time + 1);
  }

  /** Of all items, and of their places. */
  get bytes(): number {
    return this.catalogue.bytes + this.#bytes;
  }

  add(book: Book, item: HistoryItem, same: Added | undefined): Added {
    if (this.#stopped) return this.#refused(book, item, new StoreError('failed', 'the storage is closed'));
    const { ids } = this;
    const gathering = this.#gathering ?? this.#begin();
    const { frame, ground } = gathering;
    const isNew = book.open !== gathering;
    const before = frame.size;
    const at = timeIn(item);
    const start = sharedIn(gathering, same) ?? frame.item(at, item.stanza);
    ids.next(at);
    book.meet(item.with);
    const mention = frame.size;
    frame.mention(ids, book.name, isNew ? -1 : book.named, book.peer, start);
    const length = frame.size - start;
    if (this.maxBytes > 0 && this.bytes + this.journal.ahead + length + PLACE > this.maxBytes) {
      frame.cut(before);
      return this.#refused(book, item, new StoreError('full', `the storage has its ${this.maxBytes} bytes`));
    }
    this.#push(book, ids.time, ids.number, at, ground.file, ground.offset + start, length);
    gathering.bytes += length + PLACE;
    if (isNew) this.#opened(book, gathering, mention);
    return new Entry(gathering, start, book.added++);
  }

  #opened(book: Book, gathering: Gathering, named: number): void {
    book.open = gathering;
    book.named = named;
    gathering.books.push(book);
  }

  #push(book: Book, time: number, number: number, at: number, file: number, offset: number, length: number): void {
    const late = at !== time;
    if (late) book.late = Math.max(book.late, Math.ceil(time - at));
    this.#recent.push(book, time, number, file, offset, length, late, book.hash);
    this.#bytes += length + PLACE;
  }

  #refused(book: Book, item: HistoryItem, error: StoreError): Added {
    const done = Promise.reject(error);
    done.catch(() => {});
    this.ids.next(timeIn(item));
    const idBytes = Buffer.from(this.ids.text(this.ids));
    return { id: idBytes.toString('latin1'), idBytes, done, before: book.added };
  }

  booksOf(store: string): Books {
    let books = this.#books.get(store);
    if (books === undefined) {
      books = new Books(store);
      this.#books.set(store, books);
    }
    return books;
  }

  // Writing.

  #begin(): Gathering {
    const { file, offset } = this.files;
    const ground = this.#writing
      ? this.files.next(this.#writing.ground, this.#writing.frame.size)
      : this.files.next({ file, offset }, 0);
    const gathering = new Gathering(this.#memory.pop() ?? Buffer.allocUnsafeSlow(MEMORY), ground, this.ids);
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
    const row = this.#recent.next;
    try {
      await this.files.write(gathering.frame.sealed(), gathering.ground);
      this.#end = { file: this.files.file, offset: this.files.offset };
      this.#recent.keep(row);
      this.#writing = undefined;
      gathering.over = true;
      gathering.resolve();
    } catch (error) {
      this.#lost(gathering, error);
    }
    const { memory } = gathering.frame;
    if (memory.length <= LARGEST && this.#memory.length < 2) this.#memory.push(memory);
    if (this.#recent.count >= MANY) this.index().catch(() => {});
  }

  /** Nothing of it is there, nor of what was to come behind it. */
  #lost(gathering: Gathering, error: unknown): void {
    const failure = failureOf(error);
    const behind = this.#gathering;
    this.#gathering = undefined;
    this.#writing = undefined;
    clearTimeout(behind?.timer);
    const lost = behind === undefined ? [gathering] : [gathering, behind];
    this.#recent.lose(lost.flatMap(({ books }) => books));
    for (const each of lost) {
      this.#bytes -= each.bytes;
      each.over = true;
      each.reject(failure);
    }
  }

  // Places.

  /** What a history has that may not be in the database, and is durable. */
  fresh(store: string, key: string): { readonly places: Places; readonly late: number } {
    const book = this.#books.get(store)?.find(key);
    return { places: this.#recent.of(book ?? { last: -1 }), late: book?.late ?? 0 };
  }

  /** Keys of histories that have something durable which may not be in the database. */
  *keys(store: string): Iterable<string> {
    for (const book of this.#books.get(store)?.all ?? []) if (this.#recent.has(book)) yield book.key;
  }

  /** Everything that is durable now goes into the database. */
  index(): Promise<void> {
    return this.catalogue.inTurn(() => this.#index());
  }

  async #index(): Promise<void> {
    const books = [...this.#books.values()].flatMap((each) => [...each.all]);
    const recent = books.filter((book) => this.#recent.has(book));
    const taken = await this.catalogue.index(recent, this.#recent, this.#end);
    this.#bytes -= taken;
    if (books.length > KNOWN) this.#forget();
  }

  /** Those that have nothing new. */
  #forget(): void {
    for (const books of this.#books.values()) {
      for (const book of books.all) if (!this.#recent.knows(book) && book.open?.over !== false) books.forget(book);
    }
  }

  /** Changes what the database has of places. All that wait are made together; two of one history are not. */
  change(change: Change): Promise<void> {
    if (this.#stopped) return Promise.reject(new StoreError('failed', 'the storage is closed'));
    const history = under(change.store, change.key);
    const last = this.#waiting.at(-1);
    if (last !== undefined && !last.changes.has(history)) {
      last.changes.set(history, change);
      return last.done;
    }
    const changes = new Map([[history, change]]);
    const done = Promise.resolve().then(() => this.catalogue.inTurn(() => this.#changeNext()));
    this.#waiting.push({ changes, done });
    return done;
  }

  async #changeNext(): Promise<void> {
    const group = [...(this.#waiting.shift()?.changes.values() ?? [])];
    const sums = await this.#sumsOf(group);
    const changes = await Promise.all(group.map((change, i) => change.make(sums[i])));
    const isFree = await this.catalogue.change(changes);
    for (const { store, key, sum } of changes) this.#knows(store, key, sum);
    // A file that stays behind is no harm: it is looked for again.
    if (isFree) await this.#retain();
    this.#compaction.look(changes.flatMap(({ gone }) => [...gone.files.keys()]));
  }

  /** What the database has of them, with all that is durable where that is not enough. */
  async #sumsOf(changes: readonly Change[]): Promise<Sum[]> {
    const sums = () => Promise.all(changes.map(({ store, key }) => this.sum(store, key)));
    const known = await sums();
    if (changes.every(({ needs }, i) => known[i].items >= needs)) return known;
    await this.flush();
    await this.#index();
    return sums();
  }

  /** What the database has of a history. */
  async sum(store: string, key: string): Promise<Sum> {
    return this.#books.get(store)?.find(key)?.sum ?? this.catalogue.sum(store, key);
  }

  /** How many items a history has that are durable. */
  async size(store: string, key: string): Promise<number> {
    const book = this.#books.get(store)?.find(key);
    if (book?.sum !== undefined) return book.sum.items + this.#recent.countOf(book);
    const { first } = this.#recent;
    const { items } = await this.catalogue.sum(store, key);
    // What was only in memory may be in the database meanwhile.
    if (first !== this.#recent.first) return this.size(store, key);
    return items + (book === undefined ? 0 : this.#recent.countOf(book));
  }

  async #retain(): Promise<void> {
    await this.files.retain((file) => this.catalogue.uses(file)).catch(() => {});
  }

  /** Items that are in histories are written again, with what is being gathered. */
  async #move(items: readonly Moving[]): Promise<Place[]> {
    const gathering = this.#gathering ?? this.#begin();
    const { frame, ground } = gathering;
    const places: Place[] = [];
    let item = { was: -1, is: -1 };
    for (const { mention, entries, offset } of items) {
      const cut = mention.name.lastIndexOf('\u0000');
      const store = mention.name.slice(0, cut);
      const book = this.booksOf(store).of(partUnder(store, mention.name));
      const was = offset + mention.start;
      // Histories that shared an item follow each other.
      if (was !== item.was || !frame.reaches(item.is))
        item = { was, is: frame.item(mention.at, stanzaAt(entries, mention.start)) };
      const isNew = book.open !== gathering;
      const at = frame.size;
      const peer = mention.peer === undefined ? undefined : Buffer.from(mention.peer);
      frame.mention(mention, book.name, isNew ? -1 : book.named, peer, item.is, true);
      places.push({ file: ground.file, offset: ground.offset + item.is, length: frame.size - item.is });
      if (isNew) this.#opened(book, gathering, at);
    }
    this.flush();
    await gathering.done;
    return places;
  }

  #knows(store: string, key: string, sum: Sum): void {
    const book = this.#books.get(store)?.find(key);
    if (book !== undefined) book.sum = sum;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#compaction.stop();
    await this.flush();
    await this.index().catch(() => {});
    await this.files.close().catch(() => {});
  }
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
