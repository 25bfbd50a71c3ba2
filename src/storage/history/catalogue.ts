// What the database knows of histories: records of places, a sum for each history, and a note of how far in the files that
// goes, which is where a start begins to look for more.

import type { Write } from '../draft.js';
import type { Disk, Journal } from '../journal.js';
import { allUnder, ownKey, under } from '../records.js';
import { Turns } from '../turns.js';
import type { Book, Sum } from './book.js';
import type { Ground } from './files.js';
import { memoryFor, type Order, orderKey, Places } from './places.js';
import type { Recent } from './recent.js';

/** Places in one record. */
const PAGE = 500;
/** Bytes that the place of an item counts for, its share of the database included. */
export const PLACE = 64;

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
const NOTHING = { text: undefined, sum: { items: 0, late: 0, last: '' } } as const;

/** A record of places. */
export interface Page {
  readonly key: string;
  readonly text: string;
  readonly places: Places;
}

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
  readonly writes: readonly Write[];
  readonly gone: Gone;
}

/** Items that leave a history, counted for each file. */
export class Gone {
  count = 0;
  readonly files = new Map<number, { items: number; bytes: number }>();

  readonly add = (file: number, length: number): void => {
    const known = this.files.get(file);
    const sum = known ?? { items: 0, bytes: 0 };
    if (known === undefined) this.files.set(file, sum);
    sum.items++;
    sum.bytes += length + PLACE;
    this.count++;
  };
}

export class Catalogue {
  readonly #turns = new Turns();
  /** What pages are made in: with new memory for each there would be full collections for nothing else. */
  readonly #page = memoryFor(PAGE);
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
    const live = { ...this.#kept.live };
    const all = { ...this.#kept.all };
    let { bytes, time } = this.#kept;
    const each = (at: number, length: number) => {
      live[at] = (live[at] ?? 0) + 1;
      all[at] = (all[at] ?? 0) + 1;
      bytes += length + PLACE;
    };
    const writes: Write[] = [];
    const taken = books.flatMap((book) => {
      const places = recent.briefly(book);
      const { count } = places;
      if (count === 0) return [];
      for (let from = 0; from < count; from += PAGE) writes.push(this.#pageOf(book, places, from, each));
      const last = places.order(count - 1);
      time = Math.max(time, last.time);
      return [{ book, count, last: orderKey(last), late: book.late }];
    });
    if (taken.length === 0) return 0;
    await this.#readSums(taken.map(({ book }) => book));
    const sums = taken.map(({ book, count, last, late }) => {
      const { text: was, sum } = book.sum ?? NOTHING;
      const next = { items: sum.items + count, late: Math.max(sum.late, late), last };
      const text = JSON.stringify(next);
      writes.push({ key: sumKeyOf(book), text, was, free: true });
      return { text, sum: next };
    });
    const more = bytes - this.#kept.bytes;
    await this.#write(writes, { file, offset, time, bytes, live, all });
    for (const [i, { book }] of taken.entries()) book.sum = sums[i];
    recent.drop(row);
    return more;
  }

  /** Writes these changes; resolves to whether a file has nothing any more. Only in its turn. */
  async change(changes: readonly Changed[]): Promise<boolean> {
    if (changes.every(({ gone }) => gone.count === 0)) return false;
    const files = Object.keys(this.#kept.live).length;
    await this.#write(
      changes.flatMap(({ writes }) => writes),
      this.#without(changes.map(({ gone }) => gone)),
    );
    return Object.keys(this.#kept.live).length < files;
  }

  /** Writes where items are that were moved from one file to another. Only in its turn. */
  async move(writes: readonly Write[], from: Gone, to: Gone): Promise<void> {
    await this.#write(writes, this.#without([from], to));
  }

  #without(gone: readonly Gone[], come = new Gone()): Kept {
    const [live, all]: Record<string, number>[] = [{ ...this.#kept.live }, { ...this.#kept.all }];
    let { bytes } = this.#kept;
    for (const [file, sum] of come.files) {
      live[file] = (live[file] ?? 0) + sum.items;
      all[file] = (all[file] ?? 0) + sum.items;
      bytes += sum.bytes;
    }
    for (const { files } of gone) {
      for (const [file, sum] of files) {
        live[file] -= sum.items;
        bytes -= sum.bytes;
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
    const gte = from === undefined ? all.gte : await this.#pageAt(all.gte, under(name, orderKey(from)));
    if (gte >= lt) return;
    for await (const [record, text] of this.journal.each((disk) => disk.iterator({ gte, lt, reverse: backwards }))) {
      yield { key: record, text, places: Places.read(text) };
    }
  }

  /** The record that has what begins there. */
  async #pageAt(gte: string, start: string): Promise<string> {
    const last = (disk: Disk) => disk.iterator({ gte, lt: `${start}\u0000`, reverse: true });
    for await (const [record] of this.journal.each(last)) return record;
    return start;
  }

  #pageOf(book: Book, places: Places, from: number, each: (file: number, length: number) => void): Write {
    const key = under(under(book.store, book.key), orderKey(places.order(from)));
    const text = places.text(this.#page, from, Math.min(from + PAGE, places.count), each);
    return { key, text, was: undefined, free: true };
  }

  async #write(writes: readonly Write[], kept: Kept): Promise<void> {
    const note: Write = { key: KEPT, text: JSON.stringify(kept), was: JSON.stringify(this.#kept), free: true };
    await this.journal.add([...writes, note]);
    this.#kept = kept;
  }

  async #readSums(books: readonly Book[]): Promise<void> {
    const unread = books.filter(({ sum }) => sum === undefined);
    if (unread.length === 0) return;
    for (const [i, sum] of (await this.sums(unread.map(sumKeyOf))).entries()) unread[i].sum = sum;
  }

  async sums(keys: readonly string[]): Promise<readonly { key: string; text: string | undefined; sum: Sum }[]> {
    const texts = await this.journal.read((disk) => disk.getMany([...keys]));
    return keys.map((key, i) => {
      const text = texts[i];
      return { key, text, sum: text === undefined ? NOTHING.sum : JSON.parse(text) };
    });
  }
}

/** The record names of a store, by the name that its entries have in the files. */
export const sumsOf = (store: string) => `${store} sum`;

const sumKeyOf = ({ store, key }: Book) => under(sumsOf(store), key);
