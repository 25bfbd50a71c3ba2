import { afterEach, expect, test, vi } from 'vitest';
import { offset, time } from '../../src/modules/time.js';
import { CoreClient, testCore } from '../support/core.js';

afterEach(() => void vi.useRealTimers());

test('XEP-0202 the host tells the time', async () => {
  vi.useFakeTimers({ toFake: ['Date'], now: Date.UTC(2006, 11, 19, 17, 58, 35, 123) });
  const { core } = testCore([time]);
  const romeo = await new CoreClient(core).enter('romeo');
  const answer = (await romeo.ask('get', "<time xmlns='urn:xmpp:time'/>", 'example.test')).children[0];
  expect(answer.textOf('utc')).toBe('2006-12-19T17:58:35Z');
  expect(answer.textOf('tzo')).toBe(offset(-new Date().getTimezoneOffset()));
});

test.each([
  [0, '+00:00'],
  [-360, '-06:00'],
  [345, '+05:45'],
  [-210, '-03:30'],
])('XEP-0082: %d minutes east are %s', (minutes, text) => {
  expect(offset(minutes)).toBe(text);
});
