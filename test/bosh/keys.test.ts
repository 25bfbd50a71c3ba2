import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { KeyChain } from '../../src/bosh/keys.js';

const sha1 = (text: string) => createHash('sha1').update(text).digest('hex');

/** K(1) to K(n) of a seed. */
function keys(seed: string, n: number): string[] {
  const chain = [sha1(seed)];
  while (chain.length < n) chain.push(sha1(chain[chain.length - 1]));
  return chain;
}

test('15.4 keys are accepted from K(n-1) down to K(1), each once', () => {
  const [k1, k2, k3] = keys('seed', 3);
  const chain = new KeyChain(k3);
  expect(chain.accept(k2, undefined)).toBe(true);
  expect(chain.accept(k2, undefined)).toBe(false);
  expect(chain.accept(k1, undefined)).toBe(true);
});

test('15.5 a missing or wrong key is refused', () => {
  const [k1, , k3] = keys('seed', 3);
  expect(new KeyChain(k3).accept(undefined, undefined)).toBe(false);
  expect(new KeyChain(k3).accept(k1, undefined)).toBe(false);
});

test('15.3 the case of a key in the chain does not count', () => {
  const [k1, k2] = keys('seed', 2);
  expect(new KeyChain(k2.toUpperCase()).accept(k1, undefined)).toBe(true);
});

test('15.6 a new chain begins with the last key of the old one', () => {
  const [, k2, k3] = keys('seed', 3);
  const [n1, n2] = keys('other', 2);
  const chain = new KeyChain(k3);
  expect(chain.accept(n2, n1)).toBe(false);
  expect(chain.accept(k2, n2)).toBe(true);
  expect(chain.accept(n1, undefined)).toBe(true);
});
