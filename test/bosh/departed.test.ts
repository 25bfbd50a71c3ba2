import { expect, test } from 'vitest';
import { DepartedSessions } from '../../src/bosh/departed.js';
import type { BoshResponse } from '../../src/bosh/held.js';

const response = (body: string | Buffer): BoshResponse => ({
  status: 200,
  contentType: 'text/xml; charset=utf-8',
  body: Buffer.from(body),
});
const over = (rid = 7, last: string | Buffer = 'last') => ({
  reason: 'terminate',
  response: response('why'),
  last: { rid, checksum: 1, response: response(last) },
});

test('a repeat of the last request gets the same answer, any other learns why the session is over', () => {
  const departed = new DepartedSessions();
  departed.add('a', over(), 100);
  expect(departed.answer('a', 7, 1)?.body.toString()).toBe('last');
  expect(departed.answer('a', 7, 2)?.body.toString()).toBe('why');
  expect(departed.answer('a', 8, 1)?.body.toString()).toBe('why');
  expect(departed.answer('b', 7, 1)).toBeUndefined();
});

test('they are forgotten when their time has passed', () => {
  const departed = new DepartedSessions();
  departed.add('a', over(), 100);
  departed.add('b', over(), 200);
  departed.sweep(100);
  expect(departed.answer('a', 7, 1)).toBeUndefined();
  expect(departed.answer('b', 7, 1)).toBeDefined();
});

test('the oldest make room, by number and by the bytes of last answers', () => {
  const many = new DepartedSessions();
  for (let i = 0; i <= 10_000; i++) many.add(`s${i}`, over(), 100);
  expect([many.answer('s0', 7, 1), many.answer('s1', 7, 1)?.status]).toEqual([undefined, 200]);
  const large = new DepartedSessions();
  const body = Buffer.alloc(1_048_576);
  for (let i = 0; i <= 16; i++) large.add(`s${i}`, over(7, body), 100);
  expect([large.answer('s0', 7, 1), large.answer('s1', 7, 1)?.status]).toEqual([undefined, 200]);
  large.sweep(100);
  for (let i = 0; i < 16; i++) large.add(`t${i}`, over(7, body), 200);
  expect(large.answer('t0', 7, 1)?.status).toBe(200);
});
