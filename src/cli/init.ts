// `bosh-server init`: a configuration for a beginning, commented, that starts as it is.

import { existsSync, writeFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { newFile } from '../config/example.js';
import { type Config, type ConfigInput, load } from '../config/load.js';
import type { Terminal } from './terminal.js';

/** Writes the file, never over another one; resolves to the exit code. */
export function init(terminal: Terminal): number {
  const { config, arguments: words } = load({ ...terminal, withoutFile: true });
  const name = words.config ?? 'bosh.conf.json';
  const path = resolve(terminal.cwd, name);
  if (existsSync(path)) {
    terminal.complain(`${name}  is there already\n   fix: remove it first, or write another with --config=PATH`);
    return 2;
  }
  writeFileSync(path, newFile(beginning(config, dirname(path))), { flag: 'wx', mode: 0o640 });
  terminal.print(`${name} is written. Look through it, then start: bosh-server --config=${name}`);
  return 0;
}

/** What the file says: the domains that were named; without any, `localhost` as in the first minute, but kept. */
function beginning({ domains, upstreams, storage }: Config, folder: string): ConfigInput {
  const own = Object.entries(domains).map(([domain, { auth }]) => [domain, { auth }]);
  const path = storage.path || (folder === '/etc' ? '/var/lib/bosh-server' : './data');
  const kept = { storage: { driver: 'level', path } } as const;
  if (own.length === 0 && Object.keys(upstreams).length === 0) {
    return { host: '127.0.0.1', domains: { localhost: { auth: { anonymous: true, register: true } } }, ...kept };
  }
  return {
    ...(Object.keys(upstreams).length > 0 && { upstreams }),
    ...(own.length > 0 && { domains: Object.fromEntries(own), ...kept }),
  };
}
