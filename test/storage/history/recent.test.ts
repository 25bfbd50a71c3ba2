// Places of many histories in one piece of memory, against a list for each.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Places } from '../../../src/storage/history/places.js';
import { Recent, type Recently } from '../../../src/storage/history/recent.js';

const NAMES = 4;

type Step = readonly ['push', number] | readonly ['keep' | 'lose' | 'drop'];
const step = fc.oneof(
  { weight: 12, arbitrary: fc.tuple(fc.constant('push' as const), fc.nat(NAMES - 1)) },
  { weight: 3, arbitrary: fc.tuple(fc.constantFrom('keep' as const, 'lose' as const, 'drop' as const)) },
);

const numbers = (places: Places) => Array.from({ length: places.count }, (_, i) => places.at(i).number);

/** One history, as it is to be. */
interface Listed extends Recently {
  durable: number[];
  pending: number[];
}

test('each history has what was pushed and kept, in its order, without what was lost or dropped', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 3000, size: 'max' }), (steps: Step[]) => {
      const recent = new Recent();
      const histories = Array.from({ length: NAMES }, (): Listed => ({ last: -1, durable: [], pending: [] }));
      let number = 0;
      for (const [what, who] of steps) {
        if (what === 'push') {
          const history = histories[who];
          history.pending.push(++number);
          recent.push(history, 1e12 + number, number, 1, number * 10, 10, number % 2 === 0, number);
        } else if (what === 'keep') {
          recent.keep(recent.next);
          for (const each of histories) each.durable.push(...each.pending.splice(0));
        } else if (what === 'lose') {
          recent.lose(histories.filter(({ pending }) => pending.length > 0));
          for (const each of histories) each.pending = [];
        } else {
          recent.drop(recent.durable);
          for (const each of histories) each.durable = [];
        }
      }
      for (const each of histories) {
        expect(recent.has(each)).toBe(each.durable.length > 0);
        expect(recent.knows(each)).toBe(each.durable.length + each.pending.length > 0);
        expect(numbers(recent.of(each))).toEqual(each.durable);
      }
      for (const some of [histories, histories.slice(1), histories.toReversed(), []])
        expect(recent.sorted(some).map(numbers)).toEqual(some.map(({ durable }) => durable));
      const all = histories.flatMap(({ durable, pending }) => [...durable, ...pending]);
      expect(recent.count).toBe(all.length);
    }),
    { numRuns: 60 },
  );
});
