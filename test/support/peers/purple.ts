// The libpurple client of the tests: compiled from purple.c against libpurple-dev, and run with a home folder of its own.

import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { program } from './need.js';
import { PASSWORD, scratch } from './peer.js';
import { Running } from './process.js';

const SOURCE = fileURLToPath(new URL('./purple.c', import.meta.url));

export interface Purple {
  /** Compiles once, then runs a client that logs in at the BOSH URL. */
  start(jid: string, url: string): Running;
  remove(): void;
}

/** True where gcc and libpurple's headers are installed. */
export function purpleInstalled(): boolean {
  if (!program('gcc') || !program('pkg-config')) return false;
  try {
    execFileSync('pkg-config', ['--exists', 'purple'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** The compiled client. */
export function buildPurple(): Purple {
  const folder = scratch('purple');
  const binary = join(folder.path, 'purple');
  const flags = execFileSync('pkg-config', ['--cflags', '--libs', 'purple'], { encoding: 'utf8' }).trim().split(/\s+/);
  execFileSync('gcc', ['-O1', '-o', binary, SOURCE, ...flags], { stdio: 'pipe' });
  let homes = 0;
  return {
    start: (jid, url) => {
      const home = join(folder.path, `home${homes++}`);
      return new Running(binary, [home, jid, PASSWORD, url], { env: { HOME: folder.path, LC_ALL: 'C.UTF-8' } });
    },
    remove: folder.remove,
  };
}
