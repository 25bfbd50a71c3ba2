// A depot of files in a temporary folder, with a clock that tests set; and bytes to put there.

import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach } from 'vitest';
import { uploadOptions } from '../../src/config/modules.js';
import type { Depot, DepotOptions } from '../../src/files/depot.js';
import type { Outcome, Slot, Wish } from '../../src/files/registry.js';
import { Shelf } from '../../src/files/shelf.js';
import { Uploads } from '../../src/files/uploads.js';
import { MemoryDriver } from '../../src/storage/memory.js';
import type { Driver } from '../../src/storage/store.js';
import { MemoryLog } from './memory-log.js';

export const ROMEO = 'romeo@example.test';
const DOMAIN = 'upload.example.test';

/** Folders that go after each test. */
export function folders(): () => string {
  const made: string[] = [];
  afterEach(() => {
    for (const path of made.splice(0)) rmSync(path, { recursive: true, force: true });
  });
  return () => {
    const path = mkdtempSync(join(tmpdir(), 'bosh-files-'));
    made.push(path);
    return path;
  };
}

export interface TestDepot {
  readonly shelf: Shelf;
  readonly uploads: Uploads;
  readonly depot: Depot;
  readonly log: MemoryLog;
  readonly ended: Outcome[];
  readonly clock: { now: number };
  /** Names of what is in the folder. */
  names(): string[];
  wish(said?: Partial<Wish>): Promise<Slot>;
}

export interface Place {
  readonly home: string;
  readonly options?: Partial<DepotOptions>;
  readonly storage?: Driver;
  readonly clock?: { now: number };
}

export function testDepot({
  home,
  options = {},
  storage = new MemoryDriver(),
  clock = { now: 1e12 },
}: Place): TestDepot {
  const uploads = new Uploads({ home });
  const [log, ended] = [new MemoryLog(), [] as Outcome[]];
  const depot = uploads.open(
    DOMAIN,
    '',
    { ...uploadOptions.default, ...options },
    {
      store: storage.open(DOMAIN, 'uploads', 'keyvalue'),
      log,
      ended: (outcome) => void ended.push(outcome),
      now: () => clock.now,
    },
  );
  const wish = (said: Partial<Wish> = {}) =>
    depot.reserve({ owner: ROMEO, name: 'a.bin', type: 'application/octet-stream', typed: false, size: 5, ...said });
  return {
    uploads,
    shelf: new Shelf(uploads, log),
    depot,
    log,
    ended,
    clock,
    wish,
    names: () => readdirSync(join(home, DOMAIN)).sort(),
  };
}

/** A body that comes in these pieces. */
export async function* bodyOf(...pieces: string[]): AsyncGenerator<Buffer> {
  for (const piece of pieces) yield Buffer.from(piece);
}
