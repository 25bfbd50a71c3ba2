import { expect, test } from 'vitest';
import { Tick } from '../src/tick.js';

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

test('what is asked for in a turn runs once, in order, after what is running now', async () => {
  const tick = new Tick(() => {});
  const said: string[] = [];
  tick.soon({ flush: () => said.push('a') });
  tick.soon({ flush: () => said.push('b') });
  expect(said).toEqual([]);
  await turn();
  expect(said).toEqual(['a', 'b']);
});

test('a flush that throws loses nobody else theirs, and the owner is told', async () => {
  const told: unknown[][] = [];
  const tick = new Tick((...failure) => told.push(failure));
  const said: string[] = [];
  const bad = {
    flush() {
      tick.soon({ flush: () => said.push('later') });
      throw new Error('bug');
    },
  };
  tick.soon(bad);
  tick.soon({ flush: () => said.push('next') });
  await turn();
  await turn();
  expect(said).toEqual(['next', 'later']);
  expect(told).toEqual([[new Error('bug'), bad]]);
});

test('its clock does not go back', () => {
  const tick = new Tick(() => {});
  const then = tick.now();
  expect(tick.now()).toBeGreaterThanOrEqual(then);
});
