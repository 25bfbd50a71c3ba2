// What is read without node:http is read as node:http would.

import { createServer, type IncomingMessage } from 'node:http';
import { expect, test } from 'vitest';
import { HeadReader, kindOf } from '../../src/http/post-head.js';
import { Chance } from '../support/random-xml.js';
import { Said } from '../support/said.js';

const PLAIN =
  'POST /http-bind/ HTTP/1.1\r\nHost: chat.example\r\nContent-Type: text/xml\r\nContent-Length: 7\r\nOrigin: https://a.example\r\n\r\n';
const reader = () => new HeadReader((path) => path.startsWith('/http-bind'));
const read = (text: string) => reader().read(Buffer.from(text, 'latin1'), 0, undefined);

/** The first request that node:http sees in these bytes, read to its end; nothing when it sees none. */
async function nodeReads(bytes: Buffer): Promise<{ message: IncomingMessage; body: string } | undefined> {
  const server = createServer();
  const socket = new Said(bytes);
  const found = new Promise<{ message: IncomingMessage; body: string } | undefined>((resolve) => {
    server.once('clientError', () => resolve(undefined));
    server.once('upgrade', () => resolve(undefined));
    server.once('request', (message: IncomingMessage) => {
      let body = '';
      message.on('data', (chunk: Buffer) => {
        body += chunk.toString('latin1');
      });
      message.on('end', () => resolve(message.complete ? { message, body } : undefined));
      message.on('close', () => resolve(undefined));
    });
  });
  server.emit('connection', socket);
  const answer = await found;
  socket.destroy();
  return answer;
}

const LINES = [
  'Host: a',
  'host:b.example:5280',
  'Content-Length: 7',
  'content-length:3',
  'Content-Length: 7, 7',
  'Content-Length: +7',
  'Content-Length : 7',
  'Content-Length: 07',
  'Transfer-Encoding: chunked',
  'Connection: keep-alive',
  'Connection: close',
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Expect: 100-continue',
  'X-Forwarded-For: 192.0.2.1,\t192.0.2.2',
  'X-Empty:',
  'X-Space: a  b \t',
  'Origin:\t https://a.example',
  'Accept-Encoding: gzip, deflate',
  'Cookie: a=b; c="d"',
  ' folded',
  'no colon',
  'X-\u00e9: 1',
  'X: \u00e9',
  'X: \u0001',
  'X: a\rb',
  'X: a\nHost: c',
  'constructor: 1',
];
const REQUESTS = [
  'POST /http-bind/ HTTP/1.1',
  'POST /http-bind?a HTTP/1.1',
  'POST /http-bind HTTP/1.0',
  'POST  /http-bind HTTP/1.1',
  'POST /http-bind HTTP/1.1 ',
  'POST http://a/http-bind HTTP/1.1',
  'PUT /http-bind HTTP/1.1',
  'post /http-bind HTTP/1.1',
];

test('of 4000 heads those that are taken mean the same to node:http: fields, length, and where the body ends', async () => {
  const chance = new Chance(7);
  let taken = 0;
  for (let i = 0; i < 4000; i++) {
    const lines = [chance.once(5) ? chance.of(REQUESTS) : REQUESTS[0]];
    if (!chance.once(8)) lines.push('Host: a.example');
    if (!chance.once(8)) lines.push('Content-Length: 5');
    for (let more = chance.below(4); more > 0; more--)
      lines.splice(1 + chance.below(lines.length), 0, chance.of(LINES));
    const bytes = Buffer.from(`${lines.join('\r\n')}\r\n\r\n01234567890`, 'latin1');
    const own = reader();
    const head = own.read(bytes, 0, undefined);
    if (head === 'more') expect.fail(`case ${i}: more of ${JSON.stringify(bytes.toString('latin1'))}`);
    if (head === 'other') continue;
    taken++;
    const other = await nodeReads(bytes.subarray(0, own.size + own.length));
    expect({
      case: bytes.toString('latin1'),
      ...head.headers,
      body: bytes.toString('latin1', own.size, own.size + own.length),
    }).toEqual({ case: bytes.toString('latin1'), ...other?.message.headers, body: other?.body });
  }
  expect(taken).toBeGreaterThan(800);
});

test('a head is more of one until its last byte', () => {
  for (let cut = 1; cut < PLAIN.length; cut++) expect(read(PLAIN.slice(0, cut))).toBe('more');
  expect(typeof read(PLAIN)).toBe('object');
});

test('the next one that differs in its length alone is the same head, with that length; any other difference is another', () => {
  const own = reader();
  const first = own.read(Buffer.from(PLAIN), 0, undefined);
  if (typeof first === 'string') throw new Error('not taken');
  const again = PLAIN.replace('Length: 7', 'Length: 12345');
  expect(own.read(Buffer.from(`xx${again}`), 2, first)).toBe(first);
  expect([own.size, own.length]).toEqual([again.length, 12345]);
  for (let at = 0; at < PLAIN.length; at++) {
    const changed = `${PLAIN.slice(0, at)}\x01${PLAIN.slice(at + 1)}`;
    expect(own.read(Buffer.from(changed, 'latin1'), 0, first)).not.toBe(first);
  }
  for (const length of ['', ' ', '-1', '1e3', '0x7', '1234567890'])
    expect(own.read(Buffer.from(PLAIN.replace('Length: 7', `Length: ${length}`)), 0, first)).toBe('other');
});

test('a head that does not end is not waited for', () => {
  expect(read(`POST /http-bind/ HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(16_384)}`)).toBe('other');
});

test.each([
  ['post', PLAIN],
  ['request', 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'],
  ['more', 'GE'],
  ['more', 'GET / HTTP/1.1\r\nHost: a\r\n'],
  ['none', 'GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\r\n'],
  ['none', '\0\0\0'],
  ['none', 'get / HTTP/1.1'],
  ['none', '<body/>'],
  ['none', 'PRI * HTTP/2.0\r\n\r\n'],
])('%s: %j', (kind, bytes) => {
  expect(kindOf(Buffer.from(bytes))).toBe(kind);
});
