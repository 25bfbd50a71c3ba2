// The files that come from the schema are what the schema says now: npm run generate writes them.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import fc from 'fast-check';
import jsonc from 'jsonc-parser';
import { expect, test } from 'vitest';
import { proxyConfig } from '../../src/cli/proxy-config.js';
import { editorSchema } from '../../src/config/editor.js';
import { exampleFile, newFile, printedFile } from '../../src/config/example.js';
import { ConfigError, configure, load } from '../../src/config/load.js';
import { helpText, manual } from '../../src/config/manual.js';
import { optionPaths } from '../../src/config/paths.js';
import { schema, sections } from '../../src/config/schema.js';

const ROOT = join(import.meta.dirname, '../..');
const shipped = (path: string) => readFileSync(join(ROOT, path), 'utf8');
const defaults = configure();
const domains = { 'example.com': {} };
const serving = configure({ domains });
const sharing = configure({ domains, components: { 'files.example.com': { module: 'upload' } } });

test.each([
  ['bosh.conf.example.json', exampleFile()],
  ['bosh.schema.json', JSON.stringify(editorSchema(), null, 2)],
  ['docs/configuration.md', manual()],
  ['config/nginx.conf', proxyConfig('nginx', sharing)],
  ['config/haproxy.cfg', proxyConfig('haproxy', sharing)],
  ['config/Caddyfile', proxyConfig('caddy', sharing)],
])('%s is what the schema says', (path, text) => {
  expect(shipped(path).trimEnd()).toBe(text.trimEnd());
});

test.each(['nginx', 'haproxy', 'caddy'] as const)('%s passes on / only where that is the chat page', (name) => {
  expect(proxyConfig(name, serving)).toContain('/chat/');
  for (const config of [defaults, configure({ domains: { 'example.com': {} }, path: '/' })])
    expect(proxyConfig(name, config)).not.toContain('/chat/');
});

test.each([
  ['nginx', 'client_max_body_size 5000;'],
  ['haproxy', 'acl bosh path -m beg /upload/'],
  ['caddy', ' /upload/*'],
] as const)('%s passes on files where clients share some', (name, line) => {
  const components = { 'files.example.com': { module: 'upload', upload: { max_file_size: 5000 } } };
  expect(proxyConfig(name, configure({ domains: { 'example.com': {} }, components }))).toContain(line);
  expect(proxyConfig(name, serving)).not.toContain('/upload');
});

test('the example file says every option with its default', () => {
  const { $schema, ...said } = jsonc.parse(exampleFile());
  expect($schema).toBe('./bosh.schema.json');
  expect(said).toEqual(schema.default);
  expect(configure(said)).toEqual(defaults);
});

test('every option stands under one heading of the manual, with its sentence', () => {
  const names = sections.flatMap((section) => section.names);
  expect([...names].sort()).toEqual(Object.keys(defaults).sort());
  for (const path of optionPaths.keys())
    if (!/_file$|stanza_size/.test(path)) expect(manual()).toContain(`\`${path}\``);
  for (const [, { about }] of optionPaths) expect(about).toMatch(/^[A-Z].*[.]$/);
});

test('a new file loads, and says what it was told and the rest of its groups', () => {
  const { upstreams } = configure({ upstreams: { 'a.example': { host: '10.0.0.5' } } });
  const domains = { localhost: { auth: { register: true } } };
  const storage = { driver: 'level', path: './data' } as const;
  expect(jsonc.parse(newFile({ upstreams, domains, storage }))).toEqual({
    upstreams: { 'a.example': { host: '10.0.0.5', proxy_protocol: 0 } },
    domains,
    storage: { ...storage, max_bytes: 0 },
  });
  expect(jsonc.parse(newFile({}))).toEqual({});
});

test('the examples of options can be taken as they are, also all together', () => {
  const given = [...optionPaths].flatMap(([path, { example }]) => (example === undefined ? [] : [[path, example]]));
  expect(given.map(([path]) => path)).toEqual(expect.arrayContaining(['domains', 'upstreams']));
  const all = Object.fromEntries(given.map(([path, example]) => [path, JSON.parse(example)]));
  const { c2s, ...others } = all;
  expect(Object.keys(configure(others).domains)).toEqual(['example.com', 'guests.example.com']);
  expect(() => configure({ c2s })).toThrow(/c2s\.tls\.cert {2}file not found/);
});

test('a new file with its slashes taken away says every default', () => {
  const text = newFile({}).replaceAll(/^( +)\/\/ ((?: *"\w+": [^A-Z]| *\S*[\]}],$).*)$/gm, '$1$2');
  const errors: jsonc.ParseError[] = [];
  expect(jsonc.parse(text, errors, { allowTrailingComma: true })).toEqual(schema.default);
  expect(errors).toEqual([]);
});

test('the printed configuration loads again, says where values come from, and keeps secrets', () => {
  const given = {
    argv: ['--port=1', '--system-info-password=canary'],
    env: { BOSH_MAX_WAIT: '99' },
    cwd: ROOT,
    withoutFile: true,
  };
  const { config, where } = load(given);
  const text = printedFile(config, where);
  expect(text).toContain('  // --port=1\n  "port": 1,');
  expect(text).toContain('  // BOSH_MAX_WAIT\n  "max_wait": 99,');
  expect(text).not.toContain('canary');
  expect(configure(jsonc.parse(text))).toEqual({ ...config, system_info_password: '<redacted>' });
});

test('no line of the help is wider than the terminal', () => {
  for (const line of helpText(80).split('\n')) expect(line.length).toBeLessThanOrEqual(80);
});

test('what the server takes, editors take', () => {
  const accepts = new Ajv2020({ strict: false }).compile(editorSchema());
  expect(accepts(jsonc.parse(exampleFile()))).toBe(true);
  expect(accepts({ max_wait: '2m', max_data_held: '64KiB', logging: 'debug', port: `\${env:PORT}` })).toBe(true);
  expect(accepts({ prot: 1 })).toBe(false);
  const value = fc.oneof(
    fc.constantFrom<unknown>(0, 1, 70, '2m', '64KiB', '', null, true, [], {}, 'info', 'none', ['a.example']),
    fc.jsonValue(),
  );
  const paths = fc.constantFrom(...Object.keys(defaults));
  fc.assert(
    fc.property(fc.dictionary(paths, value, { maxKeys: 2 }), (said) => {
      if (isTaken(said)) expect(accepts(said), JSON.stringify(accepts.errors)).toBe(true);
    }),
    { numRuns: 1000 },
  );
});

function isTaken(said: object): boolean {
  try {
    configure(said);
    return true;
  } catch (error) {
    if (error instanceof ConfigError) return false;
    throw error;
  }
}
