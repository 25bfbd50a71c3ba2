// A write that was torn: the machine stopped in the midst of it, and the file ends anywhere in its last frame.

import { cpSync, mkdtempSync, readdirSync, rmSync, statSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openLevel } from '../../../src/storage/level.js';
import type { Driver } from '../../../src/storage/store.js';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'bosh-torn-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const storeOf = (driver: Driver) => driver.open('h', 'history', 'history');
const stanzaOf = (body: string) => `<message xmlns='jabber:client'><body>${body}</body></message>`;

/** One frame, in the histories of both. */
async function say(driver: Driver, body: string): Promise<void> {
  const store = storeOf(driver);
  const item = { at: 1000, with: 'juliet@example.test', stanza: stanzaOf(body) };
  const added = store.add('romeo', item);
  await Promise.all([added.done, store.add('juliet', item, added).done]);
}

async function said(driver: Driver, who: string): Promise<string[]> {
  const { items } = await storeOf(driver).query(who, { limit: 100 });
  return items.map(({ stanza }) => stanza);
}

/** Says more, and opens it again. */
async function goesOn(driver: Driver, path: string, before: readonly string[]): Promise<Driver> {
  await say(driver, 'four');
  await driver.stop();
  const again = await openLevel(path);
  for (const who of ['romeo', 'juliet']) expect(await said(again, who), path).toEqual([...before, stanzaOf('four')]);
  return again;
}

/** The only file of histories in the folder of a database. */
function fileIn(path: string): string {
  const [name, ...others] = readdirSync(join(path, 'history'));
  expect(others).toEqual([]);
  return join(path, 'history', name);
}

test('a last frame that was cut at any of its bytes is not there, all before is, and writing goes on', async () => {
  const path = join(folder, 'data');
  const driver = await openLevel(path);
  for (const body of ['one', 'two']) await say(driver, body);
  const whole = statSync(fileIn(path)).size;
  await say(driver, 'three');
  const end = statSync(fileIn(path)).size;
  // As it is on the disk, without the notes that a server makes as it stops.
  const crashed = join(folder, 'crashed');
  cpSync(path, crashed, { recursive: true });
  await driver.stop();
  expect(end).toBeGreaterThan(whole + 100);
  for (let size = whole; size < end; size++) {
    const torn = join(folder, 'torn');
    cpSync(crashed, torn, { recursive: true });
    truncateSync(fileIn(torn), size);
    const before = ['one', 'two'].map(stanzaOf);
    let again = await openLevel(torn);
    for (const who of ['romeo', 'juliet']) expect(await said(again, who), `${who}, ${size}`).toEqual(before);
    // Opening costs most of the time.
    if ((size - whole) % 8 === 0) again = await goesOn(again, torn, before);
    await again.stop();
    rmSync(torn, { recursive: true });
  }
}, 120_000);
