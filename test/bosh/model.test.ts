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
const setting = fc.record({ hold: fc.constantFrom(0, 1, 1, 2), acks: fc.boolean(), keyed: fc.boolean() });

test(`14 every stanza comes exactly once and in order, both ways, in ${SCHEDULES} schedules`, {
  timeout: 300_000,
}, () => {
  let schedules = 0;
  fc.assert(
    fc.property(setting, fc.array(step, { minLength: 10, maxLength: 60, size: 'max' }), (chosen, steps) => {
      const world = new World(chosen);
      for (const one of steps) world.step(one);
      world.settle();
      schedules++;
    }),
    { numRuns: SCHEDULES, seed: SEED },
  );
  expect(schedules).toBe(SCHEDULES);
});
