// A server of several processes from outside: clients over every transport, on whichever worker took their connection.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BoshSession } from '../support/bosh-client.js';
import { Resident } from '../support/resident.js';
import { authenticate, login } from '../support/sasl.js';
import { TcpClient } from '../support/tcp-client.js';
import { chat, DOMAIN, Workers } from '../support/workers.js';
import type { Xml } from '../support/xml.js';

const ROUNDS = 25;

interface Heard {
  readonly from: string;
  readonly text: string;
}

/** Says things, and hears what others say. */
interface Party {
  readonly jid: string;
  say(...stanzas: string[]): Promise<unknown>;
  /** What it hears, once it is so much. */
  hear(count: number): Promise<readonly Heard[]>;
}

const isMessage = ({ name }: Xml) => name === 'message';
const heardIn = (element: Xml): Heard => ({
  from: element.attr('from') ?? '',
  text: element.textOf('body') ?? '',
});

async function overBosh(workers: Workers): Promise<Party> {
  const session = await BoshSession.create(workers.server.bosh, DOMAIN, { wait: 1 });
  const jid = await login(session, {});
  const heard: Heard[] = [];
  const take = (elements: readonly Xml[]) => heard.push(...elements.filter(isMessage).map(heardIn));
  return {
    jid,
    async say(...stanzas) {
      take((await session.send(stanzas.join(''))).children);
    },
    async hear(count) {
      while (heard.length < count) take((await session.send()).children);
      return heard;
    },
  };
}

async function over(way: 'tcp' | 'websocket', workers: Workers): Promise<Party & { readonly resident: Resident }> {
  const resident = await Resident.enter(way, workers.place, { mechanism: 'ANONYMOUS' });
  return {
    resident,
    jid: resident.address,
    async say(...stanzas) {
      for (const stanza of stanzas) resident.say(stanza);
    },
    async hear(count) {
      await resident.when(() => resident.heard.length >= count);
      return resident.heard.map(heardIn);
    },
  };
}

describe('several workers', () => {
  let workers: Workers;

  beforeAll(async () => {
    workers = await Workers.start(2);
  });
  afterAll(() => workers.stop());

  it('clients of all transports talk across them, and each hears each in the order in which it spoke', async () => {
    const three = <T>(make: () => Promise<T>) => Promise.all([make(), make(), make()]);
    // Connections are dealt out in turn: those of one transport behind each other are at both workers.
    const parties = [
      ...(await three(() => over('websocket', workers))),
      ...(await three(() => over('tcp', workers))),
      ...(await three(() => overBosh(workers))),
    ];
    for (const transport of ['bosh', 'websocket', 'tcp'])
      expect(new Set(workers.carriers(transport)).size, transport).toBe(2);
    const others = (party: Party) => parties.filter((each) => each !== party);
    const speak = async (party: Party) => {
      for (let round = 0; round < ROUNDS; round++)
        await party.say(...others(party).map(({ jid }) => chat(jid, String(round))));
    };
    const expected = Array.from({ length: ROUNDS }, (_, round) => String(round));
    const listen = async (party: Party) => {
      const heard = await party.hear(ROUNDS * (parties.length - 1));
      for (const { jid } of others(party))
        expect(heard.filter(({ from }) => from === jid).map(({ text }) => text)).toEqual(expected);
    };
    await Promise.all(parties.map(speak));
    await Promise.all(parties.map(listen));
  });

  it('a session over BOSH goes on over connections to all of them', async () => {
    const session = await BoshSession.create(workers.server.bosh, DOMAIN, { wait: 1 });
    const jid = await login(session, {});
    const before = await workers.metrics();
    for (let at = 0; at < 10; at++) await session.exchange(chat(jid, `line ${at}`), isMessage);
    const forwarded = 'bosh_forwarded_requests_total{outcome="taken"}';
    expect((await workers.metrics()).get(forwarded)).toBeGreaterThan(before.get(forwarded) ?? 0);
    expect((await session.terminate()).verdict).toBe('terminate');
  });

  it('a sid of a worker that is not there, or of none, is not found', async () => {
    const session = await BoshSession.create(workers.server.bosh, DOMAIN, { wait: 1 });
    const rest = session.sid.slice(session.sid.indexOf('-'));
    const other = session.sid.startsWith('1-') ? '2' : '1';
    const strange = ['77-abc', '9999999-abc', '00000000000001-abc', 'abc', '-abc', '0-abc', '1e0-abc', '../1-abc'];
    for (const sid of [...strange, other + rest])
      expect((await session.at(session.rid + 1, '', { sid })).verdict, sid).toBe('terminate item-not-found');
    expect((await session.send()).verdict).toBe('');
  });

  it('a body that is no XML, or too large, ends its session, whichever worker reads it', async () => {
    const wrong = ['<not-closed>', chat(DOMAIN, 'x'.repeat(150_000))];
    for (const payload of [...wrong, ...wrong, ...wrong]) {
      const session = await BoshSession.create(workers.server.bosh, DOMAIN);
      const condition = payload === wrong[0] ? 'bad-request' : 'policy-violation';
      expect((await session.send(payload)).verdict).toBe(`terminate ${condition}`);
      expect((await session.send()).verdict).toMatch(/^terminate /);
    }
  });

  it('the metrics are those of all, wherever they are asked for', async () => {
    const parties = await Promise.all([over('websocket', workers), over('websocket', workers)]);
    const series = await Promise.all(Array.from({ length: 4 }, () => workers.metrics()));
    const open = 'bosh_sessions{transport="websocket",state="open"}';
    expect(new Set(series.map((each) => each.get(open))).size).toBe(1);
    expect(series[0].get('bosh_ws_connections')).toBeGreaterThanOrEqual(2);
    expect(series[0].get('bosh_workers')).toBe(2);
    expect(series[0].get(`bosh_core_sessions{host="${DOMAIN}"}`)).toBeGreaterThanOrEqual(2);
    expect([...series[0].keys()].filter((name) => name.startsWith('bosh_build_info'))).toHaveLength(1);
    await Promise.all(parties.map(({ resident }) => resident.leave()));
  });

  it('so is the status page', async () => {
    const parties = await Promise.all(Array.from({ length: 4 }, () => over('websocket', workers)));
    const page = async () => (await fetch(`http://127.0.0.1:${workers.server.port}/status`)).text();
    const count = (text: string) => Number(/WebSocket connections<[^>]*><[^>]*>(\d+)/.exec(text)?.[1]);
    const [one, two] = (await Promise.all([page(), page()])).map(count);
    expect(one).toBeGreaterThanOrEqual(4);
    expect(two).toBe(one);
    await Promise.all(parties.map(({ resident }) => resident.leave()));
  });
});

describe('a worker that is killed', () => {
  let workers: Workers;

  beforeAll(async () => {
    workers = await Workers.start(2);
  });
  afterAll(() => workers.stop());

  it('takes with it what it carried and nothing else, and is replaced', async () => {
    const sockets = await Promise.all(Array.from({ length: 6 }, () => over('websocket', workers)));
    const create = () => BoshSession.create(workers.server.bosh, DOMAIN, { wait: 10 });
    const sessions = await Promise.all(Array.from({ length: 6 }, create));
    const of = (worker: number) => sessions.filter(({ sid }) => sid.startsWith(`${worker}-`));
    expect([of(1).length > 0, of(2).length > 0]).toEqual([true, true]);
    // Some are held there, some are forwarded there, some are on their way.
    const requests = of(1).flatMap((session) => [session.send(), session.send()]);
    const answers = requests.map((request) => request.then(({ verdict }) => verdict).catch(() => 'cut'));
    process.kill(workers.pid(1), 'SIGKILL');
    const usual = /^(cut||terminate (item-not-found|other-request|policy-violation))$/;
    for (const verdict of await Promise.all(answers)) expect(verdict).toMatch(usual);
    await workers.tells('worker_started', 3);
    expect(workers.told('worker_lost')).toMatchObject([{ worker: 1, signal: 'SIGKILL' }]);
    for (const session of of(1)) expect((await session.send()).verdict).toBe('terminate item-not-found');
    for (const session of of(2)) expect((await session.send('', { pause: 3 })).verdict).toBe('');
    const left = sockets.filter(({ resident }) => !resident.gone);
    expect([left.length > 0, left.length < sockets.length]).toEqual([true, true]);
    for (const { resident } of left) expect(await resident.ping()).toBe(true);
    expect((await create()).sid).toMatch(/^[23]-/);
    expect((await workers.metrics()).get('bosh_workers')).toBe(2);
  });
});

describe('a client of a worker that is killed', () => {
  const MESSAGES = 40;
  let workers: Workers;

  beforeAll(async () => {
    workers = await Workers.start(2);
    await workers.register('romeo', 'secret');
  });
  afterAll(() => workers.stop());

  it('resumes its session at another, and has all that it was sent, once (XEP-0198)', async () => {
    const speaker = await over('websocket', workers);
    const clients: Managed[] = [];
    for (let at = 0; at < 4; at++) clients.push(await Managed.enter(workers));
    const own = workers.carriers('websocket').at(-1);
    const carriers = workers.carriers('tcp');
    const victim = carriers.find((worker) => worker !== own);
    const say = (from: number, to: number) => {
      for (let at = from; at < to; at++) for (const { jid } of clients) speaker.resident.say(chat(jid, String(at)));
    };
    say(0, MESSAGES / 2);
    process.kill(workers.pid(Number(victim)), 'SIGKILL');
    say(MESSAGES / 2, MESSAGES);
    expect(await speaker.resident.ping()).toBe(true);
    const lost = clients.filter((_, at) => carriers[at] === victim);
    expect([lost.length > 0, lost.length < clients.length]).toEqual([true, true]);
    for (const client of lost) await client.resume();
    const expected = Array.from({ length: MESSAGES }, (_, at) => String(at));
    for (const client of clients) expect(await client.hear(MESSAGES)).toEqual(expected);
  });
});

const SM = 'urn:xmpp:sm:3';
const ROMEO = { user: 'romeo', password: 'secret' };

/** A client over TCP that counts what it hears. */
class Managed {
  readonly #texts: string[] = [];
  #client: TcpClient;

  private constructor(
    client: TcpClient,
    readonly workers: Workers,
    readonly jid: string,
    readonly id: string,
  ) {
    this.#client = client;
  }

  static async enter(workers: Workers): Promise<Managed> {
    const client = await TcpClient.open(workers.tcp, { to: DOMAIN });
    const jid = await login(client, ROMEO);
    const enabled = await client.exchange(`<enable xmlns='${SM}' resume='true'/>`, ({ name }) => name === 'enabled');
    return new Managed(client, workers, jid, enabled.attr('id') ?? '');
  }

  /** The texts that it heard, once they are so many. */
  async hear(count: number): Promise<readonly string[]> {
    while (this.#texts.length < count) await this.#next();
    return this.#texts;
  }

  /** Comes back, once its connection has ended. */
  async resume(): Promise<void> {
    await this.#client.end();
    while (this.#client.inbox.items.some(isMessage)) await this.#next();
    this.#client = await TcpClient.open(this.workers.tcp, { to: DOMAIN });
    await authenticate(this.#client, ROMEO, await this.#client.features());
    await this.#client.restart();
    const resume = `<resume xmlns='${SM}' previd='${this.id}' h='${this.#texts.length}'/>`;
    const { name } = await this.#client.exchange(resume, ({ ns, name: each }) => ns === SM && each !== 'r');
    if (name !== 'resumed') throw new Error(name);
  }

  async #next(): Promise<void> {
    const message = await this.#client.inbox.take(isMessage, 'a message');
    this.#texts.push(message.textOf('body') ?? '');
  }
}
