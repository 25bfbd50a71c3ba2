import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { costsFrom, MEAN, measuredIn, sharesIn, timesIn, windowIn } from '../../../bench/scaling/measured.js';

const row = (...cells: readonly string[]) => `| ${cells.join(' | ')} |`;
const RESULTS = [
  row('TCP, 100 B', 'bosh-server', '99.0 us', '98.0 - 99.5', '0.950 (0.900 - 1.000)', ''),
  row('TCP, 100 B', 'tcp relay', '98.0 us', '97.0 - 99.0', '', ''),
  row(MEAN, 'bosh-server', '20.0 us', '18.0 - 30.0', '', ''),
  row('TCP, 100 B', 'bosh-server', '33.0 us', '20.0 - 40.0', '1.500 (1.400 - 1.600)', ''),
  row('idle BOSH session', 'bosh-server', '20.3 KiB', '', '', '28 KiB: met'),
  row('chat', '2 workers, by the clock', '800 messages/s', '700 - 900', '2.35 (1.86 - 3.20)', ''),
  row('chat', 'one process', '40.0 us', '39.0 - 41.0', '', ''),
  row('chat', '2 workers, all processes', '50.0 us', '49.0 - 51.0', '', ''),
  row('chat', '2 workers, the first process', '20.0 us', '19.0 - 21.0', '', ''),
].join('\n');

describe('the rows of a window', () => {
  test('count by their ratio to its mean, whatever stands before it', () => {
    expect(windowIn(RESULTS)('TCP, 100 B')).toBe(30);
  });

  test('are missed when they are not there, or have no ratio', () => {
    expect(() => windowIn(RESULTS)('BOSH, two in flight')).toThrow('no row "BOSH, two in flight"');
    expect(() => windowIn(RESULTS)('idle BOSH session')).toThrow('npm run bench -- scaling');
    expect(() => windowIn(RESULTS.replace(MEAN, 'mean'))).toThrow(MEAN);
  });
});

test('other rows count by their median, the first of a title', () => {
  expect(measuredIn(RESULTS)('TCP, 100 B')).toBe(99);
  expect(measuredIn(RESULTS)('idle BOSH session')).toBe(20.3);
});

test('several workers count by their times one process', () => {
  expect(timesIn(RESULTS, 'chat', 2)).toBe(2.35);
  expect(() => timesIn(RESULTS, 'chat', 4)).toThrow('4 workers');
});

test('what the processes take is a part of what one process takes', () => {
  expect(sharesIn(RESULTS, 'chat')).toEqual({ workers: 0.75, core: 0.5 });
  expect(() => sharesIn(RESULTS, 'BOSH chat')).toThrow('no row "BOSH chat" of one process');
});

test('the window of RESULTS.md gives every constant', () => {
  const results = readFileSync(new URL('../../../bench/RESULTS.md', import.meta.url), 'utf8');
  const costs = costsFrom(windowIn(results));
  expect(Object.entries(costs).filter(([, cost]) => !(cost > 0))).toEqual([]);
});
