// Programs of slixmpp and nbxmpp, run by the Python that Debian's packages are for.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Running } from './process.js';

/** What the loggers of Python write, and Python itself. */
const COMPLAINTS = /^(WARNING|ERROR|CRITICAL):|Traceback|never retrieved/m;

const PYTHON = '/usr/bin/python3';

const installed = (name: string) => existsSync(`/usr/lib/python3/dist-packages/${name}`);

/** Whether the tests can use it. */
export const slixmppInstalled = (): boolean => installed('slixmpp');

/** Whether they can use its plugin for files, which needs aiohttp besides. */
export const slixmppUploads = (): boolean => slixmppInstalled() && installed('aiohttp');

export const python = (script: string, args: readonly string[], env: Readonly<Record<string, string>> = {}): Running =>
  new Running(PYTHON, [script, ...args], { env: { PYTHONUNBUFFERED: '1', ...env } });

/** One of the scripts beside this file. */
export const slixmpp = (name: string, args: readonly string[]): Running =>
  python(join(import.meta.dirname, name), args);

/** One of the scripts of `drivers/`, which tell what worked, and end. */
export class Script extends Running {
  constructor(
    readonly name: string,
    args: readonly string[],
  ) {
    super(PYTHON, [join(import.meta.dirname, 'drivers', name), ...args], { env: { PYTHONUNBUFFERED: '1' } });
  }

  /** Resolves with all it wrote when it has done its work; rejects when it failed, or warned of something. */
  async succeeds(): Promise<string> {
    const code = await this.exited;
    const isDone = code === 0 && /^ALL DONE$/m.test(this.log);
    if (!isDone || COMPLAINTS.test(this.log))
      throw new Error(`${this.name} ended with ${code}:\n${this.log.slice(-6000)}`);
    return this.log;
  }
}
