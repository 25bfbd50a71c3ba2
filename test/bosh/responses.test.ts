import { expect, test } from 'vitest';
import { Counts } from '../../src/bosh/counts.js';
import { Responses } from '../../src/bosh/responses.js';
import { Metrics } from '../../src/metrics.js';

function kept(acks: boolean, size = 10, room?: number, requests = 2, sure = 3) {
  const counts = new Counts(new Metrics());
  const responses = new Responses({ requests, sure, acks }, counts, room);
  const add = (rid: number) =>
    responses.add({
      rid,
      checksum: 0,
      body: Buffer.alloc(size),
      stream: undefined,
      given: 0,
      at: 0,
      connection: undefined,
      read: false,
    });
  const rids = (from: number, to: number) =>
    Array.from({ length: to - from + 1 }, (_, i) => from + i).filter((rid) => responses.find(rid));
  return { counts, responses, add, rids };
}

test('14.3 without acknowledgements the last `requests` are kept, and one for a pause or terminate', () => {
  const { add, rids, counts } = kept(false);
  for (let rid = 1; rid <= 9; rid++) add(rid);
  expect(rids(1, 9)).toEqual([7, 8, 9]);
  expect(counts.unackedBytes).toBe(30);
});

test('9.2 a client that acknowledges gets more kept, until it has acknowledged', () => {
  const { add, rids, responses, counts } = kept(true);
  for (let rid = 1; rid <= 9; rid++) add(rid);
  expect(rids(1, 9)).toEqual([2, 3, 4, 5, 6, 7, 8, 9]);
  responses.confirm(7);
  expect([rids(1, 9), counts.unackedBytes]).toEqual([[8, 9], 20]);
});

test('9.2 but not without bound: of large ones no more than without acknowledgements', () => {
  const { add, rids, responses, counts } = kept(true, 400, 1000);
  for (let rid = 1; rid <= 9; rid++) add(rid);
  expect([rids(1, 9), counts.unackedBytes]).toEqual([[7, 8, 9], 1200]);
  responses.clear();
  expect(counts.unackedBytes).toBe(0);
});

test('14.3 of a large window all small ones are kept; of large ones those that have room, and what is sure', () => {
  const small = kept(false, 10, 1000, 20, 6);
  for (let rid = 1; rid <= 30; rid++) small.add(rid);
  expect(small.rids(1, 30)).toEqual(Array.from({ length: 21 }, (_, i) => 10 + i));
  const large = kept(false, 100, 1000, 20, 6);
  for (let rid = 1; rid <= 30; rid++) large.add(rid);
  expect([large.rids(1, 30), large.counts.unackedBytes]).toEqual([[21, 22, 23, 24, 25, 26, 27, 28, 29, 30], 1000]);
  const huge = kept(false, 1001, 1000, 20, 6);
  for (let rid = 1; rid <= 30; rid++) huge.add(rid);
  expect(huge.rids(1, 30)).toEqual([25, 26, 27, 28, 29, 30]);
});

test('9.2 who acknowledges with a large window has as many kept as it has requests', () => {
  const { add, rids } = kept(true, 10, 100_000, 200, 6);
  for (let rid = 1; rid <= 300; rid++) add(rid);
  expect([rids(1, 300).length, rids(1, 300)[0]]).toEqual([201, 100]);
});

test('what is lacking for want of room is told from what is too old or was seen', () => {
  const { add, responses } = kept(false, 100, 1000, 20, 6);
  for (let rid = 1; rid <= 30; rid++) add(rid);
  responses.confirm(10);
  expect([10, 11, 20, 21].map((rid) => responses.lacks(rid))).toEqual([false, true, true, false]);
  const few = kept(false);
  for (let rid = 1; rid <= 9; rid++) few.add(rid);
  expect([1, 6, 9].some((rid) => few.responses.lacks(rid))).toBe(false);
});
