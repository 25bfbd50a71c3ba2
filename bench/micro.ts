// The hot objects alone, in this process: CPU nanoseconds an operation, garbage collection included.

import { benches as body } from './body.bench.js';
import { median, type Row } from './results.js';
import { benches as scanner } from './scanner.bench.js';
import { benches as session } from './session.bench.js';

export interface Bench {
  readonly name: string;
  /** Bytes of one operation, for MB/s. */
  readonly bytes?: number;
  /** Does `count` operations. */
  run(count: number): void;
}

const SAMPLE = 100_000;
const SAMPLES = 7;

export function micro(say: (text: string) => void): Row[] {
  return [...scanner(), ...body(), ...session()].map((bench) => {
    const row = measure(bench);
    say(`micro ${row.what}: ${row.value}${row.ratio}`);
    return row;
  });
}

function measure({ name, bytes, run }: Bench): Row {
  let count = 64;
  while (timed(run, count) < SAMPLE) count *= 2;
  const values = Array.from({ length: SAMPLES }, () => (timed(run, count) * 1000) / count);
  const each = median(values);
  const speed = bytes === undefined ? '' : `, ${Math.round((bytes * 1000) / each)} MB/s`;
  return {
    what: name,
    server: 'micro',
    value: `${Math.round(each)} ns${speed}`,
    spread: `${Math.round(Math.min(...values))} - ${Math.round(Math.max(...values))}`,
    ratio: '',
    target: '',
  };
}

/** Microseconds of CPU. */
function timed(run: (count: number) => void, count: number): number {
  const before = process.cpuUsage();
  run(count);
  const { user, system } = process.cpuUsage(before);
  return user + system;
}
