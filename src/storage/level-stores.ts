// The three kinds of stores over a journal. A value is a record under the name of its store and its key; a map has a
// record for each field; an archive has one for each item, and one that sums it up.

import { type ArchiveIds, archived, type IdRange, idRange, isInRange, timeOf } from './archive.js';
import type { Draft, Write } from './draft.js';
import type { Disk, Journal } from './journal.js';
import { allUnder, type KeyRange, nameOf, partUnder, under } from './records.js';
import type {
  ArchiveItem,
  ArchivePage,
  ArchiveQuery,
  ArchiveRange,
  ArchiveStore,
  Change,
  DeletedRange,
  Json,
  KeyValueStore,
  MapStore,
  NewArchiveItem,
  StoreError,
} from './store.js';

export class LevelKeyValues implements KeyValueStore {
  readonly #journal: Journal;
  readonly #name: string;

  constructor(journal: Journal, host: string, store: string) {
    this.#journal = journal;
    this.#name = nameOf(host, store, 'value');
  }

  async get(key: string): Promise<Json | undefined> {
    return read(await one(this.#journal, under(this.#name, key)));
  }

  set(key: string, value: Json | undefined): Promise<void> {
    const name = under(this.#name, key);
    const text = JSON.stringify(value);
    return this.#journal.change(name, async (draft) => draft.set(name, text));
  }

  update(key: string, change: Change): Promise<Json | undefined> {
    const name = under(this.#name, key);
    return this.#journal.change(name, (draft) => updated(draft, name, change));
  }

  async *keys(): AsyncIterable<string> {
    const range = allUnder(this.#name);
    for await (const key of this.#journal.each((disk) => disk.keys(range))) yield partUnder(this.#name, key);
  }
}

export class LevelMaps implements MapStore {
  readonly #journal: Journal;
  readonly #name: string;

  constructor(journal: Journal, host: string, store: string) {
    this.#journal = journal;
    this.#name = nameOf(host, store, 'map');
  }

  async get(key: string, field: string): Promise<Json | undefined> {
    return read(await one(this.#journal, under(under(this.#name, key), field)));
  }

  set(key: string, field: string, value: Json | undefined): Promise<void> {
    return this.change(key, [[field, value]]);
  }

  update(key: string, field: string, change: Change): Promise<Json | undefined> {
    const name = under(this.#name, key);
    return this.#journal.change(name, (draft) => updated(draft, under(name, field), change));
  }

  async change(key: string, fields: Iterable<readonly [string, Json | undefined]>): Promise<void> {
    const name = under(this.#name, key);
    const texts = [...fields].map(([field, value]) => [under(name, field), JSON.stringify(value)] as const);
    await this.#journal.change(name, async (draft) => {
      for (const [record, text] of texts) draft.set(record, text);
    });
  }

  async all(key: string): Promise<Map<string, Json>> {
    const name = under(this.#name, key);
    const all = new Map<string, Json>();
    for await (const [record, text] of this.#journal.each((disk) => disk.iterator(allUnder(name)))) {
      all.set(partUnder(name, record), JSON.parse(text));
    }
    return all;
  }

  async size(key: string): Promise<number> {
    let size = 0;
    const range = allUnder(under(this.#name, key));
    for await (const _ of this.#journal.each((disk) => disk.keys(range))) size++;
    return size;
  }

  remove(key: string): Promise<void> {
    const name = under(this.#name, key);
    return this.#journal.change(name, async (draft) => {
      await this.#journal.settled();
      const records = this.#journal.each((disk) => disk.iterator(allUnder(name)));
      for await (const [record, text] of records) draft.remove(record, text);
    });
  }

  async *keys(): AsyncIterable<string> {
    yield* this.#journal.each((disk) => this.#keys(disk));
  }

  /** Jumps from the first field of each key to the first of the next. */
  async *#keys(disk: Disk): AsyncIterable<string> {
    const records = disk.keys(allUnder(this.#name));
    for await (const record of records) {
      const key = partUnder(this.#name, record);
      yield key;
      records.seek(allUnder(under(this.#name, key)).lt);
    }
  }
}

/** What an archive is in sum: its items, the time in the last id, and how far that may be from when the item was. */
interface Sum {
  readonly items: number;
  readonly last: number;
  readonly late: number;
}

/** Archives whose sums are remembered, so that an append reads nothing. */
const KNOWN = 10_000;

export class LevelArchives implements ArchiveStore {
  readonly #journal: Journal;
  readonly #ids: ArchiveIds;
  readonly #items: string;
  readonly #sums: string;
  /** Sums as they will be when everything that waits is written, and the last failure by then. */
  readonly #known = new Map<string, { readonly text: string; readonly failure: StoreError | undefined }>();

  constructor(journal: Journal, host: string, store: string, ids: ArchiveIds) {
    this.#journal = journal;
    this.#ids = ids;
    this.#items = nameOf(host, store, 'item');
    this.#sums = nameOf(host, store, 'sum');
  }

  reserve(at: number): string {
    return this.#ids.reserve(at);
  }

  async append(key: string, item: NewArchiveItem): Promise<string> {
    const name = under(this.#sums, key);
    const known = this.#known.get(name);
    if (known !== undefined && known.failure === this.#journal.failure && this.#journal.isFree(name)) {
      const { writes, ...next } = this.#appended(key, name, item, known.text);
      const written = this.#journal.add(writes);
      this.#knows(name, next.text);
      await written;
      return next.id;
    }
    const make = async (draft: Draft) => {
      const { id, writes, text } = this.#appended(key, name, item, await draft.get(name));
      for (const { key: record, text: said } of writes) {
        if (record === name) draft.set(record, said);
        else draft.add(record, said);
      }
      return { id, text };
    };
    return (await this.#journal.change(name, make, ({ text }) => this.#knows(name, text))).id;
  }

  #appended(key: string, name: string, item: NewArchiveItem, was: string | undefined) {
    const { items, last, late } = sum(was);
    const id = this.#ids.of(item, last);
    const time = timeOf(id);
    const text = JSON.stringify({ items: items + 1, last: time, late: Math.max(late, time - item.at || 0) });
    const record = under(under(this.#items, key), id);
    const writes: readonly Write[] = [
      { key: record, text: JSON.stringify(archived(item, id)), was: undefined },
      { key: name, text, was },
    ];
    return { id, text, writes };
  }

  #knows(name: string, text: string | undefined): void {
    this.#known.delete(name);
    if (text === undefined) return;
    this.#known.set(name, { text, failure: this.#journal.failure });
    if (this.#known.size <= KNOWN) return;
    for (const oldest of this.#known.keys()) {
      this.#known.delete(oldest);
      return;
    }
  }

  async get(key: string, id: string): Promise<ArchiveItem | undefined> {
    const text = await one(this.#journal, under(under(this.#items, key), id));
    return text === undefined ? undefined : Object.freeze(JSON.parse(text));
  }

  async query(key: string, query: ArchiveQuery): Promise<ArchivePage> {
    const { limit, backwards = false } = query;
    const items: ArchiveItem[] = [];
    let complete = true;
    for await (const [, , item] of this.#find(key, query, backwards)) {
      complete = items.length < limit;
      if (!complete) break;
      items.push(item);
    }
    return { items: backwards ? items.reverse() : items, complete };
  }

  async size(key: string, range?: ArchiveRange): Promise<number> {
    if (range === undefined) return (await this.#sum(key)).items;
    let size = 0;
    for await (const _ of this.#find(key, range)) size++;
    return size;
  }

  delete(key: string, range: DeletedRange = {}): Promise<number> {
    const { limit = Number.POSITIVE_INFINITY } = range;
    const name = under(this.#sums, key);
    const make = async (draft: Draft) => {
      await this.#journal.settled();
      let gone = 0;
      for await (const [record, text] of this.#find(key, range)) {
        if (gone === limit) break;
        draft.remove(record, text);
        gone++;
      }
      const before = sum(await draft.get(name));
      const items = before.items - gone;
      if (gone > 0) draft.set(name, items > 0 ? JSON.stringify({ ...before, items }) : undefined);
      return gone;
    };
    return this.#journal.change(name, make, () => this.#knows(name, undefined));
  }

  async *keys(): AsyncIterable<string> {
    const range = allUnder(this.#sums);
    for await (const key of this.#journal.each((disk) => disk.keys(range))) yield partUnder(this.#sums, key);
  }

  async #sum(key: string): Promise<Sum> {
    return sum(await one(this.#journal, under(this.#sums, key)));
  }

  /** The items of a range, read and proven. */
  async *#find(key: string, range: ArchiveRange, reverse = false): AsyncIterable<Found> {
    for await (const [record, text] of this.#records(key, range, reverse)) {
      const item: ArchiveItem = Object.freeze(JSON.parse(text));
      if (isInRange(item, range)) yield [record, text, item];
    }
  }

  #records(key: string, range: ArchiveRange, reverse: boolean): AsyncIterable<[record: string, text: string]> {
    return range.ids ? this.#named(key, range.ids, reverse) : this.#ranged(key, range, reverse);
  }

  async *#named(key: string, ids: readonly string[], reverse: boolean): AsyncIterable<[string, string]> {
    const name = under(this.#items, key);
    const records = [...new Set(ids)].sort().map((id) => under(name, id));
    if (reverse) records.reverse();
    const texts = await this.#journal.read((disk) => disk.getMany(records));
    for (const [index, text] of texts.entries()) if (text !== undefined) yield [records[index], text];
  }

  async *#ranged(key: string, range: ArchiveRange, reverse: boolean): AsyncIterable<[string, string]> {
    const late = range.end === undefined ? 0 : (await this.#sum(key)).late;
    const keys = keyRange(under(this.#items, key), idRange(range, late));
    if (keys.gte < keys.lt) yield* this.#journal.each((disk) => disk.iterator({ ...keys, reverse }));
  }
}

type Found = [record: string, text: string, item: ArchiveItem];

/** Where the items are whose ids are between these. */
function keyRange(name: string, { after, before }: IdRange): KeyRange {
  const { gte, lt } = allUnder(name);
  return { gte: after === undefined ? gte : under(name, after), lt: before === undefined ? lt : under(name, before) };
}

async function one(journal: Journal, key: string): Promise<string | undefined> {
  const [text] = await journal.read((disk) => disk.getMany([key]));
  return text;
}

async function updated(draft: Draft, key: string, change: Change): Promise<Json | undefined> {
  const text = JSON.stringify(change(read(await draft.get(key))));
  draft.set(key, text);
  return read(text);
}

function sum(text: string | undefined): Sum {
  return text === undefined ? { items: 0, last: 0, late: 0 } : JSON.parse(text);
}

function read(text: string | undefined): Json | undefined {
  return text === undefined ? undefined : JSON.parse(text);
}
