// A process that writes is killed at any moment, again and again: what it had been told to be durable is there, what it
// was told nothing of is there in whole or not at all.

import { execFileSync, spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openLevel } from '../../src/storage/level.js';

const ROOT = join(import.meta.dirname, '../..');
const ROUNDS = 50;

let folder: string;

beforeAll(() => {
  if (!existsSync(join(ROOT, 'dist/storage/level.js'))) execFileSync('npm', ['run', 'build'], { cwd: ROOT });
  folder = mkdtempSync(join(tmpdir(), 'bosh-crash-'));
}, 120_000);

afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** The last number that each writer was told, of a process that is killed after so many lines or milliseconds. */
async function killed(moment: { lines: number } | { after: number }): Promise<Map<string, number>> {
  const child = spawn(process.execPath, [join(ROOT, 'test/support/storage-writer.js'), folder], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const kill = () => child.kill('SIGKILL');
  const timer = 'after' in moment ? setTimeout(kill, moment.after) : undefined;
  const told = new Map<string, number>();
  let lines = 0;
  createInterface(child.stdout).on('line', (line) => {
    const [name, number] = line.split(' ');
    told.set(name, Number(number));
    if ('lines' in moment && ++lines === moment.lines) kill();
  });
  expect(await once(child, 'close')).toEqual([null, 'SIGKILL']);
  clearTimeout(timer);
  return told;
}

/** What the database has, by the same names. Fails when it has a part of anything. */
async function found(): Promise<Map<string, number>> {
  const driver = await openLevel(folder);
  const counts = new Map<string, number>();
  const values = driver.open('h', 'counts', 'keyvalue');
  for await (const name of values.keys()) counts.set(name, Number(await values.get(name)));
  const maps = driver.open('h', 'pairs', 'map');
  for await (const name of maps.keys()) {
    const { a, b, padding } = Object.fromEntries(await maps.all(name));
    expect([b, padding]).toEqual([a, 'x'.repeat(Number(a) % 2000)]);
    counts.set(name, Number(a));
  }
  for (const kind of ['archive', 'history'] as const) {
    const archives = driver.open('h', kind, kind);
    for await (const name of archives.keys()) {
      const { items } = await archives.query(name, { limit: 100_000 });
      const numbers = items.map(({ stanza }) => Number(stanza));
      expect(numbers).toEqual(numbers.map((_, i) => numbers[0] + i));
      expect(await archives.size(name)).toBe(numbers.length);
      counts.set(name, numbers[numbers.length - 1]);
      if (!name.endsWith('-too')) counts.set(`${name}-deleted`, numbers[0]);
    }
  }
  await driver.stop();
  return counts;
}

test(`kill -9, ${ROUNDS} times: nothing that was acknowledged is lost`, async () => {
  let before = new Map<string, number>();
  let acknowledged = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const moment = round % 3 === 0 ? { after: randomInt(20, 200) } : { lines: randomInt(1, 150) };
    const told = await killed(moment);
    const now = await found();
    for (const [name, number] of now) {
      const least = told.get(name) ?? before.get(name) ?? 0;
      expect(number, name).toBeGreaterThanOrEqual(least);
      // A process killed between appending and deleting leaves the deletion to a later one.
      const [, archive] = /^(.*)-deleted$/.exec(name) ?? [];
      const most = archive === undefined ? least + 1 : (now.get(archive) ?? 0);
      expect(number, name).toBeLessThanOrEqual(most);
    }
    for (const [name, number] of told) expect(now.get(name), name).toBeGreaterThanOrEqual(number);
    acknowledged += [...told].reduce((sum, [name, number]) => sum + number - (before.get(name) ?? 0), 0);
    before = now;
  }
  expect(acknowledged).toBeGreaterThan(ROUNDS * 10);
}, 120_000);
