// The load process: opens sessions and lets them chat, as the measuring process tells it over IPC. Its own CPU time is
// not part of any number. One order at a time; each is answered by `done` or by `failed`.

import { page } from './archive.js';
import { BoshSession } from './bosh.js';
import { Pace, type Trips } from './pace.js';
import { befriend, broadcast } from './presence.js';
import { ask, serve } from './proxied.js';
import { publish, subscribe } from './pubsub.js';
import { enter, speak } from './room.js';
import type { Session, SessionOptions } from './session.js';
import { TcpSession } from './tcp.js';
import { WsSession } from './ws.js';

export type Order =
  /** `first`: the number of the first of them, where other processes have those before. */
  | { order: 'open'; sessions: number; options: SessionOptions; atOnce?: number; first?: number }
  | { order: 'chat'; messages: number }
  | { order: 'pace'; messages: number; rate: number }
  | { order: 'befriend' }
  | { order: 'presence'; changes: number }
  | { order: 'enter'; room: string }
  | { order: 'speak'; room: string; messages: number; bytes: number }
  | { order: 'subscribe'; service: string }
  | { order: 'publish'; service: string; items: number; bytes: number }
  | { order: 'page'; pages: number; items: number }
  | { order: 'serve'; proxy: string }
  | { order: 'ask'; requests: number; proxy?: string }
  | { order: 'rest' }
  | { order: 'check' }
  | { order: 'cut' }
  | { order: 'finish' };
type Opening = Extract<Order, { order: 'open' }>;
export interface Done {
  messages: number;
  requests: number;
  seconds: number;
  /** Where they were timed. */
  trips?: Trips;
}
export type Answer = { done: Done } | { failed: string };

const STALLED = 30_000;
const AT_ONCE = 32;
const FRIENDS_AT_ONCE = 8;

let sessions: Session[] = [];
let askers: Session[] = [];
const opening = new Set<Session>();
let burst = 1;
let pairs = false;
let budget = 0;
let resting = 0;
let requests = 0;
let turns = 0;
let chatted: (() => void) | undefined;
let pace: Pace<Session> | undefined;
let trips: Trips | undefined;
let watch: (() => void) | undefined;

const listener = { turned, failed, sent: () => void requests++ };

function turned(session: Session): void {
  turns++;
  if (answers(session)) session.turn();
  else if (pace !== undefined) pace.turned(session);
  else if (budget > 0) {
    budget--;
    session.turn();
  } else if (++resting === askers.length) chatted?.();
}

function failed(error: Error): void {
  process.send?.({ failed: error.message } satisfies Answer, () => process.exit(1));
}

async function open({ sessions: count, options, atOnce = AT_ONCE, first = 0 }: Opening): Promise<void> {
  const Kind = { bosh: BoshSession, ws: WsSession, tcp: TcpSession }[options.kind];
  burst = options.burst;
  pairs = options.pairs === true;
  let next = 0;
  const worker = async () => {
    while (next < count) {
      const at = next++;
      const session = new Kind(first + at, options, listener);
      sessions[at] = session;
      opening.add(session);
      await session.open();
      opening.delete(session);
      turns++;
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  askers = sessions.filter((session) => !answers(session));
  for (const [i, asker] of askers.entries()) if (pairs) sessions[2 * i + 1]?.talk.answer(asker.talk, burst);
}

/** Whether this session speaks only when it is spoken to. */
function answers(session: Session): boolean {
  return pairs && session.talk.number % 2 === 1;
}

function chat(messages: number): Promise<void> {
  budget = Math.max(0, Math.floor(messages / (pairs ? 2 * burst : burst)) - askers.length);
  resting = 0;
  return new Promise((resolve) => {
    chatted = resolve;
    for (const session of sessions) if (answers(session) && !session.rests()) session.rest();
    for (const session of askers) session.turn();
  });
}

/** Messages at so many a second; where two answer each other a trip is two of them. */
async function paced(messages: number, rate: number): Promise<void> {
  const each = pairs ? 2 : 1;
  for (const session of sessions) if (answers(session) && !session.rests()) session.rest();
  pace = new Pace(askers, rate / each, Math.ceil(messages / each / askers.length));
  trips = await pace.run();
  pace = undefined;
}

/** All connections are gone, without a word. */
async function cut(): Promise<void> {
  for (const session of sessions.splice(0)) session.cut();
}

async function finish(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 100));
  const ending = sessions;
  sessions = [];
  for (let i = 0; i < ending.length; i += AT_ONCE) {
    await Promise.all(ending.slice(i, i + AT_ONCE).map((session) => session.finish()));
    turns++;
  }
}

async function check(): Promise<void> {
  const awake = sessions.filter((session) => !session.rests()).length;
  if (awake > 0) throw new Error(`${awake} of ${sessions.length} sessions do not rest`);
}

/** The sessions of a scenario in which the first is the one that the others have to do with. */
function contacts(): TcpSession[] {
  return sessions.filter((session) => session instanceof TcpSession);
}

function moved(): void {
  turns++;
}

function obey(order: Order): Promise<void> {
  if (order.order === 'open') return open(order);
  if (order.order === 'pace') return paced(order.messages, order.rate);
  if (order.order === 'cut') return cut();
  if (order.order === 'chat') return chat(order.messages);
  if (order.order === 'befriend') return befriend(contacts(), FRIENDS_AT_ONCE, moved);
  if (order.order === 'presence') return broadcast(contacts(), order.changes, moved);
  if (order.order === 'enter') return enter(contacts(), order.room, FRIENDS_AT_ONCE, moved);
  if (order.order === 'speak') return speak(contacts(), order.room, order.messages, order.bytes, moved);
  if (order.order === 'subscribe') return subscribe(contacts(), order.service, FRIENDS_AT_ONCE, moved);
  if (order.order === 'publish') return publish(contacts(), order.service, order.items, order.bytes, moved);
  if (order.order === 'page') return page(contacts(), order.pages, order.items, moved);
  if (order.order === 'serve') return serve(contacts(), order.proxy);
  if (order.order === 'ask') return ask(contacts(), order.requests, order.proxy, moved);
  if (order.order === 'finish') return finish();
  if (order.order === 'check') return check();
  for (const session of sessions) session.rest();
  return Promise.resolve();
}

/** Fails when nothing moves: a lost message, or a request that nobody answers. */
function watchdog(): () => void {
  let seen = -1;
  const timer = setInterval(() => {
    if (turns === seen)
      failed(
        new Error(
          `stalled; waiting for ${[...opening, ...sessions]
            .slice(0, 3)
            .map((one) => one.waitsFor())
            .join('; ')}`,
        ),
      );
    seen = turns;
  }, STALLED / 2);
  return () => clearInterval(timer);
}

process.on('message', async (order: Order) => {
  const start = performance.now();
  requests = 0;
  trips = undefined;
  watch = watchdog();
  try {
    await obey(order);
    const messages = order.order === 'chat' ? order.messages : 0;
    const seconds = (performance.now() - start) / 1000;
    process.send?.({ done: { messages, requests, seconds, trips } } satisfies Answer);
  } catch (error) {
    failed(error as Error);
  }
  watch();
});
process.on('disconnect', () => process.exit(0));
