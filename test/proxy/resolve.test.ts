import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { parseServer } from '../../src/proxy/dns.js';
import { order, Resolver } from '../../src/proxy/resolve.js';
import { Unreachable } from '../../src/proxy/unreachable.js';
import { a, aaaa, cname, DnsServer, type Misbehaviour, srv } from '../support/dns.js';

let dns: DnsServer;
let now = 0;
beforeEach(async () => {
  now = 0;
  dns = await DnsServer.start();
});
afterEach(() => dns.close());

const resolver = (timeout = 0.4, servers = [dns.address]) => new Resolver({ servers, timeout }, undefined, () => now);
const asked = (type: string) => dns.questions.filter((question) => question.type === type).map(({ name }) => name);
const reason = (work: Promise<unknown>) =>
  work.then(
    () => 'resolved',
    (error: unknown) => (error instanceof Unreachable ? error.reason : String(error)),
  );

const CLIENT = '_xmpp-client._tcp.example.test';
const CLIENTS = '_xmpps-client._tcp.example.test';

describe('RFC 6120 3.2.1 and XEP-0368: services of a domain', () => {
  test('both services are one set, in the order of priority', async () => {
    dns.records = [
      srv(CLIENT, 'b.example.test', 5222, 20),
      srv(CLIENTS, 'a.example.test', 5223, 10),
      srv(CLIENT, 'c.example.test', 5222, 30),
    ];
    expect(await resolver().services('example.test')).toEqual([
      { host: 'a.example.test', port: 5223, direct: true },
      { host: 'b.example.test', port: 5222, direct: false },
      { host: 'c.example.test', port: 5222, direct: false },
    ]);
  });

  test('without records it is the domain itself on 5222', async () => {
    expect(await resolver().services('example.test')).toEqual([{ host: 'example.test', port: 5222, direct: false }]);
  });

  test('a target "." refuses this service and leaves the other', async () => {
    dns.records = [srv(CLIENT, '.', 0), srv(CLIENTS, 'a.example.test', 443)];
    expect(await resolver().services('example.test')).toEqual([{ host: 'a.example.test', port: 443, direct: true }]);
  });

  test('after a target "." there is no fallback to the addresses of the domain', async () => {
    dns.records = [srv(CLIENT, '.', 0)];
    expect(await reason(resolver().services('example.test'))).toBe('service_refused');
  });

  test('ports of other well-known services and targets that are no names are not used', async () => {
    dns.records = [
      srv(CLIENT, 'a.example.test', 22),
      srv(CLIENT, 'a.example.test', 25),
      srv(CLIENT, '10.0.0.1 ', 5222),
    ];
    expect(await reason(resolver().services('example.test'))).toBe('service_refused');
  });

  test('when one service is not answered for, the other is used', async () => {
    dns.records = [srv(CLIENT, 'a.example.test', 5222)];
    dns.misbehave = ({ name }) => (name === CLIENTS ? { kind: 'rcode', code: 2 } : undefined);
    expect(await resolver().services('example.test')).toHaveLength(1);
  });
});

describe('RFC 2782: order', () => {
  const records = fc.array(
    fc.record({
      priority: fc.integer({ min: 0, max: 3 }),
      weight: fc.integer({ min: 0, max: 65535 }),
      port: fc.constant(5222),
      target: fc.uuid(),
      direct: fc.boolean(),
    }),
    { maxLength: 12 },
  );

  test('every target comes once, and lower priorities first', () => {
    fc.assert(
      fc.property(records, (offered) => {
        const priority = new Map(offered.map((record) => [record.target, record.priority]));
        const ordered = order(offered).map(({ host }) => host);
        expect([...ordered].sort()).toEqual(offered.map(({ target }) => target).sort());
        const priorities = ordered.map((host) => priority.get(host) ?? -1);
        expect(priorities).toEqual([...priorities].sort((x, y) => x - y));
      }),
    );
  });

  test('within a priority the lot falls by weight', () => {
    const record = (target: string, weight: number) => ({ priority: 1, weight, port: 5222, target, direct: false });
    const offered = [record('light', 10), record('heavy', 90), record('none', 0)];
    const first = { light: 0, heavy: 0, none: 0 };
    for (let i = 0; i < 2000; i++) first[order(offered)[0].host as keyof typeof first]++;
    expect(first.heavy).toBeGreaterThan(1650);
    expect(first.light).toBeGreaterThan(100);
    expect(first.none).toBeLessThan(80);
  });

  test('a weight of 0 is chosen when the lot is 0', () => {
    const record = (target: string, weight: number) => ({ priority: 1, weight, port: 5222, target, direct: false });
    expect(order([record('heavy', 90), record('none', 0)], () => 0).map(({ host }) => host)).toEqual(['none', 'heavy']);
  });
});

describe('addresses', () => {
  test('both families are found', async () => {
    dns.records = [a('x.example.test', '192.0.2.1'), aaaa('x.example.test', '2001:db8::1')];
    expect([...(await resolver().addresses('x.example.test'))].sort()).toEqual(['192.0.2.1', '2001:db8::1']);
  });

  test('a name that does not exist is nxdomain', async () => {
    expect(await reason(resolver().addresses('none.example.test'))).toBe('nxdomain');
  });

  test('aliases are followed, also in a circle', async () => {
    dns.records = [cname('x.example.test', 'y.example.test'), a('y.example.test', '192.0.2.2')];
    expect(await resolver().addresses('x.example.test')).toEqual(['192.0.2.2']);
    dns.records = [cname('p.example.test', 'q.example.test'), cname('q.example.test', 'p.example.test')];
    expect(await reason(resolver().addresses('p.example.test'))).toBe('nxdomain');
  });

  test('records of other names that come along are not believed', async () => {
    dns.records = [cname('x.example.test', 'y.example.test'), a('y.example.test', '192.0.2.2')];
    const forged: Misbehaviour = { kind: 'forge', forge: 'garbage', records: [] };
    dns.misbehave = () => forged;
    expect(await resolver().addresses('y.example.test')).toEqual(['192.0.2.2']);
  });

  test('many records are bounded', async () => {
    dns.records = Array.from({ length: 200 }, (_, i) => a('x.example.test', `192.0.2.${i}`));
    dns.misbehave = ({ over }) => (over === 'udp' ? { kind: 'truncate' } : undefined);
    expect((await resolver().addresses('x.example.test')).length).toBe(64);
  });
});

describe('a DNS that misbehaves', () => {
  const truth = [a('x.example.test', '192.0.2.1')];
  const lie = [a('x.example.test', '203.0.113.66')];

  for (const forge of ['id', 'question', 'qr', 'garbage', 'source'] as const) {
    test(`an answer with a wrong ${forge} is not believed, and the right one after it is`, async () => {
      dns.records = truth;
      dns.misbehave = () => ({ kind: 'forge', forge, records: lie });
      expect(await resolver().addresses('x.example.test')).toEqual(['192.0.2.1']);
    });
  }

  test('a truncated answer is asked for again over TCP', async () => {
    dns.records = truth;
    dns.misbehave = ({ over }) => (over === 'udp' ? { kind: 'truncate' } : undefined);
    expect(await resolver().addresses('x.example.test')).toEqual(['192.0.2.1']);
    expect(dns.questions.some(({ over }) => over === 'tcp')).toBe(true);
  });

  test('a TCP server that accepts and is silent is given up in time', async () => {
    dns.misbehave = ({ over }) => (over === 'udp' ? { kind: 'truncate' } : { kind: 'drop' });
    expect(await reason(resolver(0.2).addresses('x.example.test'))).toBe('timeout');
  });

  test('silence is a timeout within the budget', async () => {
    dns.misbehave = () => ({ kind: 'drop' });
    const begun = performance.now();
    expect(await reason(resolver(0.2).addresses('x.example.test'))).toBe('timeout');
    expect(performance.now() - begun).toBeLessThan(1000);
  });

  test('a lost packet is asked for again', async () => {
    dns.records = truth;
    const seen = new Set<string>();
    dns.misbehave = ({ type }) => {
      if (seen.has(type)) return undefined;
      seen.add(type);
      return { kind: 'drop' };
    };
    expect(await resolver().addresses('x.example.test')).toEqual(['192.0.2.1']);
  });

  for (const [name, code] of [
    ['SERVFAIL', 2],
    ['REFUSED', 5],
    ['FORMERR', 1],
  ] as const) {
    test(`${name} is a failure of the DNS, not of the name`, async () => {
      dns.misbehave = () => ({ kind: 'rcode', code });
      expect(await reason(resolver().addresses('x.example.test'))).toBe('dns');
    });
  }

  test('a second server is asked when the first is not there', async () => {
    dns.records = truth;
    expect(await resolver(1, ['127.0.0.1:9', dns.address]).addresses('x.example.test')).toEqual(['192.0.2.1']);
  });
});

describe('the cache', () => {
  test('an answer is kept for its time to live', async () => {
    dns.records = [a('x.example.test', '192.0.2.1', 60)];
    const one = resolver();
    await one.addresses('x.example.test');
    now = 59;
    await one.addresses('x.example.test');
    expect(asked('A')).toHaveLength(1);
    now = 61;
    await one.addresses('x.example.test');
    expect(asked('A')).toHaveLength(2);
  });

  test('the longest time to live that is believed is an hour', async () => {
    dns.records = [a('x.example.test', '192.0.2.1', 1e9)];
    const one = resolver();
    await one.addresses('x.example.test');
    now = 3601;
    await one.addresses('x.example.test');
    expect(asked('A')).toHaveLength(2);
  });

  test('many who ask at once cost one question', async () => {
    dns.records = [a('x.example.test', '192.0.2.1', 0)];
    const one = resolver();
    await Promise.all(Array.from({ length: 20 }, () => one.addresses('x.example.test')));
    expect(asked('A')).toHaveLength(1);
  });
});

test('servers are said with and without a port, in both families', () => {
  expect(parseServer('192.0.2.1')).toEqual({ address: '192.0.2.1', port: 53 });
  expect(parseServer('192.0.2.1:5353')).toEqual({ address: '192.0.2.1', port: 5353 });
  expect(parseServer('2001:db8::1')).toEqual({ address: '2001:db8::1', port: 53 });
  expect(parseServer('[2001:db8::1]:5353')).toEqual({ address: '2001:db8::1', port: 5353 });
});
