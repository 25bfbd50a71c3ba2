// Programs of slixmpp and nbxmpp, run by the Python that Debian's packages are for.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Running } from './process.js';

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

/** One of the scripts of `drivers/`, which tell what worked and end; fails with all they wrote when they fail or warn. */
export async function runScript(name: string, args: readonly string[]): Promise<string> {
  const script = python(join(import.meta.dirname, 'drivers', name), args);
  const code = await script.exited;
  if (
    code !== 0 ||
    !script.log.includes('ALL DONE') ||
    /WARNING|ERROR|CRITICAL|Traceback|never retrieved/.test(script.log)
  )
    throw new Error(`${name} ended with ${code}:\n${script.log.slice(-6000)}`);
  return script.log;
}
