// What the documentation says is there: links, log events, events of the library, options of node-xmpp-bosh.

import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { optionPaths } from '../src/config/paths.js';
import { retired } from '../src/config/schema.js';

const ROOT = join(import.meta.dirname, '..');
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');
const pages = [
  'README.md',
  'CHANGELOG.md',
  ...['docs', 'docs/modules'].flatMap((folder) =>
    readdirSync(join(ROOT, folder))
      .filter((name) => name.endsWith('.md'))
      .map((name) => `${folder}/${name}`),
  ),
];

function sources(folder = 'src'): string[] {
  return readdirSync(join(ROOT, folder)).flatMap((name) => {
    const path = `${folder}/${name}`;
    if (statSync(join(ROOT, path)).isDirectory()) return sources(path);
    return path.endsWith('.ts') ? [path] : [];
  });
}

/** What stands in backquotes in the first column of the table below a heading. */
function column(page: string, heading: string): string[] {
  const [, section = ''] = read(page).split(`\n## ${heading}\n`);
  const [, rows = ''] = /\n\| [^\n]*\|\n\| ---[^\n]*\n((?:\|[^\n]*\n)+)/.exec(section.split('\n## ')[0]) ?? [];
  return rows
    .split('\n')
    .flatMap((row) => [...(row.split(' | ')[0] ?? '').matchAll(/`([^`]+)`/g)].map(([, word]) => word));
}

/** Of an option, or of a group. */
const isOption = (name: string) => [...optionPaths.keys()].some((path) => path === name || path.startsWith(`${name}.`));

/** What `npm run bench` writes may not be there yet. */
const WRITTEN = ['bench/RESULTS.md'];

test.each(pages)('%s: every link leads to a file', (page) => {
  const links = [...read(page).matchAll(/\]\((?!https?:)([^)#]+)[^)]*\)/g)].map(([, link]) => link);
  expect(links.filter((link) => !WRITTEN.includes(link) && !existsSync(join(ROOT, dirname(page), link)))).toEqual([]);
});

test('operating: the log has the events that are listed, and lists those it has', () => {
  const logged = sources().flatMap((path) =>
    [...read(path).matchAll(/log\??\.(?:debug|info|warn|error)\(\s*'([a-z_]+)'/g)].map(([, event]) => event),
  );
  expect(column('docs/operating.md', 'Log').sort()).toEqual([...new Set(logged)].sort());
});

describe('writing a module', () => {
  const PAGE = 'docs/writing-a-module.md';
  const code = sources('src/core')
    .concat(sources('src/modules'))
    .map((path) => read(path));

  /** Members of an interface at its first level. */
  const members = (path: string, name: string) => {
    const [, body = ''] = new RegExp(`interface ${name}\\b[^{]*\\{\\n(.*?)\\n\\}`, 's').exec(read(path)) ?? [];
    return [...body.matchAll(/^ {2}(?:readonly )?'?([a-z_/-]+)'?[?]?[:<(]/gim)].map(([, member]) => member);
  };

  const kinds = ['message', 'presence', 'iq'].flatMap((kind) =>
    ['full', 'bare', 'host'].flatMap((address) => [`${kind}/${address}`, `pre-${kind}/${address}`]),
  );

  test('the table has every hook', () => {
    const hooks = [...kinds, 'pre-presence/self', ...members('src/core/hooks.ts', 'HookEvents')];
    expect(column(PAGE, 'Hooks').sort()).toEqual(hooks.sort());
  });

  test('it says which are asked and which are told', () => {
    const called = (how: string) =>
      code.flatMap((text) => [...text.matchAll(new RegExp(`\\.${how}\\('([a-z/-]+)'`, 'g'))].map(([, hook]) => hook));
    const said = (how: string) =>
      read(PAGE)
        .split('\n')
        .filter((row) => row.split(' | ')[1] === how)
        .flatMap((row) => [...(row.split(' | ')[0] ?? '').matchAll(/`([^`]+)`/g)].map(([, hook]) => hook));
    expect(called('tell').filter((hook) => !said('told').includes(hook))).toEqual([]);
    expect(called('run').filter((hook) => !said('asked').includes(hook))).toEqual([]);
    expect(said('asked').filter((hook) => said('told').includes(hook))).toEqual([]);
  });

  test('the host has the members that are listed, and lists those it has', () => {
    const named = column(PAGE, 'The host').map((member) => member.replace(/\(.*/, ''));
    expect(named).toContain('provide');
    const path = 'src/core/host.ts';
    expect(named.sort()).toEqual([...members(path, 'ComponentHost'), ...members(path, 'Host')].sort());
  });

  test('a module has the members that are listed, and lists those it has', () => {
    const named = column(PAGE, 'The contract').map((member) => member.replace(/\(.*/, ''));
    expect(named).toContain('load');
    expect(named.sort()).toEqual(members('src/core/module.ts', 'ModuleOf').sort());
  });
});

describe('embedding and migrating', () => {
  const declared = [...read('src/events.ts').matchAll(/^ {2}'?([a-z-]+)'?: \[/gm)].map(([, event]) => event);

  test('embedding has every event, migrating every one that node-xmpp-bosh had', () => {
    expect(column('docs/embedding.md', 'Events').sort()).toEqual([...declared].sort());
    const old = declared.filter((event) => !/^(session-(created|closed|authenticated)|module-|halt-)/.test(event));
    expect(column('docs/migrating.md', 'Events').sort()).toEqual(old.sort());
  });

  test('every option of node-xmpp-bosh is one here, or says what became of it', () => {
    const told = column('docs/migrating.md', 'Options').filter((name) => /^[a-z_]+$/.test(name));
    const gone = ['lookup_service', 'max_xmpp_stanza_size', ...retired.keys()];
    expect(told.length).toBeGreaterThan(15);
    expect(told.filter((name) => !isOption(name) && !gone.includes(name))).toEqual([]);
  });
});
