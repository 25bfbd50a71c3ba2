// The built command line tells the users of a running server something; and what an admin stops from a client.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { commandXml, submit } from '../support/commands.js';
import { Running } from '../support/peers/process.js';
import { login } from '../support/sasl.js';
import { type ServerProcess, startServer } from '../support/server.js';
import { WsClient } from '../support/ws-client.js';
import type { Xml } from '../support/xml.js';

const BIN = join(import.meta.dirname, '../../bin/bosh-server.js');
const ADMIN = 'http://jabber.org/protocol/admin';

let folder: string;
let server: ServerProcess | undefined;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'bosh-announce-'));
});

afterEach(async () => {
  await server?.stop();
  server = undefined;
  rmSync(folder, { recursive: true });
});

async function cli(words: readonly string[], line = ''): Promise<{ code: number; said: string }> {
  const child = new Running(process.execPath, [BIN, ...words], { cwd: folder });
  child.write(line);
  await child.exited;
  return { code: await child.stop(), said: child.log };
}

/** A server with an account, whose client is there. */
async function entered(announcements: object = {}) {
  const domain = { admins: ['romeo@example.test'], options: { announcements } };
  const config = { domains: { 'example.test': domain }, storage: { driver: 'level', path: join(folder, 'data') } };
  writeFileSync(join(folder, 'bosh.conf.json'), JSON.stringify(config));
  await cli(['adduser', 'romeo@example.test'], 'pencil');
  server = await startServer({ config });
  const client = await WsClient.open(server.ws, 'example.test');
  await login(client, { user: 'romeo', password: 'pencil', resource: 'r' });
  client.send("<presence xmlns='jabber:client'/>");
  await heard(client, ({ name }) => name === 'presence');
  return client;
}

async function heard(client: WsClient, wanted: (element: Xml) => boolean): Promise<Xml> {
  for (;;) {
    const element = await client.next();
    if (wanted(element)) return element;
  }
}

const bodyOf = async (client: WsClient) => (await heard(client, ({ name }) => name === 'message')).child('body')?.text;

test('what the operator has to say reaches those who are there', async () => {
  const client = await entered();
  expect(await cli(['announce', 'Example.test', 'Back in five minutes.'])).toEqual({
    code: 0,
    said: 'told to all who are there of Example.test from now on\n',
  });
  expect(await bodyOf(client)).toBe('Back in five minutes.');
  expect(await cli(['announceall', 'example.test', 'For all'])).toMatchObject({ code: 0 });
  expect(await bodyOf(client)).toBe('For all');
});

test('what is wrong is said, with what to do', async () => {
  await entered();
  expect(await cli(['announce', 'example.test'])).toMatchObject({ code: 2 });
  expect((await cli(['announce', 'other.test', 'News'])).said).toContain(
    'other.test  is no domain that is served here',
  );
  expect((await cli(['announce', 'example.test', 'x'.repeat(8193)])).said).toContain('longer than 8192 bytes');
  await server?.stop();
  server = undefined;
  expect(await cli(['announce', 'example.test', 'News'])).toEqual({
    code: 1,
    said: 'no server runs here\n   fix: start it: nobody is there to be told\n',
  });
});

test('SIGTERM: users hear the last word before their streams end', async () => {
  const client = await entered({ shutdown_notice: 'Back in a moment' });
  const stopped = server?.stop();
  expect(await bodyOf(client)).toBe('Back in a moment');
  await heard(client, ({ name }) => name === 'close');
  expect(await stopped).toBe(0);
  server = undefined;
});

test.each([
  ['restart', 75],
  ['shutdown', 0],
])('XEP-0133 4.30 4.31: %s by an admin ends the process', async (how, code) => {
  const client = await entered({ shutdown: true });
  const node = `${ADMIN}#${how}`;
  const ask = async (id: string, xml: string) => {
    client.send(`<iq xmlns='jabber:client' type='set' id='${id}' to='example.test'>${xml}</iq>`);
    return heard(client, (element) => element.attr('id') === id);
  };
  const sessionid = (await ask('s1', commandXml(node))).child('command')?.attr('sessionid');
  await ask('s2', commandXml(node, { sessionid, inside: submit({ delay: '0' }) }));
  await server?.process.exited;
  expect(await server?.process.stop()).toBe(code);
});
