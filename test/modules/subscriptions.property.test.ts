// Whatever two accounts of a host say to each other about subscriptions, in whatever order it is written: when all is quiet
// both rosters say the same, clients know what the server knows, and they see whom they may see.

import fc, { type Scheduler } from 'fast-check';
import { expect, test } from 'vitest';
import { presence } from '../../src/modules/presence.js';
import { roster } from '../../src/modules/roster.js';
import type { RosterItem } from '../../src/modules/rosters.js';
import { CoreClient, testCore } from '../support/core.js';
import { ShuffledDriver } from '../support/shuffled-driver.js';
import { parseXml, type Xml } from '../support/xml.js';

const NAMES = ['romeo', 'juliet'] as const;
type Name = (typeof NAMES)[number];
const other = (name: Name): Name => (name === 'romeo' ? 'juliet' : 'romeo');
const jidOf = (name: Name) => `${name}@example.test`;

const SUBSCRIPTIONS = ['subscribe', 'subscribed', 'unsubscribe', 'unsubscribed'] as const;
const WORDS = [...SUBSCRIPTIONS, 'set', 'remove', 'leave', 'come'] as const;
type Word = (typeof WORDS)[number];

/** What a client says, and how many answers of stores are waited for before the next is said. */
interface Step {
  readonly who: Name;
  readonly word: Word;
  readonly wait: number;
}

const steps = fc.array(
  fc.record<Step>({
    who: fc.constantFrom(...NAMES),
    word: fc.constantFrom(...WORDS),
    wait: fc.oneof(fc.constant(0), fc.nat(3), fc.constant(Number.POSITIVE_INFINITY)),
  }),
  { maxLength: 25 },
);

const query = (inside = '') => `<query xmlns='jabber:iq:roster'>${inside}</query>`;

/** A client that believes what it is told. */
class Believer {
  /** Contacts by their JIDs, as they were last told. */
  readonly roster = new Map<string, string>();
  /** Whom it sees. */
  readonly seen = new Set<string>();
  available = false;
  /** Presence by which it came, as it comes back from the server: what it saw before that is over. */
  readonly #entrances = new Set<string>();
  #comes = 0;
  #asked = 0;
  #read = 0;

  constructor(
    readonly name: Name,
    readonly client: CoreClient,
  ) {}

  say(word: Word): void {
    const to = jidOf(other(this.name));
    if (word === 'leave') this.#leave();
    else if (word === 'come') this.#come();
    else if (word === 'set') this.#ask('set', `<item jid='${to}' name='${this.#asked}'/>`);
    else if (word === 'remove') this.#ask('set', `<item jid='${to}' subscription='remove'/>`);
    else this.client.say(`<presence xmlns='jabber:client' type='${word}' to='${to}'/>`);
  }

  #ask(type: 'get' | 'set', item?: string): string {
    const id = `ask${++this.#asked}`;
    this.client.say(`<iq xmlns='jabber:client' type='${type}' id='${id}'>${query(item)}</iq>`);
    return id;
  }

  #leave(): void {
    this.client.say("<presence xmlns='jabber:client' type='unavailable'/>");
    this.available = false;
  }

  #come(): void {
    const mark = String(++this.#comes);
    if (!this.available) this.#entrances.add(mark);
    this.client.say(`<presence xmlns='jabber:client'><status>${mark}</status></presence>`);
    this.available = true;
  }

  /** Reads what came. */
  read(): void {
    const { stanzas } = this.client;
    while (this.#read < stanzas.length) this.#believe(parseXml(stanzas[this.#read++]));
    if (!this.available) this.seen.clear();
  }

  #believe(stanza: Xml): void {
    const [from, type] = [stanza.attr('from') ?? '', stanza.attr('type')];
    if (stanza.name === 'iq') for (const item of stanza.child('query')?.children ?? []) this.#learn(item);
    else if (from === `${jidOf(this.name)}/test`) this.#returned(stanza.textOf('status') ?? '');
    else if (type === undefined) this.seen.add(from);
    else if (type === 'unavailable') this.seen.delete(from);
  }

  #returned(mark: string): void {
    if (this.#entrances.has(mark)) this.seen.clear();
  }

  #learn(item: Xml): void {
    const jid = item.attr('jid') ?? '';
    if (item.attr('subscription') === 'remove') this.roster.delete(jid);
    else this.roster.set(jid, item.raw);
  }

  /** The roster as the server tells it when it is asked. */
  async fresh(quiet: () => Promise<void>): Promise<Map<string, string>> {
    const id = this.#ask('get');
    await quiet();
    const answer = this.client.stanzas.map(parseXml).find((each) => each.attr('id') === id);
    const items = answer?.child('query')?.children ?? [];
    return new Map(items.map((item) => [item.attr('jid') ?? '', item.raw]));
  }
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

/** Until nothing is to be done any more. */
async function quiet(scheduler: Scheduler): Promise<void> {
  do {
    while (scheduler.count() > 0) await scheduler.waitOne();
    await turn();
  } while (scheduler.count() > 0);
}

async function scene(scheduler: Scheduler) {
  const storage = new ShuffledDriver(scheduler);
  const { core, told } = testCore([roster, presence], {}, storage);
  const settled = () => quiet(scheduler);
  const believers: Record<Name, Believer> = {
    romeo: new Believer('romeo', new CoreClient(core)),
    juliet: new Believer('juliet', new CoreClient(core)),
  };
  // Making keys of passwords would take longer than all the rest.
  for (const name of NAMES) await storage.plain('example.test', 'accounts', 'keyvalue').set(name, {});
  for (const name of NAMES) {
    const { client } = believers[name];
    const entered = client.enter(name);
    for (let entering = true; entering; ) {
      await settled();
      entering = await Promise.race([entered.then(() => false), turn().then(() => true)]);
    }
    await believers[name].fresh(settled);
    believers[name].say('come');
    await settled();
  }
  const kept = storage.plain('example.test', 'roster', 'map');
  const item = async (name: Name) =>
    ((await kept.get(name, jidOf(other(name)))) ?? {}) as unknown as Partial<RosterItem>;
  return { believers, settled, item, told };
}

async function play(scheduler: Scheduler, said: readonly Step[]): Promise<void> {
  const { believers, settled, item, told } = await scene(scheduler);
  for (const { who, word, wait } of said) {
    believers[who].say(word);
    if (wait === Number.POSITIVE_INFINITY) await settled();
    else for (let i = 0; i < wait && scheduler.count() > 0; i++) await scheduler.waitOne();
    for (const name of NAMES) believers[name].read();
  }
  await settled();
  for (const name of NAMES) {
    const [mine, theirs] = [await item(name), await item(other(name))];
    const [me, them] = [believers[name], believers[other(name)]];
    expect(Boolean(mine.to), `${name} is subscribed, as both know it`).toBe(Boolean(theirs.from));
    expect(Boolean(mine.ask), `${name} has asked, as both know it`).toBe(Boolean(theirs.pending));
    expect(mine.to && mine.ask).toBeFalsy();
    me.read();
    const before = new Map(me.roster);
    expect(before).toEqual(await me.fresh(settled));
    const sees = me.available && them.available && Boolean(mine.to);
    const resource = `${jidOf(other(name))}/test`;
    expect(me.seen.has(resource), `${name} sees whom it may`).toBe(sees);
  }
  expect(told.filter((line) => line.startsWith('failed'))).toEqual([]);
}

test('RFC 6121 3: two accounts agree on their subscriptions, their clients with them', async () => {
  await fc.assert(fc.asyncProperty(fc.scheduler(), steps, play), { numRuns: 500 });
}, 60_000);
