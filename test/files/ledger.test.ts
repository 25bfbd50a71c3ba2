import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Entry, Ledger, type Quota } from '../../src/files/ledger.js';

const DAY = 86_400_000;
const NONE: Quota = { max_bytes: 0, account_bytes: 0, account_files: 0, files_per_day: 0, max_slots: 0 };

const file = (said: Partial<Entry> = {}): Entry => ({
  owner: 'romeo',
  bytes: 10,
  at: 0,
  until: Number.POSITIVE_INFINITY,
  kept: true,
  ...said,
});

function ledger(...entries: Partial<Entry>[]): Ledger {
  const made = new Ledger();
  for (const [i, each] of entries.entries()) made.set(`f${i}`, file(each));
  return made;
}

const refuses = (made: Ledger, quota: Partial<Quota>, bytes = 1, now = 0, owner = 'romeo') =>
  made.refuses(owner, bytes, { ...NONE, ...quota }, now);

describe('a quota', () => {
  test('of 0 is none', () => {
    expect(refuses(ledger({ bytes: 1e15 }), {}, 1e15)).toBeUndefined();
  });

  test('of bytes may be used up, and not passed', () => {
    expect(refuses(ledger({}), { account_bytes: 20 }, 10)).toBeUndefined();
    expect(refuses(ledger({}), { account_bytes: 20 }, 11)).toEqual({ limit: 'account_bytes', retry: undefined });
    expect(refuses(ledger({}), { account_bytes: 20 }, 11, 0, 'juliet')).toBeUndefined();
  });

  test('of bytes says when as many have gone as are needed', () => {
    const made = ledger({ until: 3 * DAY }, { until: DAY }, { until: 2 * DAY });
    expect(refuses(made, { account_bytes: 30 }, 5)?.retry).toBe(DAY);
    expect(refuses(made, { account_bytes: 30 }, 10)?.retry).toBe(DAY);
    expect(refuses(made, { account_bytes: 30 }, 11)?.retry).toBe(2 * DAY);
    expect(refuses(made, { account_bytes: 30 }, 31)?.retry).toBeUndefined();
  });

  test('of all bytes is shared by all', () => {
    expect(refuses(ledger({ owner: 'juliet' }, {}), { max_bytes: 25 }, 6)).toEqual({ limit: 'max_bytes' });
  });

  test('of files says when the first of them goes', () => {
    const made = ledger({ until: 3 * DAY }, { until: 2 * DAY });
    expect(refuses(made, { account_files: 3 })).toBeUndefined();
    expect(refuses(made, { account_files: 2 })).toEqual({ limit: 'account_files', retry: 2 * DAY });
    expect(refuses(made, { account_files: 1 })).toEqual({ limit: 'account_files', retry: 3 * DAY });
  });

  test('of files a day is for the last 24 hours', () => {
    const made = ledger({ at: 0 }, { at: 1000 }, { at: 2000 });
    expect(refuses(made, { files_per_day: 3 }, 1, 3000)).toEqual({ limit: 'files_per_day', retry: DAY });
    expect(refuses(made, { files_per_day: 2 }, 1, 3000)?.retry).toBe(DAY + 1000);
    expect(refuses(made, { files_per_day: 3 }, 1, DAY)).toBeUndefined();
  });

  test('of slots is for those that are open', () => {
    const made = ledger({ kept: false, until: 5000 }, { kept: true });
    expect(refuses(made, { max_slots: 2 })).toBeUndefined();
    expect(refuses(made, { max_slots: 1 })).toEqual({ limit: 'max_slots', retry: 60_000 });
  });
});

test('what is due is due in the minute after its time, and never before', () => {
  const made = ledger({ until: 60_001 }, { until: 60_000 }, {}, { until: 1, kept: false });
  expect(made.due(59_999)).toEqual([]);
  expect(made.due(60_000)).toEqual(['f1']);
  expect(made.due(119_999)).toEqual(['f1']);
  expect(made.due(120_000).sort()).toEqual(['f0', 'f1']);
  made.remove('f1');
  expect(made.due(120_000)).toEqual(['f0']);
});

test('whatever comes and goes, the sums are those of what is there', () => {
  const entry = fc.record({
    id: fc.constantFrom('a', 'b', 'c', 'd'),
    owner: fc.constantFrom('romeo', 'juliet'),
    bytes: fc.nat(100),
    until: fc.constantFrom(1, 60_000, 60_001, Number.POSITIVE_INFINITY),
    kept: fc.boolean(),
    isThere: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(entry, { maxLength: 30 }), (steps) => {
      const [made, model] = [new Ledger(), new Map<string, Entry>()];
      for (const { id, isThere, ...said } of steps) {
        if (isThere) {
          made.set(id, file(said));
          model.set(id, file(said));
        } else {
          made.remove(id);
          model.delete(id);
        }
      }
      const all = [...model.values()];
      expect(made.bytes).toBe(all.reduce((sum, { bytes }) => sum + bytes, 0));
      expect(made.files).toBe(all.filter(({ kept }) => kept).length);
      for (const owner of ['romeo', 'juliet'])
        expect([...made.of(owner).keys()].sort()).toEqual(
          [...model]
            .filter(([, each]) => each.owner === owner)
            .map(([id]) => id)
            .sort(),
        );
      const due = [...model].filter(([, { kept, until }]) => kept && until <= 120_000).map(([id]) => id);
      expect(made.due(120_000).sort()).toEqual(due.sort());
    }),
  );
});
