// What the built-in core costs beside ejabberd and Prosody, each with the same local users: chat between two of them,
// presence to a thousand contacts, an idle session, a login. The servers run side by side and are loaded in turns.

import { setTimeout as sleep } from 'node:timers/promises';
import { latency } from '../latency.js';
import type { Order } from '../load/load.js';
import { cpu } from '../processes.js';
import type { Targets } from '../results.js';
import {
  type Chat,
  chat,
  crowd,
  type Front,
  type Login,
  memory,
  RETURNING,
  type Run,
  reconnect,
  SET_UPS,
  type Series,
  setup,
  spent,
  withServers,
} from '../scenarios.js';
import type { Kind, Launch } from '../servers.js';
import { type CoreStart, NODES, oursWithProxy, PROXY, ROOMS } from './servers.js';

export interface CoreChat extends Chat {
  readonly targets: Targets;
}

const PAIRS: Login = { mechanism: 'SCRAM-SHA-256', available: true, pairs: true };
const HTTP: Targets = { ejabberd: 0.33, Prosody: 0.2 };
const ONE = { burst: 1, two: false, login: PAIRS };

export const CORE_CHATS: readonly CoreChat[] = [
  { ...ONE, name: 'core-chat-tcp', title: 'TCP chat, 100 B', kind: 'tcp', bytes: 100, targets: { ejabberd: 0.5 } },
  { ...ONE, name: 'core-chat-ws', title: 'WebSocket chat, 100 B', kind: 'ws', bytes: 100, targets: HTTP },
  { ...ONE, name: 'core-chat-ws-2k', title: 'WebSocket chat, 2 KiB', kind: 'ws', bytes: 2048, targets: HTTP },
  { ...ONE, name: 'core-chat-bosh', title: 'BOSH chat, 100 B', kind: 'bosh', bytes: 100, targets: HTTP },
];

const FLOOD = { ...ONE, bytes: 100, burst: 100 };

/** A hundred messages at a time: the other's hundred follow when all have come. */
export const CORE_FLOODS: readonly CoreChat[] = [
  { ...FLOOD, name: 'core-flood-tcp', title: 'TCP, 100 messages at a time', kind: 'tcp', targets: { ejabberd: 0.5 } },
  { ...FLOOD, name: 'core-flood-ws', title: 'WebSocket, 100 messages at a time', kind: 'ws', targets: HTTP },
];

/** The same with an archive, against the same without one. */
export const ARCHIVED: CoreChat = {
  ...ONE,
  name: 'core-archive',
  title: 'TCP chat, 100 B, archived',
  kind: 'tcp',
  bytes: 100,
  targets: {},
  // By then all is compiled, and the archives are full, so that as much is deleted as is added.
  warmUp: 24,
};

const PAGES = 500;
const ITEMS = 50;

/** CPU milliseconds a page of 50 messages, the last of a user's archive. */
export async function coreArchivePage(starts: readonly CoreStart[], run: Run): Promise<Series[]> {
  const name = 'core-archive-page';
  return await withServers(launches(starts, 'tcp', 64), run, name, async (fronts) => {
    const series = fronts.map(({ server }) => ({ server: server.name, values: [] as number[] }));
    for (const { server, load } of fronts) {
      const options = { ...server.where, ...PAIRS, bytes: 100, burst: 1, two: false };
      await load.order({ order: 'open', sessions: 64, options });
      await load.order({ order: 'chat', messages: 16_000 });
      await load.order({ order: 'page', pages: PAGES, items: ITEMS });
    }
    for (let round = 1; round <= run.rounds; round++) {
      for (const [i, { server, load }] of fronts.entries()) {
        const before = cpu(server.pid);
        await load.order({ order: 'page', pages: PAGES, items: ITEMS });
        const each = (cpu(server.pid) - before) / PAGES / 1000;
        series[i].values.push(each);
        run.say(`${name} ${round}/${run.rounds} ${server.name}: ${each.toFixed(2)} ms a page`);
      }
    }
    return series;
  });
}

const CONTACTS = 1000;
const CHANGES = 20;
const OCCUPANTS = 500;
const SAID = 100;
const COVEN = `coven@${ROOMS}`;
const PEER_SESSIONS = 1000;
const SERVED = 33;
const REQUESTS = 10_000;

/** CPU microseconds a message. */
export function coreChat(scenario: CoreChat, starts: readonly CoreStart[], run: Run): Promise<Series[]> {
  return chat(scenario, launches(starts, scenario.kind, 64), run);
}

/** All users gather at one place, and the first tells the others something, again and again. */
export interface Audience {
  readonly name: string;
  readonly title: string;
  readonly users: number;
  readonly gather: Order;
  /** So many things are told, one after the other. */
  readonly tell: (things: number) => Order;
  readonly things: number;
  /** Who hears each of them. */
  readonly listeners: number;
  readonly targets: Targets;
}

/** A change of presence, by each contact who is told of it. */
export const PRESENCE: Audience = {
  name: 'core-presence',
  title: 'presence to 1,000 contacts',
  users: CONTACTS + 1,
  gather: { order: 'befriend' },
  tell: (changes) => ({ order: 'presence', changes }),
  things: CHANGES,
  listeners: CONTACTS,
  targets: HTTP,
};

/** A message of 100 bytes, by each occupant who hears it; nobody archives it. */
export const ROOM: Audience = {
  name: 'core-room',
  title: 'message to 500 occupants',
  users: OCCUPANTS,
  gather: { order: 'enter', room: COVEN },
  tell: (messages) => ({ order: 'speak', room: COVEN, messages, bytes: 100 }),
  things: SAID,
  listeners: OCCUPANTS,
  targets: { ejabberd: 0.5 },
};

/** An item of 100 bytes, which the node keeps, by each subscriber who hears of it. */
export const PUBSUB: Audience = {
  name: 'core-pubsub',
  title: 'item to 500 subscribers',
  users: OCCUPANTS,
  gather: { order: 'subscribe', service: NODES },
  tell: (items) => ({ order: 'publish', service: NODES, items, bytes: 100 }),
  things: SAID,
  listeners: OCCUPANTS,
  targets: {},
};

/** Brings them together over TCP, and lets them hear something once. */
export async function gathered({ server, load }: Front, audience: Audience, run: Run): Promise<void> {
  const { name, users, gather, tell, things } = audience;
  const login = { mechanism: 'SCRAM-SHA-256', available: true, bytes: 0, burst: 1, two: false } as const;
  await load.order({ order: 'open', sessions: users, options: { ...server.where, ...login } });
  const { seconds } = await load.order(gather);
  run.say(`${name} ${server.name}: ${users} are there after ${Math.round(seconds)} s`);
  await sleep(1000);
  await load.order(tell(things));
}

/** CPU microseconds for each who hears. */
export async function coreAudience(audience: Audience, starts: readonly CoreStart[], run: Run): Promise<Series[]> {
  const { name, users, tell, things, listeners } = audience;
  return await withServers(launches(starts, 'tcp', users), run, name, async (fronts) => {
    const series = fronts.map(({ server }) => ({ server: server.name, values: [] as number[] }));
    for (const front of fronts) await gathered(front, audience, run);
    for (let round = 1; round <= run.rounds; round++) {
      for (const [i, front] of fronts.entries()) {
        const { each } = await spent(front, tell(things), things * listeners);
        series[i].values.push(each);
        run.say(`${name} ${round}/${run.rounds} ${front.server.name}: ${each.toFixed(1)} us a delivery`);
      }
    }
    return series;
  });
}

/** CPU microseconds a request and its answer: through a client_proxy, and straight to the client behind it. */
export async function coreClientProxy(run: Run): Promise<Series[]> {
  const name = 'core-client-proxy';
  return await withServers(launches([oursWithProxy], 'tcp', SERVED), run, name, async ([{ server, load }]) => {
    const ways = [
      { server: 'through client_proxy', proxy: PROXY, values: [] as number[] },
      { server: 'straight', proxy: undefined, values: [] as number[] },
    ];
    const login = { mechanism: 'SCRAM-SHA-256', available: true, bytes: 0, burst: 1, two: false } as const;
    await load.order({ order: 'open', sessions: SERVED, options: { ...server.where, ...login } });
    await load.order({ order: 'serve', proxy: PROXY });
    for (let round = 0; round <= run.rounds; round++) {
      for (const { server: way, proxy, values } of ways) {
        const before = cpu(server.pid);
        await load.order({ order: 'ask', requests: REQUESTS, proxy });
        const each = (cpu(server.pid) - before) / REQUESTS;
        if (round > 0) values.push(each);
        run.say(`${name} ${round}/${run.rounds} ${way}: ${each.toFixed(1)} us a request`);
      }
    }
    return ways.map(({ server: way, values }) => ({ server: way, values }));
  });
}

/** KiB an idle, available session: `sessions` of them on the first server, fewer on the others. */
export async function coreIdle(
  kind: Kind,
  starts: readonly CoreStart[],
  sessions: number,
  run: Run,
): Promise<Series[]> {
  const login: Login = { mechanism: 'SCRAM-SHA-256', available: true };
  const series: Series[] = [];
  for (const [i, start] of starts.entries()) {
    const count = i === 0 ? sessions : Math.min(sessions, PEER_SESSIONS);
    series.push(...(await memory(`core-idle-${kind}`, launches([start], kind, count), count, run, login)));
  }
  return series;
}

/** What two of so many available users notice of the others, and what each of these takes. */
export function coreCrowd(start: CoreStart, sessions: number, run: Run) {
  return crowd('core-crowd-ws', (profile) => start('ws', sessions, profile), sessions, run, PAIRS);
}

/** Milliseconds of a message and its answer, at so many messages a second. */
export function coreLatency(kind: Kind, rate: number, starts: readonly CoreStart[], run: Run) {
  return latency(`core-latency-${kind}`, launches(starts, kind, 64), rate, run, PAIRS);
}

/** All users lose their connections and come back at once. */
export function coreReconnect(kind: Kind, starts: readonly CoreStart[], run: Run) {
  const login: Login = { mechanism: 'SCRAM-SHA-256', available: true };
  return reconnect(`core-reconnect-${kind}`, launches(starts, kind, RETURNING), run, login);
}

/** CPU milliseconds a login. */
export function coreSetup(
  kind: Kind,
  mechanism: 'PLAIN' | 'SCRAM-SHA-256',
  starts: readonly CoreStart[],
  run: Run,
): Promise<Series[]> {
  const name = `core-setup-${kind}-${mechanism.slice(0, 5).toLowerCase()}`;
  return setup(name, launches(starts, kind, SET_UPS), run, { mechanism });
}

function launches(starts: readonly CoreStart[], kind: Kind, accounts: number): Launch[] {
  return starts.map((start) => (profile) => start(kind, accounts, profile));
}
