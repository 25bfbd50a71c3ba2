// Rooms, as the plugin of slixmpp uses them.

import { expect, it } from 'vitest';
import { createServer, silentLog } from '../../src/index.js';
import { slixmpp, slixmppInstalled } from '../support/peers/python.js';
import { visitor } from '../support/visitor.js';

const DOMAIN = 'verona.test';

it.skipIf(!slixmppInstalled() && !process.env.CI)(
  'slixmpp enters, configures, talks, administers and destroys',
  async () => {
    const { module, host } = visitor();
    const server = createServer({
      host: '127.0.0.1',
      port: 0,
      c2s: { port: 0, direct_tls_port: null, require_tls: false },
      domains: { [DOMAIN]: {} },
      components: { [`rooms.${DOMAIN}`]: { module: 'muc' } },
      modules: [module],
      log: silentLog,
    });
    await server.start();
    for (const name of ['romeo', 'juliet']) await (await host).accounts.create(name, 'secret');
    const client = slixmpp('rooms.py', [DOMAIN, new URL(server.urls.xmpp ?? '').port, `cave@rooms.${DOMAIN}`]);
    try {
      await client.until(/DONE destroyed|FAILED/);
      expect(client.log).not.toMatch(/FAILED|Traceback/);
    } finally {
      await client.stop();
      await server.stop();
    }
  },
);
