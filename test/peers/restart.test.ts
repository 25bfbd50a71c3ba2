// The server goes away in the middle of talks, in an orderly way or by a crash, and is started again on the same database.

import { join } from 'node:path';
import { expect, it } from 'vitest';
import { ask } from '../../src/control/ask.js';
import { controlPath } from '../../src/control/socket.js';
import { HOUSE, HOUSE_OPTIONS, NODES, ROOMS } from '../support/peers/house.js';
import { describeWithPython } from '../support/peers/need.js';
import { PASSWORD, scratch } from '../support/peers/peer.js';
import { freePort } from '../support/peers/process.js';
import { Script } from '../support/peers/python.js';
import { type ServerProcess, startServer } from '../support/server.js';

describeWithPython(['slixmpp'], 'slixmpp at a server that is restarted', () => {
  it.each([
    ['SIGTERM', 0],
    ['SIGKILL', 128],
  ] as const)('by %s: finds all as it was, and what was acknowledged', { timeout: 150_000 }, async (signal, code) => {
    const folder = scratch('restart');
    const path = join(folder.path, 'database');
    const port = await freePort();
    const config = { ...HOUSE_OPTIONS, c2s: { ...HOUSE_OPTIONS.c2s, port }, storage: { driver: 'level', path } };
    let server: ServerProcess = await startServer({ config });
    let script: Script | undefined;
    try {
      for (const name of ['romeo', 'juliet']) {
        const request = { command: 'adduser', jid: `${name}@${HOUSE}`, password: PASSWORD } as const;
        expect(await ask(controlPath(path), request)).toEqual({ outcome: 'done' });
      }
      script = new Script('slixmpp_restart.py', [HOUSE, PASSWORD, String(port), `crypt@${ROOMS}`, NODES]);
      await script.until(/^ACKNOWLEDGED 40$/m, 60_000);
      expect(await server.stop(signal)).toBe(code);
      await script.until(/^LOST$/m);
      server = await startServer({ config });
      script.write('back');
      await script.succeeds();
      expect(server.log()).not.toMatch(/"level":"error"/);
    } finally {
      await script?.stop();
      await server.stop();
      folder.remove();
    }
  });
});
