// The server is killed at any moment while its clients change everything that it keeps, again and again on the same storage:
// it starts each time, and what it had acknowledged is there. Messages that waited were on their way to a client that was lost:
// it gets them when it comes again.

import { randomInt } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import type { AccountCommand } from '../../src/control/accounts.js';
import { ask } from '../../src/control/ask.js';
import { controlPath } from '../../src/control/socket.js';
import { Dice } from '../support/dice.js';
import { Ledger, type Value } from '../support/ledger.js';
import { freePort } from '../support/peers/process.js';
import { type Place, Resident, type Way } from '../support/resident.js';
import { type ServerProcess, startServer } from '../support/server.js';
import { TcpClient } from '../support/tcp-client.js';
import type { Xml } from '../support/xml.js';

const ROUNDS = 50;
const DOMAIN = 'example.test';
const WRITERS = ['romeo', 'juliet', 'nurse'] as const;
const WAYS: Record<(typeof WRITERS)[number], Way> = { romeo: 'tcp', juliet: 'websocket', nurse: 'tcp' };
const AWAY = 'mercutio';
/** In one round messages wait for the one, and the other comes for those that waited for him before. */
const VISITORS = ['benvolio', 'tybalt'] as const;
const jidOf = (name: string) => `${name}@${DOMAIN}`;

/** Things that each writer asks for at the same time. */
const AT_ONCE = 6;

const folder = mkdtempSync(join(tmpdir(), 'bosh-kill-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const config = (port: number) => ({
  domains: { [DOMAIN]: { auth: { register: true }, options: { offline: { max_messages: 100_000 } } } },
  storage: { driver: 'level', path: join(folder, 'data') },
  c2s: { port, direct_tls_port: null, require_tls: false },
  limits: { rates: false },
  logging: 'WARN',
});

const operate = (command: AccountCommand, name: string, password = 'secret') =>
  ask(controlPath(join(folder, 'data')), { command, jid: jidOf(name), password }).catch(() => undefined);

const rosterQuery = (item = '') => `<query xmlns='jabber:iq:roster'>${item}</query>`;

const registration = (name: string, password: string) =>
  `<query xmlns='jabber:iq:register'><username>${name}</username><password>${password}</password></query>`;

/** What is known and what is done, over all rounds. */
class Siege {
  readonly ledger = new Ledger();
  readonly dice: Dice;
  /** Where clients reach the server now. */
  tcp = 0;
  /** For whom messages wait. */
  away: readonly string[] = [];
  #count = 0;

  constructor(seed: number) {
    this.dice = new Dice(seed);
  }

  /** Asks for one thing, and writes down what was acknowledged. False: the connection is gone. */
  async act(client: Resident, name: string): Promise<boolean> {
    const acts = [this.contact, this.contact, this.request, this.grant, this.message, this.message, this.vcard];
    const act = this.dice.one([...acts, this.private, this.block, this.password, this.account]);
    const said = await act.call(this, client, name, String(++this.#count));
    return said && !client.gone;
  }

  async contact(client: Resident, name: string, mark: string): Promise<boolean> {
    const jid = `contact${this.dice.roll(20)}@elsewhere.test`;
    const about = `contact ${name} ${jid}`;
    const remove = this.ledger.last(about) !== undefined && this.dice.roll(3) === 0;
    const item = remove ? `<item jid='${jid}' subscription='remove'/>` : `<item jid='${jid}' name='${mark}'/>`;
    return this.#answered(client, about, remove ? undefined : mark, rosterQuery(item));
  }

  /** Asks somebody for his presence, or takes it back: both accounts keep that. */
  async request(client: Resident, name: string): Promise<boolean> {
    const about = `request ${name}`;
    const asked = this.ledger.last(about) === 'asked';
    const done = this.ledger.says(about, asked ? undefined : 'asked');
    client.say(`<presence xmlns='jabber:client' type='${asked ? 'unsubscribe' : 'subscribe'}' to='${jidOf(AWAY)}'/>`);
    return this.#seen(client, done);
  }

  async grant(client: Resident, name: string): Promise<boolean> {
    const jid = `friend${this.dice.roll(5)}@elsewhere.test`;
    const about = `grant ${name} ${jid}`;
    const granted = this.ledger.last(about) === 'granted';
    const done = this.ledger.says(about, granted ? undefined : 'granted');
    client.say(`<presence xmlns='jabber:client' type='${granted ? 'unsubscribed' : 'subscribed'}' to='${jid}'/>`);
    return this.#seen(client, done);
  }

  async message(client: Resident, _name: string, mark: string): Promise<boolean> {
    const to = this.dice.one(this.away);
    const done = this.ledger.says(`message ${to} ${mark}`, 'kept');
    client.say(`<message xmlns='jabber:client' type='chat' to='${jidOf(to)}'><body>${mark}</body></message>`);
    return this.#seen(client, done);
  }

  async vcard(client: Resident, name: string, mark: string): Promise<boolean> {
    return this.#answered(client, `vcard ${name}`, mark, `<vCard xmlns='vcard-temp'><FN>${mark}</FN></vCard>`);
  }

  async private(client: Resident, name: string, mark: string): Promise<boolean> {
    const drawer = `drawer${this.dice.roll(5)}`;
    const query = `<query xmlns='jabber:iq:private'><${drawer} xmlns='test'>${mark}</${drawer}></query>`;
    return this.#answered(client, `private ${name} ${drawer}`, mark, query);
  }

  async block(client: Resident, name: string): Promise<boolean> {
    const jid = `foe${this.dice.roll(5)}@elsewhere.test`;
    const about = `block ${name} ${jid}`;
    const word = this.ledger.last(about) === 'blocked' ? 'unblock' : 'block';
    const payload = `<${word} xmlns='urn:xmpp:blocking'><item jid='${jid}'/></${word}>`;
    return this.#answered(client, about, word === 'block' ? 'blocked' : undefined, payload);
  }

  async password(client: Resident, name: string, mark: string): Promise<boolean> {
    const about = `password ${name}`;
    if (this.dice.roll(2) === 0) return this.#operated('passwd', name, about, mark);
    return this.#isOpen(about) || this.#answered(client, about, mark, registration(name, mark));
  }

  async account(_client: Resident, name: string): Promise<boolean> {
    const username = `${name}-${this.dice.roll(3)}`;
    const about = `account ${username}`;
    const there = this.ledger.last(about) === 'there';
    if (there || this.dice.roll(2) === 0) {
      return this.#operated(there ? 'deluser' : 'adduser', username, about, there ? undefined : 'there');
    }
    return this.#isOpen(about) || this.#registers(username, about);
  }

  /** One at a time: what is asked for over several connections has no order. */
  #isOpen(about: string): boolean {
    return this.ledger.may(about).length > 1;
  }

  /** By a client of its own (XEP-0077). */
  async #registers(username: string, about: string): Promise<boolean> {
    const done = this.ledger.says(about, 'there');
    try {
      const client = await TcpClient.open(this.tcp, { to: DOMAIN });
      await client.features();
      const iq = `<iq type='set' id='1'>${registration(username, 'secret')}</iq>`;
      const answer = await client.exchange(iq, ({ name }) => name === 'iq');
      client.socket.destroy();
      if (answer.attr('type') !== 'result') throw new Error(`${about}: ${answer}`);
      done();
      return true;
    } catch (error) {
      if ((error as Error).message.startsWith(about)) throw error;
      return false;
    }
  }

  async #operated(command: AccountCommand, username: string, about: string, value: Value): Promise<boolean> {
    if (this.#isOpen(about)) return true;
    const done = this.ledger.says(about, value);
    const answer = await operate(command, username, value);
    if (answer?.outcome === 'done') done();
    return answer?.outcome === 'done';
  }

  async #answered(client: Resident, about: string, value: Value, payload: string): Promise<boolean> {
    const done = this.ledger.says(about, value);
    const answer = await client.ask('set', payload);
    if (answer === undefined) return false;
    if (answer.attr('type') !== 'result') throw new Error(`${about}: ${answer}`);
    done();
    return true;
  }

  /** By what is said to be handled, or by the answer to what was sent behind it. */
  async #seen(client: Resident, done: () => void): Promise<boolean> {
    const seen = this.dice.roll(2) === 0 ? client.acknowledgement() : client.ping();
    if (!(await seen)) return false;
    done();
    return true;
  }

  // After the next start.

  async check(client: Resident, name: string): Promise<void> {
    const asked = [rosterQuery(), "<vCard xmlns='vcard-temp'/>", "<blocklist xmlns='urn:xmpp:blocking'/>"];
    const [roster, vcard, blocklist] = await Promise.all(asked.map((query) => client.ask('get', query)));
    const foes = new Set(blocklist?.child('blocklist')?.children.map((item) => item.attr('jid')));
    this.#checkAll(`block ${name} `, (jid) => (foes.has(jid) ? 'blocked' : undefined));
    const items = new Map(roster?.child('query')?.children.map((item) => [item.attr('jid') ?? '', item]));
    this.#checkAll(`contact ${name} `, (jid) => items.get(jid)?.attr('name'));
    this.#checkAll(`grant ${name} `, (jid) => (items.get(jid)?.attr('approved') === 'true' ? 'granted' : undefined));
    const request = items.get(jidOf(AWAY))?.attr('ask') === 'subscribe' ? 'asked' : undefined;
    const may = this.ledger.may(`request ${name}`);
    if (!may.includes(request))
      throw new Error(`request ${name} is ${request}, and has to be one of: ${may.join(', ')}`);
    this.ledger.finds(`vcard ${name}`, vcard?.child('vCard')?.textOf('FN'));
    for (const about of this.ledger.about(`private ${name} `)) {
      const drawer = about.split(' ')[2];
      const answer = await client.ask('get', `<query xmlns='jabber:iq:private'><${drawer} xmlns='test'/></query>`);
      this.ledger.finds(about, answer?.child('query')?.textOf(drawer) || undefined);
    }
  }

  #checkAll(beginning: string, found: (what: string) => Value): void {
    for (const about of this.ledger.about(beginning)) this.ledger.finds(about, found(about.split(' ')[2]));
  }

  async checkAccounts(): Promise<void> {
    for (const about of this.ledger.about('account ')) {
      const name = about.split(' ')[1];
      const answer = await operate('deluser', name);
      this.ledger.finds(about, answer?.outcome === 'done' ? 'there' : undefined);
      this.ledger.says(about, undefined)();
    }
  }

  /** Comes for the messages that wait for it, and is lost somewhere among them: those that it heard, it has. */
  async visit(client: Resident, name: string): Promise<void> {
    const waiting = this.ledger.about(`message ${name} `);
    const most = this.dice.roll(waiting.length + 1);
    client.say("<presence xmlns='jabber:client'/>");
    await client.when(() => messagesOf(client, name).size >= most).catch(() => {});
    client.carrier.cut();
    for (const about of messagesOf(client, name)) this.ledger.forgets(about);
  }

  /** Of whom was away: the messages, and who asked for his presence. */
  async checkAway(client: Resident, name: string): Promise<void> {
    client.say("<presence xmlns='jabber:client'/>");
    const owed = this.ledger.about(`message ${name} `).filter((about) => !this.ledger.may(about).includes(undefined));
    const asked =
      name === AWAY ? WRITERS.filter((each) => !this.ledger.may(`request ${each}`).includes(undefined)) : [];
    const got = () => messagesOf(client, name);
    const requests = () => new Set(client.heard.filter(isRequest).map((each) => each.attr('from')));
    const missing = () => [
      ...owed.filter((about) => !got().has(about)),
      ...asked.filter((each) => !requests().has(jidOf(each))).map((each) => `request ${each}`),
    ];
    const late = setTimeout(() => client.carrier.cut(), 10_000);
    await client.when(() => missing().length === 0).catch(() => {});
    clearTimeout(late);
    if (missing().length > 0) throw new Error(`lost: ${missing().join(', ')}`);
    for (const about of this.ledger.about(`message ${name} `)) this.ledger.forgets(about);
    for (const each of name === AWAY ? WRITERS : []) {
      const about = `request ${each}`;
      // What neither was told to be done, both may have or one of them.
      if (this.ledger.may(about).length === 1)
        this.ledger.finds(about, requests().has(jidOf(each)) ? 'asked' : undefined);
    }
    client.say("<presence xmlns='jabber:client' type='unavailable'/>");
    await client.leave();
  }

  /** With the password that was acknowledged last, or one after that. */
  async enter(place: Place, name: string): Promise<Resident> {
    const about = `password ${name}`;
    const refusals: string[] = [];
    for (const password of this.ledger.may(about)) {
      const way = name in WAYS ? WAYS[name as keyof typeof WAYS] : 'websocket';
      const client = await Resident.enter(way, place, { user: name, password }).catch(({ message }: Error) => message);
      if (typeof client === 'string') refusals.push(`with ${password}: ${client}`);
      else {
        this.ledger.finds(about, password);
        return client;
      }
    }
    throw new Error(`${name} cannot log in ${refusals.join(', ')}`);
  }
}

const isRequest = (each: Xml) => each.name === 'presence' && each.attr('type') === 'subscribe';

/** What a client has heard, as the ledger names it. */
function messagesOf({ heard }: Resident, owner: string): Set<string> {
  const messages = heard.filter(({ name }) => name === 'message');
  return new Set(messages.map((each) => `message ${owner} ${each.textOf('body')}`));
}

/** Checks what there is, and goes on changing it until the server is killed. */
async function round(siege: Siege, server: ServerProcess, tcp: number, count: number): Promise<void> {
  const { ledger, dice } = siege;
  const [target, visitor] = count % 2 === 0 ? VISITORS : [VISITORS[1], VISITORS[0]];
  siege.away = [AWAY, target];
  const place = { ws: server.ws, tcp, domain: DOMAIN };
  const enter = async (name: (typeof WRITERS)[number]) => {
    const client = await siege.enter(place, name);
    await siege.check(client, name);
    await client.enable();
    return [name, client] as const;
  };
  const checkAway = async (name: string) => siege.checkAway(await siege.enter(place, name), name);
  const comes = async () => {
    const client = await siege.enter(place, visitor);
    await client.enable(true);
    return client;
  };
  const checks = [...siege.away.map(checkAway), siege.checkAccounts()];
  const [clients, guest] = await Promise.all([Promise.all(WRITERS.map(enter)), comes(), ...checks]);
  const kill = () => process.kill(server.process.pid, 'SIGKILL');
  if (dice.roll(3) === 0) setTimeout(kill, dice.roll(120));
  else {
    const last = ledger.acknowledged + 1 + dice.roll(80);
    ledger.heard = () => void (ledger.acknowledged === last && kill());
  }
  const busy = clients.flatMap(([name, client]) =>
    Array.from({ length: AT_ONCE }, async () => {
      while (await siege.act(client, name));
    }),
  );
  await Promise.all([...busy, siege.visit(guest, visitor)]);
  expect(await server.process.exited).toBe(128);
  for (const [, client] of clients) client.carrier.cut();
}

test(`kill -9, ${ROUNDS} times: the server starts again, and nothing that it acknowledged is lost`, async () => {
  const seed = Number(process.env.SEED ?? randomInt(2 ** 31));
  const siege = new Siege(seed);
  for (let count = 0; count < ROUNDS; count++) {
    const tcp = await freePort();
    siege.tcp = tcp;
    const server = await startServer({ config: config(tcp) });
    try {
      await server.process.listens(tcp);
      if (count === 0) {
        for (const name of [...WRITERS, AWAY, ...VISITORS]) {
          await operate('adduser', name);
          siege.ledger.says(`password ${name}`, 'secret')();
        }
      }
      await round(siege, server, tcp, count);
    } catch (error) {
      throw new Error(`SEED=${seed}, round ${count}: ${(error as Error).message}\n${server.log()}`, { cause: error });
    } finally {
      siege.ledger.heard = () => {};
      await server.stop('SIGKILL');
    }
  }
  expect(siege.ledger.acknowledged).toBeGreaterThan(ROUNDS * 10);
}, 300_000);
