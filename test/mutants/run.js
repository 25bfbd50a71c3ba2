// Seeds faults into the session engine, each into a copy of the sources by text replacement, and runs the engine's tests
// against the copy: a test suite that lets one pass is not worth its promises. Prints `N of N caught`, exits 1 when not all.
//
//   node test/mutants/run.js [--only TEXT] [--schedules N]

import { spawn } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const here = dirname(fileURLToPath(import.meta.url));
const root = join(here, '../..');
const { values } = parseArgs({ options: { only: { type: 'string' }, schedules: { type: 'string', default: '600' } } });
const mutants = JSON.parse(readFileSync(join(here, 'bosh.json'), 'utf8'));
const chosen = mutants.filter(({ name }) => values.only === undefined || name.includes(values.only));

/** A copy of what the engine's tests need, with the fault in it. */
function seed({ name, file, from, to, also = [] }) {
  const copy = mkdtempSync(join(tmpdir(), 'bosh-mutant-'));
  for (const part of [
    'src/bosh',
    'src/xmpp',
    'src/stream',
    'src/metrics.ts',
    'src/log.ts',
    'src/tokens.ts',
    'test/bosh',
    'test/support',
  ]) {
    cpSync(join(root, part), join(copy, part), { recursive: true });
  }
  for (const part of ['package.json', 'tsconfig.json', 'vitest.config.ts']) cpSync(join(root, part), join(copy, part));
  symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));
  for (const change of [{ file, from, to }, ...also]) {
    const path = join(copy, 'src/bosh', change.file);
    const text = readFileSync(path, 'utf8');
    if (!text.includes(change.from)) throw new Error(`${name}: ${change.file} does not contain ${change.from}`);
    writeFileSync(
      path,
      text.replace(change.from, () => change.to),
    );
  }
  return copy;
}

/** Whether the tests fail there. */
function caught(copy) {
  const vitest = join(root, 'node_modules/vitest/vitest.mjs');
  const env = { ...process.env, BOSH_SCHEDULES: values.schedules, NO_COLOR: '1' };
  const child = spawn(process.execPath, [vitest, 'run', 'test/bosh', '--bail', '1'], { cwd: copy, env });
  let output = '';
  child.stdout.on('data', (data) => {
    output += data;
  });
  child.stderr.on('data', (data) => {
    output += data;
  });
  return new Promise((resolve) => child.on('close', (code) => resolve({ failed: code !== 0, output })));
}

/** The title of the first test that failed. */
const culprit = (output) => /FAIL\s+\S+ > (.*)/.exec(output)?.[1] ?? output.slice(0, 200);

async function judge(mutant) {
  const copy = seed(mutant);
  try {
    const { failed, output } = await caught(copy);
    console.log(`${failed ? 'caught ' : 'MISSED '} ${mutant.name}${failed ? `\n          by ${culprit(output)}` : ''}`);
    return failed;
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}

const sound = seed({ name: 'no fault', file: 'window.ts', from: '', to: '' });
const { failed, output } = await caught(sound);
rmSync(sound, { recursive: true, force: true });
if (failed) {
  console.log(`the tests fail without a fault:\n${output}`);
  process.exit(1);
}

let count = 0;
const queue = [...chosen];
const worker = async () => {
  for (let next = queue.shift(); next; next = queue.shift()) if (await judge(next)) count++;
};
await Promise.all([worker(), worker()]);
console.log(`${count} of ${chosen.length} caught`);
process.exit(count === chosen.length ? 0 : 1);
