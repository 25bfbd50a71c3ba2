import { mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { BodyError } from '../../src/files/folder.js';
import { MemoryDriver } from '../../src/storage/memory.js';
import { StoreError } from '../../src/storage/store.js';
import { bodyOf, folders, ROMEO, testDepot } from '../support/uploads.js';

const DAY = 86_400_000;
const folder = folders();
const DOMAIN = 'upload.example.test';

/** A depot with a file; its id. */
async function withFile(place: Partial<Parameters<typeof testDepot>[0]> = {}) {
  const test = testDepot({ home: folder(), ...place });
  const keep = async (said: Parameters<typeof test.wish>[0] = {}) => {
    const slot = await test.wish(said);
    expect(await test.shelf.receive(slot.token, bodyOf('x'.repeat(slot.size)))).toBe('stored');
    return slot.id;
  };
  return { ...test, keep, id: await keep() };
}

describe('a file', () => {
  test('is on the disk under its id, for the user of the server only', async () => {
    const { shelf, wish, names } = testDepot({ home: folder() });
    const slot = await wish({ name: '../../etc/passwd' });
    expect(await shelf.receive(slot.token, bodyOf('he', 'l', 'lo'))).toBe('stored');
    expect(names()).toEqual([slot.id]);
    const file = await shelf.find(slot.id);
    const handle = file && (await shelf.open(file));
    expect(await handle?.readFile('utf8')).toBe('hello');
    expect(((await handle?.stat())?.mode ?? 0) & 0o777).toBe(0o600);
    await handle?.close();
  });

  test.each([
    ['longer', ['hello', '!']],
    ['shorter', ['hell']],
    ['empty', []],
  ])('that is %s than it was said is not kept', async (_, pieces) => {
    const { shelf, wish, names, ended } = testDepot({ home: folder() });
    const { token, id } = await wish({ size: 5 });
    expect(await shelf.receive(token, bodyOf(...pieces))).toBe('broken');
    expect([names(), ended, await shelf.find(id)]).toEqual([[], ['broken'], undefined]);
  });

  test('that breaks off may be uploaded again with the same slot', async () => {
    const { shelf, wish, names } = testDepot({ home: folder() });
    const { token, id } = await wish();
    async function* broken() {
      yield Buffer.from('he');
      throw new BodyError('cut');
    }
    expect(await shelf.receive(token, broken())).toBe('broken');
    expect(await shelf.receive(token, bodyOf('hello'))).toBe('stored');
    expect(await shelf.receive(token, bodyOf('other'))).toBe('taken');
    expect(names()).toEqual([id]);
  });

  test('counts for its owner from the promise of a slot on, and no longer when that is over', async () => {
    const { depot, wish, clock } = testDepot({ home: folder(), options: { account_bytes: 10, slot_timeout: 60 } });
    await wish({ size: 6 });
    await expect(wish({ size: 6 })).rejects.toThrow('account_bytes');
    clock.now += 60_000;
    depot.sweep();
    await wish({ size: 10 });
  });

  test('whose upload never ends loses its slot at last', async () => {
    const { depot, uploads, wish, clock, ledger } = await stuck();
    clock.now += 10_000_000;
    depot.sweep();
    expect([ledger.bytes, await uploads.begin((await wish()).token).then((each) => typeof each)]).toEqual([
      0,
      'object',
    ]);
  });

  test('is not recorded when the store takes no more', async () => {
    const { shelf, wish, names, ended, log } = testDepot({ home: folder(), storage: new MemoryDriver(50) });
    const { token, id } = await wish();
    expect(await shelf.receive(token, bodyOf('hello'))).toBe('full');
    expect([names(), ended, await shelf.find(id), log.of('upload_failed')]).toMatchObject([
      [],
      ['full'],
      undefined,
      [{}],
    ]);
  });

  test('goes in the minute after its time, with its record', async () => {
    const storage = new MemoryDriver();
    const { depot, id, keep, clock, names, shelf, log } = await withFile({ storage, options: { expire: 2 } });
    clock.now += DAY;
    const later = await keep();
    clock.now += DAY + 60_000;
    depot.sweep();
    await vi.waitUntil(() => log.of('uploads_expired').length === 1);
    expect([names(), await shelf.find(id)]).toEqual([[later], undefined]);
    expect(await all(storage.open(DOMAIN, 'uploads', 'keyvalue').keys())).toEqual([later]);
    expect(depot.ledger.bytes).toBe(5);
  });

  test('goes by the options as they are now', async () => {
    const storage = new MemoryDriver();
    const { uploads, id, home, clock } = await withHome({ storage, options: { expire: 30 } });
    await uploads.close(DOMAIN);
    clock.now += 10 * DAY;
    const again = testDepot({ home, storage, clock, options: { expire: 5 } });
    expect(await again.shelf.find(id)).toBeUndefined();
    const { uploads: last } = testDepot({ home, storage, clock, options: { expire: 0 } });
    expect((await last.find(id))?.until).toBeUndefined();
  });
});

describe('a start', () => {
  test('finds what is there, and removes what nobody knows', async () => {
    const storage = new MemoryDriver();
    const { id, home, uploads, clock } = await withHome({ storage });
    await uploads.close(DOMAIN);
    const at = (name: string) => join(home, DOMAIN, name);
    for (const name of ['0'.repeat(40), `${id}.part`, 'somebody.txt']) writeFileSync(at(name), 'left');
    symlinkSync(at('somebody.txt'), at('1'.repeat(40)));
    mkdirSync(at('lost+found'));
    const again = testDepot({ home, storage, clock });
    await again.wish();
    expect(again.names()).toEqual([id, 'lost+found', 'somebody.txt'].sort());
    expect(readFileSync(at('somebody.txt'), 'utf8')).toBe('left');
    expect(again.log.of('upload_leftovers_removed')).toEqual([{ count: 3 }]);
    expect([again.depot.ledger.files, (await again.shelf.find(id))?.name]).toEqual([1, 'a.bin']);
  });

  test('with a folder that cannot be had: nobody may upload until it can', async () => {
    const home = folder();
    writeFileSync(join(home, DOMAIN), 'a file');
    const { wish, log } = testDepot({ home });
    await expect(wish()).rejects.toThrow(StoreError);
    expect(log.of('uploads_not_loaded').length).toBeGreaterThan(0);
    rmSync(join(home, DOMAIN));
    await wish();
  });
});

describe('an account that goes', () => {
  test('takes its files and slots with it', async () => {
    const { depot, shelf, id, wish, keep, names } = await withFile();
    const hers = await keep({ owner: 'juliet@example.test' });
    const { token } = await wish();
    await depot.forget(ROMEO);
    expect([names(), await shelf.find(id), await shelf.slot(token)]).toEqual([[hers], undefined, undefined]);
    expect(await shelf.receive(token, bodyOf('hello'))).toBe('gone');
    expect([depot.ledger.files, depot.ledger.bytes]).toEqual([1, 5]);
  });
});

describe('a depot that closes', () => {
  test('takes nothing more, and keeps what it has', async () => {
    const { uploads, shelf, id, wish, names } = await withFile();
    const { token } = await wish();
    async function* body() {
      await uploads.close(DOMAIN);
      yield Buffer.from('hello');
    }
    expect(await shelf.receive(token, body())).toBe('gone');
    expect([names(), await shelf.find(id), await shelf.slot(token)]).toEqual([[id], undefined, undefined]);
  });
});

async function withHome(place: Partial<Parameters<typeof testDepot>[0]>) {
  const home = folder();
  return { ...(await withFile({ home, ...place })), home };
}

/** A depot with a slot whose upload has begun. */
async function stuck() {
  const test = testDepot({ home: folder(), options: { account_bytes: 5, slot_timeout: 1 } });
  const { token } = await test.wish();
  await test.uploads.begin(token);
  test.clock.now += 30_000;
  test.depot.sweep();
  expect(test.depot.ledger.bytes).toBe(5);
  return { ...test, ledger: test.depot.ledger };
}

async function all<T>(of: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const each of of) found.push(each);
  return found;
}
