import { expect, test } from 'vitest';
import { Marks } from '../../src/stream/marks.js';

test('each is told once, in order, when the count is there', () => {
  const marks = new Marks();
  const told: number[] = [];
  for (const at of [2, 2, 5]) marks.add(at, () => told.push(at));
  marks.reach(1);
  expect(told).toEqual([]);
  marks.reach(4);
  marks.reach(4);
  expect(told).toEqual([2, 2]);
  marks.add(7, () => told.push(7));
  marks.reach(9);
  expect(told).toEqual([2, 2, 5, 7]);
});

test('who is told may wait for more', () => {
  const marks = new Marks();
  const told: number[] = [];
  marks.add(1, () => marks.add(2, () => told.push(2)));
  marks.reach(1);
  expect(told).toEqual([]);
  marks.reach(2);
  expect(told).toEqual([2]);
});

test('what was taken out is not told any more', () => {
  const marks = new Marks();
  const told: number[] = [];
  marks.add(1, () => told.push(1));
  const [one] = marks.take();
  marks.reach(1);
  expect(told).toEqual([]);
  one();
  expect(told).toEqual([1]);
});
