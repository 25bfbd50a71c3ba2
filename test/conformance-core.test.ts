// docs/conformance-core.md names tests and plays that are there.

import { describe, expect, test } from 'vitest';
import { deliveryRules } from './plays/delivery-rules.js';
import { subscriptionStates } from './plays/subscription-states.js';
import { isThere, tablesOf, testsIn } from './support/conformance.js';

const tables = tablesOf('conformance-core.md');
const rows = tables.flat();

/** Plays that are written by a program, by its name. */
const written = {
  'plays/delivery-rules': deliveryRules(),
  'plays/subscription-states': subscriptionStates(),
};

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
    const named = rows.flatMap((row) => testsIn(row).map((each) => ({ section: row[0], test: each })));
    expect(named.filter((each) => !isThere(each.test, written))).toEqual([]);
  });
});
