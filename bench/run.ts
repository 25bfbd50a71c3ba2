// The speed of the edge: CPU time a message of the server process, and its ratio in the same run to a bare relay that
// pipes unparsed bytes to the same stub backend (bench/reference). And that of the built-in core (core-*), beside
// ejabberd and Prosody. Every message is checked to come once, whole and in order; a run in which one did not is no
// run. Absolute numbers belong to the machine, ratios carry over.
//
//   npm run bench                       everything; writes bench/RESULTS.md
//   npm run bench -- ws-100 core-chat   only these, and those whose names go on so; prints
//   npm run bench -- scaling            what `npm run scaling` computes with, in one window (bench/scaling/window.ts)
//   npm run bench -- micro              the hot objects alone, in this process
//   npm run bench -- selfcheck          whether the harness sees lost, doubled, changed and misplaced messages
//   --rounds N (5)   --sessions N (5000, for rss-*, core-idle-* and crowds)   --profile (leaves CPU profiles in bench/profiles)
//
// It does not measure TLS, or what the client costs. It needs Linux (/proc), and file descriptors for
// rss-* and crowds: two a session in each process (ulimit -n 12000 for 5,000 sessions). Peers that are not installed are skipped.

import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { CertificateAuthority } from '../test/support/certs.js';
import { coreScenarios } from './core/list.js';
import { latency, SELDOM, TRIPS, TURN_SECONDS } from './latency.js';
import { ejabberd, installed, prosody } from './peers.js';
import { hottest } from './profile.js';
import { bounded, compared, crowdRows, type Row, table, trips } from './results.js';
import { scalingRows } from './scaling/window.js';
import {
  behindOne,
  CHATS,
  type Chat,
  chat,
  crowd,
  MOST_FILES,
  memory,
  RETURNING,
  type Run,
  reconnect,
  setup,
} from './scenarios.js';
import { selfcheck } from './selfcheck.js';
import { type Kind, type Launch, ours, oursOf, relay, type Start } from './servers.js';
import { QUOTA, workerScenarios } from './workers.js';

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
/** Messages a second at which trips are timed. */
const RATE = 2000;

const EDGE: Record<string, () => Promise<Row[]>> = {
  selfcheck: async () => {
    await selfcheck(say);
    return [];
  },
  ...Object.fromEntries(CHATS.map((one) => [one.name, () => chats(one)])),
  'setup-bosh': () => setups('bosh', 'BOSH set-up to bound', 0.6),
  'setup-ws': () => setups('ws', 'WebSocket set-up to bound', 0.5),
  'latency-ws': () => latencies('ws', 'WebSocket'),
  'latency-bosh': () => latencies('bosh', 'BOSH'),
  'reconnect-ws': () => reconnects('ws', 'WebSocket'),
  'reconnect-bosh': () => reconnects('bosh', 'BOSH'),
  'rss-bosh': async () => bounded('idle BOSH session', 'KiB', await memories('bosh'), 28),
  'rss-ws': async () => bounded('idle WebSocket session', 'KiB', await memories('ws'), 18),
  'rss-bosh-tls': async () => bounded('idle BOSH session, TLS to the backend', 'KiB', await sealed('bosh')),
  'rss-ws-tls': async () => bounded('idle WebSocket session, TLS to the backend', 'KiB', await sealed('ws')),
  'crowd-ws': () => crowds('ws', 'WebSocket'),
  peers: async () => {
    const rows: Row[] = [];
    const few = { ...run, rounds: Math.min(3, run.rounds), part: 0.25 };
    for (const one of CHATS.filter(({ name }) => ['ws-100', 'bosh-1'].includes(name))) {
      const peers = installed<Start>(ejabberd, prosody, say);
      const series = await behindOne(one.kind, peers, (launches) => chat(one, launches, few));
      for (const each of series) rows.push(...compared(`${one.title}, for scale`, 'us', [each]));
    }
    return rows;
  },
  micro: async () => (await import('./micro.js')).micro(say),
};
const CORE = coreScenarios(run, sessions);
const WORKERS = workerScenarios(run);
const SCALING = { scaling: () => scalingRows(run) };
const NAMES = [EDGE, CORE, SCALING, WORKERS].flatMap(Object.keys);

async function chats(one: Chat): Promise<Row[]> {
  const series = await behindOne(one.kind, servers, (launches) => chat(one, launches, run));
  return compared(one.title, 'us', series, one.target);
}

async function setups(kind: Kind, title: string, limit: number): Promise<Row[]> {
  const series = await behindOne(kind, servers, (launches) => setup(`setup-${kind}`, launches, run));
  // The limit is one of milliseconds; the relay says how fast this machine is.
  const [row] = bounded(title, 'ms', series, limit);
  return compared(title, 'ms', series).map((one, i) => (i === 0 ? { ...one, target: row.target } : one));
}

function latencies(kind: Kind, title: string) {
  return behindOne(kind, servers, async (launches) =>
    trips(title, RATE, await latency(`latency-${kind}`, launches, RATE, run), (what, series) =>
      compared(what, 'ms', series),
    ),
  );
}

async function reconnects(kind: Kind, title: string): Promise<Row[]> {
  return behindOne(kind, [ours], async (launches) => {
    const { cost, seconds } = await reconnect(`reconnect-${kind}`, launches, run);
    return [
      ...compared(`${title}, ${RETURNING} clients come back at once, each`, 'ms', cost),
      ...compared(`${title}, ${RETURNING} clients come back at once, until the last is bound`, 's', seconds),
    ];
  });
}

function memories(kind: Kind) {
  return behindOne(kind, servers, (launches: readonly Launch[]) => memory(`rss-${kind}`, launches, sessions, run));
}

/** The same before a backend that speaks TLS. */
async function sealed(kind: Kind) {
  const authority = new CertificateAuthority();
  const keys = authority.issue('bench.example');
  try {
    const measure = (launches: readonly Launch[]) => memory(`rss-${kind}-tls`, launches, sessions, run);
    return await behindOne(kind, [oursOf(1, authority.caFile)], measure, keys);
  } finally {
    authority.remove();
  }
}

function crowds(kind: Kind, title: string) {
  // Two connections a session.
  return behindOne(kind, [oursOf(Math.ceil((2 * sessions) / MOST_FILES))], async ([launch]) =>
    launch === undefined ? [] : crowdRows(title, sessions, await crowd(`crowd-${kind}`, launch, sessions, run)),
  );
}

/** The scenarios of this name, or of this beginning of names. */
function named(name: string): string[] {
  const found = NAMES.includes(name) ? [name] : NAMES.filter((one) => one.startsWith(`${name}-`));
  if (found.length > 0) return found;
  console.error(`no scenario ${name}; there are: ${NAMES.join(' ')}`);
  process.exit(2);
}

async function measure(scenarios: typeof EDGE, wanted: readonly string[]): Promise<Row[]> {
  const rows: Row[] = [];
  for (const name of wanted) {
    try {
      rows.push(...((await scenarios[name]?.()) ?? []));
    } catch (error) {
      // One scenario that fails, as when a peer stalls, costs itself alone.
      say(`${name} failed: ${error instanceof Error ? error.message : error}`);
      process.exitCode = 1;
    }
  }
  return rows;
}

function tables(edge: readonly Row[], core: readonly Row[]): [string, string] {
  return [table(edge, 'ratio to the next row'), table(core, "the first server's ratio to this one")];
}

/** How trips are timed, said wherever their rows are. */
const TRIPS_TAKE = `Trips are made at a fixed rate, the same for all, in turns of ${TURN_SECONDS} seconds, until each server has made ${TRIPS}
or more in a round (the third, for scale, has one turn in ${SELDOM}), after a turn that does not count; percentiles and their ratios are
those of the trips of all rounds together, ranges those of single rounds.`;

function report(edge: string, core: string, scaling: string, workers: string): string {
  const commit =
    git('rev-parse', '--short', 'HEAD') + (git('status', '--porcelain', 'src') === '' ? '' : ' with changes');
  const model = cpus()[0]?.model ?? 'unknown';
  return `# Speed

Written by \`npm run bench\` on ${new Date().toISOString().slice(0, 10)}: Node ${process.version}, ${cpus().length} cores (${model}), commit ${commit}.

CPU time (user and system) of the server process alone, on loopback; 64 sessions in a closed loop, every message checked
to come back once, whole and in order. The servers were loaded in turns, ${run.rounds} rounds each; ratios are taken round by
round. "us" is for one message up and its echo down, sizes are those of the message's text. Set-up is from connection to
bound resource, after 3,000 sessions of warm-up (the first 500 cost three times as much). A trip is a message and its echo, timed from when it should have
begun. ${TRIPS_TAKE} Memory is what ${sessions} idle sessions added to the resident memory of a fresh process, each with one plain
socket to the backend and, over BOSH, one waiting request. How: \`bench/run.ts\`.

## The edge

${edge}
## The built-in core

Beside Debian's ejabberd and Prosody in the same run, each with the same accounts, plain on loopback, the same features and no
archive, loaded in turns. A trip is a message and its answer, timed from when it should have begun. ${TRIPS_TAKE} Chat is 32 pairs of users, each answering the other's messages; "us" is for one message from
one to the other. Presence is one user's change, seen by 1,000 contacts over TCP: "us" is for each of them. A message to a
room is heard by 500 occupants over TCP, and "us" is for each of them too. Idle users are
available and have fetched their roster; Set-up is from connection to bound resource, accounts are kept for SCRAM-SHA-256 with
10,000 iterations.

${core}
## What docs/scaling.md is made from

Everything that \`npm run scaling\` computes with, besides memory and several workers: ours alone, all servers there at once and loaded in short turns.
What counts of a row is its ratio to the mean of its turn, taken turn by turn. How: \`bench/scaling/window.ts\`.

${scaling}
## Several workers

One process against two and four workers and the process above them (\`workers: 2\`), 256 sessions. All processes of the servers are kept to
the first core (\`taskset\`), and each has a quota of ${QUOTA} % of it, by a cgroup of its own; the load client and the backend have the
other core and no quota. "us" is CPU time for one message, of all processes, of the busiest, and of the first, which carries no
clients. How: \`bench/workers.ts\`.

${workers}`;
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

const wanted = names.length > 0 ? names.flatMap(named) : NAMES;
if (run.profile !== undefined) {
  rmSync(run.profile, { recursive: true, force: true });
  mkdirSync(run.profile, { recursive: true });
}
const edgeRows = await measure(EDGE, wanted);
const coreRows = await measure(CORE, wanted);
const windowRows = await measure(SCALING, wanted);
const workerRows = await measure(WORKERS, wanted);
const [edge, core] = tables(edgeRows, coreRows);
const scaling = table(windowRows, 'times that mean');
const workers = table(workerRows, 'times one process');
if (edgeRows.length > 0) console.log(`\n${edge}`);
if (coreRows.length > 0) console.log(`\n${core}`);
if (windowRows.length > 0) console.log(`\n${scaling}`);
if (workerRows.length > 0) console.log(`\n${workers}`);
if (names.length === 0 && !flags['reference-only'])
  writeFileSync(`${BENCH}RESULTS.md`, report(edge, core, scaling, workers));
if (run.profile !== undefined) profiles();
process.exit([...edgeRows, ...coreRows].some((row) => row.target.endsWith('MISSED')) ? 1 : 0);
