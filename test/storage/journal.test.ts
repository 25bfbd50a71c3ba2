// The journal on a real LevelDB, with a hand between them that counts batches, holds them, and lets them fail.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ClassicLevel } from 'classic-level';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Disk, type Ground, Journal } from '../../src/storage/journal.js';
import { LevelKeyValues } from '../../src/storage/level-stores.js';
import type { Json, KeyValueStore } from '../../src/storage/store.js';

let folder: string;
let journal: Journal;
let store: KeyValueStore;
let sizes: number[];
let opened: number;
/** What happens to the next batches, instead of being written. */
let faults: ((write: () => Promise<void>) => Promise<void>)[];
let hasRoom: boolean;

const open = async (): Promise<Disk> => {
  const level = new ClassicLevel(join(folder, 'data'));
  await level.open();
  opened++;
  return {
    getMany: (keys) => level.getMany(keys),
    iterator: (range) => level.iterator(range),
    keys: (range) => level.keys(range),
    close: () => level.close(),
    batch: (operations, options) => {
      if (!options.sync) throw new Error('a batch that is not synced may be lost');
      sizes.push(operations.length);
      const write = () => level.batch(operations, options);
      return (faults.shift() ?? ((plain) => plain()))(write);
    },
  };
};

const ground: Ground = {
  open,
  probe: async () => {
    if (!hasRoom) throw new Error('IO error: No space left on device');
  },
};

const torn = async () => {
  throw new Error('IO error: Input/output error');
};

/** All of it is in the log, and yet the disk says that it is not. */
const unsynced = async (write: () => Promise<void>) => {
  await write();
  await torn();
};

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'bosh-journal-'));
  sizes = [];
  opened = 0;
  faults = [];
  hasRoom = true;
  journal = new Journal(await open(), ground, 0, 0);
  store = new LevelKeyValues(journal, 'h', 's');
});

afterEach(async () => {
  await journal.stop();
  rmSync(folder, { recursive: true, force: true });
});

test('what comes while a batch is written goes into the next one, together', async () => {
  let release = () => {};
  faults.push(async (write) => {
    await new Promise<void>((resolve) => {
      release = resolve;
    });
    await write();
  });
  const first = store.set('first', 1);
  const others = Array.from({ length: 100 }, (_, i) => store.set(`key${i}`, i));
  const same = Array.from({ length: 100 }, () => store.update('n', (value) => Number(value ?? 0) + 1));
  const read = store.get('n');
  expect(await read).toBe(undefined);
  expect(await store.get('first')).toBe(undefined);
  while (sizes.length === 0) await store.get('first');
  // Every change is made up by now, for reads are answered in turn.
  for (let i = 0; i < 300; i++) await store.get('first');
  release();
  await Promise.all([first, ...others, ...same]);
  expect(sizes).toHaveLength(2);
  expect(await store.get('n')).toBe(100);
});

test('a batch has an end: what is too much waits for the next', async () => {
  const value = 'x'.repeat(300_000);
  await Promise.all(Array.from({ length: 20 }, (_, i) => store.set(`key${i}`, value)));
  expect(Math.max(...sizes)).toBeLessThan(7);
});

test.each([
  ['torn', torn],
  ['whole, but not synced', unsynced],
])('of a batch that failed (%s) nothing is there, neither at once nor after the next', async (_, fault) => {
  await store.set('a', 'old');
  faults.push(fault);
  const ends = await Promise.allSettled([store.set('a', 'new'), store.set('b', 'new')]);
  expect(ends.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  expect(ends[0]).toMatchObject({ reason: { name: 'StoreError', condition: 'failed' } });
  if (fault === torn) expect([await store.get('a'), await store.get('b')]).toEqual(['old', undefined]);
  await store.set('c', 'next');
  expect(opened).toBe(2);
  expect([await store.get('a'), await store.get('b'), await store.get('c')]).toEqual(['old', undefined, 'next']);
});

test('nothing of a failed batch is there after a stop, though nothing was written since', async () => {
  await store.set('a', 'old');
  faults.push(unsynced);
  await expect(store.set('a', 'new')).rejects.toThrow('the storage failed');
  await journal.stop();
  journal = new Journal(await open(), ground, 0, 0);
  expect(await new LevelKeyValues(journal, 'h', 's').get('a')).toBe('old');
});

test('a record that was deleted without being read is there again when that failed', async () => {
  await journal.add([{ key: 'a', text: 'old', free: true }]);
  faults.push(torn);
  const gone = { key: 'a', text: undefined, free: true, unread: true } as const;
  await expect(journal.add([gone, { key: 'b', text: 'new', free: true, unread: true }])).rejects.toThrow();
  await journal.add([{ key: 'c', text: 'next', free: true }]);
  expect(opened).toBe(2);
  expect(await journal.read((disk) => disk.getMany(['a', 'b', 'c']))).toEqual(['old', undefined, 'next']);
  await journal.add([gone]);
  expect(await journal.read((disk) => disk.getMany(['a']))).toEqual([undefined]);
});

test('changes that built on a failed one fail with it', async () => {
  const count = (value: Json | undefined) => Number(value ?? 0) + 1;
  await store.update('n', count);
  faults.push(torn);
  const ends = await Promise.allSettled(Array.from({ length: 50 }, () => store.update('n', count)));
  const made = ends.flatMap((end) => (end.status === 'fulfilled' ? [end.value] : []));
  expect(made.length).toBeLessThan(50);
  expect(made).toEqual(made.map((_, i) => i + 2));
  expect(await store.get('n')).toBe(made.length + 1);
});

test('while there is no room it is read from, and it takes changes when there is', async () => {
  await store.set('a', 'old');
  faults.push(async () => {
    throw new Error('IO error: No space left on device');
  });
  hasRoom = false;
  await expect(store.set('a', 'new')).rejects.toMatchObject({ condition: 'full' });
  await expect(store.set('b', 'new')).rejects.toMatchObject({ condition: 'full' });
  expect(sizes).toHaveLength(2);
  expect(opened).toBe(1);
  expect([await store.get('a'), await store.get('b')]).toEqual(['old', undefined]);
  hasRoom = true;
  await store.set('b', 'new');
  expect([await store.get('a'), await store.get('b')]).toEqual(['old', 'new']);
});

test('when setting back fails too, it is tried again, and nothing shows before', async () => {
  await store.set('a', 'old');
  faults.push(unsynced, torn, torn);
  await expect(store.set('a', 'new')).rejects.toThrow();
  await expect(store.set('b', 'new')).rejects.toThrow();
  await expect(store.get('a')).rejects.toMatchObject({ name: 'StoreError', condition: 'failed' });
  expect(await store.get('a')).toBe('old');
  await store.set('b', 'new');
  expect([await store.get('a'), await store.get('b')]).toEqual(['old', 'new']);
});

test('counts the bytes of what was written, not of what failed', async () => {
  await store.set('a', 'x');
  const { bytes } = journal;
  faults.push(torn);
  await expect(store.set('b', 'x'.repeat(1000))).rejects.toThrow();
  expect(journal.bytes).toBe(bytes);
  await store.set('a', 'y');
  expect(journal.bytes).toBe(bytes);
});
