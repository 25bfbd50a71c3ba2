// The core scenarios by name, and what each may cost.

import { installed } from '../peers.js';
import { against, bounded, crowdRows, type Row, trips } from '../results.js';
import { MOST_FILES, RETURNING, type Run } from '../scenarios.js';
import {
  ARCHIVED,
  CORE_CHATS,
  CORE_FLOODS,
  coreArchivePage,
  coreAudience,
  coreChat,
  coreClientProxy,
  coreCrowd,
  coreIdle,
  coreLatency,
  coreReconnect,
  coreSetup,
  PRESENCE,
  PUBSUB,
  ROOM,
} from './scenarios.js';
import { type CoreStart, ejabberdCore, oursCore, oursCoreOf, oursWithArchive, prosodyCore } from './servers.js';

/** Messages a second at which trips are timed: what all of the servers bear with one core. */
const RATE = 1000;

/** `sessions` is the number of idle ones. */
export function coreScenarios(run: Run, sessions: number): Record<string, () => Promise<Row[]>> {
  const servers = (): CoreStart[] => [oursCore, ...installed(ejabberdCore, prosodyCore, run.say)];
  const chats = [...CORE_CHATS, ...CORE_FLOODS].map((one) => [
    one.name,
    async () => against(one.title, 'us', await coreChat(one, servers(), run), one.targets),
  ]);
  const audiences = [PRESENCE, ROOM, PUBSUB].map((one) => [
    one.name,
    async () => against(one.title, 'us', await coreAudience(one, servers(), run), one.targets),
  ]);
  const idle = async (kind: 'tcp' | 'ws' | 'bosh', title: string, most: number) =>
    bounded(`idle user over ${title}`, 'KiB', await coreIdle(kind, servers(), sessions, run), most);
  const setup = async (kind: 'tcp' | 'ws' | 'bosh', title: string, mechanism: 'PLAIN' | 'SCRAM-SHA-256') =>
    against(`${title} set-up with ${mechanism}`, 'ms', await coreSetup(kind, mechanism, servers(), run));
  const latency = async (kind: 'tcp' | 'ws' | 'bosh', title: string) =>
    trips(title, RATE, await coreLatency(kind, RATE, servers(), run), (what, series, part) =>
      against(what, 'ms', series, part === 'p99' ? { ejabberd: 1 } : {}),
    );
  const reconnect = async (kind: 'tcp' | 'ws' | 'bosh', title: string) => {
    const { cost, seconds } = await coreReconnect(kind, servers(), run);
    return [
      ...against(`${title}, ${RETURNING} users come back at once, each`, 'ms', cost),
      ...against(`${title}, ${RETURNING} users come back at once, until the last is there`, 's', seconds),
    ];
  };
  return {
    ...Object.fromEntries(chats),
    'core-latency-tcp': () => latency('tcp', 'TCP'),
    'core-latency-ws': () => latency('ws', 'WebSocket'),
    'core-latency-bosh': () => latency('bosh', 'BOSH'),
    'core-reconnect-tcp': () => reconnect('tcp', 'TCP'),
    'core-reconnect-ws': () => reconnect('ws', 'WebSocket'),
    'core-archive': async () =>
      against('TCP chat, 100 B, archived', 'us', await coreChat(ARCHIVED, [oursWithArchive, oursCore], run), {
        'bosh-server': 1.2,
      }),
    'core-archive-page': async () =>
      bounded('page of 50 archived messages', 'ms', await coreArchivePage([oursWithArchive], run), 2),
    ...Object.fromEntries(audiences),
    'core-client-proxy': async () =>
      against('request and answer, 32 users, one client', 'us', await coreClientProxy(run)),
    'core-idle-tcp': () => idle('tcp', 'TCP', 40),
    'core-idle-ws': () => idle('ws', 'WebSocket', 20),
    'core-idle-bosh': () => idle('bosh', 'BOSH', 28),
    'core-crowd-ws': async () => {
      const workers = Math.ceil(sessions / MOST_FILES);
      const start = workers === 1 ? oursCore : oursCoreOf(workers);
      return crowdRows('WebSocket', sessions, await coreCrowd(start, sessions, run));
    },
    'core-setup-tcp-plain': () => setup('tcp', 'TCP', 'PLAIN'),
    'core-setup-tcp-scram': () => setup('tcp', 'TCP', 'SCRAM-SHA-256'),
    'core-setup-ws-scram': () => setup('ws', 'WebSocket', 'SCRAM-SHA-256'),
    'core-setup-bosh-scram': () => setup('bosh', 'BOSH', 'SCRAM-SHA-256'),
  };
}
