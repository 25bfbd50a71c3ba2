// What users get: the packed tarball, installed into an empty folder without install scripts, runs.

import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const ROOT = join(import.meta.dirname, '..');
const call = promisify(execFile);

interface Package {
  readonly name: string;
  readonly version: string;
  readonly dependencies: Record<string, string>;
  readonly allowScripts: Record<string, boolean>;
}

const { version, dependencies, allowScripts }: Package = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));

let folder: string;
let files: string[];
let children: ChildProcess[];

beforeAll(async () => {
  children = [];
  folder = mkdtempSync(join(tmpdir(), 'bosh-package-'));
  if (!existsSync(join(ROOT, 'dist/cli.js'))) await call('npm', ['run', 'build'], { cwd: ROOT });
  const { stdout } = await call('npm', ['pack', '--ignore-scripts', '--json', '--pack-destination', folder], {
    cwd: ROOT,
  });
  const answer = JSON.parse(stdout.slice(stdout.search(/^[[{]/m)));
  const [packed] = (Array.isArray(answer) ? answer : Object.values(answer)) as {
    filename: string;
    files: { path: string }[];
  }[];
  files = packed.files.map(({ path }) => path);
  writeFileSync(join(folder, 'package.json'), '{ "private": true, "type": "module" }');
  await install(join(folder, packed.filename));
}, 180_000);

afterAll(() => {
  for (const child of children) child.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
});

/** By npm; where there is no registry, by hand from the modules of this checkout. */
async function install(tarball: string): Promise<void> {
  const flags = [
    '--ignore-scripts',
    '--no-audit',
    '--no-fund',
    '--prefer-offline',
    '--fetch-retries=0',
    '--fetch-timeout=20000',
  ];
  try {
    await call('npm', ['install', tarball, ...flags], { cwd: folder, timeout: 120_000 });
  } catch {
    await byHand(tarball);
  }
}

async function byHand(tarball: string): Promise<void> {
  const modules = join(folder, 'node_modules');
  rmSync(modules, { recursive: true, force: true });
  mkdirSync(join(modules, 'bosh-server'), { recursive: true });
  await call('tar', ['-xzf', tarball, '-C', join(modules, 'bosh-server'), '--strip-components=1']);
  const { stdout } = await call('npm', ['ls', '--omit=dev', '--all', '--parseable'], { cwd: ROOT });
  for (const path of stdout.trim().split('\n').slice(1)) cpSync(path, path.replace(ROOT, folder), { recursive: true });
  mkdirSync(join(modules, '.bin'));
  writeFileSync(
    join(modules, '.bin/bosh-server'),
    '#!/bin/sh\nexec node "$(dirname "$0")/../bosh-server/bin/bosh-server.js" "$@"\n',
    { mode: 0o755 },
  );
}

/** The library as docs/embedding.md and docs/writing-a-module.md describe it. */
const PROGRAM = `
import { Element, type Host, type HookEvents, type IqAnswer, type IqRequest, JID, type KeyValueStore, type Module, Part,
  type Routed, type Session, StanzaError, Stanza as XmppStanza, StoreError } from 'bosh-server';
import { type ClientStream, closedEnd, createServer, type Ending, type ServerOptions, type Stanza, type StreamEnd,
  StreamError, type StreamHeader, type Upstream, silentLog } from 'bosh-server';
class Mirror implements StreamEnd {
  constructor(readonly client: ClientStream) {}
  open(header: StreamHeader): void { this.client.open({ from: header.to, id: '1', version: '1.0' }); }
  stanza(stanza: Stanza): boolean { return this.client.stanza(stanza.with({ from: stanza.to, to: undefined })); }
  drain(): void {}
  close({ how, error }: Ending): void { const condition: string | undefined = error?.condition; void [how, condition]; }
}
const refuse = (client: ClientStream): StreamEnd => {
  setImmediate(() => client.close({ how: 'closed', error: new StreamError('host-gone') }));
  return closedEnd;
};
const upstream: Upstream = { attach: (client, header) => (header.to ? new Mirror(client) : refuse(client)), stop: async () => {} };
const options: ServerOptions = { port: 0, upstream, firewall: { allow: ['*'] }, log: silentLog, limits: { rates: false } };
const server = createServer({ ...options, upstream: (proxy) => proxy });
server.on('stream-add', ({ transport, remoteAddress }, { to }) => void [transport, remoteAddress, to]);
server.on('nodes', ([stanza], stream) => void [stanza?.name, stream.name]);
server.on('terminate', (_, ending) => void ending.error?.condition);
server.on('response-acknowledged', (rid, session) => void [rid + 1, session.length]);
server.fastify.get('/hello', async () => 'hello');
await server.start();
await server.reload({ max_wait: 30 });
await server.stop();
class Cup {
  readonly throws = new WeakMap<Session, number>();
  constructor(readonly best: KeyValueStore, readonly sides: number) {}
  async thrown({ from, payload, session }: IqRequest): Promise<IqAnswer> {
    const name: string = payload.getName();
    if (session) this.throws.set(session, name.length);
    try {
      const most = await this.best.update(from.local, (before) => Math.max(Number(before ?? 0), this.sides));
      return new Element('thrown', { xmlns: 'urn:example:dice', best: String(most) });
    } catch (error) {
      if (error instanceof StoreError && error.condition === 'full') throw new StanzaError('wait', 'resource-constraint');
      throw error;
    }
  }
}
const CUP = new Part<Cup>('cup');
const greet = (host: Host, { session, initial }: HookEvents['session-available']): void => {
  const greeting = XmppStanza.from("<message xmlns='jabber:client'/>").with({ from: host.domain, to: session.address });
  if (initial) session.send(greeting);
};
const dice = ({ sides = 6 }): Module => ({
  name: 'dice', about: 'Throws dice.', specifications: [], needs: ['bind'],
  load(host) {
    host.provide(CUP, new Cup(host.open('dice', 'keyvalue'), sides));
    host.hooks.iq('set', 'host', 'urn:example:dice', 'throw', (request) => host.use(CUP).thrown(request));
    host.hooks.on('session-available', (event) => greet(host, event), 10);
    host.hooks.on('pre-message/bare', (routed: Routed) => { routed.stanza = routed.stanza.with({ id: 'x' }); });
    host.hooks.on('account-deleted', ({ username, waits }) => void waits.push(host.use(CUP).best.set(username, undefined)));
    host.hooks.nonza('urn:example:cup', ({ stream }) => stream.hold(Promise.resolve(JID.parse('a@b'))));
    // @ts-expect-error no such hook
    host.hooks.on('message/nobody', () => {});
    return () => host.log.info('dice_gone');
  },
});
createServer({ domains: { 'a.example': {} }, modules: [dice({ sides: 20 })] });
// @ts-expect-error no such event
server.on('nope', () => {});
// @ts-expect-error no such option
createServer({ prot: 1 });
`;

/** Counts its runs in a database. */
const COUNTER = `
import { createServer, silentLog } from 'bosh-server';
const counter = { name: 'counter', about: 'Counts.', specifications: [], load(host) {
  counted = host.open('runs', 'keyvalue').update('count', (count = 0) => count + 1);
} };
let counted;
const server = createServer({ port: 0, host: '127.0.0.1', domains: { 'a.example': {} }, modules: [counter],
  storage: { driver: 'level', path: 'counted' }, log: silentLog });
await server.start();
process.stdout.write(String(await counted));
await server.stop();
`;

const run = (...argv: string[]) => call('npx', ['--no-install', 'bosh-server', ...argv], { cwd: folder });

describe('the tarball', () => {
  test.each([
    'bin/bosh-server.js',
    'dist/cli.js',
    'dist/index.js',
    'dist/index.d.ts',
    'src/http/pages/chat/index.html',
    'src/http/pages/chat/chat.js',
    'src/http/pages/chat/view/door.js',
    'docs/configuration.md',
    'docs/architecture.md',
    'docs/operating.md',
    'docs/embedding.md',
    'docs/migrating.md',
    'docs/metrics.md',
    'docs/storage.md',
    'docs/examples/echo.js',
    'docs/examples/dice.js',
    'docs/writing-a-module.md',
    'docs/modules/README.md',
    'docs/modules/ping.md',
    'config/nginx.conf',
    'config/bosh-server.service',
    'config/prometheus-alerts.yml',
    'config/grafana-dashboard.json',
    'bosh.conf.example.json',
    'bosh.schema.json',
    'npm-shrinkwrap.json',
    'package.json',
    'README.md',
  ])('has %s', (path) => {
    expect(files).toContain(path);
  });

  test('has no tests, benchmarks or sources of tests', () => {
    expect(files.filter((path) => /^(test|bench|\.ci|coverage|node_modules)\/|\.test\./.test(path))).toEqual([]);
  });

  test('has a lock that pins what was tested, with no address of a registry of its own', () => {
    const lock = JSON.parse(readFileSync(join(ROOT, 'npm-shrinkwrap.json'), 'utf8'));
    expect(lock.packages[''].dependencies).toEqual(dependencies);
    const packages = Object.values(lock.packages as Record<string, { resolved?: string; link?: boolean }>);
    const hosts = packages.flatMap(({ resolved, link }) => (resolved && !link ? [new URL(resolved).host] : []));
    expect([...new Set(hosts)]).toEqual([]);
  });

  // classic-level would build itself where it brings no binary; it brings one for every platform that is supported, and
  // its script is denied here too, so whatever is tested is tested without.
  test('no dependency needs an install script: those that have one are denied it, and bring binaries', () => {
    const lock = JSON.parse(readFileSync(join(ROOT, 'npm-shrinkwrap.json'), 'utf8'));
    const scripted = Object.entries(
      lock.packages as Record<string, { hasInstallScript?: boolean; dev?: boolean; optional?: boolean }>,
    )
      .filter(([, { hasInstallScript, dev, optional }]) => hasInstallScript && !dev && !optional)
      .map(([path]) => path.replace('node_modules/', ''));
    expect(scripted).toEqual(['classic-level']);
    expect(scripted.filter((name) => allowScripts[name] !== false)).toEqual([]);
    const platforms = ['linux-x64', 'linux-arm64', 'darwin-x64+arm64', 'win32-x64'];
    const brought = readdirSync(join(ROOT, 'node_modules/classic-level/prebuilds'));
    expect(brought).toEqual(expect.arrayContaining(platforms));
  });
});

describe('installed into an empty folder', () => {
  test('npx bosh-server --version and --help', async () => {
    expect((await run('--version')).stdout.trim()).toBe(version);
    expect((await run('--help')).stdout).toContain('--upstream=DOMAIN');
  });

  test('it starts, with a database, answers at its path and ends by SIGTERM with 0', async () => {
    const bin = join(folder, 'node_modules/bosh-server/bin/bosh-server.js');
    const storage = ['--storage.driver=level', '--storage.path=data'];
    const child = spawn(process.execPath, [bin, '--port=0', '--host=127.0.0.1', '--upstream=a.example', ...storage], {
      cwd: folder,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    children.push(child);
    const { bosh } = JSON.parse(String((await once(child.stdout, 'data'))[0]).split('\n')[0]) as { bosh: string };
    const response = await fetch(bosh.replace('localhost', '127.0.0.1'));
    expect(response.status).toBe(200);
    expect(await response.text()).toContain('BOSH');
    expect(existsSync(join(folder, 'data/CURRENT'))).toBe(true);
    child.kill('SIGTERM');
    expect(await once(child, 'exit')).toEqual([0, null]);
  });

  test('what it keeps in its database is there when it is opened again', async () => {
    writeFileSync(join(folder, 'counter.js'), COUNTER);
    const counted = async () => (await call(process.execPath, ['counter.js'], { cwd: folder })).stdout;
    expect([await counted(), await counted()]).toEqual(['1', '2']);
  });

  test('its types hold for a program, strictly and with all libraries checked', async () => {
    writeFileSync(join(folder, 'program.ts'), PROGRAM);
    const compiler = join(ROOT, 'node_modules/typescript/bin/tsc');
    const types = ['--types', 'node', '--typeRoots', join(ROOT, 'node_modules/@types')];
    const flags = ['--noEmit', '--strict', '--target', 'es2022', '--module', 'nodenext', '--skipLibCheck', 'false'];
    const { stdout } = await call(process.execPath, [compiler, ...flags, ...types, 'program.ts'], { cwd: folder });
    expect(stdout).toBe('');
  });

  test('it can be imported', async () => {
    const code = "import { createServer } from 'bosh-server'; process.stdout.write(typeof createServer);";
    const { stdout } = await call(process.execPath, ['--input-type=module', '-e', code], { cwd: folder });
    expect(stdout).toBe('function');
  });
});
