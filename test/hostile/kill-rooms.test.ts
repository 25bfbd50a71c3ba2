// The server is killed at any moment while rooms are talked in, configured, made and destroyed, again and again on the same
// storage: what it had acknowledged of them is there, and who enters hears what the archive has.

import { randomInt } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { ask } from '../../src/control/ask.js';
import { controlPath } from '../../src/control/socket.js';
import { Dice } from '../support/dice.js';
import { Ledger } from '../support/ledger.js';
import { freePort } from '../support/peers/process.js';
import { type Place, Resident } from '../support/resident.js';
import { type ServerProcess, startServer } from '../support/server.js';
import type { Xml } from '../support/xml.js';

const ROUNDS = 12;
const DOMAIN = 'example.test';
const SERVICE = `rooms.${DOMAIN}`;
const WRITERS = ['romeo', 'juliet'] as const;
/** Things that each of them asks for at the same time. */
const AT_ONCE = 4;
const MUC = 'http://jabber.org/protocol/muc';
const MAM = 'urn:xmpp:mam:2';
const INFO = "<query xmlns='http://jabber.org/protocol/disco#info'/>";

const folder = mkdtempSync(join(tmpdir(), 'bosh-kill-rooms-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const config = (port: number) => ({
  domains: { [DOMAIN]: { auth: { register: true } } },
  components: { [SERVICE]: { module: 'muc', muc: { stanzas_per_second: 0 } } },
  storage: { driver: 'level', path: join(folder, 'data') },
  c2s: { port, direct_tls_port: null, require_tls: false },
  limits: { rates: false },
  logging: 'WARN',
});

/** Each writer has a room that is archived, one that is not, and one that comes and goes. */
const roomOf = (kind: 'den' | 'loft' | 'tomb', name: string) => `${kind}-${name}@${SERVICE}`;

const fields = (said: Record<string, string>, type: string) =>
  Object.entries({ FORM_TYPE: type, ...said })
    .map(([name, value]) => `<field var='${name}'><value>${value}</value></field>`)
    .join('');

function configuration(said: Record<string, string>): string {
  const named = Object.fromEntries(Object.entries(said).map(([name, value]) => [`muc#roomconfig_${name}`, value]));
  const form = `<x xmlns='jabber:x:data' type='submit'>${fields(named, `${MUC}#roomconfig`)}</x>`;
  return `<query xmlns='${MUC}#owner'>${form}</query>`;
}

/** Resolves to what the room said to who entered, its subject last. */
async function enters(client: Resident, room: string): Promise<Xml[]> {
  const from = client.heard.length;
  client.say(`<presence xmlns='jabber:client' to='${room}/me'><x xmlns='${MUC}'/></presence>`);
  const came = () => client.heard.slice(from).filter((each) => each.attr('from')?.startsWith(room));
  await client.when(() => came().some((each) => each.child('subject') !== undefined && !each.child('body')));
  return came();
}

class Siege {
  readonly ledger = new Ledger();
  readonly dice: Dice;
  #count = 0;

  constructor(seed: number) {
    this.dice = new Dice(seed);
  }

  /** Asks for one thing, and writes down what was acknowledged. False: the connection is gone. */
  async act(client: Resident, name: string): Promise<boolean> {
    const act = this.dice.one([
      this.said,
      this.said,
      this.said,
      this.subject,
      this.named,
      this.stands,
      this.aloft,
      this.tomb,
    ]);
    return (await act.call(this, client, name, String(++this.#count))) && !client.gone;
  }

  said(client: Resident, name: string, mark: string): Promise<boolean> {
    return this.#says(client, `said ${name} ${mark}`, 'kept', roomOf('den', name), `<body>${mark}</body>`);
  }

  subject(client: Resident, name: string, mark: string): Promise<boolean> {
    return this.#says(client, `subject ${name}`, mark, roomOf('den', name), `<subject>${mark}</subject>`);
  }

  /** One at a time: only the last one is looked for. */
  async aloft(client: Resident, name: string, mark: string): Promise<boolean> {
    const about = `aloft ${name}`;
    if (this.ledger.may(about).length > 1) return client.ping();
    return this.#says(client, about, mark, roomOf('loft', name), `<body>${mark}</body>`);
  }

  named(client: Resident, name: string, mark: string): Promise<boolean> {
    return this.#asks(client, `name ${name}`, mark, configuration({ roomname: mark }), roomOf('den', name));
  }

  stands(client: Resident, name: string, mark: string): Promise<boolean> {
    const jid = `member${this.dice.roll(8)}@elsewhere.test`;
    const about = `stands ${name} ${jid}`;
    const leaves = this.ledger.last(about) !== undefined && this.dice.roll(3) === 0;
    const item = leaves
      ? `<item affiliation='none' jid='${jid}'/>`
      : `<item affiliation='member' jid='${jid}' nick='${mark}'/>`;
    const query = `<query xmlns='${MUC}#admin'>${item}</query>`;
    return this.#asks(client, about, leaves ? undefined : mark, query, roomOf('den', name));
  }

  /** Made, or destroyed. One at a time. */
  async tomb(client: Resident, name: string): Promise<boolean> {
    const about = `tomb ${name}`;
    if (this.ledger.may(about).length > 1) return client.ping();
    const room = roomOf('tomb', name);
    if (this.ledger.last(about) === 'there')
      return this.#asks(client, about, undefined, `<query xmlns='${MUC}#owner'><destroy/></query>`, room);
    client.say(`<presence xmlns='jabber:client' to='${room}/me'><x xmlns='${MUC}'/></presence>`);
    return this.#asks(client, about, 'there', configuration({ persistentroom: '1' }), room);
  }

  async #asks(client: Resident, about: string, value: string | undefined, payload: string, to: string) {
    const done = this.ledger.says(about, value);
    const answer = await client.ask('set', payload, to);
    if (answer === undefined) return false;
    if (answer.attr('type') !== 'result') throw new Error(`${about}: ${answer.raw}`);
    done();
    return true;
  }

  async #says(client: Resident, about: string, value: string, to: string, inside: string): Promise<boolean> {
    const done = this.ledger.says(about, value);
    client.say(`<message xmlns='jabber:client' type='groupchat' to='${to}'>${inside}</message>`);
    if (!(await client.acknowledgement())) return false;
    done();
    return true;
  }

  /** The rooms as they are after a start; those of a writer who was never there are made. */
  async check(client: Resident, name: string, isFirst: boolean): Promise<void> {
    const [den, loft, tomb] = (['den', 'loft', 'tomb'] as const).map((kind) => roomOf(kind, name));
    const [came, above] = [await enters(client, den), await enters(client, loft)];
    if (isFirst) {
      await client.ask('set', configuration({ persistentroom: '1', enablearchiving: '1' }), den);
      await client.ask('set', configuration({ persistentroom: '1', enablearchiving: '0' }), loft);
      return;
    }
    const bodies = (all: readonly Xml[]) => all.flatMap((each) => each.textOf('body') ?? []);
    this.ledger.finds(`subject ${name}`, came.at(-1)?.textOf('subject') || undefined);
    this.ledger.finds(`aloft ${name}`, bodies(above).at(-1));
    await this.#checkDen(client, name, den, bodies(came));
    const there = await client.ask('get', INFO, tomb);
    this.ledger.finds(`tomb ${name}`, there?.attr('type') === 'result' ? 'there' : undefined);
  }

  async #checkDen(client: Resident, name: string, den: string, history: readonly string[]): Promise<void> {
    const info = await client.ask('get', INFO, den);
    const called = info?.child('query')?.child('identity')?.attr('name');
    this.ledger.finds(`name ${name}`, called === `den-${name}` ? undefined : called);
    const list = await client.ask('get', `<query xmlns='${MUC}#admin'><item affiliation='member'/></query>`, den);
    const nicks = new Map(list?.child('query')?.children.map((item) => [item.attr('jid'), item.attr('nick')]));
    for (const about of this.ledger.about(`stands ${name} `)) this.ledger.finds(about, nicks.get(about.split(' ')[2]));
    const archived = await archiveOf(client, den);
    for (const about of this.ledger.about(`said ${name} `))
      this.ledger.finds(about, archived.includes(about.split(' ')[2]) ? 'kept' : undefined);
    expect(new Set(archived).size).toBe(archived.length);
    expect(history).toEqual(archived.slice(-history.length || archived.length));
  }
}

/** What was said in a room, by its archive. */
async function archiveOf(client: Resident, room: string): Promise<string[]> {
  const bodies: string[] = [];
  for (let after = ''; ; ) {
    const from = client.heard.length;
    const set = `<set xmlns='http://jabber.org/protocol/rsm'>${after && `<after>${after}</after>`}</set>`;
    const answer = await client.ask('set', `<query xmlns='${MAM}'>${set}</query>`, room);
    const fin = answer?.child('fin', MAM);
    for (const message of client.heard.slice(from)) {
      const said = message.child('result', MAM)?.child('forwarded', 'urn:xmpp:forward:0')?.child('message');
      const body = said?.textOf('body');
      if (body !== undefined) bodies.push(body);
    }
    if (fin === undefined) throw new Error(`no archive: ${answer?.raw}`);
    if (fin.attr('complete') === 'true') return bodies;
    after = fin.child('set', 'http://jabber.org/protocol/rsm')?.textOf('last') ?? '';
  }
}

/** Checks what there is, and goes on changing it until the server is killed. */
async function round(siege: Siege, server: ServerProcess, place: Place, isFirst: boolean): Promise<void> {
  const { ledger, dice } = siege;
  const clients = await Promise.all(
    WRITERS.map(async (name) => {
      const client = await Resident.enter('tcp', place, { user: name, password: 'secret' });
      await client.enable();
      await siege.check(client, name, isFirst);
      return [name, client] as const;
    }),
  );
  const last = ledger.acknowledged + 1 + dice.roll(120);
  ledger.heard = () => void (ledger.acknowledged === last && process.kill(server.process.pid, 'SIGKILL'));
  const busy = clients.flatMap(([name, client]) =>
    Array.from({ length: AT_ONCE }, async () => {
      while (await siege.act(client, name));
    }),
  );
  await Promise.all(busy);
  expect(await server.process.exited).toBe(128);
  for (const [, client] of clients) client.carrier.cut();
}

test(`kill -9, ${ROUNDS} times: rooms are as they were acknowledged, and what was said in them is there`, async () => {
  const seed = Number(process.env.SEED ?? randomInt(2 ** 31));
  const siege = new Siege(seed);
  for (let count = 0; count < ROUNDS; count++) {
    const tcp = await freePort();
    const server = await startServer({ config: config(tcp) });
    try {
      await server.process.listens(tcp);
      for (const name of count === 0 ? WRITERS : [])
        await ask(controlPath(join(folder, 'data')), {
          command: 'adduser',
          jid: `${name}@${DOMAIN}`,
          password: 'secret',
        });
      await round(siege, server, { ws: server.ws, tcp, domain: DOMAIN }, count === 0);
    } catch (error) {
      throw new Error(`SEED=${seed}, round ${count}: ${(error as Error).message}\n${server.log()}`, { cause: error });
    } finally {
      siege.ledger.heard = () => {};
      await server.stop('SIGKILL');
    }
  }
  expect(siege.ledger.acknowledged).toBeGreaterThan(ROUNDS * 10);
}, 300_000);
