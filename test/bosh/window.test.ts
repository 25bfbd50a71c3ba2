import { expect, test } from 'vitest';
import { judge, readRid } from '../../src/bosh/window.js';

const at = { answered: 10, processed: 12 };

test.each([
  [1, false, 'answered'],
  [10, false, 'answered'],
  [11, false, 'pending'],
  [12, false, 'pending'],
  [13, false, 'next'],
  [13, true, 'pending'],
  [14, false, 'early'],
  [14, true, 'pending'],
  [15, false, 'beyond'],
  [9007199254740991, false, 'beyond'],
])('14.2 rid %i (known: %s) with 10 answered, 12 processed and a window of 2 is %s', (rid, known, verdict) => {
  expect(judge(rid, at, 2, known)).toBe(verdict);
});

test.each([
  ['1', 1],
  ['9007199254740991', 9007199254740991],
  ['9007199254740992', undefined],
  ['99999999999999999', undefined],
  ['0', undefined],
  ['007', undefined],
  ['-1', undefined],
  ['+1', undefined],
  ['1.0', undefined],
  ['1e9', undefined],
  ['0x10', undefined],
  [' 1', undefined],
  ['1 ', undefined],
  ['١٢', undefined],
  ['', undefined],
  [undefined, undefined],
])('14.1 a rid written %j is read as %s', (text, rid) => {
  expect(readRid(text)).toBe(rid);
});
