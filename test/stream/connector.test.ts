import { describe, expect, test } from 'vitest';
import { Metrics } from '../../src/metrics.js';
import { type AccessOptions, Connector } from '../../src/stream/connector.js';
import type { ClientStream, Ending, StreamEnd, Upstream } from '../../src/stream/end.js';
import { StreamError } from '../../src/xmpp/errors.js';
import type { StreamHeader } from '../../src/xmpp/header.js';
import { FakeClient } from '../support/client-stream.js';
import { MemoryLog } from '../support/memory-log.js';

const OPTIONS: AccessOptions = {
  upstreams: { 'Example.test': {} },
  firewall: { allow: ['*.example.net'], deny: [] },
  trusted_proxies: ['127.0.0.1', '10.0.0.0/8'],
  limits: {
    rates: true,
    sessions: 100,
    sessions_per_address: 3,
    creations_per_second: 10,
    creation_burst: 50,
    stanza_before_auth: 16_384,
  },
};

class FakeUpstream implements Upstream {
  readonly clients: ClientStream[] = [];
  readonly headers: StreamHeader[] = [];
  readonly endings: Ending[] = [];
  stopped = false;

  attach(client: ClientStream, header: StreamHeader): StreamEnd {
    this.clients.push(client);
    this.headers.push(header);
    return { open() {}, stanza: () => true, drain() {}, close: (ending) => void this.endings.push(ending) };
  }

  async stop(): Promise<void> {
    this.stopped = true;
  }
}

function connector(options: Partial<AccessOptions> = {}, served: Record<string, Upstream> = {}) {
  const local = {
    get: (domain: string) => served[domain],
    keys: () => Object.keys(served),
    stop: async () => void (await Promise.all(Object.values(served).map((upstream) => upstream.stop()))),
  };
  const [proxy, log, metrics] = [new FakeUpstream(), new MemoryLog(), new Metrics()];
  return { proxy, log, metrics, connector: new Connector({ ...OPTIONS, ...options }, { proxy, local, log, metrics }) };
}

describe('the choice by domain', () => {
  test.each(['example.test', 'EXAMPLE.TEST', 'chat.example.net'])('%s goes to the proxy', (to) => {
    const { connector: one, proxy } = connector();
    one.attach(new FakeClient(), { to });
    expect(proxy.headers).toEqual([{ to }]);
  });

  test('a local domain goes to the server in here', () => {
    const core = new FakeUpstream();
    const { connector: one, proxy } = connector({}, { 'example.test': core });
    one.attach(new FakeClient(), { to: 'example.test' });
    expect(core.clients).toHaveLength(1);
    expect(proxy.clients).toHaveLength(0);
  });

  test.each(['example.org', '127.0.0.1', '127.1', '[::1]', 'localhost', 'user@example.test', 'example.test:22', 'x/y'])(
    'RFC 6120 4.9.3.6: %s is host-unknown, after attach returned',
    async (to) => {
      const { connector: one, proxy, log } = connector();
      const client = new FakeClient();
      one.attach(client, { to });
      expect(client.ending).toBeUndefined();
      expect((await client.closed()).error?.condition).toBe('host-unknown');
      expect(proxy.clients).toHaveLength(0);
      expect(log.of('domain_not_allowed')).toHaveLength(1);
    },
  );

  test('the log names the options that would allow it', async () => {
    const { connector: one, log } = connector();
    const client = new FakeClient();
    one.attach(client, { to: 'example.org' });
    await client.closed();
    const [line] = log.of('domain_not_allowed');
    expect(line.domain).toBe('example.org');
    expect(line.hint).toMatch(/firewall\.allow.*upstreams/);
  });

  test.each([undefined, ''])('RFC 6120 4.9.3.7: without a domain (%j) it is improper-addressing', async (to) => {
    const client = new FakeClient();
    connector().connector.attach(client, { to });
    expect((await client.closed()).error?.condition).toBe('improper-addressing');
  });

  test('an upstream that throws costs that stream, and nothing of the limits', async () => {
    const broken: Upstream = {
      attach() {
        throw new Error('a bug');
      },
      stop: async () => {},
    };
    const { connector: one, log } = connector({}, { 'example.test': broken });
    const client = new FakeClient();
    one.attach(client, { to: 'example.test' });
    expect((await client.closed()).error?.condition).toBe('internal-server-error');
    expect(one.size).toBe(0);
    expect(log.of('attach_failed')).toHaveLength(1);
  });

  test('an upstream that throws when its client leaves or can take more costs that stream', async () => {
    const thrown = () => {
      throw new Error('a bug');
    };
    const end = { open() {}, stanza: () => true, drain: thrown, close: thrown };
    const broken: Upstream = { attach: () => end, stop: async () => {} };
    const { connector: one, log } = connector({}, { 'example.test': broken });
    one.attach(new FakeClient(), { to: 'example.test' }).close({ how: 'lost' });
    const client = new FakeClient();
    one.attach(client, { to: 'example.test' }).drain();
    expect((await client.closed()).error?.condition).toBe('internal-server-error');
    expect(one.size).toBe(0);
    expect(log.of('upstream_failed')).toHaveLength(2);
  });

  test('stopping stops all upstreams', async () => {
    const core = new FakeUpstream();
    const { connector: one, proxy } = connector({}, { 'example.test': core });
    await one.stop();
    expect([core.stopped, proxy.stopped]).toEqual([true, true]);
  });
});

describe('admission', () => {
  const to = 'example.test';

  test('an address has so many sessions; one that ends makes room', async () => {
    const { connector: one, proxy, metrics } = connector();
    const ends = [1, 2, 3].map(() => one.attach(new FakeClient(), { to }));
    const fourth = new FakeClient();
    one.attach(fourth, { to });
    expect((await fourth.closed()).error).toEqual(
      new StreamError('policy-violation', 'too many sessions from your address'),
    );
    ends[0].close({ how: 'closed' });
    proxy.clients[1].close({ how: 'lost' });
    expect(one.size).toBe(1);
    one.attach(new FakeClient(), { to });
    expect(proxy.clients).toHaveLength(4);
    const text = await metrics.text();
    expect(text).toContain('bosh_sessions_rejected_total{reason="policy-violation"} 1');
    expect(text).toContain('bosh_limits_hit_total{limit="sessions_per_address"} 1');
  });

  test('an end that is said from both sides counts once', () => {
    const { connector: one, proxy } = connector();
    const [end] = [one.attach(new FakeClient(), { to }), one.attach(new FakeClient(), { to })];
    end.close({ how: 'closed' });
    proxy.clients[0].close({ how: 'closed' });
    expect(one.size).toBe(1);
  });

  test('an IPv6 address counts by its /64, a mapped IPv4 address as what it is', async () => {
    const { connector: one } = connector();
    for (const remoteAddress of ['2001:db8::1', '2001:db8:0:0:1::', '2001:db8::2:3'])
      one.attach(new FakeClient({ remoteAddress }), { to });
    const same = new FakeClient({ remoteAddress: '2001:db8::9' });
    const other = new FakeClient({ remoteAddress: '2001:db8:0:1::1' });
    one.attach(same, { to });
    one.attach(other, { to });
    expect((await same.closed()).error?.condition).toBe('policy-violation');
    expect(other.ending).toBeUndefined();
    for (const remoteAddress of ['192.0.2.1', '::ffff:192.0.2.1', '192.0.2.1'])
      one.attach(new FakeClient({ remoteAddress }), { to });
    const mapped = new FakeClient({ remoteAddress: '::ffff:192.0.2.1' });
    one.attach(mapped, { to });
    expect((await mapped.closed()).error?.condition).toBe('policy-violation');
  });

  test('trusted proxies are not counted by address', () => {
    const { connector: one } = connector();
    for (let i = 0; i < 60; i++)
      one.attach(new FakeClient({ remoteAddress: i % 2 ? '127.0.0.1' : '10.1.2.3' }), { to });
    expect(one.size).toBe(60);
  });

  test('the server as a whole has so many sessions', async () => {
    const { connector: one } = connector({ limits: { ...OPTIONS.limits, sessions: 1 } });
    one.attach(new FakeClient(), { to });
    const second = new FakeClient({ remoteAddress: '127.0.0.1' });
    one.attach(second, { to });
    expect((await second.closed()).error?.condition).toBe('resource-constraint');
  });

  test('new sessions of one address come at a rate', async () => {
    const limits = { ...OPTIONS.limits, sessions_per_address: 1000, creation_burst: 5, creations_per_second: 0.001 };
    const { connector: one, proxy } = connector({ limits });
    for (let i = 0; i < 5; i++) one.attach(new FakeClient(), { to }).close({ how: 'closed' });
    const sixth = new FakeClient();
    one.attach(sixth, { to });
    expect((await sixth.closed()).error?.condition).toBe('policy-violation');
    one.attach(new FakeClient({ remoteAddress: '198.51.100.8' }), { to });
    expect(proxy.clients).toHaveLength(6);
  });

  test('rates: false lifts all of it', () => {
    const none = { sessions: 0, sessions_per_address: 0, creations_per_second: 0, creation_burst: 0 };
    const limits = { ...OPTIONS.limits, ...none, rates: false };
    const { connector: one, proxy } = connector({ limits });
    one.attach(new FakeClient(), { to });
    expect(proxy.clients).toHaveLength(1);
  });
});
