import { expect, test } from 'vitest';
import { Breather } from '../../src/core/breather.js';

test('after so many others have their turn, and not before', async () => {
  const breather = new Breather(3);
  expect([breather.breathe(), breather.breathe()]).toEqual([undefined, undefined]);
  const breath = breather.breathe();
  expect(breath).toBeInstanceOf(Promise);
  let over = false;
  void breath?.then(() => {
    over = true;
  });
  await Promise.resolve();
  expect(over).toBe(false);
  await breath;
  expect(breather.breathe()).toBeUndefined();
});
