// What is answered here is what the server of `ws` answers, word for word; whatever it refuses is left to it.

import { createServer } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { WebSocketServer } from 'ws';
import { shakeHands } from '../../src/http/handshake.js';
import { Dice } from '../support/dice.js';
import { RawHttp } from '../support/http-raw.js';

const CASES = 400;
const KEYS = [
  'AQIDBAUGBwgJCgsMDQ4PEC==',
  'dGhlIHNhbXBsZSBub25jZQ==',
  '++++////++++////++++//==',
  'dGhlIHNhbXBsZSBub25jZQ=',
  'dGhlIHNhbXBsZSBub25jZ===',
  'dGhlIHNhbXBsZSBub25jZQ',
  'dGhlIHNhbXBsZSBub25jZQ==a',
  'dGhlIHNhbXBsZSBub25jZ-==',
  'dGhlIHNhbXBsZSBub25j\u00e9Q==',
  '',
];
const VERSIONS = ['13', '8', '7', '14', '-13', '13.0', '1.3e1', '0xd', '013', '13, 8', '13 8', 'thirteen', ''];
const PROTOCOLS = [
  'xmpp',
  'xmpp, chat',
  'chat,xmpp',
  'chat \t , \t xmpp',
  'xmpp,',
  ',xmpp',
  'xmpp,,chat',
  'xmpp, xmpp',
  'chat, xmpp, chat',
  'xmpp chat, xmpp',
  'xmpp;q=1, xmpp',
  'xmpp, "chat"',
  'xmpp, !#$%&\u0027*+-.^_`|~09azAZ',
  'xmpp, caf\u00e9',
  'xmpp\u00a0',
  'xmpp, @',
];
const EXTENSIONS = ['permessage-deflate', 'permessage-deflate; client_max_window_bits', ';;', ''];

/** Listens with `upgrade`. */
class Shaker {
  readonly #server = createServer();

  constructor(upgrade: (...told: Parameters<WebSocketServer['handleUpgrade']>) => void) {
    this.#server.on('upgrade', (request, socket, head) => upgrade(request, socket, head, () => socket.end()));
  }

  listen(): Promise<void> {
    return new Promise((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
  }

  close(): Promise<unknown> {
    return new Promise((resolve) => this.#server.close(resolve));
  }

  /** All that it says to these bytes before it ends the connection. */
  async said(bytes: Buffer): Promise<string> {
    const { socket } = await RawHttp.connect((this.#server.address() as AddressInfo).port);
    const pieces: Buffer[] = [];
    socket.on('data', (piece) => pieces.push(piece));
    socket.write(bytes);
    await new Promise((resolve) => socket.once('close', resolve));
    return Buffer.concat(pieces).toString('latin1');
  }
}

const theirs = new WebSocketServer({ noServer: true, perMessageDeflate: false, handleProtocols: () => 'xmpp' });
const reference = new Shaker((...told) => theirs.handleUpgrade(...told));
const answered: string[] = [];
const ours = new Shaker((request, socket, head, made) => {
  if (!shakeHands(request, socket as Socket)) {
    theirs.handleUpgrade(request, socket, head, made);
    return;
  }
  answered.push(JSON.stringify(request.headers));
  socket.uncork();
  made(undefined as never, request);
});

beforeAll(() => Promise.all([reference.listen(), ours.listen()]));
afterAll(() => Promise.all([reference.close(), ours.close()]));

async function compare(lines: readonly string[]): Promise<string> {
  const plain = ['GET /xmpp-websocket HTTP/1.1', 'Host: localhost', 'Upgrade: websocket', 'Connection: Upgrade'];
  const bytes = Buffer.from([...plain, ...lines, '', ''].join('\r\n'), 'latin1');
  const [wanted, said] = await Promise.all([reference.said(bytes), ours.said(bytes)]);
  expect(said, lines.join(' | ')).toBe(wanted);
  return said.slice(0, 12);
}

test('the example of RFC 6455 section 1.3', async () => {
  const lines = ['Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==', 'Sec-WebSocket-Version: 13'];
  expect(await compare([...lines, 'Sec-WebSocket-Protocol: xmpp'])).toBe('HTTP/1.1 101');
  expect(answered).toHaveLength(1);
});

test('each odd field alone', async () => {
  const usual = { Key: KEYS[0], Version: '13', Protocol: 'xmpp' };
  const odd = [
    ...KEYS.map((Key) => ({ ...usual, Key })),
    ...VERSIONS.map((Version) => ({ ...usual, Version })),
    ...PROTOCOLS.map((Protocol) => ({ ...usual, Protocol })),
    ...EXTENSIONS.map((Extensions) => ({ ...usual, Extensions })),
  ];
  const statuses = new Set<string>();
  for (const fields of odd) {
    statuses.add(await compare(Object.entries(fields).map(([name, value]) => `Sec-WebSocket-${name}: ${value}`)));
  }
  expect([...statuses]).toEqual(['HTTP/1.1 101', 'HTTP/1.1 400']);
});

test(`${CASES} requests, with fields missing and twice`, async () => {
  const dice = new Dice(1);
  for (let at = 0; at < CASES; at++) {
    const lines = [`Sec-WebSocket-Protocol: ${dice.one(PROTOCOLS)}`];
    if (dice.roll(10) > 0) lines.push(`Sec-WebSocket-Key: ${dice.one(dice.roll(2) === 0 ? KEYS.slice(0, 3) : KEYS)}`);
    if (dice.roll(10) > 0) lines.push(`sec-websocket-version: ${dice.one(dice.roll(2) === 0 ? ['13'] : VERSIONS)}`);
    if (dice.roll(10) === 0) lines.push(`Sec-WebSocket-Extensions: ${dice.one(EXTENSIONS)}`);
    if (dice.roll(10) === 0) lines.push(dice.one(lines));
    await compare(lines);
  }
});
