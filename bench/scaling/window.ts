// What the simulation needs, its constants and the figures it has to come to, measured in one window: all servers stand
// there from the beginning, and short turns follow one another, A B C D, A B C D. Whatever disturbs the machine disturbs
// every row, and what counts of a row is its ratio to the mean of its turns, taken turn by turn.

import { type Audience, CORE_CHATS, CORE_FLOODS, type CoreChat, gathered, PRESENCE, ROOM } from '../core/scenarios.js';
import { oursCore } from '../core/servers.js';
import type { Order } from '../load/load.js';
import { median, type Row, range, row } from '../results.js';
import { behindOne, CHATS, type Chat, type Front, opened, type Run, spent, withServers } from '../scenarios.js';
import { type Launch, ours } from '../servers.js';
import { MEAN } from './measured.js';

const NAME = 'scaling';
const EDGE = ['ws-100', 'bosh-1', 'bosh-2', 'tcp-100', 'ws-burst'];
const CORE = ['core-chat-tcp', 'core-chat-ws', 'core-chat-bosh', 'core-flood-tcp', 'core-flood-ws'];
/** Turns of each server in one round. */
const TURNS = 30;
/** What each hears or says in a turn: a tenth of a second or less, and many turns. */
const MESSAGES = 2000;
const DELIVERIES = 5000;
/** Messages before the turns that count: all is compiled by then. */
const WARM_UP = 64_000;

interface Part {
  readonly title: string;
  readonly launch: Launch;
  readonly begin: (front: Front) => Promise<void>;
  readonly order: Order;
  readonly count: number;
}

/** CPU microseconds of everything that the simulation has to do with. */
export function scalingRows(run: Run): Promise<Row[]> {
  const all: readonly CoreChat[] = [...CORE_CHATS, ...CORE_FLOODS];
  const edge = CHATS.filter(({ name }) => EDGE.includes(name));
  const core = all.filter(({ name }) => CORE.includes(name));
  // One backend for all; each brings its own kind.
  return behindOne(
    'tcp',
    edge.map(
      ({ kind }) =>
        (_, backend, profile) =>
          ours(kind, backend, profile),
    ),
    async (launches) => {
      const parts = [
        ...[PRESENCE, ROOM].map((one) => hearing(one, run)),
        ...edge.map((one, i) => chatting(one, launches[i])),
        ...core.map((one) => chatting(one, (profile) => oursCore(one.kind, 64, profile))),
      ];
      return rows(parts, await inTurns(parts, run));
    },
  );
}

function chatting(chat: Chat, launch: Launch): Part {
  // Each session has two bursts or more.
  const messages = Math.max(MESSAGES, 128 * chat.burst);
  const begin = async (front: Front) => {
    await opened(front, chat);
    await front.load.order({ order: 'chat', messages: WARM_UP });
  };
  return { title: chat.title, launch, begin, order: { order: 'chat', messages }, count: messages };
}

function hearing(audience: Audience, run: Run): Part {
  const { title, users, tell, listeners } = audience;
  const launch: Launch = (profile) => oursCore('tcp', users, profile);
  return {
    title,
    launch,
    begin: (front) => gathered(front, audience, run),
    order: tell(DELIVERIES / listeners),
    count: DELIVERIES,
  };
}

/** A number a turn, for each of the parts. */
async function inTurns(parts: readonly Part[], run: Run): Promise<number[][]> {
  const launches = parts.map(({ launch }) => launch);
  return await withServers(launches, run, NAME, async (fronts) => {
    for (const [i, front] of fronts.entries()) await parts[i].begin(front);
    const values = parts.map(() => [] as number[]);
    const wanted = run.rounds * TURNS;
    for (let turn = 1; turn <= wanted; turn++) {
      for (const [i, front] of fronts.entries()) {
        const { order, count } = parts[i];
        values[i].push((await spent(front, order, count)).each);
      }
      if (turn % TURNS > 0) continue;
      const told = values.map((each) => median(each.slice(-TURNS)).toFixed(1));
      run.say(`${NAME} ${turn / TURNS}/${run.rounds}: ${told.join(' ')} us`);
    }
    return values;
  });
}

function rows(parts: readonly Part[], values: readonly number[][]): Row[] {
  const means = values[0].map((_, turn) => geometricMean(values.map((each) => each[turn])));
  return [
    row(MEAN, 'us', { server: 'bosh-server', values: means }),
    ...parts.map(({ title }, i) => {
      const ratios = values[i].map((value, turn) => value / means[turn]);
      return {
        ...row(title, 'us', { server: 'bosh-server', values: values[i] }),
        ratio: `${median(ratios).toFixed(3)} (${range(ratios, 3)})`,
      };
    }),
  ];
}

function geometricMean(values: readonly number[]): number {
  return Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length);
}
