import { beforeEach, expect, test } from 'vitest';
import { measured } from '../../src/core/measured-storage.js';
import { Metrics } from '../../src/metrics.js';
import { MemoryDriver } from '../../src/storage/memory.js';
import type { Driver } from '../../src/storage/store.js';
import { contract } from '../storage/contract.js';
import { MemoryLog } from '../support/memory-log.js';

let metrics: Metrics;
let log: MemoryLog;
let driver: Driver;

beforeEach(() => {
  metrics = new Metrics();
  log = new MemoryLog();
  driver = measured(new MemoryDriver(1000), { metrics, log });
});

const series = async (pattern: RegExp) => (await metrics.text()).split('\n').filter((line) => pattern.test(line));

contract(async (maxBytes) => measured(new MemoryDriver(maxBytes), { metrics: new Metrics(), log: new MemoryLog() }));

test('counts what was asked by kind, operation and outcome, and how long it took', async () => {
  const [values, maps, archives] = [
    driver.open('h', 's', 'keyvalue'),
    driver.open('h', 's', 'map'),
    driver.open('h', 's', 'archive'),
  ];
  await values.set('a', 1);
  await values.get('a');
  await values.get('b');
  await maps.size('a');
  await expect(archives.append('a', { at: 1, stanza: 'x'.repeat(2000) })).rejects.toThrow();
  await driver.stop();
  await expect(values.get('a')).rejects.toThrow();
  expect(await series(/^bosh_storage_operations_total\{/)).toEqual([
    'bosh_storage_operations_total{kind="keyvalue",operation="write",outcome="ok"} 1',
    'bosh_storage_operations_total{kind="keyvalue",operation="read",outcome="ok"} 2',
    'bosh_storage_operations_total{kind="map",operation="read",outcome="ok"} 1',
    'bosh_storage_operations_total{kind="archive",operation="write",outcome="full"} 1',
    'bosh_storage_operations_total{kind="keyvalue",operation="read",outcome="failed"} 1',
  ]);
  expect(await series(/^bosh_storage_seconds_count\{/)).toContain(
    'bosh_storage_seconds_count{kind="keyvalue",operation="read"} 3',
  );
  expect(await series(/^bosh_storage_bytes /)).toEqual([`bosh_storage_bytes ${driver.bytes}`]);
});

test('what a change throws is no failure of the storage', async () => {
  const bad = driver.open('h', 's', 'keyvalue').update('a', () => {
    throw new RangeError('no');
  });
  await expect(bad).rejects.toThrow(RangeError);
  expect(await series(/outcome="/)).toEqual([
    'bosh_storage_operations_total{kind="keyvalue",operation="write",outcome="ok"} 1',
  ]);
  expect(log.lines).toEqual([]);
});

test('a storage that fails is logged, once for many failures', async () => {
  const store = driver.open('h', 's', 'keyvalue');
  for (const key of ['a', 'b', 'c']) await expect(store.set(key, 'x'.repeat(2000))).rejects.toThrow();
  expect(log.lines).toMatchObject([
    { level: 'error', event: 'storage_failed', fields: { kind: 'keyvalue', operation: 'write', condition: 'full' } },
  ]);
});
