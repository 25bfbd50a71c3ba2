// docs/conformance-core.md names tests and plays that are there.

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { deliveryRules } from './plays/delivery-rules.js';
import { subscriptionStates } from './plays/subscription-states.js';

const HERE = import.meta.dirname;
const tables = readFileSync(join(HERE, '../docs/conformance-core.md'), 'utf8')
  .split('\n## ')
  .slice(1)
  .map((section) => section.split('\n').filter((line) => /^\| (\d|A|XEP-)/.test(line)))
  .map((lines) => lines.map((line) => line.split(' | ').map((cell) => cell.replace(/^\| | \|$/g, '').trim())));
const rows = tables.flat();

/** Plays that are written by a program, by its name. */
const written: Readonly<Record<string, readonly { title: string }[]>> = {
  'plays/delivery-rules': deliveryRules(),
  'plays/subscription-states': subscriptionStates(),
};

/** A title, `…` standing for what a template fills in. */
function pattern(title: string, filled: string): string {
  const literal = title.replace(/[.*+?^${}()|[\]\\]/g, '\\$&').replace(/\\?[`']/g, "\\\\?[`']");
  return literal.replaceAll('…', filled);
}

function isThere(test: string): boolean {
  const [file, ...rest] = test.split(': ');
  const title = rest.join(': ');
  const titles = written[file];
  if (titles) return titles.some((play) => new RegExp(`^${pattern(title, '.*')}$`).test(play.title));
  const play = join(HERE, `${file}.scs`);
  if (existsSync(play)) return readFileSync(play, 'utf8').split('\n')[0].endsWith(`: ${title}`);
  const source = readFileSync(join(HERE, `${file}.test.ts`), 'utf8');
  return new RegExp(`['"\`]${pattern(title, '(?:\\$\\{[^}]+\\}|%s)')}['"\`]`).test(source);
}

describe('docs/conformance-core.md', () => {
  test('has each group of clauses once, in order', () => {
    const number = (section: string) =>
      section === 'A'
        ? 3.5
        : Number(
            section
              .replace('XEP-', '')
              .split(' ')[0]
              .split('.')
              .reduce((sum, part, at) => sum + Number(part) / 100 ** at, 0),
          );
    for (const table of tables) {
      const numbers = table.map(([section]) => number(section));
      expect(numbers.length).toBeGreaterThan(20);
      expect(numbers).toEqual([...new Set(numbers)].sort((a, b) => a - b));
    }
  });

  test('says yes, partly or no, and shows what it says', () => {
    for (const [section, , met, tests = ''] of rows) {
      expect(['yes', 'partly', 'no'], section).toContain(met);
      expect(tests === '', section).toBe(met === 'no');
    }
  });

  test('names tests that exist', () => {
    const named = rows.flatMap(([section, , , tests = '']) =>
      tests
        .split('<br>')
        .filter(Boolean)
        .map((test) => ({ section, test })),
    );
    expect(named.filter(({ test }) => !isThere(test))).toEqual([]);
  });
});
