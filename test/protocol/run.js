// npm run conformance -- --bosh URL --ws URL [--domain D] [--user U --password P | --anonymous]
// Runs the protocol suite against any server on the network and prints, section by section, what it does: yes, no, or skipped.
// Exit code: 0 when nothing failed, 3 when something did, 2 for a wrong command line.

import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const USAGE = `npm run conformance -- --bosh URL --ws URL [--domain D] [--user U --password P | --anonymous]
Without URLs: our own server in front of a stub server (npm run build comes first); --workers N is an option of it.`;
const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const TEXT = { type: 'string' };
const FLAG = { type: 'boolean' };
const SPEC = {
  bosh: TEXT,
  ws: TEXT,
  domain: TEXT,
  user: TEXT,
  password: TEXT,
  anonymous: FLAG,
  workers: TEXT,
  help: FLAG,
};

function options() {
  try {
    return parseArgs({ options: SPEC }).values;
  } catch (error) {
    console.error(`${error.message}\n${USAGE}`);
    return process.exit(2);
  }
}

/** Runs vitest and resolves with its JSON report. */
function run(values) {
  const folder = mkdtempSync(join(tmpdir(), 'bosh-conformance-'));
  const file = join(folder, 'report.json');
  const env = { ...process.env };
  for (const [name, value] of Object.entries(values)) env[`CONFORMANCE_${name.toUpperCase()}`] = String(value);
  const vitest = join(ROOT, 'node_modules', 'vitest', 'vitest.mjs');
  const args = [
    vitest,
    'run',
    'test/protocol',
    '--exclude',
    '**/page.test.ts',
    '--reporter=json',
    `--outputFile=${file}`,
  ];
  const { stderr } = spawnSync(process.execPath, args, { cwd: ROOT, env, encoding: 'utf8' });
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    console.error(stderr);
    return process.exit(1);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const WORDS = { passed: 'yes', failed: 'NO', pending: 'skipped', skipped: 'skipped', todo: 'skipped' };

function bySection(left, right) {
  return left.title.localeCompare(right.title, 'en', { numeric: true });
}

function print(report) {
  const counts = { yes: 0, NO: 0, skipped: 0 };
  const specs = new Map();
  for (const { status, name, message, assertionResults: results } of report.testResults) {
    for (const result of results) add(specs, result.ancestorTitles[0] ?? '', result);
    const silent = status === 'failed' && !results.some((result) => result.status === 'failed');
    if (silent) add(specs, name, { title: 'could not run', status: 'failed', failureMessages: [message] });
  }
  for (const [spec, results] of [...specs].sort(([left], [right]) => left.localeCompare(right))) {
    console.log(`\n${spec}`);
    for (const result of results.sort(bySection)) line(result, counts);
  }
  console.log(`\n${counts.yes} yes, ${counts.NO} no, ${counts.skipped} skipped`);
  return counts;
}

function add(specs, spec, result) {
  specs.set(spec, [...(specs.get(spec) ?? []), result]);
}

function line({ status, title, failureMessages }, counts) {
  const word = WORDS[status] ?? status;
  counts[word]++;
  console.log(`  ${word.padEnd(8)}${title}`);
  const [first] = String(failureMessages?.[0] ?? '').split('\n');
  if (word === 'NO') console.log(`            ${first}`);
}

const values = options();
if (values.help) console.log(USAGE);
else {
  const report = run(values);
  const counts = print(report);
  process.exitCode = counts.NO > 0 || !report.success ? 3 : 0;
}
