// docs/files.md names tests and plays that are there.

import { expect, test } from 'vitest';
import { isThere, tablesOf, testsIn } from './support/conformance.js';

test('docs/files.md names tests that exist, for each clause of XEP-0363', () => {
  const rows = tablesOf('files.md').at(-1) ?? [];
  expect([...new Set(rows.map(([section]) => section.split('.')[0]))]).toEqual(['3', '4', '5', '6', '7', '8', '9']);
  const named = rows.flatMap(testsIn);
  expect(named.length).toBeGreaterThan(rows.length);
  expect(named.filter((each) => !isThere(each))).toEqual([]);
});
