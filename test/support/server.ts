// The built server as a child process, the way an operator runs it: `node bin/bosh-server.js` with a configuration file and
// flags, on a free loopback port. It waits until the port answers, keeps the log and ends the process by its pid.

import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort, Running } from './peers/process.js';

const BIN = fileURLToPath(new URL('../../bin/bosh-server.js', import.meta.url));
const BUILT = fileURLToPath(new URL('../../dist/cli.js', import.meta.url));

export interface ServerOptions {
  /** Written to a temporary file and given as --config; names as in the manual. */
  readonly config?: Readonly<Record<string, unknown>>;
  /** Further flags, `['--max-inactivity=3']`. */
  readonly flags?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** A running server; `bosh` and `ws` are its endpoints. */
export interface ServerProcess {
  readonly port: number;
  /** Its configuration file. */
  readonly file: string;
  readonly bosh: string;
  readonly ws: string;
  readonly process: Running;
  log(): string;
  /** Ends it with SIGTERM, or the signal given, and resolves with its exit code. */
  stop(signal?: NodeJS.Signals): Promise<number>;
}

/** Starts the server and resolves when it listens. */
export async function startServer({ config = {}, flags = [], env }: ServerOptions = {}): Promise<ServerProcess> {
  if (!existsSync(BUILT)) throw new Error('dist/cli.js is missing: npm run build comes first');
  const folder = mkdtempSync(join(tmpdir(), 'bosh-server-'));
  const file = join(folder, 'bosh.conf.json');
  writeFileSync(file, JSON.stringify(config, null, 2));
  const port = await freePort();
  const fixed = [`--config=${file}`, '--host=127.0.0.1', `--port=${port}`];
  const child = new Running(process.execPath, [BIN, ...fixed, ...flags], { cwd: folder, env });
  const stop = async (signal: NodeJS.Signals = 'SIGTERM'): Promise<number> => {
    const code = await child.stop(signal);
    rmSync(folder, { recursive: true, force: true });
    return code;
  };
  await child.listens(port).catch(async (error: unknown) => {
    await stop('SIGKILL');
    throw error;
  });
  return {
    port,
    file,
    bosh: `http://127.0.0.1:${port}/http-bind/`,
    ws: `ws://127.0.0.1:${port}/xmpp-websocket/`,
    process: child,
    log: () => child.log,
    stop,
  };
}
