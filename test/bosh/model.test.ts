// XEP-0124's promise, held against a bad network: whatever is lost, repeated, delayed, cut or reordered, every stanza comes
// exactly once and in order, both ways, for as long as the session lives. A failing schedule is printed with its seed.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { STEPS, type Step, World } from '../support/bosh-model.js';

const SCHEDULES = Number(process.env.BOSH_SCHEDULES ?? 10_000);
const SEED = process.env.BOSH_SEED === undefined ? undefined : Number(process.env.BOSH_SEED);

// A client that talks and a network that works most of the time get further than chaos.
const USUAL: ReadonlyArray<Step[0]> = ['send', 'poll', 'deliver', 'deliver', 'receive', 'receive', 'say'];
const kind = fc.constantFrom(...STEPS, ...USUAL, ...USUAL);
const step: fc.Arbitrary<Step> = fc.tuple(kind, fc.nat(99));
// With `hold` above 4 the window is larger than usual; with no room for that, a client that uses no more of it than usual loses
// nothing either.
const setting = fc.record({
  hold: fc.constantFrom(0, 1, 1, 1, 2, 2, 3, 7, 20, 255),
  acks: fc.boolean(),
  keyed: fc.boolean(),
  roomy: fc.boolean(),
});
// The more may be under way, the longer until there is.
const schedule = fc.oneof(
  { weight: 19, arbitrary: fc.array(step, { minLength: 10, maxLength: 60, size: 'max' }) },
  { weight: 1, arbitrary: fc.array(step, { minLength: 100, maxLength: 300, size: 'max' }) },
);

test(`14 every stanza comes exactly once and in order, both ways, in ${SCHEDULES} schedules`, {
  timeout: 300_000,
}, () => {
  let schedules = 0;
  fc.assert(
    fc.property(setting, schedule, (chosen, steps) => {
      const world = new World(chosen);
      for (const one of steps) world.step(one);
      world.settle();
      schedules++;
    }),
    { numRuns: SCHEDULES, seed: SEED },
  );
  expect(schedules).toBe(SCHEDULES);
});
