// Hostile use of one HTTP connection: what is sent behind a request that is not answered yet, and what is never read.

import { expect, test } from 'vitest';
import { faces, ScriptedSessions } from '../support/http-face.js';

const { start, raw } = faces();

const UPGRADE = 'host: a\r\nconnection: upgrade\r\n';
const WEBSOCKET = `${UPGRADE}upgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-protocol: xmpp\r\n`;

test.each([
  ['another protocol', `GET / HTTP/1.1\r\n${UPGRADE}upgrade: h2c\r\n\r\n`],
  ['BOSH by GET with another protocol', `GET /http-bind/?data=%3Cbody/%3E HTTP/1.1\r\n${UPGRADE}upgrade: h2c\r\n\r\n`],
  ['a WebSocket', `GET /xmpp-websocket/ HTTP/1.1\r\n${WEBSOCKET}\r\n`],
  ['a WebSocket where there is none', `GET /nowhere HTTP/1.1\r\n${WEBSOCKET}\r\n`],
])('RFC 9110 7.8: an upgrade to %s behind a request that waits costs that connection only', async (_, upgrade) => {
  const sessions = new ScriptedSessions(() => {});
  const { port } = await start({}, { sessions });
  const client = (await raw(port)).post('/http-bind/', '<body/>');
  await sessions.count(1);
  client.send(upgrade);
  await client.closed;
  expect(client.rest.toString()).toBe('');
  expect(sessions.lost).toHaveLength(1);
  const other = (await raw(port)).send('GET /livez HTTP/1.1\r\nhost: a\r\n\r\n');
  expect((await other.answer())?.status).toBe(200);
});

test('RFC 9112 9.3.2: a client that asks and asks without reading is cut off, whatever it asks for', async () => {
  const { port } = await start();
  for (const path of ['/metrics', '/', '/nowhere']) {
    const client = await raw(port);
    client.socket.pause();
    client.send(`GET ${path} HTTP/1.1\r\nhost: a\r\n\r\n`.repeat(1500));
    client.socket.resume();
    await client.closed;
    const answers = client.rest.toString().split('HTTP/1.1 ').length - 1;
    expect(answers).toBeLessThanOrEqual(33);
  }
});

test('RFC 9112 9.3.2: requests that are always one ahead of their answers are all answered, and none is kept', async () => {
  const sessions = new ScriptedSessions(() => {});
  const { port } = await start({}, { sessions });
  const client = (await raw(port)).post('/http-bind/', '<body/>');
  for (let i = 0; i < 100; i++) {
    client.post('/http-bind/', '<body/>');
    expect((await client.answer())?.status).toBe(200);
  }
  expect(sessions.held.at(-1)).toHaveProperty('before');
  expect(chain(sessions.held.at(-1))).toBeLessThan(3);
});

/** How many requests are reached from this one by those it came behind. */
function chain(request: unknown): number {
  let count = 0;
  for (let at = request as { before?: object } | undefined; at !== undefined; at = at.before as typeof at) count++;
  return count;
}
