import { expect, test } from 'vitest';
import { belies } from '../../src/stream/identity.js';
import { shown } from '../support/bosh-engine.js';

test.each<[boolean, string | undefined, string[]]>([
  [false, undefined, ['romeo@example.com']],
  [false, 'juliet@example.com', []],
  [false, 'romeo@example.com', ['juliet@example.com', 'romeo@example.com']],
  [false, 'ROMEO@Example.COM/x', ['romeo@example.com']],
  [false, 'romeo@example.com', ['Romeo@EXAMPLE.com/y']],
  [false, 'example.com', ['example.com']],
  [true, 'romeo@example.com', ['juliet@example.com']],
  [true, 'romeo@example.com', ['example.com']],
  [true, 'example.com', ['romeo@example.com']],
  [true, '', ['romeo@example.com']],
  [true, 'no address@', ['no address@', 'romeo@example.com']],
])('RFC 6120 4.9.3.9: it is %s that from %j belies a certificate for %j', (lies, from, addresses) => {
  expect(belies({ tls: shown('01', ...addresses) }, from)).toBe(lies);
});

test('who showed no certificate belies none', () => {
  expect(belies({ tls: shown() }, 'romeo@example.com')).toBe(false);
  expect(belies({ tls: undefined }, 'romeo@example.com')).toBe(false);
});
