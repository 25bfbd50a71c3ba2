// Ad-hoc commands and service administration, as the plugins of slixmpp use them.

import { expect, it } from 'vitest';
import { createServer, silentLog } from '../../src/index.js';
import { slixmpp, slixmppInstalled } from '../support/peers/python.js';
import { visitor } from '../support/visitor.js';

const DOMAIN = 'verona.test';

it.skipIf(!slixmppInstalled() && !process.env.CI)(
  'slixmpp lists commands, and as an admin manages accounts and announces',
  async () => {
    const { module, host } = visitor();
    const server = createServer({
      host: '127.0.0.1',
      port: 0,
      c2s: { port: 0, direct_tls_port: null, require_tls: false },
      domains: { [DOMAIN]: { admins: [`bard@${DOMAIN}`] } },
      modules: [module],
      log: silentLog,
    });
    await server.start();
    for (const name of ['bard', 'romeo']) await (await host).accounts.create(name, 'secret');
    const client = slixmpp('admin.py', [DOMAIN, new URL(server.urls.xmpp ?? '').port]);
    try {
      await client.until(/DONE deleted|FAILED/);
      expect(client.log).not.toMatch(/FAILED|Traceback/);
    } finally {
      await client.stop();
      await server.stop();
    }
  },
);
