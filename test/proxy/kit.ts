// A proxy, its scripted servers and its client, ended after each test.

import { afterEach } from 'vitest';
import { Metrics } from '../../src/metrics.js';
import type { ProxyOptions } from '../../src/proxy/options.js';
import { Proxy as XmppProxy } from '../../src/proxy/proxy.js';
import { FakeClient } from '../support/client-stream.js';
import { type DnsRecord, DnsServer } from '../support/dns.js';
import { MemoryLog } from '../support/memory-log.js';
import { XmppServer, type XmppServerOptions } from '../support/xmpp-server.js';

const undo: (() => unknown)[] = [];
afterEach(async () => {
  for (const act of undo.splice(0).reverse()) await act();
});

export const DOMAIN = 'example.test';

export async function backend(options: XmppServerOptions = {}): Promise<XmppServer> {
  const server = await XmppServer.start(options);
  undo.push(() => server.close());
  return server;
}

export async function dns(records: readonly DnsRecord[]): Promise<DnsServer> {
  const server = await DnsServer.start(records);
  undo.push(() => server.close());
  return server;
}

export function proxy(options: Partial<ProxyOptions> = {}, isAllowed?: (address: string) => boolean) {
  const log = new MemoryLog();
  const metrics = new Metrics();
  const made = new XmppProxy(options, { log, metrics, isAllowed });
  undo.push(() => made.stop());
  return { made, log, metrics };
}

type Upstream = ProxyOptions['upstreams'][string];

/** A client at a proxy in front of one server. */
export async function joined(
  options: XmppServerOptions = {},
  upstream: Upstream = {},
  more: Partial<ProxyOptions> = {},
  client = new FakeClient(),
) {
  const server = await backend(options);
  const upstreams = { [DOMAIN]: { host: '127.0.0.1', port: server.port, ...upstream } };
  const { made, log, metrics } = proxy({ upstreams, ...more });
  const end = made.attach(client, { to: DOMAIN, from: 'romeo@example.test', version: '1.0' });
  return { server, client, end, log, metrics, proxy: made };
}

/** The same, when the first features are there. */
export async function open(...args: Parameters<typeof joined>) {
  const all = await joined(...args);
  await all.client.when(() => all.client.stanzas.length > 0 || all.client.ending !== undefined);
  return { ...all, connection: await all.server.connection() };
}
