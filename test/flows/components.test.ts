// Components as programs are (XEP-0114): over their port, with clients on WebSockets.

import { afterEach, expect, test } from 'vitest';
import { createServer, type Server } from '../../src/index.js';
import { COMPONENT, component, openComponent, proofOf } from '../support/component.js';
import { MemoryLog } from '../support/memory-log.js';
import { login } from '../support/sasl.js';
import { TcpClient } from '../support/tcp-client.js';
import { WsClient } from '../support/ws-client.js';
import type { Xml } from '../support/xml.js';

const DOMAIN = 'example.test';
const BRIDGE = 'bridge.example.test';
const SECRET = 'sesame';

let server: Server;
const clients: TcpClient[] = [];
afterEach(async () => {
  for (const { socket } of clients.splice(0)) socket.destroy();
  await server.stop();
});

const OPTIONS = {
  host: '127.0.0.1',
  port: 0,
  component_port: 0,
  domains: { [DOMAIN]: { auth: { anonymous: true } } },
  limits: { rates: false },
};

async function start(options: object = {}, more: object = {}) {
  const components = { [BRIDGE]: { secret: SECRET, name: 'Bridge', ...options } };
  server = createServer({ ...OPTIONS, ...more, components, log: new MemoryLog() });
  await server.start();
}

const port = () => Number(new URL(server.urls.component ?? '').port);

const kept = async (client: Promise<TcpClient>): Promise<TcpClient> => {
  clients.push(await client);
  return client;
};

async function user(): Promise<{ client: WsClient; jid: string }> {
  const client = await WsClient.open(server.urls.websocket, DOMAIN);
  return { client, jid: await login(client, {}) };
}

const isFor = (id: string) => (each: Xml) => each.attr('id') === id;
const conditions = (error: Xml) => error.child('error')?.children.map(({ name }) => name);

test('a component and a client talk; both are told in their own namespace', async () => {
  await start();
  const bridge = await kept(component(port(), BRIDGE, SECRET));
  expect([bridge.headers[0].ns, bridge.headers[0].attr('from')]).toEqual(['http://etherx.jabber.org/streams', BRIDGE]);
  const { client, jid } = await user();
  client.send(`<message xmlns='jabber:client' to='x@${BRIDGE}' id='1'><body>hi</body></message>`);
  const heard = await bridge.inbox.take(isFor('1'), 'the message');
  expect([heard.attr('from'), heard.child('body', COMPONENT)?.text]).toEqual([jid, 'hi']);
  bridge.write(`<message from='x@${BRIDGE}/y' to='${jid}' id='2'><body>ho</body></message>`);
  const answer = await client.receive(isFor('2'));
  expect([answer.attr('from'), answer.child('body', 'jabber:client')?.text]).toEqual([`x@${BRIDGE}/y`, 'ho']);
});

test('3 a wrong secret is not-authorized, and the stream is closed', async () => {
  await start();
  const stranger = await kept(openComponent(port(), BRIDGE));
  stranger.write(`<handshake>${proofOf(stranger.headers[0].attr('id') ?? '', 'wrong')}</handshake>`);
  expect([await stranger.error(), await stranger.end()]).toEqual(['not-authorized', 'closed']);
});

test.each([
  ['in the namespace of clients', { xmlns: 'jabber:client' }, 'invalid-namespace'],
  ['of a component that nobody configured', { xmlns: COMPONENT, to: 'other.example.test' }, 'host-unknown'],
  ['of a domain with accounts', { xmlns: COMPONENT, to: DOMAIN }, 'host-unknown'],
  ['without to', { xmlns: COMPONENT, to: undefined }, 'host-unknown'],
])('3 a header %s is refused', async (_, header, condition) => {
  await start();
  const stranger = await kept(TcpClient.connect(port(), { to: BRIDGE }));
  stranger.open({ version: undefined, ...header });
  expect([await stranger.error(), await stranger.end()]).toEqual([condition, 'closed']);
});

test('one that opens its stream and proves nothing is let go in time', async () => {
  await start({}, { open_timeout: 0.2 });
  const silent = await kept(openComponent(port(), BRIDGE));
  expect([await silent.error(), await silent.end()]).toEqual(['connection-timeout', 'closed']);
  const bridge = await kept(component(port(), BRIDGE, SECRET));
  expect(bridge.ended).toBe('open');
});

test('what is not XML ends the stream, and its users are told that it is away', async () => {
  await start();
  const bridge = await kept(component(port(), BRIDGE, SECRET));
  const { client } = await user();
  bridge.write('<message></iq>');
  expect([await bridge.error(), await bridge.end()]).toEqual(['not-well-formed', 'closed']);
  client.send(`<iq xmlns='jabber:client' type='get' to='${BRIDGE}' id='1'><q xmlns='x'/></iq>`);
  expect(conditions(await client.receive(isFor('1')))).toEqual(['service-unavailable', 'text']);
});

test('one that never reads gets no more than a bounded number of bytes; senders are told, and it lives', async () => {
  await start();
  const bridge = await kept(component(port(), BRIDGE, SECRET));
  const { client } = await user();
  bridge.socket.pause();
  const said = 'x'.repeat(60_000);
  let refused: Xml | undefined;
  let sent = 0;
  for (; refused === undefined && sent < 1000; sent++) {
    client.send(`<message xmlns='jabber:client' to='x@${BRIDGE}' id='m${sent}'><body>${said}</body></message>`);
    client.send(`<iq xmlns='jabber:client' type='get' to='${DOMAIN}' id='p${sent}'><ping xmlns='urn:xmpp:ping'/></iq>`);
    const heard = await client.receive((each) => each.name === 'message' || each.attr('id') === `p${sent}`);
    if (heard.name === 'message') refused = heard;
  }
  expect(refused && conditions(refused)).toEqual(['resource-constraint', 'text']);
  bridge.socket.resume();
  const first = Number(refused?.attr('id')?.slice(1));
  for (let i = 0; i < first; i++) await bridge.inbox.take(isFor(`m${i}`), `message ${i}`);
  client.send(`<message xmlns='jabber:client' to='x@${BRIDGE}' id='last'/>`);
  await bridge.inbox.take(isFor('last'), 'the message');
});

test('what did not leave for a component that is cut goes back', async () => {
  await start({}, { c2s: null });
  const bridge = await kept(component(port(), BRIDGE, SECRET));
  const { client } = await user();
  bridge.socket.pause();
  const said = 'x'.repeat(60_000);
  let answer: Xml | undefined;
  let sent = 0;
  for (; answer === undefined; sent++) {
    client.send(`<message xmlns='jabber:client' to='x@${BRIDGE}' id='m${sent}'><body>${said}</body></message>`);
    client.send(`<iq xmlns='jabber:client' type='get' to='${DOMAIN}' id='p${sent}'><ping xmlns='urn:xmpp:ping'/></iq>`);
    const heard = await client.receive((each) => each.name === 'message' || each.attr('id') === `p${sent}`);
    if (heard.name === 'message') answer = heard;
  }
  bridge.socket.destroy();
  const back = await client.receive((each) => conditions(each)?.includes('recipient-unavailable') ?? false);
  expect(back.child('body')?.text).toBe(said);
});

test('where it may come several times, each of its connections is one; else the second is a conflict', async () => {
  await start({ multiple: true });
  const both = [await kept(component(port(), BRIDGE, SECRET)), await kept(component(port(), BRIDGE, SECRET))];
  expect(both.map(({ ended }) => ended)).toEqual(['open', 'open']);
  await server.reload({ ...OPTIONS, components: { [BRIDGE]: { secret: SECRET } } });
  expect(await Promise.all(both.map((each) => each.error()))).toEqual(['host-gone', 'host-gone']);
  await kept(component(port(), BRIDGE, SECRET));
  const second = await kept(openComponent(port(), BRIDGE));
  second.write(`<handshake>${proofOf(second.headers[0].attr('id') ?? '', SECRET)}</handshake>`);
  expect(await second.error()).toBe('conflict');
});

test('the first component may come with a reload', async () => {
  server = createServer({ ...OPTIONS, log: new MemoryLog() });
  await server.start();
  expect(server.urls.component).toBeUndefined();
  await server.reload({ ...OPTIONS, components: { [BRIDGE]: { secret: SECRET } } });
  const bridge = await kept(component(port(), BRIDGE, SECRET));
  expect(bridge.ended).toBe('open');
});

test('it is told when the server stops', async () => {
  await start({}, { drain: { see_other_host: 'other.example:5222' } });
  const bridge = await kept(component(port(), BRIDGE, SECRET));
  const stopped = server.stop();
  expect(await bridge.error()).toBe('system-shutdown');
  await stopped;
});

test('the status page shows how each is', async () => {
  await start({ multiple: true });
  const state = async () => {
    const page = await (await fetch(new URL('/status', server.urls.bosh))).text();
    return new RegExp(`${BRIDGE}</th><td>([^<]*)<`).exec(page)?.[1];
  };
  const states = [await state()];
  for (let i = 0; i < 2; i++) {
    await kept(component(port(), BRIDGE, SECRET));
    states.push(await state());
  }
  expect(states).toEqual(['away', 'connected', '2 connections']);
});
