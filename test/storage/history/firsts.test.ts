// A history loses its first items again and again, and other ones between, while which records come first is remembered.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { FEW, Firsts } from '../../../src/storage/history/firsts.js';
import { openLevel } from '../../../src/storage/level.js';
import type { Driver } from '../../../src/storage/store.js';
import { Dice } from '../../support/dice.js';

const step = fc.oneof(
  fc.record({ what: fc.constant('learn' as const) }),
  fc.record({ what: fc.constant('append' as const), count: fc.integer({ min: 1, max: 40 }) }),
  fc.record({ what: fc.constant('drop' as const), share: fc.double({ min: 0, max: 0.3, noNaN: true }) }),
  fc.record({ what: fc.constant('change' as const) }),
);

test('what is remembered is how the records begin, and it is known whether that is all', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60, size: 'max' }), (steps) => {
      const firsts = new Firsts();
      let records: string[] = [];
      let last = 0;
      for (const each of steps) {
        if (each.what === 'learn' && firsts.of('a') === undefined) firsts.learn('a', records.slice(0, FEW));
        else if (each.what === 'append') {
          const more = Array.from({ length: each.count }, () => `${++last}`);
          records.push(...more);
          firsts.append('a', more);
        } else if (each.what === 'drop') {
          // Whoever deletes looks further than what is remembered where it has to.
          const count = Math.floor(records.length * each.share);
          records = records.slice(count);
          firsts.drop('a', count);
        } else if (each.what === 'change') {
          records = records.map((key) => `${key}'`);
          firsts.drop('a', undefined);
        }
        const known = firsts.of('a');
        if (known === undefined) continue;
        expect(known.keys.length).toBeLessThanOrEqual(FEW);
        expect(known.keys).toEqual(records.slice(0, known.keys.length));
        if (known.isAll) expect(known.keys.length).toBe(records.length);
        expect(known.keys.length).toBeGreaterThan(0);
      }
    }),
  );
});

test('of many histories those are forgotten that were asked for longest ago', () => {
  const firsts = new Firsts();
  const keys = Array.from({ length: FEW }, (_, i) => `${i}`);
  for (let i = 0; i < 1100; i++) firsts.learn(`${i}`, keys);
  const known = Array.from({ length: 1100 }, (_, i) => i).filter((i) => firsts.of(`${i}`) !== undefined);
  expect(known).toEqual(Array.from({ length: 1024 }, (_, i) => 76 + i));
});

let path: string;
let driver: Driver;
beforeEach(async () => {
  path = mkdtempSync(join(tmpdir(), 'firsts-'));
  driver = await openLevel(path);
});
afterEach(async () => {
  await driver.stop();
  rmSync(path, { recursive: true });
});

const WHO = ['romeo', 'juliet'];
const STEPS = 40;

for (const seed of [1, 2, 3]) {
  test(`seed ${seed}: histories of many records lose what they are told, and nothing else`, async () => {
    const dice = new Dice(seed);
    const store = () => driver.open('h', 'mam', 'history');
    const there = new Map(WHO.map((who) => [who, [] as string[]]));
    const listed = (who: string) => there.get(who) ?? [];
    let last = 0;

    const deeds = {
      // With ids that nobody has, all that came lately goes into the database: into a record of its own.
      async add(who: string) {
        for (let records = 1 + dice.roll(25); records > 0; records--) {
          const items = Array.from({ length: 1 + dice.roll(5) }, () => `${++last}`);
          await Promise.all(items.map((stanza) => store().add(who, { at: last, stanza }).done));
          listed(who).push(...items);
          await store().delete(who, { ids: ['none'] });
        }
      },
      async trim(who: string) {
        const limit = 1 + dice.roll(100);
        const gone = await store().delete(who, { limit, roughly: dice.roll(2) === 0 });
        expect(gone).toBeLessThanOrEqual(limit);
        if (listed(who).length > 0) expect(gone).toBeGreaterThan(0);
        listed(who).splice(0, gone);
      },
      async pick(who: string) {
        const { items } = await store().query(who, { limit: 20 });
        if (items.length === 0) return;
        const { id, stanza } = dice.one(items);
        expect(await store().delete(who, { ids: [id] })).toBe(1);
        listed(who).splice(listed(who).indexOf(String(stanza)), 1);
      },
      async again() {
        await driver.stop();
        driver = await openLevel(path);
      },
      async empty(who: string) {
        if (dice.roll(4) > 0) return;
        await store().delete(who);
        listed(who).length = 0;
      },
    };
    const often = [deeds.add, deeds.add, deeds.add, deeds.trim, deeds.trim, deeds.trim, deeds.pick, deeds.again];
    for (let i = 0; i < STEPS; i++) {
      const who = dice.one(WHO);
      await dice.one([...often, deeds.empty])(who);
      expect(await store().size(who)).toBe(listed(who).length);
      const { items } = await store().query(who, { limit: 10_000 });
      expect(items.map(({ stanza }) => String(stanza))).toEqual(listed(who));
    }
  });
}
