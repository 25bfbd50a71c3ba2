// The server is killed at any moment while its clients publish, retract, configure, affiliate and subscribe, again and again
// on the same storage: what it had acknowledged is there, at the service and at accounts.

import { randomInt } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { ask } from '../../src/control/ask.js';
import { controlPath } from '../../src/control/socket.js';
import { Dice } from '../support/dice.js';
import { Ledger, type Value } from '../support/ledger.js';
import { freePort } from '../support/peers/process.js';
import { form } from '../support/pubsub.js';
import { Resident } from '../support/resident.js';
import { type ServerProcess, startServer } from '../support/server.js';
import type { Xml } from '../support/xml.js';

const ROUNDS = 15;
const DOMAIN = 'example.test';
const SERVICE = `pubsub.${DOMAIN}`;
const PUBSUB = 'http://jabber.org/protocol/pubsub';
/** The one owns the nodes, the other subscribes to them. */
const USERS = ['romeo', 'juliet'] as const;
type User = (typeof USERS)[number];
const NODES = ['news', 'olds', 'views'] as const;
/** Things that each asks for at the same time. */
const AT_ONCE = 6;

const folder = mkdtempSync(join(tmpdir(), 'bosh-kill-pubsub-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const config = (port: number) => ({
  domains: { [DOMAIN]: {} },
  components: { [SERVICE]: { module: 'pubsub' } },
  storage: { driver: 'level', path: join(folder, 'data') },
  c2s: { port, direct_tls_port: null, require_tls: false },
  limits: { rates: false },
  logging: 'WARN',
});

class Siege {
  readonly ledger = new Ledger();
  #count = 0;

  constructor(readonly dice: Dice) {}

  /** Asks for one thing, and writes down what was acknowledged. False: the connection is gone. */
  async act(client: Resident, name: User): Promise<boolean> {
    const owners = [this.item, this.item, this.item, this.title, this.affiliation, this.node, this.event];
    const act = this.dice.one(name === 'romeo' ? owners : [this.subscription, this.subscription, this.event]);
    return (await act.call(this, client, name, String(++this.#count))) && !client.gone;
  }

  item(client: Resident, _name: User, mark: string): Promise<boolean> {
    const [node, id] = [this.dice.one(NODES), `item${this.dice.roll(5)}`];
    const about = `item ${node} ${id}`;
    const retracts = this.ledger.last(about) !== undefined && this.dice.roll(4) === 0;
    const inside = retracts
      ? `<retract node='${node}'><item id='${id}'/></retract>`
      : `<publish node='${node}'><item id='${id}'><e xmlns='urn:e'>${mark}</e></item></publish>`;
    return this.#done(client, about, retracts ? undefined : mark, inside);
  }

  title(client: Resident, _name: User, mark: string): Promise<boolean> {
    const node = this.dice.one(NODES);
    const inside = `<configure node='${node}'>${form('node_config', { title: mark })}</configure>`;
    return this.#done(client, `title ${node}`, mark, inside, '#owner');
  }

  affiliation(client: Resident): Promise<boolean> {
    const [node, jid] = [this.dice.one(NODES), `friend${this.dice.roll(5)}@elsewhere.test`];
    const affiliation = this.dice.one(['publisher', 'member', 'none'] as const);
    const inside = `<affiliations node='${node}'><affiliation jid='${jid}' affiliation='${affiliation}'/></affiliations>`;
    const value = affiliation === 'none' ? undefined : affiliation;
    return this.#done(client, `affiliation ${node} ${jid}`, value, inside, '#owner');
  }

  node(client: Resident): Promise<boolean> {
    const node = `node${this.dice.roll(5)}`;
    const there = this.ledger.last(`node ${node}`) !== undefined;
    if (there) return this.#done(client, `node ${node}`, undefined, `<delete node='${node}'/>`, '#owner');
    return this.#done(client, `node ${node}`, 'there', `<create node='${node}'/>`);
  }

  subscription(client: Resident): Promise<boolean> {
    const about = `subscription ${this.dice.one(NODES)}`;
    const at = `node='${about.split(' ')[1]}' jid='juliet@${DOMAIN}'`;
    const ends = this.ledger.last(about) !== undefined && this.dice.roll(3) === 0;
    if (ends) return this.#done(client, about, undefined, `<unsubscribe ${at}/>`);
    const deliver = this.dice.one(['0', '1'] as const);
    const options = `<options>${form('subscribe_options', { deliver })}</options>`;
    return this.#done(client, about, deliver, `<subscribe ${at}/>${options}`);
  }

  /** At an account, whose nodes are made by publishing. */
  event(client: Resident, name: User, mark: string): Promise<boolean> {
    const node = `urn:example:${this.dice.roll(5)}`;
    const inside = `<publish node='${node}'><item id='current'><e xmlns='urn:e'>${mark}</e></item></publish>`;
    return this.#done(client, `event ${name} ${node}`, mark, inside, '', null);
  }

  async #done(client: Resident, about: string, value: Value, inside: string, ns = '', to: string | null = SERVICE) {
    const done = this.ledger.says(about, value);
    const answer = await client.ask('set', `<pubsub xmlns='${PUBSUB}${ns}'>${inside}</pubsub>`, to ?? undefined);
    if (answer === undefined) return false;
    if (answer.attr('type') !== 'result') throw new Error(`${about}: ${answer.raw}`);
    done();
    return true;
  }

  // After the next start.

  async check(client: Resident, name: User): Promise<void> {
    for (const about of this.ledger.about(`event ${name} `)) {
      const items = await this.#items(client, about.split(' ')[2], null);
      this.ledger.finds(about, items.get('current'));
    }
    if (name === 'juliet') await this.#checkSubscriptions(client);
    else await this.#checkNodes(client);
  }

  async #checkNodes(client: Resident): Promise<void> {
    for (const node of NODES) {
      const items = await this.#items(client, node);
      for (const about of this.ledger.about(`item ${node} `)) this.ledger.finds(about, items.get(about.split(' ')[2]));
      const fields = (await this.#get(client, `<configure node='${node}'/>`, '#owner'))?.child('configure')?.child('x');
      const title = fields?.children.find((field) => field.attr('var') === 'pubsub#title');
      this.ledger.finds(`title ${node}`, title?.textOf('value') || undefined);
      const list = (await this.#get(client, `<affiliations node='${node}'/>`, '#owner'))?.child('affiliations');
      const all = new Map(list?.children.map((each) => [each.attr('jid'), each.attr('affiliation')]));
      for (const about of this.ledger.about(`affiliation ${node} `)) {
        this.ledger.finds(about, all.get(about.split(' ')[2]));
      }
    }
    for (const about of this.ledger.about('node ')) {
      const there = await this.#get(client, `<items node='${about.split(' ')[1]}'/>`);
      this.ledger.finds(about, there === undefined ? undefined : 'there');
    }
  }

  async #checkSubscriptions(client: Resident): Promise<void> {
    for (const node of NODES) {
      const options = await this.#get(client, `<options node='${node}' jid='juliet@${DOMAIN}'/>`);
      const fields = options?.child('options')?.child('x')?.children;
      const deliver = fields?.find((field) => field.attr('var') === 'pubsub#deliver')?.textOf('value');
      this.ledger.finds(`subscription ${node}`, deliver);
    }
  }

  async #items(client: Resident, node: string, to: string | null = SERVICE): Promise<Map<string, string>> {
    const items = (await this.#get(client, `<items node='${node}'/>`, '', to))?.child('items')?.children ?? [];
    return new Map(items.map((item) => [item.attr('id') ?? '', item.children[0].text]));
  }

  /** Undefined: there is none. */
  async #get(client: Resident, inside: string, ns = '', to: string | null = SERVICE): Promise<Xml | undefined> {
    const answer = await client.ask('get', `<pubsub xmlns='${PUBSUB}${ns}'>${inside}</pubsub>`, to ?? undefined);
    if (answer === undefined) throw new Error('gone while it was asked');
    return answer.attr('type') === 'result' ? answer.child('pubsub') : undefined;
  }
}

/** Checks what there is, and goes on changing it until the server is killed. */
async function round(siege: Siege, server: ServerProcess, tcp: number): Promise<void> {
  const { ledger, dice } = siege;
  const place = { ws: server.ws, tcp, domain: DOMAIN };
  const enter = (name: User) =>
    Resident.enter(name === 'romeo' ? 'tcp' : 'websocket', place, { user: name, password: 'secret' });
  const clients = await Promise.all(USERS.map(async (name) => [name, await enter(name)] as const));
  for (const [name, client] of clients) await siege.check(client, name);
  const kill = () => process.kill(server.process.pid, 'SIGKILL');
  const last = ledger.acknowledged + 1 + dice.roll(80);
  ledger.heard = () => void (ledger.acknowledged === last && kill());
  const busy = clients.flatMap(([name, client]) =>
    Array.from({ length: AT_ONCE }, async () => {
      while (await siege.act(client, name));
    }),
  );
  await Promise.all(busy);
  expect(await server.process.exited).toBe(128);
  for (const [, client] of clients) client.carrier.cut();
}

test(`kill -9, ${ROUNDS} times: nodes, items, configuration, affiliations and subscriptions are as they were acknowledged`, async () => {
  const seed = Number(process.env.SEED ?? randomInt(2 ** 31));
  const siege = new Siege(new Dice(seed));
  for (let count = 0; count < ROUNDS; count++) {
    const tcp = await freePort();
    const server = await startServer({ config: config(tcp) });
    try {
      await server.process.listens(tcp);
      if (count === 0) await furnish(server, tcp);
      await round(siege, server, tcp);
    } catch (error) {
      throw new Error(`SEED=${seed}, round ${count}: ${(error as Error).message}\n${server.log()}`, { cause: error });
    } finally {
      siege.ledger.heard = () => {};
      await server.stop('SIGKILL');
    }
  }
  expect(siege.ledger.acknowledged).toBeGreaterThan(ROUNDS * 10);
}, 120_000);

async function furnish(server: ServerProcess, tcp: number): Promise<void> {
  for (const name of USERS) {
    await ask(controlPath(join(folder, 'data')), { command: 'adduser', jid: `${name}@${DOMAIN}`, password: 'secret' });
  }
  const place = { ws: server.ws, tcp, domain: DOMAIN };
  const romeo = await Resident.enter('tcp', place, { user: 'romeo', password: 'secret' });
  for (const node of NODES) {
    const answer = await romeo.ask('set', `<pubsub xmlns='${PUBSUB}'><create node='${node}'/></pubsub>`, SERVICE);
    expect(answer?.attr('type')).toBe('result');
  }
  await romeo.leave();
}
