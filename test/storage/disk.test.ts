// A disk that is full, for real: a small file system in memory. Where none may be mounted, the tests say so.

import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openLevel } from '../../src/storage/level.js';
import type { Driver, StoreError } from '../../src/storage/store.js';
import { list } from './contract.js';

const MEBIBYTE = 1_048_576;

let disk: string;
let obstacle: string | undefined;

beforeAll(() => {
  disk = mkdtempSync(join(tmpdir(), 'bosh-disk-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=12m', 'tmpfs', disk], { stdio: 'pipe' });
  } catch (error) {
    obstacle = `no file system can be mounted here: ${(error as Error).message}`;
  }
});

afterAll(() => {
  if (obstacle === undefined) execFileSync('umount', ['-l', disk]);
  rmSync(disk, { recursive: true, force: true });
});

/** Values that do not shrink, and what the disk said of them, by key. */
class Writes {
  readonly kept = new Map<string, string>();
  refused = 0;
  #next = 0;

  /** New keys and old ones, at once. */
  async some(driver: Driver, count: number): Promise<void> {
    const store = driver.open('h', 's', 'keyvalue');
    const one = async () => {
      const key = `key${this.#next++ % 3 === 0 ? this.#next % 50 : this.#next}`;
      const value = randomBytes(2000).toString('base64');
      try {
        await store.set(key, value);
        this.kept.set(key, value);
      } catch (error) {
        expect(error).toMatchObject({ name: 'StoreError' });
        if ((error as StoreError).condition === 'full') this.refused++;
      }
    };
    await Promise.all(Array.from({ length: count }, one));
  }

  async check(driver: Driver): Promise<void> {
    const store = driver.open('h', 's', 'keyvalue');
    expect((await list(store.keys())).sort()).toEqual([...this.kept.keys()].sort());
    for (const [key, value] of this.kept) expect(await store.get(key)).toBe(value);
  }
}

test('a full disk refuses changes, keeps and shows all others, and is written again when it has room', async ({
  skip,
}) => {
  skip(obstacle !== undefined, obstacle);
  const path = join(disk, 'data');
  const writes = new Writes();
  let driver = await openLevel(path);
  for (let round = 1; round <= 3; round++) {
    const ballast = join(disk, `ballast${round}`);
    try {
      writeFileSync(ballast, Buffer.alloc(round === 1 ? 6 * MEBIBYTE : 12 * MEBIBYTE));
    } catch {
      // As much as there is room for.
    }
    const before = writes.refused;
    for (let i = 0; i < 1000 && writes.refused < before + 10; i++) await writes.some(driver, 20);
    expect(writes.refused).toBeGreaterThanOrEqual(before + 10);
    await writes.check(driver);
    rmSync(ballast);
    const refused = writes.refused;
    await writes.some(driver, 20);
    expect(writes.refused).toBe(refused);
    await writes.check(driver);
  }
  await driver.stop();
  driver = await openLevel(path);
  await writes.check(driver);
  await driver.stop();
});

test('a database that finds no room at its start names the option', async ({ skip }) => {
  skip(obstacle !== undefined, obstacle);
  const ballast = join(disk, 'ballast');
  try {
    writeFileSync(ballast, Buffer.alloc(12 * MEBIBYTE));
  } catch {
    // As much as there is room for.
  }
  expect(existsSync(ballast)).toBe(true);
  const path = join(disk, 'other');
  await expect(openLevel(path)).rejects.toThrow(`storage.path  ${path} is on a full disk (ENOSPC)\n   fix: make room`);
});
