// What every driver must keep to (src/storage/store.ts). Each driver's own test runs this and adds what is its own.

import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type {
  ArchiveStore,
  Driver,
  HistoryStore,
  Items,
  Json,
  KeyValueStore,
  MapStore,
  NewArchiveItem,
} from '../../src/storage/store.js';

/** Opens a driver on new, empty ground. */
export type Fresh = (maxBytes?: number) => Promise<Driver>;

/** Keys that somebody might mix up, or store badly. */
export const KEYS = [
  '',
  ' ',
  'romeo@montague.lit',
  'romeo@montague.lit/orchard',
  'Romeo@montague.lit',
  'a',
  'a\u0000',
  'a\u0000b',
  'a\u0001',
  'a!',
  '"a"',
  '\\u0000',
  '__proto__',
  'constructor',
  'ρωμαῖος@example.gr',
  'é',
  'e\u0301',
  '\ud83d\udca9',
  '\ud83d',
  '\udca9',
  '\ufffd',
  '\uffff',
  'x'.repeat(3000),
];

const VALUES: Json[] = [
  null,
  false,
  0,
  '',
  [],
  {},
  -1.5e300,
  'ž\u0000\ud800',
  [1, [2, { a: null }]],
  { jid: 'juliet@capulet.lit', groups: ['Friends'] },
];

/** An archive or a history, which are the same to whoever waits. */
interface Appending extends Items {
  append(key: string, item: NewArchiveItem): Promise<string>;
}

const archive = (driver: Driver, name: string): Appending => driver.open('montague.lit', name, 'archive');

function history(driver: Driver, name: string): Appending {
  const store = driver.open('montague.lit', name, 'history');
  const append = async (key: string, item: NewArchiveItem) => {
    const { id, done } = store.add(key, item);
    await done;
    return id;
  };
  return {
    append,
    get: (key, id) => store.get(key, id),
    query: (key, query) => store.query(key, query),
    size: (key, range) => store.size(key, range),
    delete: (key, range) => store.delete(key, range),
    keys: () => store.keys(),
  };
}

export function contract(fresh: Fresh): void {
  let driver: Driver;

  beforeEach(async () => {
    driver = await fresh();
  });

  afterEach(() => driver.stop());

  describe('a key-value store', () => {
    let store: KeyValueStore;

    beforeEach(() => {
      store = driver.open('montague.lit', 'accounts', 'keyvalue');
    });

    test('has nothing under a key until something is set', async () => {
      expect(await store.get('romeo')).toBe(undefined);
      expect(await list(store.keys())).toEqual([]);
    });

    test.each(VALUES.map((value) => [JSON.stringify(value), value]))('keeps %s', async (_, value) => {
      await store.set('romeo', value);
      expect(await store.get('romeo')).toEqual(value);
    });

    test('keeps a value of a megabyte', async () => {
      const value = 'ž'.repeat(500_000);
      await store.set('romeo', { value });
      expect(await store.get('romeo')).toEqual({ value });
    });

    test('gives and takes copies', async () => {
      const value = { groups: ['Friends'] };
      await store.set('romeo', value);
      value.groups.push('Family');
      const read = (await store.get('romeo')) as typeof value;
      expect(read).toEqual({ groups: ['Friends'] });
      read.groups.push('Enemies');
      expect(await store.get('romeo')).toEqual({ groups: ['Friends'] });
    });

    test('drops properties that are undefined', async () => {
      await store.set('romeo', { name: 'Romeo', age: undefined });
      expect(Object.keys((await store.get('romeo')) as object)).toEqual(['name']);
    });

    test('forgets a key that is set to undefined, and may be told so twice', async () => {
      await store.set('romeo', 1);
      await store.set('romeo', undefined);
      await store.set('romeo', undefined);
      expect(await store.get('romeo')).toBe(undefined);
      expect(await list(store.keys())).toEqual([]);
    });

    test('takes any string as a key and mixes none up', async () => {
      await Promise.all(KEYS.map((key, index) => store.set(key, index)));
      expect(await Promise.all(KEYS.map((key) => store.get(key)))).toEqual(KEYS.map((_, index) => index));
      expect((await list(store.keys())).sort()).toEqual([...KEYS].sort());
    });

    test('is another one for each host and each name, whatever is in them', async () => {
      const stores = KEYS.flatMap((name) => [driver.open(name, 'x', 'keyvalue'), driver.open('x', name, 'keyvalue')]);
      await Promise.all(stores.map((each, index) => each.set('key', index)));
      expect(await Promise.all(stores.map((each) => each.get('key')))).toEqual(stores.map((_, index) => index));
      expect(await Promise.all(stores.map((each) => list(each.keys())))).toEqual(stores.map(() => ['key']));
      expect(await store.get('key')).toBe(undefined);
    });

    test('is the same one when it is opened again', async () => {
      await store.set('romeo', 1);
      expect(await driver.open('montague.lit', 'accounts', 'keyvalue').get('romeo')).toBe(1);
    });

    test('updates what is there, or nothing, and tells the result', async () => {
      expect(await store.update('n', (value) => (value === undefined ? 1 : 2))).toBe(1);
      expect(await store.update('n', (value) => (value === undefined ? 1 : 2))).toBe(2);
      expect(await store.update('n', () => undefined)).toBe(undefined);
      expect(await store.get('n')).toBe(undefined);
    });

    test('loses none of many updates at once', async () => {
      const other = driver.open('montague.lit', 'accounts', 'keyvalue');
      const count = (value: Json | undefined) => Number(value ?? 0) + 1;
      const all = Array.from({ length: 200 }, (_, i) => (i % 2 === 0 ? store : other).update('n', count));
      expect((await Promise.all(all)).sort((a, b) => Number(a) - Number(b))).toEqual(all.map((_, i) => i + 1));
      expect(await store.get('n')).toBe(200);
    });

    test('keeps the order of changes to a key', async () => {
      const changes = Array.from({ length: 50 }, (_, i) =>
        i % 3 === 0 ? store.update('n', () => i) : store.set('n', i % 3 === 1 ? i : undefined),
      );
      await Promise.all(changes);
      expect(await store.get('n')).toBe(49);
    });

    test('is as it was when a change throws', async () => {
      await store.set('romeo', 1);
      const bad = store.update('romeo', () => {
        throw new RangeError('no');
      });
      await expect(bad).rejects.toThrow(RangeError);
      expect(await store.get('romeo')).toBe(1);
      expect(await store.update('romeo', () => 2)).toBe(2);
    });

    test('lets its keys be listed while they are removed', async () => {
      for (const key of ['a', 'b', 'c']) await store.set(key, 1);
      const seen: string[] = [];
      for await (const key of store.keys()) {
        seen.push(key);
        await store.set(key, undefined);
      }
      expect(seen.sort()).toEqual(['a', 'b', 'c']);
      expect(await list(store.keys())).toEqual([]);
    });
  });

  describe('a map store', () => {
    let store: MapStore;

    beforeEach(() => {
      store = driver.open('montague.lit', 'roster', 'map');
    });

    test('has no fields under a key until they are set', async () => {
      expect(await store.get('romeo', 'juliet')).toBe(undefined);
      expect(await store.all('romeo')).toEqual(new Map());
      expect(await store.size('romeo')).toBe(0);
      expect(await list(store.keys())).toEqual([]);
    });

    test('sets, reads, counts and removes single fields', async () => {
      await store.set('romeo', 'juliet', { ask: 'subscribe' });
      await store.set('romeo', 'benvolio', null);
      await store.set('juliet', 'romeo', 1);
      expect(await store.get('romeo', 'juliet')).toEqual({ ask: 'subscribe' });
      expect(await store.all('romeo')).toEqual(
        new Map<string, Json>([
          ['benvolio', null],
          ['juliet', { ask: 'subscribe' }],
        ]),
      );
      expect(await store.size('romeo')).toBe(2);
      expect((await list(store.keys())).sort()).toEqual(['juliet', 'romeo']);
      await store.set('romeo', 'juliet', undefined);
      expect(await store.size('romeo')).toBe(1);
      await store.set('romeo', 'benvolio', undefined);
      expect(await list(store.keys())).toEqual(['juliet']);
    });

    test('changes several fields at once, from a Map or from entries', async () => {
      await store.change('romeo', Object.entries({ a: 1, b: 2, c: 3 }));
      await store.change(
        'romeo',
        new Map<string, Json | undefined>([
          ['a', undefined],
          ['b', 20],
          ['d', 4],
        ]),
      );
      expect(Object.fromEntries(await store.all('romeo'))).toEqual({ b: 20, c: 3, d: 4 });
    });

    test('takes any strings as key and field and mixes none up', async () => {
      const pairs = KEYS.flatMap((key) => KEYS.map((field) => [key, field] as const));
      await Promise.all(pairs.map(([key, field], index) => store.set(key, field, index)));
      expect(await Promise.all(pairs.map(([key, field]) => store.get(key, field)))).toEqual(pairs.map((_, i) => i));
      expect((await list(store.keys())).sort()).toEqual([...KEYS].sort());
      for (const key of KEYS) expect([...(await store.all(key)).keys()].sort()).toEqual([...KEYS].sort());
    });

    test('removes a key with all its fields and no other', async () => {
      await Promise.all(KEYS.map((key) => store.change(key, Object.entries({ a: 1, b: 2 }))));
      await store.remove('a');
      await store.remove('nobody');
      expect(await store.size('a')).toBe(0);
      expect((await list(store.keys())).sort()).toEqual(KEYS.filter((key) => key !== 'a').sort());
    });

    test('removes what was being set before, and not what is set after', async () => {
      const done = Promise.all([
        store.set('romeo', 'a', 1),
        store.remove('romeo'),
        store.set('romeo', 'b', 2),
        store.update('romeo', 'a', (value) => (value === undefined ? 'gone' : 'there')),
      ]);
      await done;
      expect(Object.fromEntries(await store.all('romeo'))).toEqual({ a: 'gone', b: 2 });
    });

    test('loses none of many updates at once', async () => {
      const count = (value: Json | undefined) => Number(value ?? 0) + 1;
      await Promise.all(Array.from({ length: 200 }, (_, i) => store.update('romeo', i % 2 ? 'a' : 'b', count)));
      expect(Object.fromEntries(await store.all('romeo'))).toEqual({ a: 100, b: 100 });
    });
  });

  describe.each([
    ['an archive store', archive],
    ['a history store', history],
  ])('%s', (_, open) => {
    let store: Appending;
    const texts = async (...query: Parameters<Appending['query']>) =>
      (await store.query(...query)).items.map(({ stanza }) => stanza);
    const fill = async (key: string, count: number, at = 1000) => {
      const ids: string[] = [];
      for (let i = 0; i < count; i++) {
        ids.push(
          await store.append(key, { at: at + i * 10, with: i % 2 ? 'juliet' : 'nurse', stanza: `<m n='${i}'/>` }),
        );
      }
      return ids;
    };
    const numbers = (...ns: number[]) => ns.map((n) => `<m n='${n}'/>`);

    beforeEach(() => {
      store = open(driver, 'offline');
    });

    test('has no items under a key until one is appended', async () => {
      expect(await store.query('romeo', { limit: 10 })).toEqual({ items: [], complete: true });
      expect(await store.size('romeo')).toBe(0);
      expect(await store.delete('romeo')).toBe(0);
      expect(await store.get('romeo', 'nothing')).toBe(undefined);
      expect(await list(store.keys())).toEqual([]);
    });

    test('gives items back as they came, in order, with the ids it told', async () => {
      const a = await store.append('romeo', { at: 1000, stanza: '<message>ž</message>' });
      const b = await store.append('romeo', { at: 2000, with: 'juliet@capulet.lit', stanza: '' });
      const items = [
        { id: a, at: 1000, stanza: '<message>ž</message>' },
        { id: b, at: 2000, with: 'juliet@capulet.lit', stanza: '' },
      ];
      expect(await store.query('romeo', { limit: 10 })).toEqual({ items, complete: true });
      expect(await store.get('romeo', b)).toEqual(items[1]);
      expect(await store.get('juliet', b)).toBe(undefined);
    });

    test('keeps the order of appends, whatever their time', async () => {
      const times = [5000, 4000, 4000, 9000, 0, -1, Number.NaN, 1e300, 5000];
      const ids = await Promise.all(times.map((at, i) => store.append('romeo', { at, stanza: String(i) })));
      expect(await texts('romeo', { limit: 100 })).toEqual(times.map((_, i) => String(i)));
      expect([...ids].sort()).toEqual(ids);
      expect(new Set(ids).size).toBe(times.length);
    });

    test('never gives an id again, not even when the archive was emptied', async () => {
      const seen = new Set<string>();
      for (let i = 0; i < 10; i++) {
        seen.add(await store.append('romeo', { at: 1000, stanza: '' }));
        await store.delete('romeo');
      }
      expect(seen.size).toBe(10);
    });

    test('answers in pages, forwards', async () => {
      const ids = await fill('romeo', 5);
      expect(await texts('romeo', { limit: 2 })).toEqual(numbers(0, 1));
      expect(await texts('romeo', { limit: 2, after: ids[1] })).toEqual(numbers(2, 3));
      expect((await store.query('romeo', { limit: 2, after: ids[1] })).complete).toBe(false);
      expect((await store.query('romeo', { limit: 2, after: ids[2] })).complete).toBe(true);
      expect(await store.query('romeo', { limit: 2, after: ids[4] })).toEqual({ items: [], complete: true });
      expect(await store.query('romeo', { limit: 0 })).toEqual({ items: [], complete: false });
    });

    test('answers in pages, backwards, each in the order of appending', async () => {
      const ids = await fill('romeo', 5);
      expect(await texts('romeo', { limit: 2, backwards: true })).toEqual(numbers(3, 4));
      expect(await texts('romeo', { limit: 2, backwards: true, before: ids[3] })).toEqual(numbers(1, 2));
      expect((await store.query('romeo', { limit: 2, backwards: true, before: ids[3] })).complete).toBe(false);
      expect((await store.query('romeo', { limit: 2, backwards: true, before: ids[2] })).complete).toBe(true);
      expect(await store.query('romeo', { limit: 0, backwards: true })).toEqual({ items: [], complete: false });
    });

    test('finds its place by an id that is deleted', async () => {
      const ids = await fill('romeo', 5);
      await store.delete('romeo', { ids: [ids[2]] });
      expect(await texts('romeo', { limit: 9, after: ids[2] })).toEqual(numbers(3, 4));
      expect(await texts('romeo', { limit: 9, before: ids[2] })).toEqual(numbers(0, 1));
    });

    test('finds items by time, by peer and by id, and counts them', async () => {
      const ids = await fill('romeo', 6);
      expect(await texts('romeo', { limit: 9, start: 1010, end: 1030 })).toEqual(numbers(1, 2, 3));
      expect(await texts('romeo', { limit: 9, start: 1011, end: 1029 })).toEqual(numbers(2));
      expect(await texts('romeo', { limit: 9, with: 'juliet' })).toEqual(numbers(1, 3, 5));
      expect(await texts('romeo', { limit: 1, with: 'juliet', backwards: true })).toEqual(numbers(5));
      expect(await texts('romeo', { limit: 9, ids: [ids[4], 'none', ids[0]] })).toEqual(numbers(0, 4));
      expect(await texts('romeo', { limit: 9, after: ids[0], before: ids[5], with: 'nurse', start: 1030 })).toEqual(
        numbers(4),
      );
      expect(await store.size('romeo')).toBe(6);
      expect(await store.size('romeo', { with: 'juliet', end: 1030 })).toBe(2);
    });

    test('deletes by id, by range, or everything, and nothing of others', async () => {
      const ids = await fill('romeo', 6);
      await fill('romeo\u0000', 1);
      await fill('rome', 1);
      expect(await store.delete('romeo', { ids: [ids[1], ids[1], 'none', ids[3]] })).toBe(2);
      expect(await texts('romeo', { limit: 9 })).toEqual(numbers(0, 2, 4, 5));
      expect(await store.delete('romeo', { before: ids[2] })).toBe(1);
      expect(await store.delete('romeo', { end: 1020 })).toBe(1);
      expect(await store.size('romeo')).toBe(2);
      expect((await list(store.keys())).sort()).toEqual(['rome', 'romeo', 'romeo\u0000']);
      expect(await store.delete('romeo')).toBe(2);
      expect(await store.size('romeo')).toBe(0);
      expect((await list(store.keys())).sort()).toEqual(['rome', 'romeo\u0000']);
    });

    test('deletes no more than a limit says, the first ones', async () => {
      await fill('romeo', 6);
      expect(await store.delete('romeo', { limit: 0 })).toBe(0);
      expect(await store.delete('romeo', { limit: 2 })).toBe(2);
      expect(await store.delete('romeo', { with: 'juliet', limit: 1 })).toBe(1);
      expect(await texts('romeo', { limit: 9 })).toEqual(numbers(2, 4, 5));
      expect(await store.delete('romeo', { limit: 9 })).toBe(3);
    });

    test('deletes what was being appended before, and not what is appended after', async () => {
      const [, gone] = await Promise.all([
        store.append('romeo', { at: 1, stanza: 'a' }),
        store.delete('romeo'),
        store.append('romeo', { at: 2, stanza: 'b' }),
      ]);
      expect(gone).toBe(1);
      expect(await texts('romeo', { limit: 9 })).toEqual(['b']);
      expect(await store.size('romeo')).toBe(1);
    });

    test('takes any string as a key and mixes none up', async () => {
      await Promise.all(KEYS.map((key, i) => store.append(key, { at: i, stanza: String(i) })));
      expect(await Promise.all(KEYS.map((key) => texts(key, { limit: 9 })))).toEqual(KEYS.map((_, i) => [String(i)]));
      expect((await list(store.keys())).sort()).toEqual([...KEYS].sort());
    });

    test('answers as a plain list would, whatever the times and the question', async () => {
      const time = fc.integer({ min: 0, max: 9 });
      const maybe = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined });
      const item = fc.record({ at: time, with: maybe(fc.constantFrom('a', 'b')) });
      const question = fc.record({
        after: maybe(time),
        before: maybe(time),
        start: maybe(time),
        end: maybe(time),
        with: maybe(fc.constantFrom('a', 'b')),
        limit: fc.integer({ min: 0, max: 12 }),
        backwards: fc.boolean(),
      });
      let run = 0;
      const property = fc.asyncProperty(fc.array(item, { maxLength: 10 }), question, async (items, asked) => {
        const key = String(run++);
        const ids = await Promise.all(items.map((each, i) => store.append(key, { ...each, stanza: String(i) })));
        const [after, before] = [asked.after, asked.before].map((i) => (i === undefined ? i : ids[i]));
        const { limit, backwards } = asked;
        const fits = ids.flatMap((id, i) => {
          const { at, with: peer } = items[i];
          const out =
            (after !== undefined && id <= after) ||
            (before !== undefined && id >= before) ||
            at < (asked.start ?? at) ||
            at > (asked.end ?? at) ||
            (asked.with ?? peer) !== peer;
          return out ? [] : [String(i)];
        });
        const page = backwards ? fits.slice(Math.max(fits.length - limit, 0)) : fits.slice(0, limit);
        const answer = await store.query(key, { ...asked, after, before });
        expect(answer.items.map(({ stanza }) => stanza)).toEqual(page);
        expect(answer.complete).toBe(page.length === fits.length);
        expect(await store.size(key, { ...asked, after, before })).toBe(fits.length);
        const gone = Math.min(limit, fits.length);
        expect(await store.delete(key, { ...asked, after, before })).toBe(gone);
        expect(await store.size(key)).toBe(items.length - gone);
      });
      await fc.assert(property, { numRuns: 60 });
    });
  });

  describe('an archive store', () => {
    let store: ArchiveStore;
    const texts = async (...query: Parameters<ArchiveStore['query']>) =>
      (await store.query(...query)).items.map(({ stanza }) => stanza);

    beforeEach(() => {
      store = driver.open('montague.lit', 'offline', 'archive');
    });

    test('keeps an item under the id that was reserved for it', async () => {
      const ids = [1000, 1000, 500, 2000].map((at) => store.reserve(at));
      const appended = ids.map((id, at) => store.append('romeo', { id, at, stanza: String(at) }));
      expect(await Promise.all(appended)).toEqual(ids);
      expect([...ids].sort()).toEqual(ids);
      expect((await store.query('romeo', { limit: 9, after: ids[1] })).items.map(({ id }) => id)).toEqual(ids.slice(2));
      expect(await store.get('romeo', ids[2])).toEqual({ id: ids[2], at: 2, stanza: '2' });
    });

    test('reserves ids that cannot be told from the ones before', () => {
      const ends = Array.from({ length: 1000 }, () => store.reserve(1000).slice(-12));
      expect(new Set(ends).size).toBe(1000);
    });

    test('keeps the order of appends when an id was reserved before the clock was set back', async () => {
      const reserved = store.reserve(1000);
      const first = await store.append('romeo', { at: 5000, stanza: 'first' });
      const second = await store.append('romeo', { id: reserved, at: 1000, stanza: 'second' });
      expect(second > first).toBe(true);
      expect(await texts('romeo', { limit: 9, start: 0, end: 1000 })).toEqual(['second']);
    });
  });

  describe('a history store', () => {
    let store: HistoryStore;

    beforeEach(() => {
      store = driver.open('montague.lit', 'mam', 'history');
    });

    test('tells an id at once, that cannot be told from the ones before', async () => {
      const added = Array.from({ length: 1000 }, (_, at) => store.add('romeo', { at, stanza: String(at) }));
      const ids = added.map(({ id }) => id);
      expect([...ids].sort()).toEqual(ids);
      expect(new Set(ids.map((id) => id.slice(-12))).size).toBe(1000);
      await Promise.all(added.map(({ done }) => done));
      const { items } = await store.query('romeo', { limit: 1000 });
      expect(items.map(({ id, stanza }) => [id, stanza])).toEqual(ids.map((id, at) => [id, String(at)]));
    });

    test('keeps what two histories have, with an id of each, and whom it was exchanged with as each sees it', async () => {
      const other = driver.open('capulet.lit', 'mam', 'history');
      const item = { at: 5, stanza: Buffer.from('<m>ž</m>') };
      const sent = store.add('romeo', { ...item, with: 'juliet@capulet.lit' });
      const between = other.add('juliet', { at: 5, stanza: 'between' });
      const received = other.add('juliet', { ...item, with: 'romeo@montague.lit' }, sent);
      await Promise.all([sent.done, received.done]);
      expect(received.id > between.id && received.id > sent.id).toBe(true);
      expect((await store.query('romeo', { limit: 9 })).items).toEqual([
        { id: sent.id, at: 5, with: 'juliet@capulet.lit', stanza: '<m>ž</m>' },
      ]);
      expect((await other.query('juliet', { limit: 9, with: 'romeo@montague.lit' })).items).toEqual([
        { id: received.id, at: 5, with: 'romeo@montague.lit', stanza: '<m>ž</m>' },
      ]);
      expect(await store.delete('romeo')).toBe(1);
      expect(await other.get('juliet', received.id)).toMatchObject({ stanza: '<m>ž</m>' });
    });

    test('gathers no longer once somebody waits', async () => {
      vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
      try {
        const { id, done } = store.add('romeo', { at: 1, stanza: '<m/>' });
        store.hurry();
        await done;
        expect(await store.get('romeo', id)).toMatchObject({ stanza: '<m/>' });
      } finally {
        vi.useRealTimers();
      }
    });

    test('tells when all that a key got is there, and how many it got before', async () => {
      vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
      try {
        await store.settled('romeo');
        const added = [1, 2, 3].map((at) => store.add('romeo', { at, stanza: String(at) }));
        expect(added.map(({ before }) => before)).toEqual([0, 1, 2]);
        expect(store.add('juliet', { at: 4, stanza: '4' }).before).toBe(0);
        await store.settled('romeo');
        expect(await store.size('romeo')).toBe(3);
        await store.settled('romeo');
      } finally {
        vi.useRealTimers();
      }
    });

    test('takes the bytes of an item before it is told the id', async () => {
      const stanza = Buffer.from('before');
      const { id, done } = store.add('romeo', { at: 1, stanza });
      stanza.write('behind');
      await done;
      expect((await store.get('romeo', id))?.stanza).toBe('before');
    });
  });

  describe('a driver', () => {
    test('rejects what is asked after it was stopped, and may be stopped twice', async () => {
      const store = driver.open('h', 's', 'keyvalue');
      await store.set('a', 1);
      await driver.stop();
      await driver.stop();
      await expect(store.get('a')).rejects.toMatchObject({ name: 'StoreError', condition: 'failed' });
      await expect(store.set('a', 2)).rejects.toMatchObject({ name: 'StoreError', condition: 'failed' });
      await expect(list(store.keys())).rejects.toMatchObject({ name: 'StoreError', condition: 'failed' });
      await expect(driver.open('h', 's', 'map').change('a', [])).rejects.toMatchObject({ condition: 'failed' });
      for (const kind of ['archive', 'history'] as const) {
        const items = driver.open('h', 's', kind);
        await expect(items.query('a', { limit: 1 })).rejects.toMatchObject({ condition: 'failed' });
        await expect(items.delete('a')).rejects.toMatchObject({ condition: 'failed' });
      }
      const added = driver.open('h', 's', 'history').add('a', { at: 1, stanza: '' });
      await expect(added.done).rejects.toMatchObject({ condition: 'failed' });
    });

    test.each([archive, history])('finishes what was begun before it stops (%#)', async (open) => {
      const store = open(driver, 's');
      const begun = Array.from({ length: 20 }, (_, at) => store.append('romeo', { at, stanza: '' }));
      await driver.stop();
      expect(new Set(await Promise.all(begun)).size).toBe(20);
    });

    test('knows how many bytes it keeps', async () => {
      const [values, maps, archives, histories] = [
        driver.open('h', 's', 'keyvalue'),
        driver.open('h', 's', 'map'),
        driver.open('h', 's', 'archive'),
        history(driver, 's'),
      ];
      const before = driver.bytes;
      await values.set('a', 'x'.repeat(1000));
      await values.set('a', 'y'.repeat(1000));
      await maps.change('a', Object.entries({ a: 'x'.repeat(1000), b: 'x'.repeat(1000) }));
      await archives.append('a', { at: 1, stanza: 'x'.repeat(1000) });
      await histories.append('a', { at: 1, stanza: 'x'.repeat(1000) });
      expect(driver.bytes - before).toBeGreaterThan(5000);
      expect(driver.bytes - before).toBeLessThan(6000);
      await values.set('a', undefined);
      await maps.remove('a');
      await archives.delete('a');
      await histories.delete('a');
      expect(driver.bytes).toBe(before);
    });
  });

  describe('a driver with a limit', () => {
    beforeEach(async () => {
      await driver.stop();
      driver = await fresh(20_000);
    });

    const FULL = { name: 'StoreError', condition: 'full' };

    test('refuses what does not fit, keeps what it has, and takes more once there is room', async () => {
      const store = driver.open('h', 's', 'keyvalue');
      await store.set('a', 'x'.repeat(15_000));
      await expect(store.set('b', 'x'.repeat(15_000))).rejects.toMatchObject(FULL);
      await expect(store.update('a', (value) => `${value}${value}`)).rejects.toMatchObject(FULL);
      expect(await store.get('b')).toBe(undefined);
      expect(await store.get('a')).toBe('x'.repeat(15_000));
      await store.set('a', 'x');
      await store.set('b', 'x'.repeat(15_000));
      expect(await store.get('b')).toBe('x'.repeat(15_000));
    });

    test('changes all fields or none', async () => {
      const store = driver.open('h', 's', 'map');
      await store.set('a', 'x', 1);
      const big = Object.entries({ x: 2, y: 'y'.repeat(15_000), z: 'z'.repeat(15_000) });
      await expect(store.change('a', big)).rejects.toMatchObject(FULL);
      expect(Object.fromEntries(await store.all('a'))).toEqual({ x: 1 });
    });

    test.each([archive, history])('appends until it is full, and again after a deletion (%#)', async (open) => {
      const store = open(driver, 's');
      const item = { at: 1, stanza: 'x'.repeat(5000) };
      const ends = await Promise.allSettled(Array.from({ length: 10 }, () => store.append('a', item)));
      expect(ends.filter(({ status }) => status === 'fulfilled')).toHaveLength(3);
      expect(await store.size('a')).toBe(3);
      expect((await store.query('a', { limit: 9 })).items).toHaveLength(3);
      await store.delete('a');
      await store.append('a', item);
      expect(await store.size('a')).toBe(1);
    });
  });
}

export async function list<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}
