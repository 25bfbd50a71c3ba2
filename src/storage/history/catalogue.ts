// What the database knows of histories: records of places, a sum for each history, and a note of how far in the files that
// goes, which is where a start begins to look for more.

import type { Write } from '../draft.js';
import type { Disk, Journal } from '../journal.js';
import { allUnder, type KeyRange, ownKey, successor, under } from '../records.js';
import { Turns } from '../turns.js';
import type { Book, Sum } from './book.js';
import type { Ground } from './files.js';
import { FEW, type First, Firsts } from './firsts.js';
import { behind, orderUnder, PAGE, type Page, pageOf, pageWrite, Tally } from './pages.js';
import { memoryFor, type Order, orderKey } from './places.js';
import type { Recent } from './recent.js';

const KEPT = ownKey('history');

/** Of all histories. */
interface Kept extends Ground {
  /** Of the ids that were given. */
  readonly time: number;
  readonly bytes: number;
  /** How many items of each file are in a history, counted for each that has it. */
  readonly live: Readonly<Record<string, number>>;
  /** How many there ever were of them; unknown of files that are older than this. */
  readonly all?: Readonly<Record<string, number>>;
}

const NONE: Kept = { file: 1, offset: 0, time: 0, bytes: 0, live: {} };
const NOTHING: Sum = { items: 0, late: 0, last: '' };

/** From an order on, itself included, to another one, which is outside. */
export interface Bounds {
  readonly from: Order | undefined;
  readonly to: Order | undefined;
}

/** A file of which less than this is in a history is to be emptied: what is moved is a third of what becomes free, at most. */
const SPARSE = 1 / 4;

/** A change of what there is of a history. */
export interface Changed {
  readonly store: string;
  readonly key: string;
  /** Of its pages. */
  readonly writes: readonly Write[];
  readonly gone: Tally;
  /** So many of its first records go, and all others are as they were; undefined: something else becomes of them. */
  readonly firsts: number | undefined;
  /** What it is in sum after that. */
  readonly sum: Sum;
}

export class Catalogue {
  readonly #turns = new Turns();
  /** What pages are made in: with new memory for each there would be full collections for nothing else. */
  readonly #page = memoryFor(PAGE);
  readonly #firsts = new Firsts();
  #kept: Kept;

  private constructor(
    readonly journal: Journal,
    kept: Kept,
  ) {
    this.#kept = kept;
  }

  static async read(journal: Journal): Promise<Catalogue> {
    const [text] = await journal.read((disk) => disk.getMany([KEPT]));
    return new Catalogue(journal, text === undefined ? NONE : JSON.parse(text));
  }

  /** Behind what it knows of. */
  get end(): Ground {
    return this.#kept;
  }

  /** The latest in an id. */
  get time(): number {
    return this.#kept.time;
  }

  /** Of all items, and of their places. */
  get bytes(): number {
    return this.#kept.bytes;
  }

  /** Whether somebody has something in that file, as far as is known. */
  uses(file: number): boolean {
    return String(file) in this.#kept.live || file >= this.#kept.file;
  }

  /** Does this when nothing else changes what is here. */
  inTurn<T>(work: () => Promise<T>): Promise<T> {
    return this.#turns.take('', work);
  }

  /** Takes in what is durable, which ends there in the files; resolves to its bytes. Only in its turn. */
  async index(books: readonly Book[], recent: Recent, { file, offset }: Ground): Promise<number> {
    const row = recent.durable;
    let { time } = this.#kept;
    const come = new Tally();
    const writes: Write[] = [];
    const all = recent.sorted(books);
    const taken = books.flatMap((book, i) => {
      const places = all[i];
      const { count } = places;
      if (count === 0) return [];
      const name = under(book.store, book.key);
      const first = writes.length;
      for (let from = 0; from < count; from += PAGE)
        writes.push(pageWrite(name, places, come, from, Math.min(from + PAGE, count), this.#page));
      const last = places.order(count - 1);
      time = Math.max(time, last.time);
      return [{ book, name, pages: writes.slice(first), count, last: orderKey(last), late: book.late }];
    });
    if (taken.length === 0) return 0;
    await this.#readSums(taken.map(({ book }) => book));
    const sums = taken.map(({ book, count, last, late }) => {
      const sum = book.sum ?? NOTHING;
      const next = { items: sum.items + count, late: Math.max(sum.late, late), last };
      writes.push(sumWrite(book.store, book.key, next));
      return next;
    });
    await this.#write(writes, { ...this.#with([], come), file, offset, time });
    for (const [i, { book, name, pages }] of taken.entries()) {
      book.sum = sums[i];
      this.#firsts.append(
        name,
        pages.map(({ key }) => key),
      );
    }
    recent.drop(row);
    return come.bytes;
  }

  /** Writes these changes; resolves to whether a file has nothing any more. Only in its turn. */
  async change(changes: readonly Changed[]): Promise<boolean> {
    if (changes.every(({ gone }) => gone.count === 0)) return false;
    const files = Object.keys(this.#kept.live).length;
    await this.#write(
      changes.flatMap(({ store, key, writes, sum }) => [...writes, sumWrite(store, key, sum)]),
      this.#with(changes.map(({ gone }) => gone)),
    );
    for (const { store, key, firsts } of changes) this.#firsts.drop(under(store, key), firsts);
    return Object.keys(this.#kept.live).length < files;
  }

  /** Writes where items are that were moved from one file to another. Only in its turn. */
  async move(writes: readonly Write[], from: Tally, to: Tally): Promise<void> {
    await this.#write(writes, this.#with([from], to));
    this.#firsts.forgetAll();
  }

  #with(gone: readonly Tally[], come = new Tally()): Kept {
    const [live, all]: Record<string, number>[] = [{ ...this.#kept.live }, { ...this.#kept.all }];
    let bytes = this.#kept.bytes + come.bytes;
    for (const [file, items] of come.files) {
      live[file] = (live[file] ?? 0) + items;
      all[file] = (all[file] ?? 0) + items;
    }
    for (const tally of gone) {
      bytes -= tally.bytes;
      for (const [file, items] of tally.files) {
        live[file] -= items;
        if (live[file] > 0) continue;
        delete live[file];
        delete all[file];
      }
    }
    return { ...this.#kept, bytes, live, all };
  }

  /** A file that nothing is added to any more, and that has little of what it had; one of those that may be. */
  sparse(maybe: (file: number) => boolean): number | undefined {
    const { file: last, live, all = {} } = this.#kept;
    const isSparse = (file: string) =>
      Number(file) < last && maybe(Number(file)) && live[file] < (all[file] ?? 0) * SPARSE;
    const found = Object.keys(live).find(isSparse);
    return found === undefined ? undefined : Number(found);
  }

  /** Records of places of the history of that name that may have some within the bounds. */
  async *pages(name: string, { from, to }: Bounds, backwards: boolean): AsyncIterable<Page> {
    const all = allUnder(name);
    const lt = to === undefined ? all.lt : under(name, orderKey(to));
    const gte = from === undefined ? all.gte : await this.#pageAt(all.gte, name, from);
    if (gte >= lt) return;
    for await (const [record, text] of this.journal.each((disk) => disk.iterator({ gte, lt, reverse: backwards }))) {
      yield pageOf(record, text);
    }
  }

  /** Its first records, or those behind that key; what keys say of them is in `pages.ts`. Only in its turn. */
  async firsts(name: string, behind?: string): Promise<First> {
    const { gte, lt } = allUnder(name);
    if (behind === undefined) return this.#firsts.of(name) ?? this.#firsts.learn(name, await this.#keys({ gte, lt }));
    const keys = await this.#keys({ gte: successor(behind), lt });
    return { keys, isAll: keys.length < FEW };
  }

  /** Some: with a key its record is read. */
  #keys(range: KeyRange): Promise<readonly string[]> {
    return this.journal.read((disk) => disk.keys({ ...range, limit: FEW }).all());
  }

  async page(key: string): Promise<Page | undefined> {
    const [text] = await this.journal.read((disk) => disk.getMany([key]));
    return text === undefined ? undefined : pageOf(key, text);
  }

  /** In front of the record that has what begins there, also when what its key says of it changes meanwhile. */
  async #pageAt(gte: string, name: string, start: Order): Promise<string> {
    const last = (disk: Disk) => disk.iterator({ gte, lt: behind(name, start), reverse: true });
    for await (const [record] of this.journal.each(last)) return under(name, orderKey(orderUnder(name, record)));
    return under(name, orderKey(start));
  }

  async #write(writes: readonly Write[], kept: Kept): Promise<void> {
    try {
      await this.journal.add([...writes, { key: KEPT, text: JSON.stringify(kept), free: true, unread: true }]);
    } catch (error) {
      this.#firsts.forgetAll();
      throw error;
    }
    this.#kept = kept;
  }

  async #readSums(books: readonly Book[]): Promise<void> {
    const unread = books.filter(({ sum }) => sum === undefined);
    if (unread.length === 0) return;
    const keys = unread.map(({ store, key }) => sumKey(store, key));
    for (const [i, sum] of (await this.#sums(keys)).entries()) unread[i].sum = sum;
  }

  async sum(store: string, key: string): Promise<Sum> {
    const [sum] = await this.#sums([sumKey(store, key)]);
    return sum;
  }

  async #sums(keys: string[]): Promise<Sum[]> {
    const texts = await this.journal.read((disk) => disk.getMany(keys));
    return texts.map((text) => (text === undefined ? NOTHING : JSON.parse(text)));
  }
}

/** The record names of a store, by the name that its entries have in the files. */
export const sumsOf = (store: string) => `${store} sum`;

const sumKey = (store: string, key: string) => under(sumsOf(store), key);

function sumWrite(store: string, key: string, sum: Sum): Write {
  return { key: sumKey(store, key), text: sum.items > 0 ? JSON.stringify(sum) : undefined, free: true, unread: true };
}
