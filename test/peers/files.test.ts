// Files, as the plugin of slixmpp shares them.

import { expect, it } from 'vitest';
import { createServer, silentLog } from '../../src/index.js';
import { slixmpp, slixmppUploads } from '../support/peers/python.js';
import { visitor } from '../support/visitor.js';

const DOMAIN = 'verona.test';

it.skipIf(!slixmppUploads() && !process.env.CI)('slixmpp finds the service, uploads and downloads', async () => {
  const { module, host } = visitor();
  const server = createServer({
    host: '127.0.0.1',
    port: 0,
    c2s: { port: 0, direct_tls_port: null, require_tls: false },
    domains: { [DOMAIN]: {} },
    components: { [`upload.${DOMAIN}`]: { module: 'upload' } },
    modules: [module],
    log: silentLog,
  });
  await server.start();
  await (await host).accounts.create('romeo', 'secret');
  const client = slixmpp('files.py', [DOMAIN, new URL(server.urls.xmpp ?? '').port]);
  try {
    await client.until(/DONE all|FAILED/);
    expect(client.log).not.toMatch(/FAILED|Traceback/);
  } finally {
    await client.stop();
    await server.stop();
  }
});
