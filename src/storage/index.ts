// The drivers by name. A driver's database client is imported when that driver is opened, and no earlier.

import { MemoryDriver } from './memory.js';
import type { Driver } from './store.js';

export interface StorageOptions {
  readonly driver: 'memory' | 'level';
  /** The folder of the database; '' for a driver that has none. */
  readonly path: string;
  /** Most bytes of keys and values together; 0 sets no limit. */
  readonly max_bytes: number;
}

/** What keeps it from being opened, as far as that shows without doing so. Rejects with a StorageOpenError. */
export async function inspectStorage({ driver, path }: StorageOptions): Promise<void> {
  if (driver === 'level') await (await import('./level.js')).inspectLevel(path);
}

/** Opens what the options name. Rejects with a StorageOpenError, which names the option, when it cannot be had. */
export async function openStorage({ driver, path, max_bytes }: StorageOptions): Promise<Driver> {
  if (driver === 'memory') return new MemoryDriver(max_bytes);
  const { openLevel } = await import('./level.js');
  return openLevel(path, max_bytes);
}
