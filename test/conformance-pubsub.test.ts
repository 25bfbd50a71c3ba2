// docs/conformance-pubsub.md names tests and plays that are there, and every play of publish-subscribe.

import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { isThere, tablesOf, testsIn } from './support/conformance.js';

const rows = tablesOf('conformance-pubsub.md').flat();
const named = rows.flatMap((row) => testsIn(row));

describe('docs/conformance-pubsub.md', () => {
  test('says yes, partly or no, and shows what it says', () => {
    expect(rows.length).toBeGreaterThan(60);
    for (const row of rows) {
      expect(['yes', 'partly', 'no'], row[0]).toContain(row[2]);
      expect(testsIn(row).length === 0, row[0]).toBe(row[2] === 'no');
    }
  });

  test('names tests that exist', () => {
    expect(named.filter((each) => !isThere(each))).toEqual([]);
  });

  test('names every play', () => {
    for (const folder of ['pubsub', 'pep']) {
      for (const file of readdirSync(join(import.meta.dirname, 'plays', folder))) {
        const play = `plays/${folder}/${file.replace('.scs', '')}: `;
        expect(
          named.some((each) => each.startsWith(play)),
          play,
        ).toBe(true);
      }
    }
  });
});
