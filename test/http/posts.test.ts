// The way past node:http, and from it to node:http.

import { expect, test, vi } from 'vitest';
import { HeadReader } from '../../src/http/post-head.js';
import { answer, faces, ScriptedSessions } from '../support/http-face.js';

const { start, raw } = faces();
const POST = 'POST /http-bind/ HTTP/1.1\r\nhost: a\r\ncontent-length: 7\r\n\r\n<body/>';
const GET = 'GET /livez HTTP/1.1\r\nhost: a\r\n\r\n';

test('a plain POST is not seen by node:http; from another request on, all of its connection is', async () => {
  const { port, http, sessions } = await start();
  const seen: (string | undefined)[] = [];
  http.server.on('request', ({ method }) => seen.push(method));
  const client = await raw(port);
  client.send(POST);
  expect((await client.answer())?.text).toBe('<body echo="7"/>');
  client.send(POST + GET + POST);
  expect((await client.answer())?.text).toBe('<body echo="7"/>');
  expect((await client.answer())?.text).toBe('ok\n');
  expect((await client.answer())?.text).toBe('<body echo="7"/>');
  expect(seen).toEqual(['GET', 'POST']);
  expect(sessions.bodies).toHaveLength(3);
});

test.each([
  ['a small head', 1000, true],
  ['one above 4 KiB', 4200, false],
])('%s is remembered for the next request: %s bytes, %s', async (_, size, remembered) => {
  const { port, http } = await start();
  const seen: unknown[] = [];
  http.server.on('request', (request) => seen.push(request));
  const read = vi.spyOn(HeadReader.prototype, 'read');
  const client = await raw(port);
  for (const letter of ['a', 'b', 'c']) {
    client.send(POST.replace('host: a', `host: a\r\ncookie: ${letter.repeat(size)}`));
    expect((await client.answer())?.text).toBe('<body echo="7"/>');
  }
  const known = read.mock.calls.map(([, , head]) => head !== undefined);
  read.mockRestore();
  expect(known).toEqual([false, remembered, remembered]);
  expect(seen).toEqual([]);
});

test('both ways give the same answer, headers included', async () => {
  const { port } = await start();
  const headers = async (more: string) => {
    const got = await (await raw(port)).send(POST.replace('\r\n\r\n', `\r\n${more}\r\n`)).answer();
    return [got?.status, got?.text, [...(got?.headers ?? [])].filter(([name]) => name !== 'date').sort()];
  };
  expect(await headers('')).toEqual(await headers('te: trailers\r\n'));
});

test("a connection may be silent before its first request, but not for ever; one that begins a request is node:http's soon", async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'performance'] });
  try {
    const { port, http } = await start();
    const seen: unknown[] = [];
    http.server.on('request', (request) => seen.push(request));
    let accepted = 0;
    const all = new Promise<void>((resolve) =>
      http.server.on('connection', () => {
        if (++accepted === 4) resolve();
      }),
    );
    const [early, silent, slow, last] = [await raw(port), await raw(port), await raw(port), await raw(port)];
    await all;
    vi.advanceTimersByTime(9000);
    early.send(POST);
    expect((await early.answer())?.text).toBe('<body echo="7"/>');
    expect(seen).toEqual([]);
    last.send(POST.slice(0, 20));
    slow.send(POST);
    await slow.answer();
    vi.advanceTimersByTime(2500);
    await silent.closed;
    last.send(POST.slice(20));
    expect((await last.answer())?.text).toBe('<body echo="7"/>');
    expect(seen).toHaveLength(1);
  } finally {
    vi.useRealTimers();
  }
});

test('requests cut anywhere are read whole, and nothing is read twice', async () => {
  const { port, sessions } = await start();
  const both = POST + POST.replace('<body/>', '<BODY/>');
  for (let cut = 1; cut < both.length; cut += 3) {
    const client = await raw(port);
    client.send(both.slice(0, cut));
    await new Promise((resolve) => setImmediate(resolve));
    client.send(both.slice(cut));
    await client.answer();
    await client.answer();
    client.socket.destroy();
    expect(sessions.bodies.splice(0)).toEqual(['<body/>', '<BODY/>']);
  }
});

test('a body beyond the limit is answered as ever', async () => {
  const { port } = await start({ max_data_held: 1000 });
  const client = (await raw(port)).post('/http-bind/', 'x'.repeat(1001));
  expect((await client.answer())?.headers.get('connection')).toBe('close');
});

test('a POST in chunks behind one that waits releases it, and is heard', async () => {
  const sessions = new ScriptedSessions((body, held) =>
    body === 'two' ? held.reply(answer('<body two=""/>')) : undefined,
  );
  const { port } = await start({}, { sessions });
  const client = (await raw(port)).send(POST);
  client.send('POST /http-bind/ HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n3\r\ntwo\r\n0\r\n\r\n');
  expect((await client.answer())?.text).toBe('<body released=""/>');
  expect((await client.answer())?.text).toBe('<body two=""/>');
});

test('a stop ends connections that carry no request at once, and those that do with their answer', async () => {
  const sessions = new ScriptedSessions((body, held) => (body === 'wait' ? undefined : held.reply(answer('<body/>'))));
  const { port, http } = await start({}, { sessions });
  const idle = (await raw(port)).send(POST);
  await idle.answer();
  const waiting = (await raw(port)).post('/http-bind/', 'wait');
  await sessions.count(2);
  const closed = http.close();
  await idle.closed;
  sessions.held[1].reply(answer('<body last=""/>'));
  const got = await waiting.answer();
  expect([got?.text, got?.headers.get('connection')]).toEqual(['<body last=""/>', 'close']);
  await waiting.closed;
  await closed;
});
