import { describe, expect, test } from 'vitest';
import { MemoryDriver } from '../../src/storage/memory.js';
import { contract } from './contract.js';

describe('the memory driver', () => {
  contract(async (maxBytes) => new MemoryDriver(maxBytes));

  test('shares nothing with another one', async () => {
    const [one, other] = [new MemoryDriver(), new MemoryDriver()];
    await one.open('h', 's', 'keyvalue').set('a', 1);
    expect(await other.open('h', 's', 'keyvalue').get('a')).toBe(undefined);
  });
});
