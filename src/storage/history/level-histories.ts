// The histories of one store: what they have is found by its place, in the database or not there yet, and read from the
// files only when it is to be shown, or when its place does not tell whether it is asked for.

import { isInRange } from '../archive.js';
import type { Write } from '../draft.js';
import type { Journal } from '../journal.js';
import { allUnder, nameOf, partUnder, under } from '../records.js';
import {
  type Added,
  type ArchiveItem,
  type ArchivePage,
  type ArchiveQuery,
  type ArchiveRange,
  type DeletedRange,
  type HistoryItem,
  type HistoryStore,
  StoreError,
} from '../store.js';
import type { Books, Sum } from './book.js';
import { type Bounds, type Changed, sumsOf } from './catalogue.js';
import type { Chronicle } from './chronicle.js';
import { itemIn } from './frame.js';
import { changed, orderUnder, Tally, tallyUnder } from './pages.js';
import { compareOrders, hashOf, type Order, orderKey, orderOf, Places, type Spot } from './places.js';

/** Items that are read at a time to see whether they are asked for. */
const CHUNK = 200;

export class LevelHistories implements HistoryStore {
  readonly #journal: Journal;
  readonly #chronicle: Chronicle;
  readonly #store: string;
  readonly #books: Books;

  constructor(journal: Journal, chronicle: Chronicle, host: string, store: string) {
    this.#journal = journal;
    this.#chronicle = chronicle;
    this.#store = nameOf(host, store, 'history');
    this.#books = chronicle.booksOf(this.#store);
  }

  add(key: string, item: HistoryItem, same?: Added): Added {
    return this.#chronicle.add(this.#books.of(key), item, same);
  }

  hurry(): void {
    void this.#chronicle.flush();
  }

  async settled(key: string): Promise<void> {
    const { open } = this.#books.find(key) ?? {};
    if (open === undefined || open.over) return;
    this.hurry();
    await open.done.catch(() => {});
  }

  async get(key: string, id: string): Promise<ArchiveItem | undefined> {
    const { items } = await this.query(key, { ids: [id], limit: 1 });
    return items[0];
  }

  async query(key: string, query: ArchiveQuery): Promise<ArchivePage> {
    const { limit, backwards = false } = query;
    const items: ArchiveItem[] = [];
    let waiting: Spot[] = [];
    const take = async () => {
      for (const item of await this.#read(key, waiting))
        if (item !== undefined && isInRange(item, query)) items.push(item);
      waiting = [];
    };
    for await (const spot of this.#spots(key, query, backwards)) {
      waiting.push(spot);
      if (waiting.length < Math.min(limit + 1 - items.length, CHUNK)) continue;
      await take();
      if (items.length > limit) break;
    }
    await take();
    const found = items.slice(0, limit);
    return { items: backwards ? found.reverse() : found, complete: items.length <= limit };
  }

  async size(key: string, range?: ArchiveRange): Promise<number> {
    if (range === undefined) return this.#chronicle.size(this.#store, key);
    let size = 0;
    for await (const _ of this.#matching(key, this.#spots(key, range, false), range)) size++;
    return size;
  }

  async delete(key: string, range: DeletedRange = {}): Promise<number> {
    const { limit = Number.POSITIVE_INFINITY } = range;
    const { time, number } = this.#chronicle.ids;
    const until = { time, number: number + 1 };
    const store = this.#store;
    let count = 0;
    const make = async (sum: Sum) => {
      const gone = new Tally();
      const { writes, firsts } = isOfAll(range)
        ? await this.#first(key, range, until, gone)
        : { writes: await this.#those(key, range, sum, until, gone), firsts: undefined };
      count = gone.count;
      return { store, key, writes, gone, firsts, sum: { ...sum, items: sum.items - count } };
    };
    // Where there are enough older ones, what came lately is no concern.
    await this.#chronicle.change({ store, key, needs: isOfAll(range) ? limit : Number.POSITIVE_INFINITY, make });
    return count;
  }

  /** Deletes the first ones, so many, all of them in front of `until`: mostly whole pages, which go unread. */
  async #first(
    key: string,
    range: DeletedRange,
    until: Order,
    gone: Tally,
  ): Promise<Pick<Changed, 'writes' | 'firsts'>> {
    const { limit = Number.POSITIVE_INFINITY, roughly = false } = range;
    const { catalogue } = this.#chronicle;
    const name = under(this.#store, key);
    const writes: Write[] = [];
    let isWhole = true;
    let { keys, isAll } = await catalogue.firsts(name);
    for (let at = 0; ; at++) {
      if (at + 1 >= keys.length && !isAll) {
        const more = await catalogue.firsts(name, keys[keys.length - 1]);
        keys = [...keys.slice(at), ...more.keys];
        isAll = more.isAll;
        at = 0;
      }
      if (at === keys.length || gone.count >= limit) break;
      const record = keys[at];
      const tally = tallyUnder(name, record);
      // All of it is in front of the next one.
      const isOver = at + 1 < keys.length && compareOrders(orderUnder(name, keys[at + 1]), until) <= 0;
      if (isOver && tally !== undefined && gone.count + tally.count <= limit) {
        gone.join(tally);
        writes.push({ key: record, text: undefined, free: true, unread: true });
      } else if (roughly && gone.count > 0) break;
      else {
        const page = await catalogue.page(record);
        const places = page?.places ?? new Places();
        const out = Math.min(places.before(until), limit - gone.count);
        places.each(0, out, gone.add);
        if (page !== undefined && out > 0) writes.push(...changed(page, name, places, out));
        isWhole &&= page !== undefined && (out === 0 || out === places.count);
        if (out < places.count) break;
      }
    }
    return { writes, firsts: isWhole ? writes.length : undefined };
  }

  /** Deletes those in the range that are in front of `until`. */
  async #those(key: string, range: DeletedRange, sum: Sum, until: Order, gone: Tally): Promise<Write[]> {
    const { limit = Number.POSITIVE_INFINITY } = range;
    const writes: Write[] = [];
    for await (const page of this.#pages(key, boundsOf(range, sum.late), false)) {
      const spots = allOf(page.places).filter((spot) => compareOrders(spot, until) < 0);
      const out = new Set<number>();
      for await (const spot of this.#matching(key, spots, range)) {
        if (gone.count === limit) break;
        out.add(page.places.before(spot));
        gone.add(spot.file, 1, spot.length);
      }
      if (out.size > 0) writes.push(...changed(page, under(this.#store, key), without(page.places, out)));
      if (gone.count === limit) break;
    }
    return writes;
  }

  async *keys(): AsyncIterable<string> {
    const seen = new Set(this.#chronicle.keys(this.#store));
    yield* [...seen];
    const sums = sumsOf(this.#store);
    for await (const record of this.#journal.each((disk) => disk.keys(allUnder(sums)))) {
      const key = partUnder(sums, record);
      if (!seen.has(key)) yield key;
    }
  }

  /** Those that are in the range; read, where their place does not tell. */
  async *#matching(key: string, spots: AsyncIterable<Spot> | Iterable<Spot>, range: ArchiveRange): AsyncIterable<Spot> {
    let doubtful: Spot[] = [];
    const read = async () => {
      const items = await this.#read(key, doubtful);
      const found = doubtful.filter((_, i) => isIn(items[i], range));
      doubtful = [];
      return found;
    };
    const bounds = boundsOf(range, 0);
    for await (const spot of spots) {
      const is = verdict(spot, range, bounds);
      if (is === true) yield spot;
      if (is === undefined) doubtful.push(spot);
      if (doubtful.length >= CHUNK) yield* await read();
    }
    yield* await read();
  }

  /** Places of items that may be in the range, in order. */
  async *#spots(key: string, range: ArchiveRange, backwards: boolean): AsyncIterable<Spot> {
    // Taken first: what the database has meanwhile is behind all that is seen here, or seen here as well.
    const { places, late } = this.#chronicle.fresh(this.#store, key);
    const isLate = range.end !== undefined;
    const bounds = boundsOf(range, isLate ? Math.max(late, (await this.#summed(key)).late) : late);
    for (const each of range.ids === undefined ? [bounds] : boundsOfAll(range.ids, bounds, backwards)) {
      const all = backwards ? this.#backwards(key, places, each) : this.#forwards(key, places, each);
      for await (const spot of all) if (verdict(spot, range, each) !== false) yield spot;
    }
  }

  async *#forwards(key: string, fresh: Places, bounds: Bounds): AsyncIterable<Spot> {
    let last: Order | undefined;
    for await (const { places } of this.#pages(key, bounds, false)) {
      const end = endIn(places, bounds);
      for (let i = startIn(places, bounds); i < end; i++) {
        const spot = places.at(i);
        last = spot;
        yield spot;
      }
    }
    const end = endIn(fresh, bounds);
    for (let i = startIn(fresh, bounds); i < end; i++) {
      const spot = fresh.at(i);
      if (last === undefined || compareOrders(spot, last) > 0) yield spot;
    }
  }

  async *#backwards(key: string, fresh: Places, bounds: Bounds): AsyncIterable<Spot> {
    const start = startIn(fresh, bounds);
    for (let i = endIn(fresh, bounds) - 1; i >= start; i--) yield fresh.at(i);
    const first = fresh.count > 0 ? fresh.order(0) : undefined;
    for await (const { places } of this.#pages(key, bounds, true)) {
      const from = startIn(places, bounds);
      for (let i = endIn(places, bounds) - 1; i >= from; i--) {
        const spot = places.at(i);
        if (first === undefined || compareOrders(spot, first) < 0) yield spot;
      }
    }
  }

  #pages(key: string, bounds: Bounds, backwards: boolean) {
    return this.#chronicle.catalogue.pages(under(this.#store, key), bounds, backwards);
  }

  #summed(key: string) {
    return this.#chronicle.sum(this.#store, key);
  }

  /** Undefined: it is gone meanwhile. */
  async #read(key: string, spots: readonly Spot[]): Promise<(ArchiveItem | undefined)[]> {
    if (spots.length === 0) return [];
    try {
      const found = await this.#chronicle.files.read(spots);
      for (const [i, spot] of spots.entries()) found[i] ??= await this.#readAgain(key, spot);
      return found.map((bytes) => bytes && itemIn(bytes));
    } catch (cause) {
      throw cause instanceof StoreError ? cause : new StoreError('failed', 'the storage failed', { cause });
    }
  }

  /** What may have been moved after its place was read: its file is not there any more. */
  async #readAgain(key: string, spot: Spot): Promise<Buffer | undefined> {
    const to = { time: spot.time, number: spot.number + 1 };
    for await (const { places } of this.#pages(key, { from: spot, to }, false)) {
      const at = places.before(spot);
      if (at === places.before(to)) continue;
      const [bytes] = await this.#chronicle.files.read([places.at(at)]);
      return bytes;
    }
    return undefined;
  }
}

function boundsOf({ after, before, start, end }: ArchiveRange, late: number): Bounds {
  const first = start === undefined ? undefined : { time: Math.max(Math.floor(start), 0), number: 0 };
  const last = end === undefined ? undefined : { time: Math.max(Math.floor(end), 0) + late + 1, number: 0 };
  const [behind, front] = [after && orderOf(after), before && orderOf(before)];
  const beyond = front && { time: front.time, number: front.number + 1 };
  return { from: latest(first, behind || undefined), to: earliest(last, beyond || undefined) };
}

/** Those of each of these ids. */
function boundsOfAll(ids: readonly string[], { from, to }: Bounds, backwards: boolean): Bounds[] {
  const orders = new Map<string, Order>();
  for (const order of ids.map(orderOf)) if (order !== undefined) orders.set(orderKey(order), order);
  const sorted = [...orders.values()].sort(compareOrders);
  const bounds = sorted.map(({ time, number }) => ({
    from: latest(from, { time, number }),
    to: earliest(to, { time, number: number + 1 }),
  }));
  return backwards ? bounds.reverse() : bounds;
}

function latest(a: Order | undefined, b: Order | undefined): Order | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return compareOrders(a, b) < 0 ? b : a;
}

function earliest(a: Order | undefined, b: Order | undefined): Order | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return compareOrders(a, b) < 0 ? a : b;
}

const startIn = (places: Places, { from }: Bounds) => (from === undefined ? 0 : places.before(from));
const endIn = (places: Places, { to }: Bounds) => (to === undefined ? places.count : places.before(to));

/** Whether it is in the range, as far as its place tells; undefined: it has to be read. */
function verdict(spot: Spot, range: ArchiveRange, bounds: Bounds): boolean | undefined {
  const { after, before, start, end } = range;
  if (range.with !== undefined && spot.peer !== hashOf(range.with)) return false;
  if (!spot.late && ((start !== undefined && spot.time < start) || (end !== undefined && spot.time > end)))
    return false;
  if (range.with !== undefined || range.ids !== undefined) return undefined;
  if (spot.late && (start !== undefined || end !== undefined)) return undefined;
  for (const id of [after, before]) {
    if (id === undefined) continue;
    const order = orderOf(id);
    // Only the whole id tells.
    if (order === undefined || compareOrders(order, spot) === 0) return undefined;
  }
  if (bounds.from !== undefined && compareOrders(spot, bounds.from) < 0) return false;
  return bounds.to === undefined || compareOrders(spot, bounds.to) < 0;
}

/** Whether it is asked for the first ones, whatever they are, as when there are too many. */
const isOfAll = ({ with: peer, ids, start, end, after, before }: ArchiveRange) =>
  (peer ?? ids ?? start ?? end ?? after ?? before) === undefined;

const isIn = (item: ArchiveItem | undefined, range: ArchiveRange) => item !== undefined && isInRange(item, range);

function allOf(places: Places): Spot[] {
  return Array.from({ length: places.count }, (_, i) => places.at(i));
}

function without(places: Places, out: ReadonlySet<number>): Places {
  const left = new Places();
  for (let i = 0; i < places.count; i++) if (!out.has(i)) left.add(places.at(i));
  return left;
}
