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

/** Opens what the options name. Rejects with a StorageOpenError, which names the option, when it cannot be had. */
export async function openStorage({ driver, path, max_bytes }: StorageOptions): Promise<Driver> {
  if (driver === 'memory') return new MemoryDriver(max_bytes);
  const { openLevel } = await import('./level.js');
  return openLevel(path, max_bytes);
}
