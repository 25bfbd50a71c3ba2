// Whether the time of a log-in tells strangers from accounts: Welch's t over as many tries of each, in random order, on both
// drivers. Below 3.29 in size the two cannot be told apart (p < 0.001). In here, without a network and all that stands before
// it, 5000 tries of SCRAM show a microsecond of sixty on level; PLAIN shows nothing.
//
//   npm run build && npx tsc -p bench/tsconfig.json && node bench/dist/bench/strangers.js [tries]

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Accounts } from '../src/core/accounts.js';
import { Derivation } from '../src/core/sasl/derivation.js';
import { Mechanisms } from '../src/core/sasl/mechanisms.js';
import { openStorage } from '../src/storage/index.js';

const TRIES = Number(process.argv[2] ?? 5000);
const ACCOUNTS = 200;

const mechanisms = new Mechanisms('bench.test', { secure: true, remoteAddress: '192.0.2.1' }, { anonymous: false });

type Try = (accounts: Accounts, username: string) => Promise<unknown>;

const WAYS: Readonly<Record<string, Try>> = {
  'SCRAM-SHA-256, first message': async (accounts, username) =>
    mechanisms.begin('SCRAM-SHA-256', { accounts }).respond(Buffer.from(`n,,n=${username},r=abc`)),
  PLAIN: async (accounts, username) =>
    Promise.resolve(mechanisms.begin('PLAIN', { accounts }).respond(Buffer.from(`\0${username}\0wrong`))).catch(
      () => {},
    ),
};

/** Microseconds of each try. */
async function timed(accounts: Accounts, attempt: Try, tries: number) {
  const samples = { known: [] as number[], unknown: [] as number[] };
  for (let n = 0; n < tries * 2; n++) {
    const known = Math.random() < 0.5;
    const username = `${known ? 'known' : 'guess'}${Math.floor(Math.random() * ACCOUNTS)}`;
    const began = process.hrtime.bigint();
    await attempt(accounts, username);
    samples[known ? 'known' : 'unknown'].push(Number(process.hrtime.bigint() - began) / 1000);
  }
  return samples;
}

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

/** Without the slowest twentieth, which are the machine's. */
const trimmed = (values: number[]): number[] => values.sort((a, b) => a - b).slice(0, Math.ceil(values.length * 0.95));

function welch(a: readonly number[], b: readonly number[]): number {
  const error = (values: readonly number[]): number => {
    const middle = mean(values);
    return mean(values.map((value) => (value - middle) ** 2)) / (values.length - 1);
  };
  return (mean(a) - mean(b)) / Math.sqrt(error(a) + error(b));
}

async function measure(driver: 'memory' | 'level'): Promise<void> {
  const path = mkdtempSync(join(tmpdir(), 'bosh-strangers-'));
  const storage = await openStorage({ driver, path, max_bytes: 0 });
  const accounts = new Accounts(storage.open('bench.test', 'accounts', 'keyvalue'), new Derivation());
  for (let n = 0; n < ACCOUNTS; n++) await accounts.create(`known${n}`, 'pencil');
  for (const [name, attempt] of Object.entries(WAYS)) {
    await timed(accounts, attempt, 200);
    const samples = await timed(accounts, attempt, name === 'PLAIN' ? Math.ceil(TRIES / 4) : TRIES);
    const [known, unknown] = [trimmed(samples.known), trimmed(samples.unknown)];
    const t = welch(known, unknown).toFixed(2);
    const means = `known ${mean(known).toFixed(1)} us, unknown ${mean(unknown).toFixed(1)} us`;
    process.stdout.write(`${driver}, ${name}: ${means}, t = ${t} (${known.length} and ${unknown.length} tries)\n`);
  }
  await storage.stop();
  rmSync(path, { recursive: true, force: true });
}

await measure('memory');
await measure('level');
