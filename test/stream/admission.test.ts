import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Admission } from '../../src/stream/admission.js';

const LIMITS = { rates: true, sessions: 1000, sessions_per_address: 1000, creations_per_second: 2, creation_burst: 4 };

test('a burst is let in, and then so many a second', () => {
  let now = 0;
  const admission = new Admission({ trusted_proxies: [], limits: LIMITS }, () => now);
  const enter = () => admission.enter('192.0.2.1') === undefined;
  expect([1, 2, 3, 4, 5].map(enter)).toEqual([true, true, true, true, false]);
  now = 1;
  expect([1, 2, 3].map(enter)).toEqual([true, true, false]);
  now = 100;
  expect([1, 2, 3, 4, 5].map(enter)).toEqual([true, true, true, true, false]);
});

test('whatever comes and goes, the count is what is in, and no address is over its share', () => {
  const step = fc.record({ address: fc.constantFrom('192.0.2.1', '192.0.2.2', '2001:db8::1'), leave: fc.boolean() });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const limits = { ...LIMITS, sessions: 5, sessions_per_address: 2, creation_burst: 1e6 };
      const admission = new Admission({ trusted_proxies: [], limits }, () => 0);
      const inside = new Map<string, number>();
      for (const { address, leave } of steps) {
        const count = inside.get(address) ?? 0;
        if (leave && count > 0) {
          admission.leave(address);
          inside.set(address, count - 1);
        } else if (!leave && admission.enter(address) === undefined) inside.set(address, count + 1);
        const counts = [...inside.values()];
        expect(Math.max(0, ...counts)).toBeLessThanOrEqual(2);
        expect(admission.size).toBe(counts.reduce((sum, n) => sum + n, 0));
        expect(admission.size).toBeLessThanOrEqual(5);
      }
    }),
  );
});

test('a client without an address, or with one that is none, is let in and counted', () => {
  const admission = new Admission({ trusted_proxies: ['127.0.0.1'], limits: { ...LIMITS, sessions_per_address: 1 } });
  for (const address of ['', '999.999.999.999', 'fe80::1%eth0']) {
    expect(admission.enter(address)).toBeUndefined();
    expect(admission.enter(address)?.limit).toBe('sessions_per_address');
    admission.leave(address);
  }
  expect(admission.size).toBe(0);
});
