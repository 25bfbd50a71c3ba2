import { expect, test } from 'vitest';
import { Throttle } from '../../src/core/throttle.js';

const LIMITS = { rates: true, auth_failures_per_address: 6, auth_failures_per_account: 3 };
const HERE = '192.0.2.1';
const THERE = '198.51.100.1';

function throttle(limits: Partial<typeof LIMITS> = {}, trusted: readonly string[] = []) {
  const clock = { now: 1000 };
  const hits: string[] = [];
  const options = { trusted_proxies: trusted, limits: { ...LIMITS, ...limits } };
  const throttle = new Throttle(
    options,
    (limit) => void hits.push(limit),
    () => clock.now,
  );
  return { clock, hits, options, throttle };
}

test('each failure is answered later, up to two seconds', () => {
  const { throttle: slow } = throttle({ auth_failures_per_account: 100 });
  const delays = Array.from({ length: 6 }, () => slow.failed(HERE, 'user@example.test'));
  expect(delays).toEqual([200, 400, 800, 1600, 2000, 2000]);
});

test('after so many failures for an account nobody may try it, until some time has passed', () => {
  const { clock, throttle: slow } = throttle();
  const account = 'user@example.test';
  for (const address of [HERE, THERE, '2001:db8::1']) {
    expect(slow.refuses(address, account)).toBeUndefined();
    slow.failed(address, account);
  }
  expect(slow.refuses('203.0.113.1', account)).toBe('auth_failures_per_account');
  expect(slow.refuses('203.0.113.1', 'other@example.test')).toBeUndefined();
  clock.now += 99_999;
  expect(slow.refuses(HERE, account)).toBe('auth_failures_per_account');
  clock.now += 1;
  expect(slow.refuses(HERE, account)).toBeUndefined();
  slow.failed(HERE, account);
  expect(slow.refuses(HERE, account)).toBe('auth_failures_per_account');
});

test('after so many failures of an address it may try no account; an IPv6 address counts by its /64', () => {
  const { clock, throttle: slow } = throttle();
  for (let n = 0; n < 6; n++) {
    expect(slow.refuses(`2001:db8::${n}`, `${n}@example.test`)).toBeUndefined();
    slow.failed(`2001:db8::${n}`, `${n}@example.test`);
  }
  expect(slow.refuses('2001:db8::7', 'user@example.test')).toBe('auth_failures_per_address');
  expect(slow.refuses('2001:db8:0:1::7', 'user@example.test')).toBeUndefined();
  clock.now += 50_000;
  expect(slow.refuses('2001:db8::7', 'user@example.test')).toBeUndefined();
});

test('a failure before a name was said counts for the address alone', () => {
  const { throttle: slow } = throttle();
  for (let n = 0; n < 6; n++) slow.failed(HERE);
  expect(slow.refuses(HERE, 'user@example.test')).toBe('auth_failures_per_address');
  expect(slow.refuses(THERE, 'user@example.test')).toBeUndefined();
});

test('who guesses does not lock out the owner, who has logged in from elsewhere before', () => {
  const { throttle: slow } = throttle();
  const account = 'user@example.test';
  slow.succeeded(HERE, account);
  for (let n = 0; n < 3; n++) slow.failed(THERE, account);
  expect(slow.refuses(THERE, account)).toBe('auth_failures_per_account');
  expect(slow.refuses(HERE, account)).toBeUndefined();
  // Nor may the owner's own address guess for ever.
  for (let n = 0; n < 3; n++) slow.failed(HERE, account);
  expect(slow.refuses(HERE, account)).toBe('auth_failures_per_account');
});

test('a trusted proxy is not counted by address, the account is', () => {
  const { throttle: slow } = throttle({}, ['127.0.0.0/8']);
  for (let n = 0; n < 100; n++) slow.failed('127.0.0.1', `${n}@example.test`);
  expect(slow.refuses('127.0.0.1', 'user@example.test')).toBeUndefined();
  for (let n = 0; n < 3; n++) slow.failed('127.0.0.1', 'user@example.test');
  expect(slow.refuses('127.0.0.1', 'user@example.test')).toBe('auth_failures_per_account');
});

test('limits.rates false lifts it; new limits are taken', () => {
  const { options, throttle: slow } = throttle({ rates: false });
  expect(Array.from({ length: 100 }, () => slow.failed(HERE, 'user@example.test'))).toEqual(Array(100).fill(0));
  expect(slow.refuses(HERE, 'user@example.test')).toBeUndefined();
  options.limits = { ...LIMITS, auth_failures_per_address: 1 };
  slow.failed(HERE);
  expect(slow.refuses(HERE, 'user@example.test')).toBe('auth_failures_per_address');
  options.trusted_proxies = ['192.0.2.0/24'];
  expect(slow.refuses(HERE, 'user@example.test')).toBeUndefined();
});

test('what is remembered is bounded: the one not seen for longest is forgotten', () => {
  const { throttle: slow } = throttle({ auth_failures_per_address: 1 });
  slow.failed('10.0.0.1');
  for (let n = 0; n < 9_999; n++) slow.failed(`11.0.${n >> 8}.${n & 255}`);
  expect(slow.refuses('10.0.0.1', 'user@example.test')).toBe('auth_failures_per_address');
  slow.failed('12.0.0.1');
  expect(slow.refuses('10.0.0.1', 'user@example.test')).toBeUndefined();
  expect(slow.refuses('12.0.0.1', 'user@example.test')).toBe('auth_failures_per_address');
});

test('refusals are told by the name of the limit', () => {
  const { hits, throttle: slow } = throttle({ auth_failures_per_address: 1 });
  slow.failed(HERE);
  expect(hits).toEqual([]);
  slow.refuses(HERE, 'user@example.test');
  expect(hits).toEqual(['auth_failures_per_address']);
});
