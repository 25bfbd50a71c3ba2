// What is left out of the page's files as they are served: nothing that a program, a style or a page would miss.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parseAst } from 'vitest/node';
import { lean } from '../../src/http/lean.js';

const FOLDER = join(import.meta.dirname, '../../src/http/pages/chat');
const files = readdirSync(FOLDER, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.js'));

/** What the program is, without where in the file that stands. */
function programOf(source: string): unknown {
  return JSON.parse(
    JSON.stringify(parseAst(source), (key, value) => (/^(?:start|end)$/.test(key) ? undefined : value)),
  );
}

test.each(files)('%s is the same program, and smaller', (name) => {
  const source = readFileSync(join(FOLDER, name), 'utf8');
  expect(programOf(lean(source))).toEqual(programOf(source));
  expect(lean(source).length).toBeLessThan(source.length);
});

describe('lean', () => {
  test('drops comments that have their lines to themselves, indentation and empty lines', () => {
    expect(lean('// what\n\n/**\n * of it\n */\nfunction f() {\n  // why\n  return 1;\n}\n')).toBe(
      'function f() {\nreturn 1;\n}\n',
    );
  });

  test('leaves what only looks like one within a line', () => {
    const line = "const link = 'https://a.example/*'; // said beside it\n";
    expect(lean(line)).toBe(line);
  });

  test('ends a comment where it ends', () => {
    expect(lean('/* one */\na { b: c }\n/* two */\n')).toBe('a { b: c }\n');
    expect(lean('/* one */ a { b: c }\n')).toBe('/* one */ a { b: c }\n');
  });
});
