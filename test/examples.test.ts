// The examples of the documentation, run as they are shown.

import { afterEach, describe, expect, test } from 'vitest';
import { BoshSession } from './support/bosh-client.js';
import { freePort, Running } from './support/peers/process.js';
import { login } from './support/sasl.js';
import { StubServer } from './support/stub-server.js';
import { WsClient } from './support/ws-client.js';
import type { Xml } from './support/xml.js';

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

describe('docs/examples/dice.js: a module for a domain that is served here', () => {
  const thrown = `<iq xmlns='jabber:client' type='set' id='throw' to='dice.example'><throw xmlns='urn:example:dice'/></iq>`;
  const greets = ({ name, raw }: Xml) => name === 'message' && raw.includes('Throw!');
  const answers = (each: Xml) => each.name === 'iq' && each.attr('id') === 'throw';

  test('it greets who comes, throws, keeps the best throw, and lets nobody throw too often', async () => {
    const { websocket } = await run('dice.js');
    const romeo = await WsClient.open(websocket, 'dice.example');
    const jid = await login(romeo, {});
    const greeting = await romeo.exchange(`<presence xmlns='jabber:client'/>`, greets);
    expect([greeting.attr('from'), greeting.attr('to')]).toEqual(['dice.example', jid]);
    const eyes: number[] = [];
    for (const _ of [1, 2, 3]) {
      const answer = (await romeo.exchange(thrown, answers)).child('thrown', 'urn:example:dice');
      eyes.push(Number(answer?.attr('eyes')));
      expect(Number(answer?.attr('best'))).toBe(Math.max(...eyes));
    }
    expect(eyes.every((each) => each >= 1 && each <= 20)).toBe(true);
    const refused = await romeo.exchange(thrown, answers);
    expect(refused.child('error')?.children.map(({ name }) => name)).toEqual(['policy-violation', 'text']);
    romeo.cut();
  });
});
