// Whatever is done to a room, in whatever order: what each client has been told of it is what it is like.

import { expect, test } from 'vitest';
import { type CoreClient, conditionOf } from '../../support/core.js';
import { Dice } from '../../support/dice.js';
import { ADMIN, codes, configured, house, MUC, ROOM, settled, standing } from '../../support/muc.js';
import type { Xml } from '../../support/xml.js';

const RUNS = 30;
const STEPS = 40;
const NAMES = ['one', 'two', 'three', 'four'];
const NICKS = ['a', 'b', 'c', 'd'];

/** What a client takes to be so: who is in the room, and how they stand to it. */
class View {
  nick: string | undefined;
  readonly others = new Map<string, string>();

  hear(stanza: Xml): void {
    const [, nick] = stanza.attr('from')?.split('/') ?? [];
    const type = stanza.attr('type');
    if (stanza.name !== 'presence' || nick === undefined || type === 'error') return;
    const [own, stands] = [codes(stanza).includes(110), standing(stanza).split(' ').slice(0, 2).join(' ')];
    if (type === undefined) {
      this.others.set(nick, stands);
      if (own) this.nick = nick;
    } else if (own && !codes(stanza).includes(303)) {
      this.nick = undefined;
      this.others.clear();
    } else this.others.delete(nick);
  }
}

type Act = (dice: Dice, client: CoreClient, view: View) => void;

const presence = (client: CoreClient, nick: string, inside = '', type = '') =>
  client.say(`<presence xmlns='jabber:client' to='${ROOM}/${nick}'${type}>${inside}</presence>`);
const admin = (client: CoreClient, item: string) =>
  client.say(`<iq xmlns='jabber:client' type='set' id='a' to='${ROOM}'><query xmlns='${ADMIN}'>${item}</query></iq>`);
const someone = (dice: Dice) => `${dice.one(NAMES)}@example.test`;
const flag = (dice: Dice) => String(dice.roll(2));

const enter: Act = (dice, client) => void presence(client, dice.one(NICKS), `<x xmlns='${MUC}'/>`);

const ACTS: readonly Act[] = [
  enter,
  enter,
  enter,
  (dice, client) => void presence(client, dice.one(NICKS)),
  (dice, client, { nick }) => void presence(client, nick ?? 'a', `<show>${dice.one(['away', 'dnd'])}</show>`),
  (_, client, { nick }) => void presence(client, nick ?? 'a', '', " type='unavailable'"),
  (dice, client) => {
    const role = dice.one(['none', 'visitor', 'participant', 'moderator']);
    admin(client, `<item nick='${dice.one(NICKS)}' role='${role}'/>`);
  },
  (dice, client) => {
    const affiliation = dice.one(['none', 'member', 'member', 'admin', 'owner', 'outcast']);
    const nick = dice.roll(3) === 0 ? ` nick='${dice.one(NICKS)}'` : '';
    admin(client, `<item jid='${someone(dice)}' affiliation='${affiliation}'${nick}/>`);
  },
  (dice, client) =>
    void configured(client, {
      membersonly: flag(dice),
      moderatedroom: flag(dice),
      whois: dice.one(['anyone', 'moderators']),
      presencebroadcast: dice.one([
        'moderator',
        'participant',
        'moderator</value><value>participant</value><value>visitor',
      ]),
      maxusers: dice.one(['0', '3']),
    }),
  (_, client) =>
    void client.say(`<message xmlns='jabber:client' type='groupchat' to='${ROOM}'><body>x</body></message>`),
  (_, client) =>
    void client.say(
      `<message xmlns='jabber:client' type='error' to='${ROOM}'><error type='cancel'><gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>`,
    ),
];

/** Plays one run; the views at its end, each with what the room says itself. */
async function run(seed: number): Promise<void> {
  const dice = new Dice(seed);
  const { guest } = house({ stanzas_per_second: 0 });
  const clients: { readonly client: CoreClient; readonly view: View }[] = [];
  for (const name of NAMES) {
    clients.push({ client: await guest(name), view: new View() });
    // Two clients of one account, under one nickname or two.
    if (name === 'two') clients.push({ client: await guest(name, 'other'), view: new View() });
  }
  const listen = async () => {
    for (const { client, view } of clients) for (const stanza of await settled(client)) view.hear(stanza);
  };
  const [owner] = clients;
  presence(owner.client, 'a', `<x xmlns='${MUC}'/>`);
  await configured(owner.client, { persistentroom: '1' });
  for (let step = 0; step < STEPS; step++) {
    const { client, view } = dice.one(clients);
    dice.one(ACTS)(dice, client, view);
    if (dice.roll(3) === 0) await listen();
  }
  await listen();
  await listen();
  for (const { client, view } of clients) {
    const query = "<query xmlns='http://jabber.org/protocol/disco#items'/>";
    const items = (await client.ask('get', query, ROOM)).child('query')?.children ?? [];
    const there = items.map((each) => each.attr('jid')?.split('/')[1]).sort();
    expect([...view.others.keys()].sort()).toEqual(there);
    if (view.nick === undefined) continue;
    expect(view.others.has(view.nick)).toBe(true);
    const pong = await client.ask('get', "<ping xmlns='urn:xmpp:ping'/>", `${ROOM}/${view.nick}`);
    expect([pong.attr('type'), conditionOf(pong)]).toEqual(['result', undefined]);
  }
  // Who is shown to both of two is the same for them.
  const views = clients.filter(({ view }) => view.nick !== undefined).map(({ view }) => view);
  for (const one of views)
    for (const other of views)
      for (const [nick, stands] of one.others) expect(other.others.get(nick) ?? stands).toBe(stands);
}

test(`${RUNS} rooms to which anything is done are what their occupants were told`, async () => {
  const first = Number(process.env.SEED ?? 1);
  for (let seed = first; seed < first + RUNS; seed++) {
    await run(seed).catch((error) => {
      throw new Error(`SEED=${seed}: ${(error as Error).message}`, { cause: error });
    });
  }
}, 120_000);
