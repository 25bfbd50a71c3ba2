// A server whose disk is full, or whose storage has all it may have: what cannot be kept is refused with a stanza error, all
// else goes on, nothing that was acknowledged is lost, and with room it is as before.

import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createServer, type Server } from '../../src/index.js';
import { openLevel } from '../../src/storage/level.js';
import type { HistoryStore } from '../../src/storage/store.js';
import { MemoryLog } from '../support/memory-log.js';
import { Resident } from '../support/resident.js';
import { TcpClient } from '../support/tcp-client.js';
import type { Xml } from '../support/xml.js';

const DOMAIN = 'example.test';
const MEBIBYTE = 1_048_576;
const REFUSED = ['resource-constraint', 'internal-server-error'];

let disk: string;
let obstacle: string | undefined;

beforeAll(() => {
  disk = mkdtempSync(join(tmpdir(), 'bosh-full-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=12m', 'tmpfs', disk], { stdio: 'pipe' });
  } catch (error) {
    obstacle = `no file system can be mounted here: ${(error as Error).message}`;
  }
});

afterAll(() => {
  if (obstacle === undefined) execFileSync('umount', ['-l', disk]);
  rmSync(disk, { recursive: true, force: true });
});

async function start(path: string, max_bytes = 0): Promise<Server> {
  const server = createServer({
    host: '127.0.0.1',
    port: 0,
    domains: { [DOMAIN]: { auth: { register: true }, options: { roster: { max_items: 100_000 } } } },
    storage: { driver: 'level', path, max_bytes },
    c2s: { port: 0, direct_tls_port: null, require_tls: false },
    limits: { rates: false },
    log: new MemoryLog(),
  });
  await server.start();
  return server;
}

const portOf = (server: Server) => Number(server.urls.xmpp?.split(':').at(-1));
const jidOf = (name: string) => `${name}@${DOMAIN}`;

const conditionOf = (answer: Xml | undefined): string | undefined =>
  answer?.child('error')?.children.find(({ name }) => name !== 'text')?.name;

/** Undefined: it was made. */
async function register(server: Server, name: string): Promise<string | undefined> {
  const client = await TcpClient.open(portOf(server), { to: DOMAIN });
  await client.features();
  const query = `<query xmlns='jabber:iq:register'><username>${name}</username><password>secret</password></query>`;
  const answer = await client.exchange(`<iq type='set' id='1'>${query}</iq>`, ({ name }) => name === 'iq');
  client.socket.destroy();
  return conditionOf(answer);
}

/** Romeo, and what he was told that is kept. */
class Keeper {
  readonly contacts = new Set<string>();
  readonly messages = new Set<string>();
  readonly accounts = new Set<string>();
  note: string | undefined;
  #count = 0;

  constructor(
    readonly server: Server,
    readonly client: Resident,
  ) {}

  static async enter(server: Server): Promise<Keeper> {
    const place = { ws: server.urls.websocket, tcp: portOf(server), domain: DOMAIN };
    return new Keeper(server, await Resident.enter('tcp', place, { user: 'romeo', password: 'secret' }));
  }

  /** Each undefined where it was taken. */
  async contact(): Promise<string | undefined> {
    const jid = `c${++this.#count}@elsewhere.test`;
    const item = `<item jid='${jid}' name='${randomBytes(300).toString('hex')}'/>`;
    const refused = conditionOf(await this.client.ask('set', `<query xmlns='jabber:iq:roster'>${item}</query>`));
    if (refused === undefined) this.contacts.add(jid);
    return refused;
  }

  async vcard(): Promise<string | undefined> {
    // Longer each time.
    const note = randomBytes(10_000 + 500 * ++this.#count)
      .toString('hex')
      .slice(0, 120_000);
    const answer = await this.client.ask('set', `<vCard xmlns='vcard-temp'><NOTE>${note}</NOTE></vCard>`);
    if (conditionOf(answer) === undefined) this.note = note;
    return conditionOf(answer);
  }

  async message(): Promise<string | undefined> {
    const id = `m${++this.#count}`;
    const body = `<body>${id} ${randomBytes(2000).toString('hex')}</body>`;
    this.client.say(`<message xmlns='jabber:client' type='chat' id='${id}' to='${jidOf('away')}'>${body}</message>`);
    await this.client.ping();
    const refusal = this.client.heard.find((each) => each.attr('id') === id);
    if (refusal === undefined) this.messages.add(id);
    return conditionOf(refusal);
  }

  async request(): Promise<string | undefined> {
    const to = `s${++this.#count}@elsewhere.test`;
    this.client.say(`<presence xmlns='jabber:client' type='subscribe' to='${to}'/>`);
    await this.client.ping();
    const refusals = this.client.heard.filter((each) => each.attr('type') === 'error' && each.attr('from') === to);
    return refusals.map(conditionOf).find((condition) => condition !== 'remote-server-not-found');
  }

  async account(): Promise<string | undefined> {
    const name = `new${++this.#count}`;
    const refused = await register(this.server, name);
    if (refused === undefined) this.accounts.add(name);
    return refused;
  }

  /** All that was acknowledged is there, here or with another server on the same storage. */
  async check(server: Server): Promise<void> {
    const { client } = await Keeper.enter(server);
    const roster = await client.ask('get', "<query xmlns='jabber:iq:roster'/>");
    const contacts = roster?.child('query')?.children.map((item) => item.attr('jid') ?? '') ?? [];
    expect([...this.contacts].filter((jid) => !contacts.includes(jid))).toEqual([]);
    const vcard = await client.ask('get', "<vCard xmlns='vcard-temp'/>");
    expect(vcard?.child('vCard')?.textOf('NOTE')).toBe(this.note);
    for (const name of this.accounts) expect(await register(server, name), name).toBe('conflict');
    await client.leave();
  }

  /** The messages, which are gone then. */
  async collect(server: Server): Promise<void> {
    const place = { ws: server.urls.websocket, tcp: portOf(server), domain: DOMAIN };
    const away = await Resident.enter('websocket', place, { user: 'away', password: 'secret' });
    away.say("<presence xmlns='jabber:client'/>");
    const ids = () => new Set(away.heard.map((each) => each.attr('id')));
    await away.when(() => [...this.messages].every((id) => ids().has(id)));
    await away.leave();
  }

  /** Until it is refused. */
  async until(ask: () => Promise<string | undefined>, most: number): Promise<string | undefined> {
    for (let i = 0; i < most; i++) {
      const refused = await ask();
      if (refused !== undefined) return refused;
    }
    return undefined;
  }

  async exhaust(most: number): Promise<void> {
    for (const ask of [this.message, this.contact, this.vcard, this.request, this.account]) {
      expect(REFUSED, ask.name).toContain(await this.until(() => ask.call(this), most));
    }
    expect(await this.client.ping()).toBe(true);
  }

  async works(): Promise<void> {
    for (const ask of [this.vcard, this.contact, this.message, this.request, this.account]) {
      expect(await ask.call(this), ask.name).toBeUndefined();
    }
  }
}

async function enroll(server: Server): Promise<Keeper> {
  for (const name of ['romeo', 'away']) expect(await register(server, name)).toBeUndefined();
  const keeper = await Keeper.enter(server);
  await keeper.works();
  return keeper;
}

function fill(file: string): void {
  try {
    writeFileSync(file, Buffer.alloc(12 * MEBIBYTE));
  } catch {
    // As much as there is room for.
  }
}

test('a full disk: each thing is refused as it is, nothing is lost, and with room all goes on', async ({ skip }) => {
  skip(obstacle !== undefined, obstacle);
  const path = join(disk, 'data');
  let server = await start(path);
  const keeper = await enroll(server);
  const ballast = join(disk, 'ballast');
  fill(ballast);
  await keeper.exhaust(200);
  await keeper.check(server);
  rmSync(ballast);
  await keeper.works();
  await server.stop();
  server = await start(path);
  await keeper.check(server);
  await keeper.collect(server);
  await server.stop();
});

/** Adds items, until it is refused or there are so many; the numbers of those that were taken. */
async function archive(store: HistoryStore, from: number, most: number): Promise<number[]> {
  const taken: number[] = [];
  for (let number = from; number < from + most; number++) {
    const item = { at: number, stanza: `${number} ${randomBytes(20_000).toString('hex')}` };
    const added = store.add('romeo', item);
    const both = [added.done, store.add('juliet', item, added).done];
    const [his, hers] = await Promise.allSettled(both);
    expect(hers.status).toBe(his.status);
    if (his.status === 'rejected') {
      expect(['full', 'failed']).toContain(his.reason.condition);
      return taken;
    }
    taken.push(number);
  }
  return taken;
}

async function archived(store: HistoryStore, who: string): Promise<number[]> {
  const { items } = await store.query(who, { limit: 10_000 });
  return items.map(({ stanza }) => Number.parseInt(stanza, 10));
}

test('a disk that gets full as messages are archived: those that were kept are there, and with room more are', async ({
  skip,
}) => {
  skip(obstacle !== undefined, obstacle);
  const path = join(disk, 'archive');
  let driver = await openLevel(path);
  let store = driver.open('h', 'mam', 'history');
  const ballast = join(disk, 'archive-ballast');
  const taken = await archive(store, 0, 5);
  fill(ballast);
  taken.push(...(await archive(store, 100, 1000)));
  expect(taken.length).toBeLessThan(1000);
  expect(await archive(store, 2000, 1)).toEqual([]);
  for (const who of ['romeo', 'juliet']) expect(await archived(store, who)).toEqual(taken);
  rmSync(ballast);
  taken.push(...(await archive(store, 3000, 5)));
  expect(taken.slice(-5)).toEqual([3000, 3001, 3002, 3003, 3004]);
  for (const who of ['romeo', 'juliet']) expect(await archived(store, who)).toEqual(taken);
  await driver.stop();
  driver = await openLevel(path);
  store = driver.open('h', 'mam', 'history');
  for (const who of ['romeo', 'juliet']) expect(await archived(store, who)).toEqual(taken);
  await driver.stop();
  rmSync(path, { recursive: true });
});

test('storage.max_bytes: what is more is refused, what takes no more room is not', async () => {
  const path = mkdtempSync(join(tmpdir(), 'bosh-bytes-'));
  const server = await start(path, 200_000);
  try {
    const keeper = await enroll(server);
    await keeper.exhaust(500);
    await keeper.check(server);
    await keeper.collect(server);
    const empty = "<vCard xmlns='vcard-temp'/>";
    expect((await keeper.client.ask('set', empty))?.attr('type')).toBe('result');
    expect(await keeper.contact()).toBeUndefined();
    expect(await keeper.message()).toBeUndefined();
  } finally {
    await server.stop();
    rmSync(path, { recursive: true, force: true });
  }
});
