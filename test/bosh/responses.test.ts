import { expect, test } from 'vitest';
import { Counts } from '../../src/bosh/counts.js';
import { Responses } from '../../src/bosh/responses.js';
import { Metrics } from '../../src/metrics.js';

function kept(acks: boolean, size = 10, most?: number) {
  const counts = new Counts(new Metrics());
  const responses = new Responses(2, acks, counts, most);
  const add = (rid: number) =>
    responses.add({
      rid,
      checksum: 0,
      body: Buffer.alloc(size),
      stream: undefined,
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
