// The pages of docs/modules are what the modules say and do now: npm run generate writes them.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { moduleManual, moduleNames, specifications } from '../../src/manual/manual.js';
import { modulePage } from '../../src/manual/pages.js';
import { recorded } from '../../src/manual/recorded.js';
import { implemented, linked } from '../../src/manual/specifications.js';
import { modules } from '../../src/modules/index.js';

const ROOT = join(import.meta.dirname, '../..');
const shipped = (path: string) => readFileSync(join(ROOT, path), 'utf8');

describe('npm run generate wrote', () => {
  test('docs/modules/README.md as the modules say', () => {
    expect(shipped('docs/modules/README.md').trimEnd()).toBe(moduleManual()?.trimEnd());
  });

  test.each(moduleNames())('docs/modules/%s.md as its module says', (name) => {
    expect(shipped(`docs/modules/${name}.md`).trimEnd()).toBe(moduleManual(name)?.trimEnd());
  });

  test('a page for each module, and none besides', () => {
    const pages = moduleNames().map((name) => `${name}.md`);
    expect(readdirSync(join(ROOT, 'docs/modules')).sort()).toEqual(['README.md', ...pages].sort());
  });

  test('the specifications into the README', () => {
    const [, list] =
      /<!-- specifications -->\n([\s\S]*)<!-- end of specifications -->/.exec(shipped('README.md')) ?? [];
    expect(list).toBe(specifications());
  });
});

describe('specifications', () => {
  const all = modules.flatMap((module) => module.specifications);

  test('every XEP that a module names has a version, and the same one wherever it is named', () => {
    const known = new Map(implemented(modules).map(({ id, version }) => [id, version]));
    expect(all.filter(({ id, version }) => id.startsWith('XEP-') !== (version !== undefined))).toEqual([]);
    expect(all.filter(({ id, version }) => known.get(id) !== version)).toEqual([]);
  });

  test('lead to where they are published', () => {
    const links = implemented(modules).map(linked);
    const published =
      /^\[(XEP-(\d{4})|RFC (\d{4}))\]\(https:\/\/(xmpp\.org\/extensions\/xep-\2\.html|www\.rfc-editor\.org\/rfc\/rfc\3)\)$/;
    expect(links.filter((link) => !published.test(link))).toEqual([]);
  });

  test('of a section the list has the specification, once, with all who have a part in it', () => {
    const about = { about: '', load() {} };
    const one = { ...about, name: 'one', specifications: [{ id: 'RFC 6121', name: 'XMPP IM, section 2' }] };
    const two = { ...about, name: 'two', specifications: [{ id: 'RFC 6121', name: 'XMPP IM, sections 3 and 4' }] };
    expect(implemented([one, two])).toContainEqual({
      id: 'RFC 6121',
      name: 'XMPP IM',
      version: undefined,
      by: ['one', 'two'],
    });
  });
});

test('a page has whatever a module does with its host while it is loaded', () => {
  const dice = {
    name: 'dice',
    about: 'Throws dice.',
    specifications: [],
    needs: ['bind'],
    load({ hooks, open, now }: Parameters<(typeof modules)[number]['load']>[0]) {
      open('throws', 'map');
      hooks.on('message/host', () => now(), 7);
      hooks.iq('get', 'host', 'urn:example:dice', 'throw', () => undefined);
      hooks.nonza('urn:example:cup', () => {});
    },
  };
  const all = [...modules, dice];
  const work = recorded(all).get('dice');
  const page = work && modulePage(dice, work, all);
  expect(page).toContain('# dice\n\nThrows dice.\n\nNeeds [bind](bind.md).\n\n## Options\n\nNone.\n');
  for (const row of [
    '| `message/host` | 7 |',
    '| get | host | `urn:example:dice` | `throw` |',
    '| `urn:example:cup` |',
    '| `throws` | map |',
  ])
    expect(page).toContain(`\n${row}\n`);
});
