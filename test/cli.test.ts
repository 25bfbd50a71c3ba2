// The built command line, run as people run it. The server behind it is a stand-in where only signals and exit codes count.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { CertificateAuthority } from './support/certs.js';

const ROOT = join(import.meta.dirname, '..');
const BIN = join(ROOT, 'bin/bosh-server.js');
const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));

let cwd: string;
const children = new Set<ChildProcess>();

beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), 'bosh-cli-'));
});

afterEach(() => {
  for (const child of children) child.kill('SIGKILL');
  children.clear();
  rmSync(cwd, { recursive: true });
});

interface Outcome {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

function start(argv: readonly string[], env: Record<string, string> = {}): ChildProcess {
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('BOSH_'));
  const child = spawn(process.execPath, argv, {
    cwd,
    env: { ...Object.fromEntries(inherited), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  children.add(child);
  return child;
}

async function outcome(child: ChildProcess): Promise<Outcome> {
  let out = '';
  let err = '';
  child.stdout?.on('data', (chunk) => (out += chunk));
  child.stderr?.on('data', (chunk) => (err += chunk));
  const [code] = await once(child, 'close');
  return { code, out, err };
}

const cli = (...argv: string[]) => outcome(start([BIN, ...argv]));

/** Waits for log lines by their event, one after the other. */
function events(child: ChildProcess): (event: string) => Promise<Record<string, unknown>> {
  const seen: Record<string, unknown>[] = [];
  let rest = '';
  let wake = () => {};
  child.stdout?.on('data', (chunk) => {
    const parts = `${rest}${chunk}`.split('\n');
    rest = parts.pop() ?? '';
    seen.push(...parts.map((line) => JSON.parse(line)));
    wake();
  });
  return async (event) => {
    for (;;) {
      const at = seen.findIndex((line) => line.event === event);
      if (at !== -1) return seen.splice(0, at + 1)[at];
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  };
}

describe('commands', () => {
  test('--version prints the version', async () => {
    expect(await cli('--version')).toEqual({ code: 0, out: `${version}\n`, err: '' });
  });

  test('--help names every command and every option, also with a broken file', async () => {
    writeFileSync(join(cwd, 'bosh.conf.json'), '{');
    const { code, out } = await cli('--help');
    expect(code).toBe(0);
    for (const word of [
      'check',
      'init',
      'proxy-config',
      '--max-inactivity=N',
      '--no-jsonp',
      '--upstream=DOMAIN',
      '--limits.sessions=N',
    ]) {
      expect(out).toContain(word);
    }
  });

  test('an unknown command: exit code 2 and the nearest', async () => {
    expect(await cli('chekc')).toEqual({
      code: 2,
      out: '',
      err: 'chekc  is not a command\n   did you mean check?\n   fix: write check\n',
    });
    expect((await cli('config', 'prnt')).code).toBe(2);
    expect(await cli('proxy-config', 'apache')).toMatchObject({
      code: 2,
      err: expect.stringContaining('fix: write proxy-config nginx, haproxy or caddy'),
    });
    expect((await cli('check', 'this')).code).toBe(2);
  });

  test('config modules lists them, and tells of one of them', async () => {
    expect((await cli('config', 'modules')).out).toContain('| [ping](ping.md) | Answers pings. |');
    expect((await cli('config', 'modules', 'ping')).out).toContain('# ping\n\nAnswers pings.\n');
    expect((await cli('config', 'specifications')).out).toContain('XEP-0199 (2.0.1)');
    expect(await cli('config', 'modules', 'pong')).toMatchObject({ code: 2, err: expect.stringContaining('pong') });
    expect((await cli('config', 'modules', 'ping', 'message')).code).toBe(2);
  });

  test('mistakes in the configuration: all of them on standard error, exit code 2, no stack', async () => {
    writeFileSync(join(cwd, 'bosh.conf.json'), '{ "portt": 1, "max_wait": "x" }');
    const { code, out, err } = await cli('--jsnp');
    expect(code).toBe(2);
    expect(out).toBe('');
    expect(err).toContain('bosh.conf.json:1:3  portt  is not an option');
    expect(err).toContain('bosh.conf.json:1:15  max_wait  must be a number of seconds');
    expect(err).toContain('--jsnp  is not a flag');
    expect(err).not.toMatch(/\bat .*\.js/);
  });

  test('a named file that is not there: exit code 2', async () => {
    const { code, err } = await cli('--config', 'nix.json');
    expect(code).toBe(2);
    expect(err).toContain('--config=nix.json  file not found: ');
  });

  test('config print shows what is in effect, and where it was said', async () => {
    writeFileSync(join(cwd, 'bosh.conf.json'), '{ "max_wait": 90, "system_info_password": "canary" }');
    const { code, out } = await cli('config', 'print', '--port=1');
    expect(code).toBe(0);
    expect(out).toContain('  // --port=1\n  "port": 1,');
    expect(out).toContain('  // bosh.conf.json:1:3\n  "max_wait": 90,');
    expect(out).toContain('"system_info_password": "<redacted>"');
    expect(out).not.toContain('canary');
  });

  test('init writes a file once, and it is taken', async () => {
    const first = await cli('init', '--upstream', 'a.example=10.0.0.5:5333', '--upstream=b.example');
    expect(first.code).toBe(0);
    expect((await cli('init')).err).toContain('bosh.conf.json  is there already');
    const { out } = await cli('config', 'print');
    expect(out).toContain('"host": "10.0.0.5"');
    expect(out).toContain('"b.example"');
    expect((await cli('init', '--config=other.json')).code).toBe(0);
    expect(existsSync(join(cwd, 'other.json'))).toBe(true);
  });

  test('what init writes runs as it is, and keeps the accounts of its domains', async () => {
    await cli('init', '--domain=Example.com');
    expect(await cli('check', '--port=0')).toMatchObject({ code: 0 });
    const child = start([BIN, '--port=0', '--host=127.0.0.1']);
    expect(await events(child)('server_started')).toMatchObject({ domains: ['example.com'] });
    child.kill('SIGTERM');
    await once(child, 'close');
    expect(existsSync(join(cwd, 'data/CURRENT'))).toBe(true);
  });

  test('init without a domain writes what the first minute is: localhost, for this machine only', async () => {
    await cli('init');
    const { out } = await cli('config', 'print');
    expect(out).toContain('"host": "127.0.0.1"');
    expect(out).toContain('"localhost"');
    expect(out).toContain('"level"');
  });

  test('proxy-config speaks of the port, the paths and the longest wait of this configuration', async () => {
    const flags = ['--port=5999', '--path=/bosh', '--max-wait=200'];
    const nginx = (await cli('proxy-config', 'nginx', ...flags)).out;
    expect(nginx).toContain('server 127.0.0.1:5999;');
    expect(nginx).toContain('location /bosh {');
    expect(nginx).toContain('proxy_read_timeout 230s;');
    expect((await cli('proxy-config', 'haproxy', ...flags)).out).toContain('server one 127.0.0.1:5999 check');
    expect((await cli('proxy-config', 'caddy', ...flags)).out).toContain('response_header_timeout 230s');
  });
});

describe('check', () => {
  test('nothing wrong: exit code 0', async () => {
    const { code, out } = await cli('check', '--port=0', '--host=127.0.0.1');
    expect([code, out]).toEqual([0, 'no configuration file: everything is fine\n']);
  });

  test('a wrong file, a port in use, a server that does not answer: exit code 3', async () => {
    writeFileSync(join(cwd, 'bosh.conf.json'), '{ "portt": 1 }');
    expect((await cli('check')).code).toBe(3);
    rmSync(join(cwd, 'bosh.conf.json'));
    const { port, close } = await taken();
    const { code, err } = await cli('check', '--host=127.0.0.1', `--port=${port}`, '--upstream=a.example=127.0.0.1:1');
    close();
    expect(code).toBe(3);
    expect(err).toContain(`port  ${port} on 127.0.0.1 is in use (EADDRINUSE)\n   fix: stop what listens there`);
    expect(err).toContain('upstreams.a.example  127.0.0.1:1 cannot be reached (ECONNREFUSED)');
  });

  test('a port for clients over TCP that is in use', async () => {
    const { port, close } = await taken();
    const flags = [`--c2s.port=${port}`, '--no-c2s.require-tls'];
    const { code, err } = await cli('check', '--host=127.0.0.1', '--port=0', ...flags);
    close();
    expect(code).toBe(3);
    expect(err).toContain(`c2s.port  ${port} on 127.0.0.1 is in use (EADDRINUSE)\n   fix: stop what listens there`);
    expect(err).toContain(`as in --c2s.port=${port + 1}`);
  });

  test('modules that are none, and a folder that is no database', async () => {
    const config = {
      domains: { 'a.example': { modules: ['ping', 'pnig'] }, 'b.example': { modules: ['presence'] } },
      storage: { driver: 'level', path: '.' },
    };
    writeFileSync(join(cwd, 'bosh.conf.json'), JSON.stringify(config));
    const { code, err } = await cli('check', '--host=127.0.0.1', '--port=0');
    expect(code).toBe(3);
    expect(err).toContain('domains.a.example.modules  there is no module pnig\n   fix: bosh-server config modules');
    expect(err).toContain('domains.b.example.modules  module presence needs roster');
    expect(err).toContain('storage.path  ');
    expect(err).toContain('has files but no database: bosh.conf.json\n   fix: name an empty folder');
  });

  test('a certificate that clients over TCP would refuse', async () => {
    const authority = new CertificateAuthority();
    const { certFile, keyFile } = authority.issue('a.example');
    const tls = [`--c2s.tls.cert=${certFile}`, `--c2s.tls.key=${keyFile}`, '--c2s.port=0'];
    const { code, err } = await cli('check', '--port=0', ...tls, '--domain=a.example', '--domain=b.example');
    authority.remove();
    expect(code).toBe(3);
    expect(err).toMatch(/^c2s\.tls\.cert {2}is not for b\.example: clients over TCP would refuse it\n {3}fix: .*\n$/);
  });

  test.each([[[]], [['--proxy-protocol']]])(
    'before a reload the port is in use by the server itself, which is fine: %j',
    async (flags) => {
      const child = start([BIN, '--port=0', '--host=127.0.0.1', ...flags]);
      const { bosh } = await events(child)('server_started');
      const port = new URL(String(bosh)).port;
      expect(await cli('check', `--port=${port}`, '--host=127.0.0.1', ...flags)).toMatchObject({ code: 0 });
      child.kill('SIGTERM');
      await once(child, 'close');
    },
  );
});

describe('run', () => {
  /** The real command line around a server that does as its options' `public_url` says. */
  const script = (failure = '') => {
    const path = join(cwd, 'run.mjs');
    writeFileSync(
      path,
      `import { createServer } from 'node:net';
       import { main } from ${JSON.stringify(join(ROOT, 'dist/cli.js'))};
       const create = async (config) => {
         const server = createServer();
         return {
           urls: { bosh: 'http://localhost/http-bind/', websocket: 'ws://localhost/xmpp-websocket/' },
           start: () => new Promise((resolve, reject) => {
             server.once('error', reject).listen(config.port, config.host, resolve);
             ${failure}
           }),
           stop: () => new Promise((resolve) => server.close(resolve)),
           reload: async (config) => config.log,
           rejectedReload: () => {},
         };
       };
       process.exitCode = await main(process.argv.slice(2), create);`,
    );
    return path;
  };

  const run = (flags: readonly string[] = [], failure = '') =>
    start([script(failure), '--port=0', '--host=127.0.0.1', ...flags]);

  test.each(['SIGTERM', 'SIGINT'] as const)('%s drains and exits 0', async (signal) => {
    const child = run(['--upstream=a.example']);
    const next = events(child);
    const began = await next('server_started');
    expect(began).toMatchObject({
      level: 'info',
      version,
      bosh: 'http://localhost/http-bind/',
      upstreams: ['a.example'],
    });
    child.kill(signal);
    expect(await next('server_stopping')).toMatchObject({ signal });
    await next('server_stopped');
    expect(await once(child, 'close')).toEqual([0, null]);
  });

  test('told of no domain it says how to name one', async () => {
    writeFileSync(join(cwd, 'bosh.conf.json'), '{}');
    const child = run();
    const { hint } = await events(child)('no_upstream');
    expect(hint).toContain('--upstream=example.com=HOST:PORT');
    child.kill('SIGTERM');
    expect(await once(child, 'close')).toEqual([0, null]);
  });

  test('told nothing at all it serves localhost, to this machine only', async () => {
    const child = run();
    const { domains, bosh } = await events(child)('server_started');
    expect(domains).toEqual(['localhost']);
    expect(bosh).toBe('http://localhost/http-bind/');
    child.kill('SIGTERM');
    expect(await once(child, 'close')).toEqual([0, null]);
  });

  test('H6 SIGHUP takes a good file; a bad one is refused and the old one kept', async () => {
    const file = join(cwd, 'bosh.conf.json');
    writeFileSync(file, '{ "max_wait": 90 }');
    const child = run(['--upstream=a.example']);
    const next = events(child);
    await next('server_started');
    writeFileSync(file, '{ "max_wait": 91, "path": "/bosh/" }');
    child.kill('SIGHUP');
    expect(await next('config_reloaded')).toMatchObject({ needs_restart: ['path'] });
    child.kill('SIGHUP');
    expect(await next('config_reloaded')).toMatchObject({ needs_restart: ['path'] });
    writeFileSync(file, '{ "max_wiat": 91 }');
    child.kill('SIGHUP');
    const { level, problems } = await next('config_rejected');
    expect(level).toBe('error');
    expect(String(problems)).toContain('max_wiat  is not an option');
    child.kill('SIGTERM');
    expect(await once(child, 'close')).toEqual([0, null]);
  });

  test('a port in use: the option, the address, exit code 4', async () => {
    const { port, close } = await taken();
    const { code, err } = await outcome(run([`--port=${port}`]));
    close();
    expect(code).toBe(4);
    expect(err).toBe(
      `port  ${port} on 127.0.0.1 is in use (EADDRINUSE)\n   fix: stop what listens there, or choose another port, as in --port=${port + 1}\n`,
    );
  });

  test('a port that another bosh-server has is said to be that', async () => {
    const child = start([BIN, '--port=0', '--host=127.0.0.1']);
    const { bosh } = await events(child)('server_started');
    const { port } = new URL(String(bosh));
    const { code, err } = await cli(`--port=${port}`);
    expect(code).toBe(4);
    expect(err).toContain(`port  ${port} on 127.0.0.1 is in use by another bosh-server (EADDRINUSE)\n   fix: stop`);
    child.kill('SIGTERM');
    await once(child, 'close');
  });

  test('an address of another machine: exit code 4', async () => {
    const { code, err } = await outcome(run(['--host=192.0.2.1']));
    expect(code).toBe(4);
    expect(err).toContain('host  192.0.2.1 is no address of this machine (EADDRNOTAVAIL)');
  });

  test('a storage that another server uses: the option, exit code 4', async () => {
    const storage = ['--storage.driver=level', '--storage.path=data'];
    const child = start([BIN, '--port=0', '--host=127.0.0.1', ...storage]);
    await events(child)('server_started');
    const { code, err } = await cli('--port=0', '--host=127.0.0.1', ...storage);
    expect(code).toBe(4);
    expect(err).toBe(
      `storage.path  ${join(cwd, 'data')} is in use by another process (LEVEL_LOCKED)\n   fix: stop the other server that uses it, or name another folder\n`,
    );
    child.kill('SIGTERM');
    expect(await once(child, 'close')).toEqual([0, null]);
  });

  test('any other failure to start: logged, exit code 1', async () => {
    const { code, out } = await outcome(run([], "reject(new Error('no luck'));"));
    expect(code).toBe(1);
    expect(out).toContain('"event":"run_failed"');
    expect(out).toContain('no luck');
  });

  test.each([
    ['uncaughtException', "setImmediate(() => { throw new Error('a bug'); });"],
    ['unhandledRejection', "setImmediate(() => void Promise.reject(new Error('a bug')));"],
  ])('H8 %s: logged, exit code 70', async (origin, failure) => {
    const { code, out } = await outcome(run([], failure));
    expect(code).toBe(70);
    expect(JSON.parse(out.trim().split('\n').at(-1) ?? '')).toMatchObject({
      event: 'crashed',
      origin,
      error: { message: 'a bug' },
    });
  });
});

async function taken(): Promise<{ port: number; close(): void }> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { port: (server.address() as AddressInfo).port, close: () => server.close() };
}
