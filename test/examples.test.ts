// The examples of the documentation, run as they are shown.

import { afterEach, describe, expect, test } from 'vitest';
import { BoshSession } from './support/bosh-client.js';
import { freePort, Running } from './support/peers/process.js';
import { login } from './support/sasl.js';
import { StubServer } from './support/stub-server.js';
import { WsClient } from './support/ws-client.js';

let example: Running | undefined;

async function run(name: string, args: readonly string[] = []): Promise<{ bosh: string; websocket: string }> {
  const port = await freePort();
  const file = new URL(`../docs/examples/${name}`, import.meta.url).pathname;
  example = new Running(process.execPath, [file, ...args], { env: { PORT: String(port) } });
  await example.until(/BOSH http/);
  return { bosh: `http://127.0.0.1:${port}/http-bind/`, websocket: `ws://127.0.0.1:${port}/xmpp-websocket/` };
}

afterEach(async () => {
  expect(await example?.stop()).toBe(0);
});

const say = (to: string, text: string) =>
  `<message xmlns='jabber:client' to='${to}' id='m1'><body>${text}</body></message>`;

describe('docs/examples/echo.js: an upstream in place of the proxy', () => {
  test('a BOSH client logs in and hears its own words', async () => {
    const { bosh } = await run('echo.js');
    const romeo = await BoshSession.create(bosh, 'echo.example');
    expect(await login(romeo, {})).toMatch(/^guest@echo\.example\//);
    const echo = await romeo.exchange(say('juliet@echo.example', 'hark'), ({ name }) => name === 'message');
    expect([echo.attr('from'), echo.child('body')?.text]).toEqual(['juliet@echo.example', 'hark']);
    await romeo.terminate();
  });

  test('so does a WebSocket client', async () => {
    const { websocket } = await run('echo.js');
    const romeo = await WsClient.open(websocket, 'echo.example');
    await login(romeo, {});
    const echo = await romeo.exchange(say('juliet@echo.example', 'hark'), ({ name }) => name === 'message');
    expect(echo.child('body')?.text).toBe('hark');
    romeo.cut();
  });
});

describe('docs/examples/filter.js: an upstream that wraps the proxy', () => {
  test('it refuses messages with a word, changes others, and observers see what clients send', async () => {
    const stub = await StubServer.start();
    stub.offersStartTls = false;
    const { websocket } = await run('filter.js', [`test.example=127.0.0.1:${stub.port}`, 'banana']);
    const romeo = await WsClient.open(websocket, 'test.example');
    const jid = await login(romeo, { user: 'romeo', password: 'secret' });
    const refused = await romeo.exchange(say(jid, 'a banana'), ({ name }) => name === 'message');
    expect([refused.attr('type'), refused.child('error')?.children[0].name]).toEqual(['error', 'policy-violation']);
    const passed = await romeo.exchange(say(jid, 'an apple'), ({ name }) => name === 'message');
    expect([passed.attr('xml:lang'), passed.child('body')?.text]).toEqual(['en', 'an apple']);
    expect(stub.find(jid).received.filter(({ name }) => name === 'message')).toHaveLength(1);
    expect(example?.log).toContain('websocket client sent message');
    romeo.cut();
    await stub.stop();
  });
});
