import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ClassicLevel } from 'classic-level';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { openStorage } from '../../src/storage/index.js';
import { openLevel } from '../../src/storage/level.js';
import type { Driver, Json } from '../../src/storage/store.js';
import { contract, KEYS, list } from './contract.js';

let ground: string;

beforeAll(() => {
  ground = mkdtempSync(join(tmpdir(), 'bosh-level-'));
});

afterAll(() => {
  rmSync(ground, { recursive: true, force: true });
});

/** Gives records of a database other keys; throws when none has one. */
async function rename(path: string, name: (key: string) => string): Promise<void> {
  const level = new ClassicLevel(path);
  let renamed = 0;
  for await (const [key, value] of level.iterator()) {
    if (name(key) === key) continue;
    renamed++;
    await level.batch([
      { type: 'del', key },
      { type: 'put', key: name(key), value },
    ]);
  }
  await level.close();
  if (renamed === 0) throw new Error('no such key');
}

let folders = 0;
const folder = () => join(ground, String(folders++));

describe('the level driver', () => {
  contract((maxBytes) => openLevel(folder(), maxBytes));
});

describe('a database that is opened again', () => {
  let path: string;
  let driver: Driver;
  const again = async (maxBytes?: number) => {
    await driver.stop();
    driver = await openLevel(path, maxBytes);
  };

  beforeEach(async () => {
    path = folder();
    driver = await openLevel(path);
  });

  afterEach(() => driver.stop());

  test('has all that it had', async () => {
    const [values, maps, archives] = [
      () => driver.open('h', 's', 'keyvalue'),
      () => driver.open('h', 's', 'map'),
      () => driver.open('h', 's', 'archive'),
    ];
    await Promise.all(KEYS.map((key, i) => values().set(key, i)));
    await maps().change('romeo', Object.entries({ a: 1, b: { c: ['ž'] } }));
    const ids = await Promise.all([1, 2, 3].map((at) => archives().append('romeo', { at, stanza: String(at) })));
    const { bytes } = driver;
    await again();
    expect(driver.bytes).toBe(bytes);
    expect(await Promise.all(KEYS.map((key) => values().get(key)))).toEqual(KEYS.map((_, i) => i));
    expect((await list(values().keys())).sort()).toEqual([...KEYS].sort());
    expect(Object.fromEntries(await maps().all('romeo'))).toEqual({ a: 1, b: { c: ['ž'] } });
    expect((await archives().query('romeo', { limit: 9 })).items.map(({ id }) => id)).toEqual(ids);
    expect(await archives().size('romeo')).toBe(3);
  });

  test('has places of an older version, whose keys do not say what they have, and deletes them with the others', async () => {
    const history = () => driver.open('h', 's', 'history');
    const add = (from: number, to: number) =>
      Promise.all(
        Array.from(
          { length: to - from },
          (_, i) => history().add('romeo', { at: from + i, stanza: `${from + i}` }).done,
        ),
      );
    await add(0, 1200);
    await driver.stop();
    await rename(path, (key) => key.replace(/^(h\0s\0history\0romeo\0.{18}).*/s, '$1'));
    driver = await openLevel(path);
    await add(1200, 1900);
    await again();
    expect(await history().size('romeo')).toBe(1900);
    expect(await history().delete('romeo', { limit: 1250 })).toBe(1250);
    expect(await history().delete('romeo', { ids: [(await history().query('romeo', { limit: 1 })).items[0].id] })).toBe(
      1,
    );
    const { items } = await history().query('romeo', { limit: 1000 });
    expect(items.map(({ stanza }) => stanza)).toEqual(Array.from({ length: 649 }, (_, i) => `${1251 + i}`));
    await history().delete('romeo');
    expect(driver.bytes).toBe(0);
  });

  test('deletes roughly what it is told: the first ones, never more, and always some', async () => {
    const history = driver.open('h', 's', 'history');
    const add = (from: number, to: number) =>
      Promise.all(
        Array.from({ length: to - from }, (_, at) => history.add('romeo', { at, stanza: `${from + at}` }).done),
      );
    await add(0, 700);
    expect(await history.delete('romeo', { limit: 0 })).toBe(0);
    await history.delete('romeo', { ids: ['none'] });
    await add(700, 1200);
    let left = 1200;
    for (const limit of [900, 10, 260, 200]) {
      const gone = await history.delete('romeo', { limit, roughly: true });
      expect(gone).toBeGreaterThan(0);
      expect(gone).toBeLessThanOrEqual(limit);
      left -= gone;
      const { items } = await history.query('romeo', { limit: 2000 });
      expect(items.map(({ stanza }) => stanza)).toEqual(Array.from({ length: left }, (_, i) => `${1200 - left + i}`));
    }
    await again();
    expect(await driver.open('h', 's', 'history').size('romeo')).toBe(left);
  });

  test('gives ids that were never given, even when the clock was set back', async () => {
    const seen: string[] = [];
    for (const at of [5000, 4000, 3000]) {
      const store = driver.open('h', 's', 'archive');
      seen.push(await store.append('romeo', { at, stanza: '' }), await store.append('juliet', { at, stanza: '' }));
      await store.delete('juliet');
      await again();
    }
    expect(new Set(seen).size).toBe(6);
    const page = await driver.open('h', 's', 'archive').query('romeo', { limit: 9 });
    expect(page.items.map(({ id }) => id)).toEqual(seen.filter((_, i) => i % 2 === 0));
  });

  test('knows what it has when it gets a limit', async () => {
    const value = 'x'.repeat(10_000);
    await driver.open('h', 's', 'keyvalue').set('a', value);
    await again(15_000);
    const store = driver.open('h', 's', 'keyvalue');
    await expect(store.set('b', value)).rejects.toMatchObject({ condition: 'full' });
    await store.set('a', undefined);
    await store.set('b', value);
  });
});

describe('many changes at once', () => {
  test('share their syncs', async () => {
    const path = folder();
    const driver = await openLevel(path);
    const store = driver.open('h', 's', 'keyvalue');
    const order: string[] = [];
    await Promise.all(
      Array.from({ length: 5000 }, (_, i) =>
        store.update(`key${i % 50}`, (value) => [...((value ?? []) as Json[]), i]).then(() => order.push(String(i))),
      ),
    );
    await driver.stop();
    expect(order).toHaveLength(5000);
  });
});

describe('a folder that is no place for a database', () => {
  const opening = (path: string) => openStorage({ driver: 'level', path, max_bytes: 0 });

  test('is in use by another one', async () => {
    const path = folder();
    const driver = await opening(path);
    await expect(opening(path)).rejects.toThrow(
      `storage.path  ${path} is in use by another process (LEVEL_LOCKED)\n   fix: stop the other`,
    );
    await driver.open('h', 's', 'keyvalue').set('a', 1);
    await driver.stop();
  });

  test('has a damaged database', async () => {
    const path = folder();
    await (await opening(path)).stop();
    const manifest = readdirSync(path).find((name) => name.startsWith('MANIFEST')) ?? '';
    writeFileSync(join(path, manifest), 'x'.repeat(100));
    await expect(opening(path)).rejects.toThrow(`storage.path  ${path} has a damaged database (LEVEL_CORRUPTION)`);
  });

  test('lost the file that says what it has: its tables are left alone', async () => {
    const path = folder();
    await (await opening(path)).stop();
    await (await opening(path)).stop();
    rmSync(join(path, 'CURRENT'));
    const before = readdirSync(path);
    await expect(opening(path)).rejects.toThrow(`storage.path  ${path} has files but no database`);
    expect(readdirSync(path)).toEqual(before);
  });

  test("has somebody's files", async () => {
    const path = folder();
    mkdirSync(path);
    writeFileSync(join(path, '000007.log'), 'precious');
    await expect(opening(path)).rejects.toThrow(`storage.path  ${path} has files but no database: 000007.log`);
    expect(readdirSync(path)).toEqual(['000007.log']);
  });

  test('is a file', async () => {
    const path = folder();
    writeFileSync(path, '');
    await expect(opening(path)).rejects.toThrow(`storage.path  ${path} is not a folder`);
  });

  test('is inside a file', async () => {
    const path = folder();
    writeFileSync(path, '');
    await expect(opening(join(path, 'data'))).rejects.toThrow(`storage.path  ${path}/data is not a folder (ENOTDIR)`);
  });
});
