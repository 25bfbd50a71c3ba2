// Connections of BOSH clients that go to the worker with their session, between real processes.

import { Agent } from 'node:http';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type Answer, BoshSession, post } from '../support/bosh-client.js';
import { RawHttp } from '../support/http-raw.js';
import { describeWith } from '../support/peers/need.js';
import { type ReverseProxy, startNginx } from '../support/peers/proxies.js';
import { login } from '../support/sasl.js';
import { chat, DOMAIN, Workers } from '../support/workers.js';

const HANDED = 'bosh_handed_over_connections_total';
const FORWARDED = 'bosh_forwarded_requests_total{outcome="taken"}';
const PATH = '/http-bind/';

const agents = new Set<Agent>();
afterEach(() => {
  for (const agent of agents) agent.destroy();
  agents.clear();
});

/** One connection that is kept, as browsers keep them. */
function kept(): Agent {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  agents.add(agent);
  return agent;
}

/** A client that talks to itself over several connections, two requests at a time, and gets new ones all the while. */
class Talker {
  readonly heard: string[] = [];
  #connections: Agent[];
  #turn = 0;

  private constructor(
    readonly session: BoshSession,
    readonly jid: string,
    connections: number,
  ) {
    this.#connections = Array.from({ length: connections }, kept);
  }

  static async enter(url: string, connections: number): Promise<Talker> {
    const session = await BoshSession.create(url, DOMAIN, { wait: 1 });
    return new Talker(session, await login(session, {}), connections);
  }

  /** Over so many messages each of its connections is replaced by another. */
  async talk(messages: number, lifetime = Number.POSITIVE_INFINITY): Promise<void> {
    let earlier: Promise<Answer> | undefined;
    for (let at = 0; at < messages; at++) {
      const sent = this.#send(chat(this.jid, String(at)), lifetime);
      if (earlier !== undefined) this.#hear(await earlier);
      earlier = sent;
    }
    if (earlier !== undefined) this.#hear(await earlier);
    while (this.heard.length < messages) this.#hear(await this.#send('', lifetime));
  }

  #send(payload: string, lifetime: number): Promise<Answer> {
    const at = this.#turn++ % this.#connections.length;
    if (this.#turn % lifetime === 0) this.#connections = this.#connections.map(kept);
    return this.session.send(payload, {}, { agent: this.#connections[at] });
  }

  #hear(answer: Answer): void {
    expect(answer.verdict).toBe('');
    for (const element of answer.children)
      if (element.name === 'message') this.heard.push(element.textOf('body') ?? '');
  }
}

/** What messages are called in their text. */
function namesIn(answer: { readonly text: string } | undefined): readonly string[] {
  if (answer === undefined || answer.text.includes("type='terminate'")) throw new Error(`${answer?.text ?? 'cut'}`);
  return answer.text.match(/\d\.\d(?= x)/g) ?? [];
}

/** How many connections were handed over, as that worker says. */
async function watch(workers: Workers, worker: number): Promise<() => Promise<number>> {
  for (;;) {
    const agent = kept();
    const { sid } = await BoshSession.create(workers.server.bosh, DOMAIN, {}, { agent });
    if (!sid.startsWith(`${worker}-`)) continue;
    return async () => {
      const url = `http://127.0.0.1:${workers.server.port}/metrics`;
      const { text } = await post(url, '', { method: 'GET', agent });
      return Number(new RegExp(`^${HANDED} (\\d+)$`, 'm').exec(text)?.[1]);
    };
  }
}

const numbers = (count: number) => Array.from({ length: count }, (_, at) => String(at));

describe('connections to several workers', () => {
  let workers: Workers;

  beforeAll(async () => {
    workers = await Workers.start(3);
  });
  afterAll(() => workers.stop());

  const count = async (name: string) => (await workers.metrics()).get(name) ?? 0;

  it('that are kept go to their session with their first request, and nothing is forwarded', async () => {
    const talkers = await Promise.all(numbers(4).map(() => Talker.enter(workers.server.bosh, 4)));
    const before = await workers.metrics();
    await Promise.all(talkers.map((talker) => talker.talk(40)));
    const after = await workers.metrics();
    expect(after.get(FORWARDED)).toBe(before.get(FORWARDED));
    const handed = (after.get(HANDED) ?? 0) - (before.get(HANDED) ?? 0);
    expect(handed).toBeGreaterThan(0);
    expect(handed).toBeLessThanOrEqual(16);
    for (const { heard } of talkers) expect(heard).toEqual(numbers(40));
  });

  it('that come and go all the while lose nothing: every message comes once and in order', async () => {
    const before = await count(HANDED);
    const talkers = await Promise.all(numbers(12).map((at) => Talker.enter(workers.server.bosh, 2 + (Number(at) % 3))));
    await Promise.all(talkers.map((talker, at) => talker.talk(100, 3 + at)));
    for (const { heard } of talkers) expect(heard).toEqual(numbers(100));
    expect(await count(HANDED)).toBeGreaterThan(before + 100);
  });

  it('that bring a large body, and requests behind it, bring all of it', async () => {
    const { session, jid } = await Talker.enter(workers.server.bosh, 1);
    const before = await count(HANDED);
    const heard: string[] = [];
    const text = 'x'.repeat(4000);
    for (let at = 0; at < 6; at++) {
      const client = await RawHttp.connect(workers.server.port);
      const payload = numbers(8)
        .map((part) => chat(jid, `${at}.${part} ${text}`))
        .join('');
      const bodies = [payload, chat(jid, `${at}.8 x`)].map((each) => session.text(++session.rid, each));
      const post = (body: string) =>
        `POST ${PATH} HTTP/1.1\r\nHost: a\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
      client.send(bodies.map(post).join(''));
      for (const _ of bodies) heard.push(...namesIn(await client.answer()));
      client.destroy();
    }
    while (heard.length < 6 * 9) heard.push(...namesIn(await session.send()));
    expect(heard).toEqual(numbers(6).flatMap((at) => numbers(9).map((part) => `${at}.${part}`)));
    expect(await count(HANDED)).toBeGreaterThan(before);
  });

  it('that name a worker that is not there stay, and hear so', async () => {
    const before = await count(HANDED);
    const client = await RawHttp.connect(workers.server.port);
    for (let at = 0; at < 2; at++) {
      client.post(PATH, "<body xmlns='http://jabber.org/protocol/httpbind' sid='77-abc' rid='1'/>");
      expect((await client.answer())?.text).toContain("condition='item-not-found'");
    }
    client.destroy();
    expect(await count(HANDED)).toBe(before);
  });
});

describe('when the worker that is to have them', () => {
  it('ends before it has taken them, they end too, and nobody else notices', async () => {
    const workers = await Workers.start(2);
    try {
      const talkers = await Promise.all(numbers(8).map(() => Talker.enter(workers.server.bosh, 2)));
      const of = (worker: number) => talkers.filter(({ session }) => session.sid.startsWith(`${worker}-`));
      expect([of(1).length > 0, of(2).length > 0]).toEqual([true, true]);
      const seen = await watch(workers, 2);
      const clients = await Promise.all(numbers(12).map(() => RawHttp.connect(workers.server.port)));
      const before = await seen();
      process.kill(workers.pid(1), 'SIGSTOP');
      const { session } = of(1)[0];
      for (const client of clients) client.post(PATH, session.text(session.rid + 1));
      while ((await seen()) === before);
      process.kill(workers.pid(1), 'SIGKILL');
      for (const client of clients) expect(await client.answer()).toBeUndefined();
      await workers.tells('worker_started', 3);
      expect((await session.send()).verdict).toBe('terminate item-not-found');
      await Promise.all(of(2).map((talker) => talker.talk(20, 5)));
      for (const { heard } of of(2)) expect(heard).toEqual(numbers(20));
    } finally {
      await workers.stop();
    }
  });

  it('is told to stop, what waits on them is answered', async () => {
    const workers = await Workers.start(2);
    const sessions = await Promise.all(
      numbers(4).map(() => BoshSession.create(workers.server.bosh, DOMAIN, { wait: 30 })),
    );
    const connections = sessions.map(() => [kept(), kept()]);
    for (const [at, session] of sessions.entries())
      for (const agent of connections[at]) expect((await session.send('', { pause: 5 }, { agent })).verdict).toBe('');
    expect((await workers.metrics()).get(HANDED)).toBeGreaterThan(0);
    const waiting = sessions.map((session, at) => session.send('', {}, { agent: connections[at][1] }));
    while ((await workers.metrics()).get('bosh_held_requests') !== sessions.length);
    const stopped = workers.stop();
    for (const answer of await Promise.all(waiting)) {
      expect(answer.verdict).toBe('terminate system-shutdown');
    }
    expect(await stopped).toBe(0);
  });
});

describeWith(['nginx'], 'behind nginx, which keeps connections for all its clients', () => {
  let workers: Workers;
  let proxy: ReverseProxy;

  beforeAll(async () => {
    workers = await Workers.start(2);
    proxy = await startNginx(workers.server.port);
  });
  afterAll(async () => {
    await proxy?.stop();
    await workers?.stop();
  });

  it('connections stay where they are, and what they bring is forwarded', async () => {
    const talkers = await Promise.all(numbers(6).map(() => Talker.enter(proxy.bosh, 2)));
    await Promise.all(talkers.map((talker) => talker.talk(40, 7)));
    for (const { heard } of talkers) expect(heard).toEqual(numbers(40));
    const metrics = await workers.metrics();
    expect([metrics.get(HANDED), (metrics.get(FORWARDED) ?? 0) > 0]).toEqual([0, true]);
  });
});
