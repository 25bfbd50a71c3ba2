import { expect, test } from 'vitest';
import { Turns } from '../../src/core/turns.js';
import { News } from '../support/news.js';

test('work of one key is done in order, whatever becomes of it; other keys do not wait', async () => {
  const turns = new Turns();
  const done: string[] = [];
  const gate = new News();
  const first = turns.take('a', async () => {
    await gate.next();
    done.push('a1');
    throw new Error('a1');
  });
  const second = turns.take('a', async () => done.push('a2'));
  await turns.take('b', async () => done.push('b'));
  expect(done).toEqual(['b']);
  await new Promise(setImmediate);
  expect([turns.busy('a'), turns.busy('b')]).toEqual([true, false]);
  const unfinished = turns.unfinished();
  gate.tell();
  await expect(first).rejects.toThrow('a1');
  await second;
  await unfinished;
  expect(done).toEqual(['b', 'a1', 'a2']);
  expect(turns.unfinished()).toBeUndefined();
});
