// The server is killed while messages are written to each other, again and again on the same storage: what was acknowledged to
// its sender (XEP-0198) is in both archives.

import { randomInt } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { ask } from '../../src/control/ask.js';
import { controlPath } from '../../src/control/socket.js';
import { freePort } from '../support/peers/process.js';
import { Resident } from '../support/resident.js';
import { startServer } from '../support/server.js';

const ROUNDS = 8;
/** Messages that are acknowledged together. */
const AT_ONCE = 5;
const DOMAIN = 'example.test';
const MAM = 'urn:xmpp:mam:2';
const RSM = 'http://jabber.org/protocol/rsm';

const folder = mkdtempSync(join(tmpdir(), 'bosh-kill-archive-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const config = (port: number) => ({
  domains: { [DOMAIN]: {} },
  storage: { driver: 'level', path: join(folder, 'data') },
  c2s: { port, direct_tls_port: null, require_tls: false },
  limits: { rates: false },
  logging: 'WARN',
});

/** The bodies of an account's whole archive, page by page. */
async function archived(client: Resident): Promise<Set<string>> {
  const bodies = new Set<string>();
  for (let after = ''; ; ) {
    const from = client.heard.length;
    const behind = after === '' ? '' : `<after>${after}</after>`;
    const set = `<set xmlns='${RSM}'><max>100</max>${behind}</set>`;
    const answer = await client.ask('set', `<query xmlns='${MAM}'>${set}</query>`);
    for (const each of client.heard.slice(from)) {
      const message = each.child('result')?.child('forwarded')?.child('message');
      if (message !== undefined) bodies.add(message.textOf('body') ?? '');
    }
    const fin = answer?.child('fin');
    if (fin?.attr('complete') === 'true') return bodies;
    after = fin?.child('set')?.textOf('last') ?? '';
    if (after === '') throw new Error(`no page: ${answer?.raw}`);
  }
}

/** Writes until the server is gone; tells what was acknowledged. */
async function writes(client: Resident, to: string, mark: string, acknowledged: (body: string) => void): Promise<void> {
  await client.enable();
  for (let n = 0; !client.gone; ) {
    const bodies = Array.from({ length: AT_ONCE }, () => `${mark}-${n++}`);
    for (const body of bodies)
      client.say(`<message xmlns='jabber:client' type='chat' to='${to}@${DOMAIN}'><body>${body}</body></message>`);
    if (await client.acknowledgement()) for (const body of bodies) acknowledged(body);
  }
}

test(`kill -9, ${ROUNDS} times: what was acknowledged is in the archives of both`, async () => {
  const told = new Set<string>();
  for (let round = 0; round <= ROUNDS; round++) {
    const port = await freePort();
    const server = await startServer({ config: config(port) });
    await server.process.listens(port);
    if (round === 0) {
      for (const name of ['romeo', 'juliet']) {
        const jid = `${name}@${DOMAIN}`;
        await ask(controlPath(join(folder, 'data')), { command: 'adduser', jid, password: 'secret' });
      }
    }
    const place = { ws: server.ws, tcp: port, domain: DOMAIN };
    const enter = (user: string) => Resident.enter('tcp', place, { user, password: 'secret' });
    const clients = await Promise.all(['romeo', 'juliet'].map(enter));
    for (const client of clients) {
      const found = await archived(client);
      expect([...told].filter((body) => !found.has(body))).toEqual([]);
    }
    for (const client of clients) client.say("<presence xmlns='jabber:client'/>");
    const before = told.size;
    const enough = new Promise<void>((resolve) => {
      const target = before + randomInt(20, 200);
      const acknowledged = (body: string) => void (told.add(body).size >= target && resolve());
      void writes(clients[0], 'juliet', `r${round}`, acknowledged);
      void writes(clients[1], 'romeo', `j${round}`, acknowledged);
    });
    await enough;
    await server.stop('SIGKILL');
  }
  expect(told.size).toBeGreaterThan(ROUNDS * 20);
}, 240_000);
