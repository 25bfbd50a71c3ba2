// Holds every import in src, and docs/architecture.md, against one table: who may import what, and that nothing runs in a circle.

import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize, relative } from 'node:path';
import { describe, expect, test } from 'vitest';

const SRC = join(import.meta.dirname, '../src');

/** A room (folder, or file at the top) and the rooms or files it may import besides itself. */
const FLOORS: Record<string, readonly string[]> = {
  xmpp: [],
  config: [],
  'metrics.ts': [],
  'log.ts': [],
  net: ['stream/end.ts', 'log.ts'],
  stream: ['xmpp', 'metrics.ts', 'log.ts'],
  bosh: ['stream/end.ts', 'stream/marks.ts', 'xmpp', 'tokens.ts', 'metrics.ts', 'log.ts'],
  websocket: ['stream/end.ts', 'stream/marks.ts', 'xmpp', 'metrics.ts', 'log.ts'],
  tcp: ['net', 'stream/end.ts', 'stream/marks.ts', 'xmpp', 'metrics.ts', 'log.ts'],
  storage: [],
  files: ['storage/store.ts', 'log.ts'],
  core: ['stream/end.ts', 'stream/address.ts', 'xmpp', 'storage/store.ts', 'metrics.ts', 'log.ts'],
  modules: [
    'core',
    'files',
    'config/modules.ts',
    'storage/store.ts',
    'stream/end.ts',
    'stream/marks.ts',
    'stream/address.ts',
    'xmpp',
    'tokens.ts',
    'metrics.ts',
    'log.ts',
  ],
  control: ['core/accounts.ts', 'xmpp', 'log.ts'],
  proxy: ['tcp', 'tick.ts', 'stream', 'xmpp', 'metrics.ts', 'log.ts'],
  http: [
    'net',
    'bosh',
    'websocket',
    'files',
    'tick.ts',
    'stream/end.ts',
    'stream/address.ts',
    'xmpp',
    'metrics.ts',
    'log.ts',
  ],
  link: ['tcp', 'core', 'stream/end.ts', 'xmpp', 'log.ts'],
  'events.ts': ['stream/end.ts', 'stream/wrapped-client.ts', 'xmpp'],
  'tick.ts': [],
  'tokens.ts': [],
  'urls.ts': [],
  'vitals.ts': ['metrics.ts', 'log.ts'],
  'edge.ts': [
    'events.ts',
    'urls.ts',
    'tick.ts',
    'http',
    'proxy',
    'net',
    'tcp',
    'bosh',
    'stream',
    'xmpp',
    'config',
    'metrics.ts',
    'log.ts',
  ],
  'home.ts': [
    'urls.ts',
    'tick.ts',
    'tcp',
    'core',
    'files',
    'modules',
    'link',
    'storage',
    'control',
    'stream',
    'xmpp',
    'config',
    'metrics.ts',
    'log.ts',
  ],
  'server.ts': [
    'files',
    'edge.ts',
    'home.ts',
    'events.ts',
    'urls.ts',
    'vitals.ts',
    'http',
    'core',
    'stream',
    'config',
    'metrics.ts',
    'log.ts',
  ],
  cluster: ['net', 'bosh', 'files', 'storage/store.ts', 'stream', 'xmpp', 'config', 'urls.ts', 'metrics.ts', 'log.ts'],
  'primary.ts': ['home.ts', 'cluster', 'config', 'tick.ts', 'urls.ts', 'vitals.ts', 'metrics.ts', 'log.ts'],
  'worker.ts': [
    'edge.ts',
    'cluster',
    'net',
    'files',
    'events.ts',
    'config',
    'tick.ts',
    'urls.ts',
    'vitals.ts',
    'metrics.ts',
    'log.ts',
  ],
  manual: ['core', 'modules', 'storage', 'config', 'metrics.ts', 'log.ts'],
  'cli.ts': ['server.ts', 'primary.ts', 'home.ts', 'config', 'control', 'log.ts', 'cli'],
  cli: ['home.ts', 'manual', 'config', 'control', 'xmpp/jid.ts', 'log.ts'],
  'index.ts': [
    'server.ts',
    'core',
    'storage/store.ts',
    'events.ts',
    'config',
    'stream/end.ts',
    'stream/wrapped-client.ts',
    'xmpp',
    'log.ts',
  ],
};

/** A package and the only places that may import it. */
const DOORS: Record<string, readonly string[]> = {
  ltx: ['xmpp/element.ts'],
  fastify: ['http/'],
  '@fastify/websocket': ['http/'],
  ws: ['http/', 'websocket/'],
  dns2: ['proxy/'],
  pino: ['log.ts'],
  'prom-client': ['metrics.ts'],
  'classic-level': ['storage/level.ts'],
  'jsonc-parser': ['config/'],
  tav: ['config/', 'cli.ts', 'cli/'],
};

const files = readdirSync(SRC, { recursive: true, encoding: 'utf8' }).filter((f) => f.endsWith('.ts'));

interface Import {
  readonly file: string;
  readonly to: string;
  readonly typeOnly: boolean;
}

const imports: Import[] = files.flatMap((file) => {
  const text = readFileSync(join(SRC, file), 'utf8');
  return [...text.matchAll(/^(?:import|export)\s+(type\s)?[^;]*?from\s+'([^']+)';/gms)].map((match) => ({
    file,
    to: match[2].startsWith('.')
      ? relative(SRC, normalize(join(SRC, dirname(file), match[2]))).replace(/\.js$/, '.ts')
      : match[2],
    typeOnly: match[1] !== undefined,
  }));
});

const room = (file: string) => (file.includes('/') ? file.slice(0, file.indexOf('/')) : file);
const within = (file: string, place: string) =>
  file === place || file.startsWith(place.endsWith('/') ? place : `${place}/`);
const local = (i: Import) => files.includes(i.to);

test('every file stands in a room of the table', () => {
  expect(files.filter((f) => FLOORS[room(f)] === undefined)).toEqual([]);
});

test('no import runs uphill or across', () => {
  const wrong = imports.filter(
    (i) => local(i) && room(i.to) !== room(i.file) && !FLOORS[room(i.file)]?.some((place) => within(i.to, place)),
  );
  expect(wrong.map((i) => `${i.file} -> ${i.to}`)).toEqual([]);
});

describe('the table of docs/architecture.md', () => {
  const page = readFileSync(join(SRC, '../docs/architecture.md'), 'utf8');
  const [, section = ''] = page.split('\n## Floors');
  const rows = [...section.matchAll(/^\| (\d) \| ([^|]+) \|([^|]*)\|$/gm)].flatMap(([, floor, rooms, list]) =>
    rooms
      .split(', ')
      .map((each) => ({ room: each, floor: Number(floor), may: list.trim().split(', ').filter(Boolean) })),
  );
  const floorOf = (place: string) => rows.find((row) => row.room === room(place))?.floor ?? 0;

  test('says what is here', () => {
    const said = Object.fromEntries(rows.map((row) => [row.room, [...row.may].sort()]));
    const here = Object.fromEntries(Object.entries(FLOORS).map(([name, may]) => [name, [...may].sort()]));
    expect(said).toEqual(here);
  });

  test('has every room above what it imports', () => {
    const uphill = rows.flatMap(({ room: name, floor, may }) =>
      may.filter((place) => floorOf(place) >= floor).map((place) => `${name} -> ${place}`),
    );
    expect(uphill).toEqual([]);
  });
});

test('every package comes in by its one door', () => {
  const wrong = imports.filter((i) => {
    if (local(i) || i.to.startsWith('node:')) return false;
    const name = i.to
      .split('/')
      .slice(0, i.to.startsWith('@') ? 2 : 1)
      .join('/');
    return !DOORS[name]?.some((place) => within(i.file, place));
  });
  expect(wrong.map((i) => `${i.file} -> ${i.to}`)).toEqual([]);
});

test('the environment and the arguments are read in one place', () => {
  const wrong = files.filter(
    (f) => !/^(config\/|cli)/.test(f) && /process\.(env|argv)/.test(readFileSync(join(SRC, f), 'utf8')),
  );
  expect(wrong).toEqual([]);
});

test('no randomness but that of node:crypto', () => {
  expect(files.filter((f) => /Math\.random/.test(readFileSync(join(SRC, f), 'utf8')))).toEqual([]);
});

test('no imports run in a circle', () => {
  const edges = new Map<string, string[]>(files.map((f) => [f, []]));
  for (const i of imports) if (local(i) && !i.typeOnly) edges.get(i.file)?.push(i.to);
  const circles: string[] = [];
  const done = new Set<string>();
  const walk = (file: string, path: readonly string[]): void => {
    if (path.includes(file)) circles.push([...path.slice(path.indexOf(file)), file].join(' -> '));
    if (path.includes(file) || done.has(file)) return;
    for (const next of edges.get(file) ?? []) walk(next, [...path, file]);
    done.add(file);
  };
  for (const file of files) walk(file, []);
  expect(circles).toEqual([]);
});
