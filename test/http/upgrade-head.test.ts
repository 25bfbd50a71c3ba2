// What is read as a request for a WebSocket without node:http is one for node:http too, with the same words.

import { createServer, type IncomingMessage } from 'node:http';
import { expect, test } from 'vitest';
import { readUpgrade } from '../../src/http/upgrade-head.js';
import { Dice } from '../support/dice.js';
import { Said } from '../support/said.js';

const CASES = 4000;

const REQUESTS = [
  'GET /ws HTTP/1.1',
  'GET /ws?a=1 HTTP/1.1',
  'GET  /ws HTTP/1.1',
  'GET /ws HTTP/1.0',
  'get /ws HTTP/1.1',
];
const ODD_REQUESTS = [
  ...REQUESTS,
  'POST /ws HTTP/1.1',
  'GET http://a/ws HTTP/1.1',
  'GET /w\u00e9 HTTP/1.1',
  'GET /ws',
  '',
];
const PLAIN = ['Host: a', 'Upgrade: websocket', 'Connection: Upgrade'];
const LINES = [
  ...PLAIN,
  'host:b.example:5280',
  'UPGRADE:  WebSocket ',
  'Upgrade: h2c',
  'Upgrade: websocket, foo',
  'connection: keep-alive, Upgrade',
  'Connection: upgraded',
  'Connection: close',
  'Content-Length: 0',
  'Content-Length: 3',
  'Transfer-Encoding: chunked',
  'Expect: 100-continue',
  'Sec-WebSocket-Key: AQIDBAUGBwgJCgsMDQ4PEC==',
  'Sec-WebSocket-Protocol: xmpp, other',
  'Cookie: a=b; c="d"',
  'X-Empty:',
  'X-Folded: a\r\n b',
  'X-Latin: \u00e9',
  'X Space: a',
  'X-Zero: a\u0000b',
  ': nothing',
  'nothing',
  '\nHost: z',
];

/** The upgrade that node:http sees, and the bytes behind it. */
async function nodeReads(bytes: Buffer): Promise<{ message: IncomingMessage; rest: Buffer } | undefined> {
  const server = createServer();
  const socket = new Said(bytes);
  const found = new Promise<{ message: IncomingMessage; rest: Buffer } | undefined>((resolve) => {
    server.once('clientError', () => resolve(undefined));
    server.once('request', () => resolve(undefined));
    server.once('upgrade', (message: IncomingMessage, _socket, rest: Buffer) => resolve({ message, rest }));
    socket.once('close', () => resolve(undefined));
  });
  server.emit('connection', socket);
  const answer = await found;
  socket.destroy();
  return answer;
}

test(`${CASES} heads: whatever is read is an upgrade, with these words and this end`, async () => {
  const dice = new Dice(7395);
  let read = 0;
  for (let at = 0; at < CASES; at++) {
    const request = dice.roll(5) > 0 ? REQUESTS[0] : dice.one(ODD_REQUESTS);
    const lines = [
      ...PLAIN.filter(() => dice.roll(6) > 0),
      ...Array.from({ length: dice.roll(4) }, () => dice.one(LINES)),
    ];
    const text = `${[request, ...lines].join(dice.roll(20) === 0 ? '\n' : '\r\n')}\r\n\r\n${dice.one(['', '\x81\x80abcd', 'GET /'])}`;
    const bytes = Buffer.from(text, 'latin1');
    const head = readUpgrade(bytes);
    if (head === undefined) continue;
    read++;
    const node = await nodeReads(bytes);
    expect(node, text).toBeDefined();
    expect({ ...head.headers }, text).toEqual({ ...node?.message.headers });
    expect([head.method, head.url], text).toEqual([node?.message.method, node?.message.url]);
    expect(bytes.subarray(head.size), text).toEqual(node?.rest);
  }
  expect(read).toBeGreaterThan(CASES / 10);
});

test('what browsers write is read, whole, and no part of it', () => {
  const text =
    'GET /xmpp-websocket/ HTTP/1.1\r\nHost: chat.example\r\nConnection: keep-alive, Upgrade\r\nPragma: no-cache\r\n' +
    'User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0)\r\nUpgrade: websocket\r\nOrigin: https://chat.example\r\n' +
    'Sec-WebSocket-Version: 13\r\nAccept-Encoding: gzip, deflate, br\r\nCookie: a=1; b=2\r\nSec-Fetch-Mode: websocket\r\n' +
    'Sec-WebSocket-Key: AQIDBAUGBwgJCgsMDQ4PEC==\r\nSec-WebSocket-Extensions: permessage-deflate\r\n' +
    'Sec-WebSocket-Protocol: xmpp\r\n\r\n';
  expect(readUpgrade(Buffer.from(text))).toMatchObject({ url: '/xmpp-websocket/', size: text.length });
  for (let end = 0; end < text.length; end++) expect(readUpgrade(Buffer.from(text.slice(0, end)))).toBeUndefined();
});
