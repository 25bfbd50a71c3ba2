import { afterEach, describe, expect, test } from 'vitest';
import { Metrics } from '../../src/metrics.js';
import type { ProxyOptions } from '../../src/proxy/options.js';
import { Proxy as XmppProxy } from '../../src/proxy/proxy.js';
import { Stanza } from '../../src/xmpp/stanza.js';
import { FakeClient } from '../support/client-stream.js';
import { MemoryLog } from '../support/memory-log.js';
import { XmppServer, type XmppServerOptions } from '../support/xmpp-server.js';

const undo: (() => unknown)[] = [];
afterEach(async () => {
  for (const act of undo.splice(0).reverse()) await act();
});

async function backend(options: XmppServerOptions = {}) {
  const server = await XmppServer.start(options);
  undo.push(() => server.close());
  return server;
}

function proxy(options: Partial<ProxyOptions> = {}) {
  const log = new MemoryLog();
  const made = new XmppProxy(options, { log, metrics: new Metrics() });
  undo.push(() => made.stop());
  return { made, log };
}

describe('a plain connection', () => {
  test('stanzas pass both ways', async () => {
    const server = await backend();
    const { made } = proxy({ upstreams: { 'example.test': { host: '127.0.0.1', port: server.port } } });
    const client = new FakeClient();
    const end = made.attach(client, { to: 'example.test', version: '1.0', lang: 'en' });
    await client.when(() => client.stanzas.length === 1);
    expect(client.headers).toEqual([{ from: 'example.test', id: 's1', version: '1.0' }]);
    expect(client.stanzas[0]).toContain('<mechanism>PLAIN');
    const seen = await server.connection();
    expect(seen.headers[0]).toContain("to='example.test'");
    expect(end.stanza(Stanza.from("<message xmlns='jabber:client'><body>hi</body></message>"))).toBe(true);
    await seen.until('<body>hi</body>');
    seen.send('<message><body>ho</body></message>');
    await client.when(() => client.stanzas.length === 2);
    expect(client.stanzas[1]).toBe("<message xmlns='jabber:client'><body>ho</body></message>");
    end.close({ how: 'closed' });
    expect(await seen.end()).toBe('closed');
  });
});
