// The examples of the documentation, run as they are shown.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { BoshSession } from './support/bosh-client.js';
import { scratch } from './support/peers/peer.js';
import { freePort, Running } from './support/peers/process.js';
import { python, slixmppInstalled } from './support/peers/python.js';
import { login } from './support/sasl.js';
import { startServer } from './support/server.js';
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
  if (example !== undefined) expect(await example.stop()).toBe(0);
  example = undefined;
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

describe('docs/examples/time-service: several clients behind one component', () => {
  const example = (name: string) => new URL(`../docs/examples/${name}`, import.meta.url).pathname;
  const time = `<iq xmlns='jabber:client' type='get' id='t' to='berlin@time.localhost'><time xmlns='urn:xmpp:time'/></iq>`;

  const services = (port: number) => [
    new Running(process.execPath, [example('time-service.js'), 'one'], {
      env: { SERVICE: `xmpp://127.0.0.1:${port}` },
    }),
    ...(slixmppInstalled() || process.env.CI
      ? [python(example('time-service.py'), ['two'], { SERVER: `127.0.0.1:${port}` })]
      : []),
  ];

  test('each of them answers users, who see nothing of them', async () => {
    const folder = scratch('time-service');
    const [port, path] = [await freePort(), join(folder.path, 'data')];
    const config = {
      domains: { localhost: { auth: { anonymous: true } } },
      c2s: { host: '127.0.0.1', port, require_tls: false },
      storage: { driver: 'level', path },
      components: { 'time.localhost': { module: 'client_proxy', target_address: 'time@localhost', name: 'Time' } },
    };
    const bin = new URL('../bin/bosh-server.js', import.meta.url).pathname;
    const adduser = ['adduser', 'time@localhost', `--domains=${JSON.stringify(config.domains)}`];
    const adding = new Running(process.execPath, [bin, ...adduser, '--storage.driver=level', `--storage.path=${path}`]);
    adding.write('secret');
    expect(await adding.exited, adding.log).toBe(0);
    const server = await startServer({ config });
    const all = services(port);
    const romeo = await WsClient.open(server.ws, 'localhost');
    await login(romeo, {});
    const asks = async () => {
      const answer = await romeo.exchange(time, ({ name }) => name === 'iq');
      expect(answer.attr('from')).toBe('berlin@time.localhost');
      if (answer.attr('type') === 'result') expect(answer.child('time')?.textOf('utc')).toMatch(/^\d{4}-.*Z$/);
    };
    while (!all.every(({ log }) => log.includes('was asked by berlin@time.localhost/'))) await asks();
    for (const each of all) await each.stop();
    romeo.cut();
    await server.stop();
    folder.remove();
    expect(existsSync(path)).toBe(false);
  });
});
