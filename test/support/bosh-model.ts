// A client that keeps to XEP-0124, a network that does not keep to anything, and a server, around one session of the
// engine. A schedule is a list of steps; after it, the network heals and everything must have come exactly once, in order.

import { createHash } from 'node:crypto';
import { NS } from '../../src/xmpp/ns.js';
import { Client, Engine, FakeHeld, message, OPTIONS } from './bosh-engine.js';

export const STEPS = [
  'send',
  'flood',
  'poll',
  'deliver',
  'deliver late',
  'lose request',
  'receive',
  'receive late',
  'lose response',
  'cut response',
  'duplicate',
  'time out',
  'close',
  'say',
  'burst',
  'tick',
  'long tick',
  'pause',
  'release',
  'block',
  'unblock',
] as const;

export type Step = readonly [kind: (typeof STEPS)[number], which: number];

export interface Setting {
  readonly hold: number;
  readonly acks: boolean;
  readonly keyed: boolean;
  /** There is room for a larger window than usual. */
  readonly roomy: boolean;
}

/** A request as the client made it. */
interface Made {
  readonly rid: number;
  readonly bytes: string;
  /** Attempts that may still be answered. */
  attempts: number;
}

/** One attempt at it. */
interface Attempt {
  readonly made: Made;
  readonly held: FakeHeld;
  deliveredAt: number;
}

/** Cheaper than a matcher: there are millions of checks in a run. */
function insist(holds: boolean, what: string): void {
  if (!holds) throw new Error(what);
}

/** How far a sequence goes that has to be the beginning of another. */
class Delivery {
  count = 0;

  constructor(readonly expected: readonly string[]) {}

  take(ids: readonly string[], what: string): void {
    for (const id of ids) insist(id === this.expected[this.count++], `${what}: ${id} in place ${this.count}`);
  }

  get done(): boolean {
    return this.count === this.expected.length;
  }
}

const KEYS = ['0'];
while (KEYS.length < 1000)
  KEYS.push(
    createHash('sha1')
      .update(KEYS[KEYS.length - 1])
      .digest('hex'),
  );

const WAIT = 5;
/** The most requests of a client that asks for no more `hold` than usual. */
const USUAL = 5;
const typeOf = (text: string) => /^<body[^>]* type='(\w+)'/.exec(text)?.[1];
const ackOf = (text: string) => /^<body[^>]* ack='(\d+)'/.exec(text)?.[1];
const idsOf = (text: string) => [...text.matchAll(/ id='(\w+)'/g)].map((match) => match[1]);

export class World {
  readonly engine: Engine;
  readonly client: Client;
  /** As many as the client has out. */
  readonly requests: number;
  readonly sent: string[] = [];
  readonly said: string[] = [];
  readonly #up = new Delivery(this.sent);
  readonly #down = new Delivery(this.said);
  readonly #forwarded = new Set<string>();
  /** Requests without a response, by rid. */
  readonly #open = new Map<number, Made>();
  #underway: Attempt[] = [];
  #waiting: Attempt[] = [];
  #answers: Attempt[] = [];
  /** Responses that came before an earlier one. */
  readonly #early = new Map<number, string>();
  readonly #seen = new Map<number, string>();
  readonly #acks = new Map<number, number>();
  #complete: number;
  #keys = 0;
  /** A client that polls counts its interval from the last response. */
  #polledAt = Number.NEGATIVE_INFINITY;

  constructor(readonly setting: Setting) {
    const { hold, acks, roomy } = setting;
    const limits = { ...OPTIONS.limits, window_bytes: roomy ? OPTIONS.limits.window_bytes : 0 };
    this.engine = new Engine({ max_bosh_connections: 2, max_inactivity: 1000, limits });
    const newkey = setting.keyed ? this.#key() : undefined;
    this.client = new Client(
      { wait: WAIT, hold, ack: acks ? 1 : undefined, inactivity: 1000, newkey },
      {},
      this.engine,
    );
    const requests = Number(this.client.creation.body.attr('requests'));
    insist(requests > Math.min(hold, 254), 'I9 more requests than hold');
    this.requests = roomy ? requests : Math.min(requests, USUAL);
    this.#complete = this.client.rid;
    this.client.server.onStanza = ({ id = '' }) => {
      if (id === 'bye') return;
      this.#up.take([id], 'I1 what was sent');
      this.#forwarded.add(id);
    };
  }

  step([kind, which]: Step): void {
    STEP[kind](this, which);
    this.engine.clock.turn();
    this.#collect();
    this.#check();
  }

  /** Whether the oldest response that is missing is still kept when another request was answered. */
  #mayGoOn(): boolean {
    const kept =
      this.setting.acks && this.setting.roomy
        ? Math.max(3 * Math.min(this.requests, USUAL), this.requests)
        : this.requests;
    return this.#open.size < this.requests && this.client.rid + 1 - this.#complete <= kept;
  }

  send(count: number): void {
    if (!this.#mayGoOn()) return;
    const ids = Array.from({ length: (count % 3) + 1 }, (_, i) => `c${this.sent.length + i}`);
    this.sent.push(...ids);
    this.#make(ids.map((id) => message(id)).join(''));
  }

  poll(): void {
    if (this.#open.size > 0) return;
    if (this.setting.hold === 0) this.engine.pass(Math.max(0, this.#polledAt + 2100 - this.engine.clock.time));
    this.#make('');
  }

  #make(payload: string): void {
    const rid = ++this.client.rid;
    // Connections of what is that old and was answered are closed.
    this.#underway = this.#underway.filter(({ made }) => this.#open.has(made.rid) || made.rid >= rid - this.requests);
    const bytes = `<body${this.#attributes(rid)}>${payload}</body>`;
    const made = { rid, bytes, attempts: 0 };
    this.#open.set(rid, made);
    this.#attempt(made);
  }

  #attempt(made: Made): void {
    made.attempts++;
    this.#underway.push({ made, held: new FakeHeld(this.engine.clock), deliveredAt: 0 });
  }

  deliver(at: number): void {
    const attempt = take(this.#underway, at);
    if (attempt) this.#arrive(attempt);
  }

  #arrive(attempt: Attempt): void {
    attempt.deliveredAt = this.engine.clock.time;
    this.#waiting.push(attempt);
    this.engine.sessions.request(Buffer.from(attempt.made.bytes), attempt.held);
  }

  loseRequest(at: number): void {
    const attempt = take(this.#underway, at);
    if (attempt) this.#broken(attempt);
  }

  /** The client notices that a connection broke, and repeats its request if nothing else is on its way. */
  #broken({ made }: Attempt): void {
    made.attempts--;
    if (this.#open.has(made.rid) && made.attempts === 0) this.#repeat(made);
  }

  #repeat(made: Made): void {
    this.engine.pass(300);
    this.#attempt(made);
  }

  duplicate(at: number): void {
    const attempt = this.#underway[at % this.#underway.length];
    if (!attempt) return;
    attempt.made.attempts++;
    this.#arrive({ made: attempt.made, held: new FakeHeld(this.engine.clock), deliveredAt: 0 });
  }

  timeOut(at: number): void {
    const open = [...this.#open.values()];
    const made = open[at % open.length];
    if (made && made.attempts < 3) this.#repeat(made);
  }

  close(at: number): void {
    const attempt = take(this.#waiting, at);
    if (!attempt) return;
    this.engine.sessions.gone(attempt.held);
    this.#broken(attempt);
  }

  release(at: number): void {
    const attempt = this.#waiting[at % this.#waiting.length];
    if (attempt) this.engine.sessions.release(attempt.held);
  }

  say(count: number): void {
    for (let i = 0; i < count; i++) {
      const id = `s${this.said.length}`;
      this.said.push(id);
      this.client.server.say(message(id));
    }
  }

  tick(milliseconds: number): void {
    this.engine.pass(milliseconds);
  }

  block(blocked: boolean): void {
    this.client.server.ready = !blocked;
    if (!blocked) this.client.server.client.drain();
  }

  /** Comes and is answered at once, when nothing is under way: what a lost pause leads to is another matter (14.3). */
  pause(): void {
    const processed = [...this.#open.values()].every(({ bytes }) => idsOf(bytes).some((id) => this.#forwarded.has(id)));
    if (!this.#mayGoOn() || !processed || this.#underway.length > 0 || !this.client.server.ready) return;
    const rid = ++this.client.rid;
    const bytes = `<body pause='100'${this.#attributes(rid)}/>`;
    const held = new FakeHeld(this.engine.clock);
    this.engine.sessions.request(Buffer.from(bytes), held);
    this.engine.clock.turn();
    insist(idsOf(held.text).length === 0, 'a pause has no payload');
    this.#early.set(rid, held.text);
  }

  #attributes(rid: number): string {
    const ack = this.setting.acks && this.#complete !== rid - 1 ? ` ack='${this.#complete}'` : '';
    const key = this.setting.keyed ? ` key='${this.#key()}'` : '';
    return ` xmlns='${NS.httpbind}' rid='${rid}' sid='${this.client.sid}'${ack}${key}`;
  }

  #key(): string {
    return KEYS[KEYS.length - 1 - this.#keys++];
  }

  /** Highest rid the engine can have processed: the stanzas of what is open tell. */
  get #processed(): number {
    let processed = this.client.rid;
    for (const made of this.#open.values()) {
      const [id] = idsOf(made.bytes);
      if (id !== undefined && !this.#forwarded.has(id)) processed = Math.min(processed, made.rid - 1);
    }
    return processed;
  }

  /** What was answered is on its way back. */
  #collect(): void {
    const answered = this.#waiting.filter(({ held }) => !held.waits);
    if (answered.length === 0) return;
    for (const attempt of answered) this.#checkAnswer(attempt);
    this.#answers.push(...answered);
    this.#waiting = this.#waiting.filter(({ held }) => held.waits);
  }

  receive(at: number): void {
    const attempt = take(this.#answers, at);
    if (attempt) this.#read(attempt);
  }

  loseResponse(at: number): void {
    const attempt = take(this.#answers, at);
    if (attempt) this.#broken(attempt);
  }

  #read(attempt: Attempt): void {
    const { made, held } = attempt;
    const text = held.text;
    if (typeOf(text) === 'error') {
      this.#broken(attempt);
      return;
    }
    made.attempts--;
    if (!this.#open.delete(made.rid)) return;
    this.#polledAt = this.engine.clock.time;
    if (this.setting.acks) this.#underway = this.#underway.filter((other) => other.made !== made);
    this.#early.set(made.rid, text);
    for (;;) {
      const next = this.#early.get(this.#complete + 1);
      if (next === undefined) return;
      this.#early.delete(++this.#complete);
      this.#down.take(idsOf(next), 'I2 what was said');
    }
  }

  #check(): void {
    insist(this.engine.sessions.size === 1, 'the session lives');
    insist(this.#waiting.length <= this.requests, 'I3 no more wait than requests');
    for (const { held } of this.#answers) insist(held.answers === 1, 'I4 one answer');
  }

  #checkAnswer({ made, held, deliveredAt }: Attempt): void {
    insist(held.answeredAt - deliveredAt <= WAIT * 1000, 'I10 by wait');
    const text = held.text;
    if (typeOf(text) === 'error') return;
    insist(typeOf(text) === undefined, 'I7 no end');
    insist((this.#seen.get(made.rid) ?? text) === text, 'I5 the same bytes');
    this.#seen.set(made.rid, text);
    const ack = Number(ackOf(text) ?? made.rid);
    this.#acks.set(made.rid, ack);
    insist(ack <= this.#processed, 'I8 acknowledges what came');
    insist(ack >= (this.#acks.get(made.rid - 1) ?? 0), 'I8 never goes back');
  }

  /** The network heals; all there is goes both ways. */
  settle(): void {
    this.step(['unblock', 0]);
    for (let round = 0; round < 60 && !this.#quiet; round++) {
      this.step(['poll', 0]);
      while (this.#underway.length > 0) this.step(['deliver', 0]);
      while (this.#answers.length > 0) this.step(['receive', 0]);
      this.step(['tick', 3]);
    }
    insist(this.#up.done, 'I1 all that was sent');
    insist(this.#down.done, 'I2 all that was said');
    this.#leave();
  }

  get #quiet(): boolean {
    return this.#underway.length === 0 && this.#answers.length === 0 && this.#up.done && this.#down.done;
  }

  #leave(): void {
    const key = this.setting.keyed ? this.#key() : undefined;
    const { sid, rid } = this.client;
    const last = this.engine.post({ sid, rid: rid + 1, type: 'terminate', key }, message('bye'));
    insist(last.answers === 1, 'the terminate is answered');
    for (const { held } of this.#waiting) insist(held.answers === 1, 'I4 what waited is answered');
    const { received, closed } = this.client.server;
    insist(received.at(-1)?.id === 'bye', 'the last stanza is forwarded');
    insist(closed?.how === 'closed' && closed.undelivered === undefined, 'the server hears a goodbye');
    const { sessions, unackedBytes, queuedBytes, paused, streams } = this.engine.sessions.counts;
    const left = [sessions, unackedBytes, queuedBytes, paused, streams];
    insist(
      left.every((count) => count === 0),
      `I6 nothing is left: ${left}`,
    );
  }
}

function take<T>(list: T[], at: number): T | undefined {
  return list.length === 0 ? undefined : list.splice(at % list.length, 1)[0];
}

const STEP: Record<Step[0], (world: World, which: number) => void> = {
  send: (world, which) => world.send(which),
  flood: (world, which) => {
    for (let i = 0; i < which % 20; i++) world.send(which + i);
  },
  poll: (world) => world.poll(),
  deliver: (world) => world.deliver(0),
  'deliver late': (world, which) => world.deliver(which),
  'lose request': (world, which) => world.loseRequest(which),
  receive: (world) => world.receive(0),
  'receive late': (world, which) => world.receive(which),
  'lose response': (world, which) => world.loseResponse(which),
  'cut response': (world, which) => world.loseResponse(which),
  duplicate: (world, which) => world.duplicate(which),
  'time out': (world, which) => world.timeOut(which),
  close: (world, which) => world.close(which),
  say: (world) => world.say(1),
  burst: (world, which) => world.say((which % 5) + 1),
  tick: (world, which) => world.tick((which % 10) * 100),
  'long tick': (world, which) => world.tick(1000 + (which % 50) * 100),
  pause: (world) => world.pause(),
  release: (world, which) => world.release(which),
  block: (world) => world.block(true),
  unblock: (world) => world.block(false),
};
