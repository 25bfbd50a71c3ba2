// Files that have little left of what they had, on a real disk: what is left is moved and the file goes, while the archive
// is read, and when the server is killed in the midst of it.

import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, mkdtempSync, readdirSync, rmSync, watch } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { Catalogue } from '../../../src/storage/history/catalogue.js';
import { Files } from '../../../src/storage/history/files.js';
import { Journal } from '../../../src/storage/journal.js';
import { openLevel } from '../../../src/storage/level.js';
import type { ArchiveItem, Driver } from '../../../src/storage/store.js';

const ROOT = join(import.meta.dirname, '../../..');
const WHO = ['romeo', 'juliet', 'nurse'];
/** Items of two that go, each of these bytes: more than a file holds. */
const MANY = 1200;
const BIG = 'x'.repeat(65_536);
/** Items that stay. */
const FEW = 60;

let folder: string;
let filled: string;
/** What each of them has when the others are gone. */
let kept: Map<string, readonly ArchiveItem[]>;

const storeOf = (driver: Driver) => driver.open('h', 'mam', 'history');
const filesIn = (path: string) => readdirSync(join(path, 'history'));

async function all(driver: Driver, who: string): Promise<readonly ArchiveItem[]> {
  return (await storeOf(driver).query(who, { limit: 10_000 })).items;
}

/** In pages of a few, from both ends. */
async function paged(driver: Driver, who: string, backwards: boolean): Promise<ArchiveItem[]> {
  let items: ArchiveItem[] = [];
  for (let id: string | undefined; ; ) {
    const from = backwards ? { before: id } : { after: id };
    const page = await storeOf(driver).query(who, { limit: 7, backwards, ...from });
    items = backwards ? [...page.items, ...items] : [...items, ...page.items];
    if (page.complete) return items;
    id = backwards ? items[0].id : items[items.length - 1].id;
  }
}

async function expectKept(driver: Driver): Promise<void> {
  for (const who of WHO) {
    expect(await all(driver, who), who).toEqual(kept.get(who));
    for (const backwards of [false, true]) expect(await paged(driver, who, backwards), who).toEqual(kept.get(who));
    expect(await storeOf(driver).size(who)).toBe(kept.get(who)?.length);
  }
}

/** Deletions after which a file from which nothing was deleted is not on its way out by itself. */
const LATELY = 30;

/** Deletes what is large, which is nearly all there is. */
async function thin(driver: Driver): Promise<void> {
  await storeOf(driver).delete('romeo', { with: 'large@example.test' });
  await others(driver);
}

/** Deletions elsewhere. */
async function others(driver: Driver, count = LATELY): Promise<void> {
  for (let i = 0; i < count; i++) await storeOf(driver).delete('paris');
}

/** Resolves when the first file is gone. */
async function gone(path: string): Promise<void> {
  const watcher = watch(join(path, 'history'));
  while (filesIn(path).includes('00000001')) await once(watcher, 'change');
  watcher.close();
}

beforeAll(async () => {
  if (!existsSync(join(ROOT, 'dist/storage/level.js'))) execFileSync('npm', ['run', 'build'], { cwd: ROOT });
  folder = mkdtempSync(join(tmpdir(), 'bosh-sparse-'));
  filled = join(folder, 'filled');
  const driver = await openLevel(filled);
  const store = storeOf(driver);
  for (let i = 0; i < MANY; i++) {
    const { done } = store.add('romeo', { at: 1000 + i, with: 'large@example.test', stanza: BIG });
    if (i % (MANY / FEW) === 0) {
      const item = { at: 900 + i, stanza: `<m>${i}</m>` };
      const sent = store.add('romeo', { ...item, with: 'juliet@example.test' });
      store.add('juliet', { ...item, with: 'romeo@example.test' }, sent);
      if (i % 100 === 0) store.add('nurse', item);
    }
    if (i % 20 === 0) {
      store.hurry();
      await done;
    }
  }
  await driver.stop();
  const copy = join(folder, 'copy');
  cpSync(filled, copy, { recursive: true });
  const other = await openLevel(copy);
  kept = new Map();
  for (const who of WHO)
    kept.set(
      who,
      (await all(other, who)).filter(({ stanza }) => stanza !== BIG),
    );
  await other.stop();
  expect(kept.get('romeo')).toHaveLength(FEW);
  expect(kept.get('juliet')).toHaveLength(FEW);
}, 120_000);

afterAll(() => rmSync(folder, { recursive: true, force: true }));

afterEach(() => {
  vi.restoreAllMocks();
});

test('a file that has little left is emptied; ids, order, bytes and sizes of what was moved are as before', async () => {
  const path = join(folder, 'moved');
  cpSync(filled, path, { recursive: true });
  let driver = await openLevel(path);
  expect(filesIn(path).length).toBeGreaterThan(1);
  await thin(driver);
  // Somebody has seen where the items are, and reads them when they are elsewhere.
  const { read } = Files.prototype;
  vi.spyOn(Files.prototype, 'read').mockImplementationOnce(async function (this: Files, places) {
    await gone(path);
    return read.call(this, places);
  });
  const late = all(driver, 'juliet');
  // While they are being moved.
  while (filesIn(path).includes('00000001')) await expectKept(driver);
  expect(await late).toEqual(kept.get('juliet'));
  await expectKept(driver);
  await driver.stop();
  driver = await openLevel(path);
  await expectKept(driver);
  // What is said now is behind all of it.
  const { id, done } = storeOf(driver).add('juliet', { at: 1, stanza: '<m>new</m>' });
  await done;
  const items = await all(driver, 'juliet');
  expect(items.map((item) => item.id)).toEqual([...(kept.get('juliet') ?? []).map((item) => item.id), id]);
  const bytes = driver.bytes;
  await driver.stop();
  driver = await openLevel(path);
  expect(driver.bytes).toBe(bytes);
  for (const who of WHO) await storeOf(driver).delete(who);
  expect(driver.bytes).toBeLessThan(1000);
  await driver.stop();
}, 60_000);

test('items that are moved after the page was found that they are on are read all the same', async () => {
  const path = join(folder, 'found');
  cpSync(filled, path, { recursive: true });
  const driver = await openLevel(path);
  const { move } = Catalogue.prototype;
  const moved = new Promise<void>((resolve, reject) => {
    vi.spyOn(Catalogue.prototype, 'move').mockImplementationOnce(async function (this: Catalogue, ...items) {
      await move.apply(this, items).then(resolve, reject);
    });
  });
  await thin(driver);
  const [first, ...rest] = kept.get('juliet') ?? [];
  const { each } = Journal.prototype;
  vi.spyOn(Journal.prototype, 'each').mockImplementationOnce(async function* (this: Journal, ask) {
    try {
      yield* each.call(this, ask);
    } finally {
      await moved;
    }
  });
  expect((await storeOf(driver).query('juliet', { after: first.id, limit: 100 })).items).toEqual(rest);
  await driver.stop();
}, 60_000);

test('a file from which something is deleted now and then is left alone: it goes by itself', async () => {
  const path = join(folder, 'waning');
  cpSync(filled, path, { recursive: true });
  const driver = await openLevel(path);
  const frames = vi.spyOn(Files.prototype, 'frames');
  const large = { with: 'large@example.test' };
  // The first file keeps its first ones, and the second all it has.
  let left = 100;
  const middle = await storeOf(driver).delete('romeo', { ...large, start: 1000 + left, end: 2000 });
  // Longer than it takes to begin.
  for (const until = performance.now() + 500; left > 10 && performance.now() < until; left--) {
    await others(driver, LATELY - 2);
    expect(await storeOf(driver).delete('romeo', { ...large, limit: 1 })).toBe(1);
  }
  expect(frames).not.toHaveBeenCalled();
  await others(driver);
  await gone(path);
  expect(frames).toHaveBeenCalled();
  expect((await all(driver, 'romeo')).length).toBe(FEW + MANY - middle - (100 - left));
  await driver.stop();
}, 60_000);

/** The child ends itself as if by kill -9 in front of that write to the database, or right behind it. */
async function killed(path: string, write: number, behind: boolean): Promise<void> {
  const args = [join(ROOT, 'test/support/storage-emptier.js'), path, String(write), String(behind)];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'inherit'] });
  expect(await once(child, 'close')).toEqual([null, 'SIGKILL']);
}

test('kill -9 before and after each step: nothing is lost, nothing is there twice, and the file goes in the end', async () => {
  const path = join(folder, 'killed');
  cpSync(filled, path, { recursive: true });
  let thinned = await openLevel(path);
  await thin(thinned);
  await thinned.stop();
  // The first write is the start's. Each child begins anew, and passes over what is moved already.
  for (const write of [2, 3, 4]) {
    for (const behind of [false, true]) {
      await killed(path, write, behind);
      const driver = await openLevel(path);
      await expectKept(driver);
      await driver.stop();
    }
  }
  expect(filesIn(path)).toContain('00000001');
  thinned = await openLevel(path);
  await thin(thinned);
  await gone(path);
  await expectKept(thinned);
  await thinned.stop();
}, 120_000);
