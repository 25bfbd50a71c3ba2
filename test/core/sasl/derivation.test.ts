import { expect, test } from 'vitest';
import { Derivation } from '../../../src/core/sasl/derivation.js';
import { SaslError } from '../../../src/core/sasl/errors.js';

const SALT = Buffer.alloc(16);

test('so many run, so many wait, and others are told to come later', async () => {
  const derivation = new Derivation({ most: 2, queue: 3 });
  const work = Array.from({ length: 7 }, () => derivation.keys('sha-256', 'pencil', SALT, 10_000));
  const done = await Promise.allSettled(work);
  expect(done.map((each) => each.status)).toEqual([...Array(5).fill('fulfilled'), 'rejected', 'rejected']);
  const reasons = done.flatMap((each) => (each.status === 'rejected' ? [each.reason] : []));
  expect(reasons.every((reason) => reason instanceof SaslError)).toBe(true);
  expect(reasons.map((reason) => reason.condition)).toEqual(['temporary-auth-failure', 'temporary-auth-failure']);
  // There is room again.
  await derivation.keys('sha-256', 'pencil', SALT, 10_000);
});

test('what fails makes room too', async () => {
  const derivation = new Derivation({ most: 1, queue: 0 });
  await expect(derivation.keys('sha-1', 'pencil', SALT, -1)).rejects.toThrow(RangeError);
  await derivation.keys('sha-1', 'pencil', SALT, 10_000);
});
