// The words of the hall between two processes: here both ends are in one, with a real local socket between them.

import fc from 'fast-check';
import { afterEach, describe, expect, test } from 'vitest';
import { DistantClients } from '../../src/cluster/distant-clients.js';
import { DistantDomains } from '../../src/cluster/distant-domains.js';
import { Wire, type WireLimits } from '../../src/cluster/wire.js';
import type { ClientStream, Ending, StreamEnd } from '../../src/stream/end.js';
import { StreamError } from '../../src/xmpp/errors.js';
import type { StreamHeader } from '../../src/xmpp/header.js';
import { Stanza } from '../../src/xmpp/stanza.js';
import { FakeClient } from '../support/client-stream.js';
import { News } from '../support/news.js';
import { socketPair, turn } from '../support/wires.js';

const HEADER: StreamHeader = { to: 'example.com', version: '1.0', lang: 'en', extra: new Map([['x:y', 'z']]) };
const message = (text: string) =>
  new Stanza(Buffer.from(`<message xmlns='jabber:client'><body>${text}</body></message>`));
const text = (raw: string) => /<body>(.*)<\/body>/s.exec(raw)?.[1] ?? raw;

/** The core's end of one stream. */
class Core implements StreamEnd {
  readonly headers: StreamHeader[] = [];
  readonly heard: string[] = [];
  takes = true;
  drains = 0;
  ending: Ending | undefined;
  onstanza: () => void = () => {};

  constructor(
    readonly client: ClientStream,
    readonly news: News,
  ) {}

  open(header: StreamHeader): void {
    this.headers.push(header);
    this.news.tell();
  }

  stanza(stanza: Stanza): boolean {
    this.onstanza();
    this.heard.push(text(stanza.raw.toString()));
    this.news.tell();
    return this.takes;
  }

  drain(): void {
    this.drains++;
    this.news.tell();
  }

  close(ending: Ending): void {
    if (this.ending !== undefined) throw new Error('closed twice');
    this.ending = ending;
    this.news.tell();
  }

  get undelivered(): readonly string[] | undefined {
    return this.ending?.undelivered?.map(({ raw }) => text(raw.toString()));
  }
}

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const clean of cleanups.splice(0)) clean();
});

/** A process with clients, and one with a core. */
async function house(limits?: WireLimits) {
  const [one, other] = await socketPair();
  const news = new News();
  const streams: Core[] = [];
  const failures: unknown[] = [];
  const counted: [string, number][][] = [[], []];
  const lost: (Error | undefined)[] = [];
  const failed = (error: unknown) => failures.push(error);
  const clients = new DistantClients(7, {
    upstream: {
      attach(client, header) {
        const core = new Core(client, news);
        core.headers.push(header);
        streams.push(core);
        news.tell();
        return core;
      },
      stop: async () => {},
    },
    counted: (party, by) => void counted[0].push([party, by]),
    failed,
    lost: (error) => {
      lost.push(error);
      news.tell();
    },
  });
  const home = new Wire(other, clients, turn, limits);
  clients.use(home);
  const domains = new DistantDomains(
    { 'example.com': {} },
    { counted: (party, by) => void counted[1].push([party, by]), failed },
  );
  const edge = new Wire(one, domains, turn, limits);
  domains.use(edge);
  cleanups.push(
    () => edge.cut(),
    () => home.cut(),
  );
  const attach = async (client = new FakeClient()) => {
    const server = domains.attach(client, HEADER);
    const before = streams.length;
    await news.when(() => streams.length > before);
    return { client, server, core: streams[streams.length - 1] };
  };
  return { attach, domains, clients, edge, home, news, failures, counted, lost, streams, sockets: { one, other } };
}

describe('a client comes', () => {
  test('with its header and all that upstreams may know of it', async () => {
    const { attach } = await house();
    const client = Object.assign(new FakeClient(), {
      route: 'xmpp:example.com:5222',
      tls: {
        version: 'TLSv1.3',
        exporter: () => Buffer.from('exported'),
        endpoint: () => Buffer.from('certified'),
        certificate: { fingerprint: 'abc', addresses: ['romeo@example.com'] },
      },
    });
    const { core } = await attach(client);
    const { name, transport, remoteAddress, remotePort, secure, route, tls } = core.client;
    expect([name, transport, remoteAddress, remotePort, secure, route]).toEqual([
      'test-client@7',
      'websocket',
      '198.51.100.7',
      40000,
      true,
      'xmpp:example.com:5222',
    ]);
    expect([tls?.version, tls?.exporter()?.toString(), tls?.endpoint?.()?.toString()]).toEqual([
      'TLSv1.3',
      'exported',
      'certified',
    ]);
    expect(tls?.certificate).toEqual({ fingerprint: 'abc', addresses: ['romeo@example.com'] });
    expect(core.headers).toEqual([HEADER]);
  });

  test('what it is asked through getters crosses too', async () => {
    const { attach } = await house();
    class Getters extends FakeClient {}
    Object.defineProperty(Getters.prototype, 'secure', { get: () => true });
    Object.defineProperty(Getters.prototype, 'remoteAddress', { get: () => '192.0.2.9' });
    const client = new Getters();
    Reflect.deleteProperty(client, 'secure');
    Reflect.deleteProperty(client, 'remoteAddress');
    const { core } = await attach(client);
    expect([core.client.secure, core.client.remoteAddress, core.client.tls]).toEqual([true, '192.0.2.9', undefined]);
  });

  test('for a domain that is served, by any of its names', async () => {
    const { domains } = await house();
    domains.reload({ 'bücher.example': {}, 'example.org': {} });
    expect([...domains.keys()]).toEqual(['bücher.example', 'example.org']);
    const served = ['xn--bcher-kva.example', 'bücher.example', 'EXAMPLE.org', 'example.com', '', '\u0000'].map(
      (domain) => domains.get(domain) !== undefined,
    );
    expect(served).toEqual([true, true, true, false, false, false]);
  });
});

test('stanzas and headers cross in their order, both ways', async () => {
  const { attach, news } = await house();
  const { client, server, core } = await attach();
  for (let at = 0; at < 100; at++) expect(server.stanza(message(`up ${at}`))).toBe(true);
  server.open({ to: 'example.com', from: 'romeo@example.com' });
  core.client.open({ from: 'example.com', id: 'x' });
  for (let at = 0; at < 100; at++) expect(core.client.stanza(message(`down ${at}`))).toBe(true);
  await Promise.all([news.when(() => core.headers.length === 2), client.when(() => client.stanzas.length === 100)]);
  expect(core.heard).toEqual(Array.from({ length: 100 }, (_, at) => `up ${at}`));
  expect(core.headers[1]).toEqual({ to: 'example.com', from: 'romeo@example.com' });
  expect(client.headers).toEqual([{ from: 'example.com', id: 'x' }]);
  expect(client.stanzas.map(text)).toEqual(Array.from({ length: 100 }, (_, at) => `down ${at}`));
});

describe('whoever has enough', () => {
  test('a core: the client is asked to wait from its next stanza on, and goes on when told; others are not concerned', async () => {
    const { attach, news } = await house();
    const { client, server, core } = await attach();
    const other = await attach();
    core.takes = false;
    server.stanza(message('too much'));
    await news.when(() => core.heard.length === 1);
    other.server.stanza(message('x'));
    await news.when(() => other.core.heard.length === 1);
    // What says so has come back by then: it is on the same wire.
    other.core.client.stanza(message('y'));
    await other.client.when(() => other.client.stanzas.length === 1);
    expect(server.stanza(message('even more'))).toBe(false);
    expect(other.server.stanza(message('x'))).toBe(true);
    await news.when(() => core.heard.length === 2);
    expect(client.drained).toBe(0);
    core.takes = true;
    core.client.drain();
    await client.when(() => client.drained === 1);
    expect(server.stanza(message('again'))).toBe(true);
    expect(other.client.drained).toBe(0);
  });

  test('a client: the core is', async () => {
    const { attach, news } = await house();
    const { client, server, core } = await attach(new FakeClient({ takes: false }));
    core.client.stanza(message('too much'));
    await client.when(() => client.stanzas.length === 1);
    server.stanza(message('x'));
    await news.when(() => core.heard.length === 1);
    expect(core.client.stanza(message('even more'))).toBe(false);
    client.takes = true;
    server.drain();
    await news.when(() => core.drains === 1);
    expect(core.client.stanza(message('again'))).toBe(true);
  });

  test('the other process: all of its streams are, those that asked are told, and nothing is lost', async () => {
    const { attach, news, sockets } = await house({ soft: 50_000, hard: 100_000_000 });
    const [one, two] = [await attach(), await attach()];
    sockets.other.pause();
    const long = 'x'.repeat(10_000);
    let sent = 0;
    do await new Promise(setImmediate);
    while (one.server.stanza(message(`${sent++} ${long}`)));
    expect(two.server.stanza(message('short'))).toBe(false);
    sockets.other.resume();
    await Promise.all([
      one.client.when(() => one.client.drained === 1),
      two.client.when(() => two.client.drained === 1),
    ]);
    await news.when(() => one.core.heard.length === sent && two.core.heard.length === 1);
    expect(one.core.heard.map((each) => Number(each.split(' ')[0]))).toEqual(
      Array.from({ length: sent }, (_, at) => at),
    );
  });
});

describe('a client that leaves', () => {
  test.each(['closed', 'lost'] as const)('is %s at the core too, with the reason', async (how) => {
    const { attach, news } = await house();
    const { server, core } = await attach();
    server.stanza(message('last'));
    server.close({ how, error: new StreamError('policy-violation', 'why') });
    await news.when(() => core.ending !== undefined);
    expect(core.heard).toEqual(['last']);
    expect(core.ending).toMatchObject({ how, undelivered: [] });
    expect([core.ending?.error?.condition, core.ending?.error?.text]).toEqual(['policy-violation', 'why']);
  });

  test('what it had not got, and what was on its way to it, is undelivered, oldest first', async () => {
    const { attach, news } = await house();
    const { client, server, core } = await attach();
    core.client.stanza(message('1'));
    core.client.stanza(message('2'));
    await client.when(() => client.stanzas.length === 2);
    core.client.stanza(message('3'));
    server.close({ how: 'lost', undelivered: [message('2')] });
    core.client.stanza(message('4'));
    await news.when(() => core.ending !== undefined);
    expect(core.undelivered).toEqual(['2', '3', '4']);
    expect(client.stanzas).toHaveLength(2);
  });

  test('whenever it leaves, every stanza reached it or is undelivered, in order', async () => {
    const step = fc.constantFrom('send', 'turn', 'leave');
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
        const { attach, news, edge, home } = await house();
        const { client, server, core } = await attach();
        let sent = 0;
        let left = false;
        for (const each of [...steps, 'leave' as const]) {
          if (each === 'send') core.client.stanza(message(String(sent++)));
          else if (each === 'turn') await new Promise(setImmediate);
          else if (!left) server.close({ how: 'lost' });
          left ||= each === 'leave';
        }
        await news.when(() => core.ending !== undefined);
        const all = [...client.stanzas.map(text), ...(core.undelivered ?? [])];
        // What the core says after it heard of the end is said to nobody.
        expect(all).toEqual(Array.from({ length: all.length }, (_, at) => String(at)));
        expect(core.client.stanza(message('late'))).toBe(true);
        edge.cut();
        home.cut();
      }),
      { numRuns: 30 },
    );
  });

  test('and a core that ends it at the same time: both are done, once', async () => {
    const { attach, news, domains, clients } = await house();
    const { client, server, core } = await attach();
    core.client.close({ how: 'closed' });
    server.close({ how: 'closed' });
    const other = await attach();
    other.server.stanza(message('x'));
    await news.when(() => other.core.heard.length === 1);
    other.core.client.stanza(message('y'));
    await other.client.when(() => other.client.stanzas.length === 1);
    expect([client.closes, core.ending]).toEqual([0, undefined]);
    expect([domains.size, clients.size]).toEqual([1, 1]);
  });
});

test('a core that ends a stream tells the client why, with the element of its error', async () => {
  const { attach, domains, clients } = await house();
  const { client, core } = await attach();
  const element = new Stanza(Buffer.from("<error xmlns='http://etherx.jabber.org/streams'/>"));
  core.client.close({
    how: 'closed',
    error: new StreamError('see-other-host', 'go', { location: 'b.example', element }),
  });
  const { how, error } = await client.closed();
  expect([how, error?.condition, error?.text, error?.location]).toEqual([
    'closed',
    'see-other-host',
    'go',
    'b.example',
  ]);
  expect(error?.element?.raw.toString()).toBe(element.raw.toString());
  expect([domains.size, clients.size]).toEqual([0, 0]);
});

describe('reached', () => {
  test('is told for what was sent before, when the client has it', async () => {
    const { attach, news } = await house();
    const client = new FakeClient();
    client.reaches = false;
    const { core } = await attach(client);
    const told: number[] = [];
    core.client.stanza(message('1'));
    core.client.reached(() => {
      told.push(client.stanzas.length);
      news.tell();
    });
    await client.when(() => client.stanzas.length === 1);
    core.client.stanza(message('2'));
    await client.when(() => client.stanzas.length === 2);
    expect(told).toEqual([]);
    for (const owed of client.owed.splice(0)) owed();
    await news.when(() => told.length === 1);
  });

  test('is not told when the client has left before', async () => {
    const { attach, news } = await house();
    const client = new FakeClient();
    client.reaches = false;
    const { core, server } = await attach(client);
    let told = false;
    core.client.stanza(message('1'));
    core.client.reached(() => {
      told = true;
    });
    await client.when(() => client.owed.length === 1);
    server.close({ how: 'lost', undelivered: [message('1')] });
    for (const owed of client.owed) owed();
    await news.when(() => core.ending !== undefined);
    expect([told, core.undelivered]).toEqual([false, ['1']]);
  });
});

describe('a process that is gone', () => {
  test('the one with the clients: they are lost, so that they can come back, and nothing more is sent', async () => {
    const { attach, news, sockets, lost } = await house();
    const [one, two] = [await attach(), await attach()];
    sockets.one.destroy();
    await news.when(() => lost.length === 1 && one.core.ending !== undefined && two.core.ending !== undefined);
    expect([one.core.ending?.how, two.core.ending?.how]).toEqual(['lost', 'lost']);
    expect(one.core.client.stanza(message('x'))).toBe(true);
    one.core.client.close({ how: 'closed' });
  });

  test('the one with the core: its clients are told, and new ones are refused', async () => {
    const { attach, domains, sockets } = await house();
    const { client, server } = await attach();
    sockets.other.destroy();
    expect((await client.closed()).error?.condition).toBe('internal-server-error');
    expect(server.stanza(message('x'))).toBe(true);
    const late = new FakeClient();
    domains.attach(late, HEADER);
    expect((await late.closed()).error?.condition).toBe('system-shutdown');
  });
});

test('a core that throws costs the one stream', async () => {
  const { attach, news, failures, lost } = await house();
  const [one, two] = [await attach(), await attach()];
  one.core.onstanza = () => {
    throw new Error('a bug');
  };
  one.server.stanza(message('x'));
  two.server.stanza(message('x'));
  expect((await one.client.closed()).error?.condition).toBe('internal-server-error');
  await news.when(() => two.core.heard.length === 1);
  expect(failures).toEqual([new Error('a bug')]);
  expect(one.core.ending?.error?.condition).toBe('internal-server-error');
  expect(lost).toEqual([]);
});

test('frames about streams that are not there, or of no kind, change nothing', async () => {
  const { attach, edge, home, news, failures, lost } = await house();
  const { server, core, client } = await attach();
  for (let kind = 0; kind < 20; kind++) {
    if (kind !== 12 && kind !== 13) edge.send(kind, 4711, Buffer.from(kind === 1 ? 'no json' : 'x'));
    if (kind !== 12 && kind !== 13) home.send(kind, 4711, Buffer.from('x'));
  }
  server.stanza(message('x'));
  await news.when(() => core.heard.length === 1);
  core.client.stanza(message('y'));
  await client.when(() => client.stanzas.length === 1);
  expect(failures).toEqual([expect.any(SyntaxError)]);
  expect(lost).toEqual([]);
});

test('who comes and goes is told to the other side, for what is counted by address', async () => {
  const { domains, attach, counted, edge, home } = await house();
  domains.counted('192.0.2.1', 1);
  domains.counted('192.0.2.1', -1);
  home.send(12, 3, Buffer.from('192.0.2.2'));
  home.send(13, 2, Buffer.from('192.0.2.2'));
  edge.flush();
  home.flush();
  const { core, client } = await attach();
  core.client.stanza(message('y'));
  await client.when(() => client.stanzas.length === 1);
  expect(counted).toEqual([
    [
      ['192.0.2.1', 1],
      ['192.0.2.1', -1],
    ],
    [
      ['192.0.2.2', 3],
      ['192.0.2.2', -2],
    ],
  ]);
});
