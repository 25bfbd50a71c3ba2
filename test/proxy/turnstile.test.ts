import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Turnstile } from '../../src/proxy/turnstile.js';
import { FakeClient } from '../support/client-stream.js';
import { closedPort } from '../support/xmpp-server.js';
import { backend, DOMAIN, proxy } from './kit.js';

describe('a line', () => {
  test('lets in as many as are allowed, the others in their order, and one name does not wait for another', async () => {
    const line = new Turnstile(() => 2);
    const seen: string[] = [];
    expect([line.enter('a'), line.enter('a'), line.enter('b')]).toEqual([undefined, undefined, undefined]);
    const turns = ['first', 'second'].map((name) => line.enter('a')?.then(() => seen.push(name)));
    line.leave('b');
    await Promise.resolve();
    expect(seen).toEqual([]);
    line.leave('a');
    line.leave('a');
    await Promise.all(turns);
    expect(seen).toEqual(['first', 'second']);
    line.leave('a');
    line.leave('a');
    expect(line.enter('a')).toBeUndefined();
  });

  test('never more are in than allowed, and whoever waits gets in', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 4 }),
        fc.array(fc.boolean(), { maxLength: 60 }),
        async (most, steps) => {
          const line = new Turnstile(() => most);
          let [inside, entered] = [0, 0];
          const enter = () => {
            inside++;
            expect(inside).toBeLessThanOrEqual(most);
          };
          for (const arrives of steps) {
            if (arrives) {
              entered++;
              const turn = line.enter('a');
              if (turn === undefined) enter();
              else void turn.then(enter);
            } else if (inside > 0) {
              inside--;
              entered--;
              line.leave('a');
            }
            await Promise.resolve();
            expect(inside).toBe(Math.min(entered, most));
          }
        },
      ),
    );
  });
});

describe('a storm', () => {
  const limits = { queue_soft: 262144, queue_hard: 1048576, depth: 64, elements: 10000, attributes: 64, dials: 2 };

  test('no more than limits.dials streams of a domain are being opened at the same time', async () => {
    const server = await backend({ answers: false });
    const live = await backend();
    const there = (port: number) => ({ host: '127.0.0.1', port });
    const upstreams = { [DOMAIN]: there(server.port), 'b.test': there(live.port) };
    const { made, metrics } = proxy({ upstreams, limits, negotiation_timeout: 0.3 });
    const clients = Array.from({ length: 6 }, () => new FakeClient());
    for (const client of clients) made.attach(client, { to: DOMAIN });
    const other = new FakeClient();
    made.attach(other, { to: 'b.test', version: '1.0' });
    await other.when(() => other.headers.length > 0);
    expect(server.connections.length).toBeLessThanOrEqual(2);
    expect(await metrics.text()).toContain('bosh_limits_hit_total{limit="dials"} 4');
    const endings = await Promise.all(clients.map((client) => client.closed()));
    expect(endings.map(({ error }) => error?.condition)).toEqual(Array(6).fill('remote-connection-failed'));
  });

  test('all are served in their turn, and who left meanwhile takes none', async () => {
    const server = await backend();
    const { made } = proxy({ upstreams: { [DOMAIN]: { host: '127.0.0.1', port: server.port } }, limits });
    const clients = Array.from({ length: 8 }, () => new FakeClient());
    const ends = clients.map((client) => made.attach(client, { to: DOMAIN, version: '1.0' }));
    ends[5].close({ how: 'closed' });
    await Promise.all(clients.filter((_, i) => i !== 5).map((client) => client.when(() => client.headers.length > 0)));
    expect(server.connections).toHaveLength(7);
  });

  test('a server that refuses is left alone after five tries', async () => {
    const port = await closedPort();
    const { made, log } = proxy({ upstreams: { [DOMAIN]: { host: '127.0.0.1', port } } });
    const ask = async () => {
      const client = new FakeClient();
      made.attach(client, { to: DOMAIN });
      return (await client.closed()).error?.condition;
    };
    for (let i = 0; i < 7; i++) expect(await ask()).toBe('remote-connection-failed');
    const causes = log.of('backend_unreachable').map(({ cause }) => String(cause).endsWith('as a moment ago'));
    expect(causes).toEqual([false, false, false, false, false, true, true]);
  });
});
