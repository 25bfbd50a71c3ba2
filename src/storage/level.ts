// The driver on LevelDB: one folder, one process, no server of its own. What is acknowledged is synced to the disk, and
// is there after a crash of the process or the machine. This file opens the database; journal.ts writes it.

import { access, constants, mkdir, open, readdir, rm, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import type { ClassicLevel } from 'classic-level';
import { ArchiveIds } from './archive.js';
import { Chronicle } from './history/chronicle.js';
import { LevelHistories } from './history/level-histories.js';
import { BYTES, type Disk, type Ground, Journal } from './journal.js';
import { LevelArchives, LevelKeyValues, LevelMaps } from './level-stores.js';
import { foreignFormat, openError, StorageOpenError, strangers } from './open-error.js';
import { ownKey } from './records.js';
import type { Driver, Store, StoreKind } from './store.js';

const FORMAT = ownKey('format');
const RUN = ownKey('run');

/** The folder of the files that histories lie in, in that of the database. */
const HISTORY = 'history';

/** How records are laid out; a database that says another one is not touched. */
const CURRENT_FORMAT = '1';

/**
 * Opens the database in a folder, which is made when it is not there. `maxBytes` bounds its keys and values together, as
 * counted by the driver; 0 does not. Rejects with a StorageOpenError.
 */
export async function openLevel(path: string, maxBytes = 0): Promise<Driver> {
  try {
    await prepare(path);
    const ground = { open: () => openDisk(path), probe: () => probe(path) };
    return await LevelDriver.start(path, ground, maxBytes);
  } catch (error) {
    throw error instanceof StorageOpenError ? error : openError(path, error);
  }
}

class LevelDriver implements Driver {
  readonly #journal: Journal;
  readonly #ids: ArchiveIds;
  readonly #chronicle: Chronicle;

  constructor(journal: Journal, chronicle: Chronicle, run: number) {
    this.#journal = journal;
    this.#chronicle = chronicle;
    this.#ids = new ArchiveIds(run);
  }

  /** Every start counts as a run, so that no id of an archive is given twice. */
  static async start(path: string, ground: Ground, maxBytes: number): Promise<LevelDriver> {
    const disk = await ground.open();
    try {
      const [format = CURRENT_FORMAT, run = '0', bytes = '0'] = await disk.getMany([FORMAT, RUN, BYTES]);
      if (format !== CURRENT_FORMAT) throw foreignFormat(path, format);
      const next = Number(run) + 1;
      const texts = { [FORMAT]: CURRENT_FORMAT, [RUN]: String(next), [BYTES]: bytes };
      const puts = Object.entries(texts).map(([key, value]) => ({ type: 'put' as const, key, value }));
      await disk.batch(puts, { sync: true });
      const journal = new Journal(disk, ground, maxBytes, Number(bytes));
      return new LevelDriver(journal, await Chronicle.open(join(path, HISTORY), journal, next, maxBytes), next);
    } catch (error) {
      await disk.close();
      throw error;
    }
  }

  get bytes(): number {
    return this.#journal.bytes + this.#chronicle.bytes;
  }

  open<K extends StoreKind>(host: string, store: string, kind: K): Store<K> {
    const kinds: { readonly [K in StoreKind]: () => Store<K> } = {
      keyvalue: () => new LevelKeyValues(this.#journal, host, store),
      map: () => new LevelMaps(this.#journal, host, store),
      archive: () => new LevelArchives(this.#journal, host, store, this.#ids),
      history: () => new LevelHistories(this.#journal, this.#chronicle, host, store),
    };
    return kinds[kind]();
  }

  async stop(): Promise<void> {
    await this.#chronicle.stop();
    await this.#journal.stop();
  }
}

/** Loads the database client only now. */
async function openDisk(path: string): Promise<Disk> {
  const { ClassicLevel: Level } = await import('classic-level');
  const level: ClassicLevel = new Level(path, { compression: true });
  await level.open();
  return {
    getMany: (keys) => level.getMany(keys),
    iterator: (range) => level.iterator(range),
    keys: (range) => level.keys(range),
    close: () => level.close(),
    // Half of what an array of operations costs.
    async batch(operations, options) {
      const batch = level.batch();
      for (const operation of operations) {
        if (operation.type === 'put') batch.put(operation.key, operation.value);
        else batch.del(operation.key);
      }
      await batch.write(options);
    },
  };
}

/** What a LevelDB that was never finished may have left in its folder, and what a file system has there. */
const HARMLESS = /^(LOCK|LOG(\.old)?|MANIFEST-000001|000001\.dbtmp|lost\+found)$/;

/**
 * Makes the folder, for its owner only. LevelDB would take one with other files for an empty database, and delete what
 * looks like its own: such as the tables of a database whose file CURRENT was lost.
 */
async function prepare(path: string): Promise<void> {
  const made = await mkdir(path, { recursive: true, mode: 0o700 });
  if (made !== undefined) await syncFolder(dirname(resolve(made)));
  await rm(join(path, SCRATCH), { force: true });
  refuseStrangers(path, await readdir(path));
}

function refuseStrangers(path: string, names: readonly string[]): void {
  const others = names.filter((name) => !HARMLESS.test(name));
  if (!names.includes('CURRENT') && others.length > 0) throw strangers(path, others);
}

/**
 * Whether a database could be opened in the folder, as far as that shows without touching it: another server may use it.
 * Rejects with a StorageOpenError.
 */
export async function inspectLevel(path: string): Promise<void> {
  try {
    const folder = await existing(path);
    await access(folder, constants.R_OK | constants.W_OK | constants.X_OK);
    const names = await readdir(folder);
    if (folder === resolve(path)) refuseStrangers(path, names);
  } catch (error) {
    throw error instanceof StorageOpenError ? error : openError(path, error);
  }
}

/** The folder, or the nearest one above it that is there. */
async function existing(path: string): Promise<string> {
  const whole = resolve(path);
  const found = await stat(whole).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
  });
  return found === undefined && dirname(whole) !== whole ? existing(dirname(whole)) : whole;
}

/** A new folder is there after a power failure only when the one around it was synced. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path);
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/** Besides its logs, which become tables, an opening database writes this much, in bytes, and some to spare. */
const ROOM = 262_144;

const SCRATCH = 'room.tmp';

/** Opening a database rewrites its logs: tries whether there is room for that. */
async function probe(path: string): Promise<void> {
  const logs = (await readdir(path)).filter((name) => name.endsWith('.log'));
  const sizes = await Promise.all(logs.map(async (name) => (await stat(join(path, name))).size));
  const file = join(path, SCRATCH);
  try {
    const handle = await open(file, 'w');
    try {
      await handle.writeFile(Buffer.alloc(sizes.reduce((sum, size) => sum + size, ROOM)));
      await handle.sync();
    } finally {
      await handle.close();
    }
  } finally {
    await rm(file, { force: true });
  }
}
