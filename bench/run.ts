// The speed of the edge: CPU time a message of the server process, and its ratio in the same run to a bare relay that
// pipes unparsed bytes to the same stub backend (bench/reference). Every message is checked to come once, whole and in
// order; a run in which one did not is no run. Absolute numbers belong to the machine, ratios carry over.
//
//   npm run bench                       everything; writes bench/RESULTS.md
//   npm run bench -- ws-100 bosh-2      only these; prints
//   npm run bench -- micro              the hot objects alone, in this process
//   npm run bench -- selfcheck          whether the harness sees lost, doubled, changed and misplaced messages
//   --rounds N (5)   --sessions N (5000, for rss-*)   --profile (leaves CPU profiles in bench/profiles)
//
// It does not measure latency, TLS, or what the client costs. It needs Linux (/proc), and file descriptors for
// rss-*: two a session in each process (ulimit -n 12000 for 5,000 sessions).

import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { installed } from './peers.js';
import { hottest } from './profile.js';
import { bounded, compared, type Row, table } from './results.js';
import { CHATS, chat, memory, type Run, setup } from './scenarios.js';
import { selfcheck } from './selfcheck.js';
import { ours, relay, type Start } from './servers.js';

const BENCH = fileURLToPath(new URL('../../', import.meta.url));
const OPTIONS = {
  rounds: { type: 'string', default: '5' },
  sessions: { type: 'string', default: '5000' },
  profile: { type: 'boolean', default: false },
  'reference-only': { type: 'boolean', default: false },
} as const;

const { values: flags, positionals: names } = parseArgs({ options: OPTIONS, allowPositionals: true });
const say = (text: string) => console.error(`${new Date().toTimeString().slice(0, 8)}  ${text}`);
const run: Run = { rounds: Number(flags.rounds), say, ...(flags.profile && { profile: `${BENCH}profiles` }) };
const servers: Start[] = flags['reference-only'] ? [relay, relay] : [ours, relay];
const sessions = Number(flags.sessions);

const SCENARIOS: Record<string, () => Promise<Row[]>> = {
  selfcheck: async () => {
    await selfcheck(say);
    return [];
  },
  ...Object.fromEntries(
    CHATS.map((one) => [one.name, async () => compared(one.title, 'us', await chat(one, servers, run), one.target)]),
  ),
  'setup-bosh': async () => bounded('BOSH set-up to bound', 'ms', await setup('bosh', [ours], run), 0.8),
  'setup-ws': async () => bounded('WebSocket set-up to bound', 'ms', await setup('ws', [ours], run), 0.8),
  'rss-bosh': async () => bounded('idle BOSH session', 'KiB', await memory('bosh', servers, sessions, run), 40),
  'rss-ws': async () => bounded('idle WebSocket session', 'KiB', await memory('ws', servers, sessions, run), 24),
  peers: async () => {
    const rows: Row[] = [];
    const few = { ...run, rounds: Math.min(3, run.rounds), part: 0.25 };
    for (const one of CHATS.filter(({ name }) => ['ws-100', 'bosh-1'].includes(name))) {
      const series = await chat(one, installed(say), few);
      for (const each of series) rows.push(...compared(`${one.title}, for scale`, 'us', [each]));
    }
    return rows;
  },
  micro: async () => (await import('./micro.js')).micro(say),
};

function unknown(name: string): never {
  console.error(`no scenario ${name}; there are: ${Object.keys(SCENARIOS).join(' ')}`);
  process.exit(2);
}

async function measure(wanted: readonly string[]): Promise<Row[]> {
  const rows: Row[] = [];
  for (const name of wanted) rows.push(...(await (SCENARIOS[name] ?? (() => unknown(name)))()));
  return rows;
}

function report(rows: readonly Row[]): string {
  const commit =
    git('rev-parse', '--short', 'HEAD') + (git('status', '--porcelain', 'src') === '' ? '' : ' with changes');
  const model = cpus()[0]?.model ?? 'unknown';
  return `# Speed

Written by \`npm run bench\` on ${new Date().toISOString().slice(0, 10)}: Node ${process.version}, ${cpus().length} cores (${model}), commit ${commit}.

CPU time (user and system) of the server process alone, on loopback; 64 sessions in a closed loop, every message checked
to come back once, whole and in order. The servers were loaded in turns, ${run.rounds} rounds each; ratios are taken round by
round. "us" is for one message up and its echo down, sizes are those of the message's text. Set-up is from connection to
bound resource, after 3,000 sessions of warm-up (the first 500 cost three times as much). Memory is what ${sessions} idle sessions added to the resident memory of a fresh process, each with one plain
socket to the backend and, over BOSH, one waiting request. How: \`bench/run.ts\`.

${table(rows)}`;
}

function git(...args: string[]): string {
  try {
    return execFileSync('git', args, { cwd: BENCH, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  } catch {
    return '';
  }
}

function profiles(): void {
  for (const name of readdirSync(run.profile ?? '', { recursive: true, encoding: 'utf8' })) {
    if (name.endsWith('.cpuprofile')) console.log(`\n${name}\n${hottest(`${run.profile}/${name}`)}`);
  }
}

for (const name of names) if (!Object.hasOwn(SCENARIOS, name)) unknown(name);
if (run.profile !== undefined) {
  rmSync(run.profile, { recursive: true, force: true });
  mkdirSync(run.profile, { recursive: true });
}
const rows = await measure(names.length > 0 ? names : Object.keys(SCENARIOS));
console.log(`\n${table(rows)}`);
if (names.length === 0 && !flags['reference-only']) writeFileSync(`${BENCH}RESULTS.md`, report(rows));
if (run.profile !== undefined) profiles();
process.exit(rows.some((row) => row.target.endsWith('MISSED')) ? 1 : 0);
