import { expect, test } from 'vitest';
import { isLoopback, networks, partyOf, within } from '../../src/stream/address.js';

test('who counts as one', () => {
  expect(partyOf('192.0.2.1')).toBe('192.0.2.1');
  expect(partyOf('::ffff:192.0.2.1')).toBe('192.0.2.1');
  expect(partyOf('2001:DB8:0:7::1')).toBe(partyOf('2001:db8:0:7:ffff::'));
  expect(partyOf('2001:db8::1')).not.toBe(partyOf('2001:db8:0:7::1'));
  expect(partyOf('::1')).toBe(partyOf('::2'));
});

test('the loopback is 127/8 and ::1', () => {
  expect(['127.0.0.1', '127.9.9.9', '::1', '::ffff:127.0.0.1'].every(isLoopback)).toBe(true);
  expect(['128.0.0.1', '::2', 'localhost', '10.0.0.1', ''].some(isLoopback)).toBe(false);
});

test('a list has single addresses and networks of both versions', () => {
  const list = networks(['192.0.2.1', '198.51.100.0/24', '2001:db8::/32', '::1']);
  expect(['192.0.2.1', '198.51.100.77', '2001:db8:7::1', '::1'].every((each) => within(list, each))).toBe(true);
  expect(['192.0.2.2', '198.51.101.1', '2001:db9::1', '', 'x'].some((each) => within(list, each))).toBe(false);
});
