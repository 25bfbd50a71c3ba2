// Archives of a server that is started over what another one has kept: what is too old by its configuration (XEP-0313
// section 3.2) is for nobody, and leaves the disk.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ask } from '../../src/control/ask.js';
import { controlPath } from '../../src/control/socket.js';
import { createServer, type Server, silentLog } from '../../src/index.js';
import { openLevel } from '../../src/storage/level.js';
import { login } from '../support/sasl.js';
import { WsClient } from '../support/ws-client.js';
import type { Xml } from '../support/xml.js';

const DOMAIN = 'example.test';
const JULIET = `juliet@${DOMAIN}`;
const MAM = 'urn:xmpp:mam:2';
const DAY = 86_400_000;

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'bosh-retention-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

async function archived<T>(look: (store: ReturnType<typeof storeOf>) => Promise<T>): Promise<T> {
  const driver = await openLevel(folder);
  try {
    return await look(storeOf(driver));
  } finally {
    await driver.stop();
  }
}

const storeOf = (driver: Awaited<ReturnType<typeof openLevel>>) => driver.open(DOMAIN, 'mam', 'history');

async function started(): Promise<Server> {
  const server = createServer({
    host: '127.0.0.1',
    port: 0,
    storage: { driver: 'level', path: folder },
    domains: { [DOMAIN]: { options: { mam: { max_age: 1, max_items: 10 } } } },
    log: silentLog,
  });
  await server.start();
  return server;
}

test('3.2 what is older than max_age is not shown, and is deleted from the disk', async () => {
  const before = await started();
  await ask(controlPath(folder), { command: 'adduser', jid: JULIET, password: 'pencil' });
  await before.stop();
  const ids = await archived(async (store) => {
    const added = [2.5, 2, 0.5].map((days) => {
      const stanza = `<message xmlns='jabber:client' id='${days}'><body>${days}</body></message>`;
      return store.add('juliet', { at: Date.now() - days * DAY, with: `romeo@${DOMAIN}`, stanza });
    });
    await Promise.all(added.map(({ done }) => done));
    return added.map(({ id }) => id);
  });
  const server = await started();
  const client = await WsClient.open(server.urls.websocket, DOMAIN);
  await login(client, { user: 'juliet', password: 'pencil' });
  const asked = (payload: string, type = 'set'): Promise<Xml> =>
    client.exchange(`<iq xmlns='jabber:client' type='${type}' id='q'>${payload}</iq>`, (xml) => xml.name === 'iq');

  const metadata = (await asked(`<metadata xmlns='${MAM}'/>`, 'get')).child('metadata', MAM);
  expect(metadata?.children.map((each) => [each.name, each.attr('id')])).toEqual([
    ['start', ids[2]],
    ['end', ids[2]],
  ]);
  const rsm = "<set xmlns='http://jabber.org/protocol/rsm'><max>0</max></set>";
  const fin = (await asked(`<query xmlns='${MAM}'>${rsm}</query>`)).child('fin', MAM);
  expect(fin?.children[0].children.map(({ text }) => text)).toEqual(['1']);

  client.send(`<message xmlns='jabber:client' to='romeo@${DOMAIN}' type='chat' id='new'><body>new</body></message>`);
  await asked("<ping xmlns='urn:xmpp:ping'/>", 'get');
  await server.stop();
  const left = await archived(async (store) => (await store.query('juliet', { limit: 10 })).items);
  expect(left.map(({ stanza }) => /id='([^']+)'/.exec(stanza)?.[1])).toEqual(['0.5', 'new']);
});
