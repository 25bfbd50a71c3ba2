import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createServer, type Server } from '../src/index.js';
import { silentLog } from '../src/log.js';
import { Metrics } from '../src/metrics.js';

describe('Metrics', () => {
  test('names get the prefix, and two registries know nothing of each other', async () => {
    const [one, other] = [new Metrics(), new Metrics()];
    one.counter('tries_total', 'Tries.', ['kind']).inc({ kind: 'a' });
    other.counter('tries_total', 'Tries.', ['kind']);
    expect(await one.text()).toContain('bosh_tries_total{kind="a"} 1');
    expect(await other.text()).not.toContain('kind="a"');
  });

  test('plain numbers are read when somebody asks', async () => {
    const metrics = new Metrics();
    let held = 1;
    metrics.read('held', 'Held.', ['host'], () => [[{ host: 'a' }, held]]);
    metrics.read('seen_total', 'Seen.', [], () => [[{}, held]], 'counter');
    expect(await metrics.text()).toMatch(/bosh_held\{host="a"\} 1\n[\s\S]*bosh_seen_total 1/);
    held = 3;
    expect(await metrics.text()).toMatch(/bosh_held\{host="a"\} 3\n[\s\S]*bosh_seen_total 3/);
  });

  test('what is declared twice under one name is one metric', async () => {
    const metrics = new Metrics();
    for (const limit of ['a', 'b', 'a']) metrics.counter('hits_total', 'Hits.', ['limit']).inc({ limit });
    for (const bytes of [3, 4]) metrics.read('waiting', 'Waiting.', ['queue'], () => [[{ queue: `q${bytes}` }, bytes]]);
    metrics.read('waiting', 'Waiting.', ['queue'], () => [[{ queue: 'q3' }, 10]]);
    metrics.histogram('took', 'Took.').observe(1);
    metrics.histogram('took', 'Took.').observe(1);
    const text = await metrics.text();
    expect(text.match(/^bosh_(hits|waiting|took_count).*$/gm)).toEqual([
      'bosh_hits_total{limit="a"} 2',
      'bosh_hits_total{limit="b"} 1',
      'bosh_waiting{queue="q3"} 13',
      'bosh_waiting{queue="q4"} 4',
      'bosh_took_count 2',
    ]);
  });

  test('the event loop tells how late it is', async () => {
    const metrics = new Metrics();
    metrics.collectProcess();
    await metrics.text();
    await sleep(50);
    const until = performance.now() + 150;
    while (performance.now() < until);
    await sleep(20);
    const [, late] = /\nbosh_event_loop_lag_seconds (\S+)/.exec(await metrics.text()) ?? [];
    expect(Number(late)).toBeGreaterThan(0.05);
    expect(await metrics.text()).toContain('process_resident_memory_bytes');
  });
});

describe('a server that runs', () => {
  let server: Server;
  let text: string;

  beforeAll(async () => {
    server = createServer({
      host: '127.0.0.1',
      port: 0,
      upstreams: { 'a.example': { host: '127.0.0.1', port: 1 } },
      c2s: { port: 0, require_tls: false },
      domains: { 'local.example': {} },
      components: {
        'proxy.local.example': { module: 'client_proxy', target_address: 'service@local.example' },
        'rooms.local.example': { module: 'muc' },
        'upload.local.example': { module: 'upload' },
      },
      log: silentLog,
    });
    await server.start();
    const response = await fetch(new URL('/metrics', server.urls.bosh));
    expect(response.headers.get('content-type')).toContain('text/plain');
    text = await response.text();
  });

  afterAll(() => server?.stop());

  const shipped = (path: string) => readFileSync(join(import.meta.dirname, '../config', path), 'utf8');
  const known = () => new Set([...text.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name));

  test.each(['prometheus-alerts.yml', 'grafana-dashboard.json'])('has every series that %s names', (path) => {
    const names = new Set(shipped(path).match(/\b(bosh|process|nodejs)_[a-z_]+\b/g));
    const series = [...names]
      .filter((name) => !/^bosh_server$/.test(name))
      .map((name) => name.replace(/_(bucket|count|sum)$/, ''));
    expect(series.length).toBeGreaterThan(5);
    expect(series.filter((name) => !known().has(name)).sort()).toEqual([]);
  });

  test('has every series that operators were promised', () => {
    const promised = `build_info sessions sessions_created_total sessions_closed_total session_duration_seconds sessions_rejected_total
      http_requests_total held_requests request_hold_seconds request_process_seconds rid_events_total responses_unacked_bytes
      response_resent_total ws_connections ws_close_total ws_ping_rtt_seconds stanzas_total bytes_total xml_rejected_total
      backend_connections backend_connect_seconds backend_connect_failures_total backend_up dns_seconds queue_bytes
      auth_total storage_operations_total storage_seconds storage_bytes backpressure_paused limits_hit_total log_dropped_total event_loop_lag_seconds drain_state config_last_reload_success`;
    expect(promised.split(/\s+/).filter((name) => !known().has(`bosh_${name}`))).toEqual([]);
  });

  test('has the series that docs/metrics.md explains, and no others', () => {
    const page = readFileSync(join(import.meta.dirname, '../docs/metrics.md'), 'utf8');
    const explained = [...page.matchAll(/^\| `(bosh_\w+)`/gm)].map(([, name]) => name);
    expect(explained.sort()).toEqual([...known()].filter((name) => name.startsWith('bosh_')).sort());
  });

  test('G3 no label is an address, a JID, a sid or a path', () => {
    const labels = new Set(
      [...text.matchAll(/^bosh_\w+\{(.*)\} /gm)].flatMap(([, all]) =>
        [...all.matchAll(/(\w+)="/g)].map(([, name]) => name),
      ),
    );
    for (const name of ['ip', 'address', 'jid', 'sid', 'path', 'user_agent']) expect(labels).not.toContain(name);
  });
});
