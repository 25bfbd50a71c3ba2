import { expect, test } from 'vitest';
import { isLoopback, Networks, partyOf } from '../../src/stream/address.js';

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

test.each([
  [['192.0.2.1', '198.51.100.0/24', '2001:db8::/32', '::1']],
  [['192.0.2.1', '198.51.100.77', '2001:db8:7::1', '::1']],
])('a set has single addresses and networks of both versions: %j', (list) => {
  const set = new Networks(list);
  const inside = ['192.0.2.1', '198.51.100.77', '2001:db8:7::1', '::1', '::ffff:192.0.2.1', '2001:DB8:7:0::1'];
  expect(inside.filter((each) => !set.has(each))).toEqual([]);
  expect(['192.0.2.2', '198.51.101.1', '2001:db9::1', '', 'x'].filter((each) => set.has(each))).toEqual([]);
});

test('addresses that are mapped into IPv6 stand for those in them', () => {
  expect(new Networks(['::1', '::ffff:192.0.2.1']).has('192.0.2.1')).toBe(true);
  expect(new Networks(['::ffff:0:0/96']).has('192.0.2.1')).toBe(true);
});

test('what is neither an address nor a network is no member', () => {
  expect(() => new Networks(['example.org'])).toThrow(/"example.org" is neither/);
});
