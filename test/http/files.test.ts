import { once } from 'node:events';
import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import type { Registry } from '../../src/files/registry.js';
import { Shelf } from '../../src/files/shelf.js';
import { Cors } from '../../src/http/cors.js';
import { answerClientError } from '../../src/http/listener.js';
import { faces } from '../support/http-face.js';
import type { RawHttp } from '../support/http-raw.js';
import { folders, type Place, type TestDepot, testDepot } from '../support/uploads.js';

const { start, raw } = faces();
const folder = folders();

type Wish = Parameters<TestDepot['wish']>[0];

/** A depot behind a face. */
async function open(options: Place['options'] = {}, face: Parameters<typeof start>[0] = {}) {
  const home = folder();
  const depot = testDepot({ home, options });
  const { url, port, metrics } = await start(face, { files: depot.shelf });
  const at = (random: string, name = 'a.bin') => `${url}/upload/${random}/${name}`;
  const put = async (said: Wish = {}, body = 'hello', headers: Record<string, string> = {}) => {
    const slot = await depot.wish({ size: Buffer.byteLength(body), ...said });
    const answer = await fetch(at(slot.token), { method: 'PUT', body, headers });
    return { slot, status: answer.status, url: at(slot.id), answer };
  };
  /** Begins to put; `length` as it is said, the body for the caller to send. */
  const begin = async (token: string, length: string | number | undefined, more = ''): Promise<RawHttp> => {
    const said = length === undefined ? '' : `content-length: ${length}\r\n`;
    return (await raw(port)).send(`PUT /upload/${token}/a.bin HTTP/1.1\r\nhost: a\r\n${said}${more}\r\n`);
  };
  return { ...depot, home, port, base: url, metrics, at, put, begin };
}

describe('7 an upload', () => {
  test('is taken, and what was put is got, as its type and under its name', async () => {
    const { put, names } = await open();
    const { slot, status, url } = await put({ type: 'image/png', typed: true }, 'pixels', {
      'content-type': 'image/png',
    });
    expect(status).toBe(201);
    expect(names()).toEqual([slot.id]);
    const got = await fetch(url);
    expect([got.status, await got.text()]).toEqual([200, 'pixels']);
    expect(got.headers.get('content-type')).toBe('image/png');
    expect(got.headers.get('content-disposition')).toBe('inline; filename="a.bin"');
    expect(got.headers.get('content-length')).toBe('6');
  });

  test('may be large', async () => {
    const { put } = await open();
    const body = 'x'.repeat(3_000_000);
    const { status, url } = await put({}, body);
    expect(status).toBe(201);
    expect((await (await fetch(url)).text()) === body).toBe(true);
  });

  test('may be empty', async () => {
    const { put } = await open();
    const { status, url } = await put({}, '');
    expect(status).toBe(201);
    const got = await fetch(url);
    expect([got.status, got.headers.get('content-length'), await got.text()]).toEqual([200, '0', '']);
  });

  test('is not taken twice', async () => {
    const { put, at } = await open();
    const { slot, url } = await put();
    expect((await fetch(at(slot.token), { method: 'PUT', body: 'other' })).status).toBe(409);
    expect(await (await fetch(url)).text()).toBe('hello');
  });

  test('is not taken while another one of the slot is on its way', async () => {
    const { wish, begin, at } = await open();
    const slot = await wish({ size: 5 });
    const first = await begin(slot.token, 5);
    await vi.waitUntil(() => !slot.isOpen);
    expect((await fetch(at(slot.token), { method: 'PUT', body: 'other' })).status).toBe(409);
    expect((await first.send('hello').answer())?.status).toBe(201);
    expect(await (await fetch(at(slot.id))).text()).toBe('hello');
  });

  test('that loses the slot to another one at the last moment is read to its end, and told so', async () => {
    const { wish, uploads, log } = await open();
    const slot = await wish({ size: 100_000 });
    const late: Registry = {
      slot: async () => slot,
      begin: async () => 'taken',
      end: (token, outcome) => uploads.end(token, outcome),
      find: (id) => uploads.find(id),
    };
    const { port } = await start({}, { files: new Shelf(late, log) });
    const client = await raw(port);
    const head = `PUT /upload/${slot.token} HTTP/1.1\r\nhost: a\r\ncontent-length: 100000\r\n\r\n`;
    expect((await client.send(head + 'x'.repeat(100_000)).answer())?.status).toBe(409);
    expect((await client.send('GET /livez HTTP/1.1\r\nhost: a\r\n\r\n').answer())?.text).toBe('ok\n');
  });

  test('shares its connection with requests of BOSH', async () => {
    const { wish, port } = await open();
    const slot = await wish({ size: 200_000 });
    const client = await raw(port);
    const put = `PUT /upload/${slot.token}/a HTTP/1.1\r\nhost: a\r\ncontent-length: 200000\r\n\r\n`;
    const poll = async () => (await client.post('/http-bind/', '<body/>').answer())?.text;
    expect(await poll()).toBe('<body echo="7"/>');
    client.send(put + 'x'.repeat(100_000));
    await vi.waitUntil(() => !slot.isOpen);
    expect((await client.send('x'.repeat(100_000)).answer())?.status).toBe(201);
    expect(await poll()).toBe('<body echo="7"/>');
    client.send(`GET /upload/${slot.id} HTTP/1.1\r\nhost: a\r\n\r\n`);
    expect((await client.answer())?.body.length).toBe(200_000);
    expect(await poll()).toBe('<body echo="7"/>');
  });

  test('needs the token of a slot: neither the id of the file nor a guess will do', async () => {
    const { wish, at, base } = await open();
    const slot = await wish();
    for (const url of [at(slot.id), at('0'.repeat(40)), `${base}/upload/`, `${base}/upload`, `${base}/upload/x`]) {
      const { status } = await fetch(url, { method: 'PUT', body: 'hello' });
      expect([403, 404, 405], url).toContain(status);
    }
    expect((await fetch(at(slot.token))).status).toBe(404);
    expect(slot.isOpen).toBe(true);
  });

  test('has to begin before the slot is over', async () => {
    const { wish, at, clock, names } = await open({ slot_timeout: 60 });
    const slot = await wish();
    clock.now += 60_000;
    expect((await fetch(at(slot.token), { method: 'PUT', body: 'hello' })).status).toBe(403);
    expect(names()).toEqual([]);
  });

  test.each([
    ['longer', '6', 413],
    ['much longer', '999999999', 413],
    ['shorter', '4', 400],
    ['of no known length', undefined, 411],
  ])('%s than the slot is refused before its body', async (_, length, status) => {
    const { wish, begin, names } = await open();
    const slot = await wish({ size: 5 });
    const client = await begin(slot.token, length);
    expect((await client.answer())?.status).toBe(status);
    expect(names()).toEqual([]);
    expect(slot.isOpen).toBe(true);
  });

  test('in chunks is refused: its length is not known', async () => {
    const { wish, begin } = await open();
    const client = await begin((await wish()).token, undefined, 'transfer-encoding: chunked\r\n');
    expect((await client.send('5\r\nhello\r\n0\r\n\r\n').answer())?.status).toBe(411);
  });

  test('of another type than was said is refused, and one without a type is not', async () => {
    const { put } = await open();
    const said = { type: 'image/png', typed: true };
    expect((await put(said, 'hello', { 'content-type': 'text/html' })).status).toBe(415);
    expect((await put(said, 'hello', { 'content-type': 'Image/PNG; x=y' })).status).toBe(201);
    expect((await put({}, 'hello', { 'content-type': 'text/html' })).status).toBe(201);
    expect((await put({}, 'hello', { 'content-encoding': 'gzip' })).status).toBe(415);
  });

  test('whose connection breaks leaves nothing, and its slot may be used again', async () => {
    const { wish, begin, at, ended, names } = await open();
    const slot = await wish({ size: 100_000 });
    const client = await begin(slot.token, 100_000);
    client.send('x'.repeat(50_000));
    await vi.waitUntil(() => names().length === 1);
    expect(names()).toEqual([`${slot.id}.part`]);
    client.destroy();
    await vi.waitUntil(() => ended.length === 1);
    expect([ended, names(), slot.isOpen]).toEqual([['broken'], [], true]);
    expect((await fetch(at(slot.id))).status).toBe(404);
    expect((await fetch(at(slot.token), { method: 'PUT', body: 'y'.repeat(100_000) })).status).toBe(201);
  });

  test('that is too slow ends, however steadily it comes', async () => {
    const { wish, ended, names, uploads, log } = await open();
    const slot = await wish({ size: 5 });
    const quick: Registry = {
      slot: async () => ({ ...slot, within: 20 }),
      begin: (token) => uploads.begin(token),
      end: (token, outcome) => uploads.end(token, outcome),
      find: (id) => uploads.find(id),
    };
    const { port } = await start({}, { files: new Shelf(quick, log) });
    const client = await raw(port);
    client.send(`PUT /upload/${slot.token} HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\nh`);
    expect((await client.answer())?.status).toBe(408);
    await client.closed;
    expect([ended, names()]).toEqual([['broken'], []]);
  });

  test('may take longer than other requests: its time is its own', async () => {
    const { wish, shelf } = await open();
    const slot = await wish({ size: 5 });
    const late = Object.assign(new Error('late'), { code: 'ERR_HTTP_REQUEST_TIMEOUT' });
    const cors = new Cors({ origins: [], credentials: false });
    const { http, port } = await start({}, { files: shelf });
    const connected = once(http.server, 'connection');
    const client = await raw(port);
    const [socket] = await connected;
    client.send(`PUT /upload/${slot.token} HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\nhe`);
    await vi.waitUntil(() => !slot.isOpen);
    answerClientError(late, socket, cors);
    expect((await client.send('llo').answer())?.status).toBe(201);
    answerClientError(late, socket, cors);
    expect((await client.answer())?.status).toBe(408);
  });

  test('is told when the disk or the store takes no more, and nothing is kept', async () => {
    const { wish, at, home, ended, names } = await open();
    const slot = await wish();
    renameSync(join(home, 'upload.example.test'), join(home, 'elsewhere'));
    expect((await fetch(at(slot.token), { method: 'PUT', body: 'hello' })).status).toBe(500);
    renameSync(join(home, 'elsewhere'), join(home, 'upload.example.test'));
    expect([ended, names(), slot.isOpen]).toEqual([['failed'], [], true]);
    expect((await fetch(at(slot.token), { method: 'PUT', body: 'hello' })).status).toBe(201);
  });
});

describe('9.1 a file', () => {
  test.each(['image/png', 'image/jpeg', 'image/gif', 'image/webp', 'image/avif', 'audio/ogg', 'video/mp4'])(
    '%s is shown',
    async (type) => {
      const { headers } = await fetch((await (await open()).put({ type })).url);
      expect([headers.get('content-type'), headers.get('content-disposition')]).toEqual([
        type,
        'inline; filename="a.bin"',
      ]);
    },
  );

  test.each(['text/html', 'image/svg+xml', 'application/pdf', 'application/xhtml+xml', 'text/xml', 'video/x+xml'])(
    '%s is only saved',
    async (type) => {
      const { headers } = await fetch((await (await open()).put({ type }, '<script>alert(1)</script>')).url);
      expect(headers.get('content-disposition')).toMatch(/^attachment;/);
      expect(headers.get('content-type')).toBe(type);
    },
  );

  test.each(['text/javascript', 'application/javascript', 'application/x-ecmascript', 'text/css'])(
    '%s is of no type that a page could run',
    async (type) => {
      const { headers } = await fetch((await (await open()).put({ type }, 'alert(1)')).url);
      expect(headers.get('content-type')).toBe('application/octet-stream');
      expect(headers.get('content-disposition')).toMatch(/^attachment;/);
    },
  );

  test('in plain text is of one character set', async () => {
    const { headers } = await fetch((await (await open()).put({ type: 'text/plain' })).url);
    expect(headers.get('content-type')).toBe('text/plain; charset=utf-8');
  });

  test('can do nothing in a browser, errors included', async () => {
    const { put, at } = await open();
    const { url } = await put({ type: 'text/html' });
    const got = await fetch(url);
    expect(got.headers.get('content-security-policy')).toMatch(/^default-src 'none';.* sandbox;/);
    for (const answer of [got, await fetch(at('0'.repeat(40)))]) {
      expect(answer.headers.get('x-content-type-options')).toBe('nosniff');
    }
  });

  test.each([
    ['plain.txt', 'filename="plain.txt"'],
    ['très cool.jpg', `filename="tr_s cool.jpg"; filename*=UTF-8''tr%C3%A8s%20cool.jpg`],
    ['a"b\\c%41.txt', `filename="a_b_c_41.txt"; filename*=UTF-8''a%22b%5Cc%2541.txt`],
    ["it's (1)*.txt", `filename="it's (1)*.txt"`],
    ['a\r\nset-cookie: b', `filename="a__set-cookie: b"; filename*=UTF-8''a%0D%0Aset-cookie%3A%20b`],
    ['日本', `filename="__"; filename*=UTF-8''%E6%97%A5%E6%9C%AC`],
  ])('with the name %j is saved under it (RFC 6266)', async (name, said) => {
    const { headers } = await fetch((await (await open()).put({ name })).url);
    expect(headers.get('content-disposition')).toBe(`attachment; ${said}`);
    expect(headers.get('set-cookie')).toBeNull();
  });

  test('has a name in its URL that only decorates it', async () => {
    const { put, base } = await open();
    const { slot } = await put();
    const get = async (path: string) => (await fetch(`${base}/upload/${slot.id}${path}`)).status;
    for (const path of ['', '/', '/other.html', '/%00', '/%0d%0ax:y', `/${'n'.repeat(2000)}`, '/a?b#c', '/%252e']) {
      expect(await get(path), path).toBe(200);
    }
    expect(await get('/a/b')).toBe(404);
  });

  test.each([
    '/upload',
    '/upload/',
    '/upload/..',
    '/upload/../upload/',
    '/upload/%2e%2e/%2e%2e/etc/passwd',
    '/upload/..%2f..%2fetc%2fpasswd',
    '/upload/%00',
    `/upload/${'0'.repeat(40)}/../../secret`,
    '/upload/upload.example.test/',
    `/upload/${'a'.repeat(8000)}`,
    '/upload/%ff',
    '/upload/%',
  ])('is nowhere else: GET %s', async (path) => {
    const { put, port } = await open();
    await put();
    const answer = await (await raw(port)).send(`GET ${path} HTTP/1.1\r\nhost: a\r\n\r\n`).answer();
    expect([400, 404]).toContain(answer?.status);
    expect(answer?.text).toMatch(/^(Not found|Bad request)\.\n$/);
  });

  test('that is a link on the disk, or has another size, is not served', async () => {
    const { put, home } = await open();
    const { slot, url } = await put();
    const path = join(home, 'upload.example.test', slot.id);
    rmSync(path);
    writeFileSync(join(home, 'other'), 'other');
    symlinkSync(join(home, 'other'), path);
    expect((await fetch(url)).status).toBe(404);
    rmSync(path);
    writeFileSync(path, 'longer than it was');
    expect((await fetch(url)).status).toBe(404);
    rmSync(path);
    mkdirSync(path);
    expect((await fetch(url)).status).toBe(404);
  });

  test('is there until its time is over', async () => {
    const { put, clock } = await open({ expire: 1 });
    const { url } = await put();
    clock.now += 86_400_000 - 1;
    expect((await fetch(url)).status).toBe(200);
    clock.now += 1;
    expect((await fetch(url)).status).toBe(404);
  });
});

describe('RFC 9110: a file', () => {
  test.each([
    ['bytes=0-1', 206, 'he', 'bytes 0-1/5'],
    ['bytes=3-', 206, 'lo', 'bytes 3-4/5'],
    ['bytes=-2', 206, 'lo', 'bytes 3-4/5'],
    ['bytes=-9', 206, 'hello', 'bytes 0-4/5'],
    ['bytes=4-99', 206, 'o', 'bytes 4-4/5'],
    ['bytes=5-', 416, 'No such range.\n', 'bytes */5'],
    ['bytes=-0', 416, 'No such range.\n', 'bytes */5'],
    ['bytes=3-1', 200, 'hello', null],
    ['bytes=0-1,3-4', 200, 'hello', null],
    ['lines=0-1', 200, 'hello', null],
    ['bytes=-', 200, 'hello', null],
  ])('14 comes in parts: %s', async (range, status, text, said) => {
    const got = await fetch((await (await open()).put()).url, { headers: { range } });
    expect([got.status, await got.text(), got.headers.get('content-range')]).toEqual([status, text, said]);
    expect(got.headers.get('accept-ranges')).toBe('bytes');
  });

  test('13 is not sent to who has it', async () => {
    const { url } = await (await open()).put();
    const { headers } = await fetch(url);
    const [etag, modified] = [headers.get('etag') ?? '', headers.get('last-modified') ?? ''];
    const get = async (said: Record<string, string>) => (await fetch(url, { headers: said })).status;
    expect(await get({ 'if-none-match': etag })).toBe(304);
    expect(await get({ 'if-none-match': `"x", W/${etag}` })).toBe(304);
    expect(await get({ 'if-none-match': '"x"', 'if-modified-since': modified })).toBe(200);
    expect(await get({ 'if-modified-since': modified })).toBe(304);
    expect(await get({ 'if-modified-since': 'Mon, 01 Jan 2001 00:00:00 GMT' })).toBe(200);
    expect(await get({ range: 'bytes=0-1', 'if-range': etag })).toBe(206);
    expect(await get({ range: 'bytes=0-1', 'if-range': '"x"' })).toBe(200);
    expect(await get({ range: 'bytes=0-1', 'if-range': modified })).toBe(206);
  });

  test('9.3.2 has the same headers for HEAD, and no body', async () => {
    const { url } = await (await open()).put();
    const [head, got] = [await fetch(url, { method: 'HEAD' }), await fetch(url)];
    const of = (answer: Response) =>
      [...answer.headers].filter(([name]) => !['date', 'connection', 'keep-alive'].includes(name));
    expect(of(head)).toEqual(of(got));
    expect([head.status, await head.text()]).toEqual([200, '']);
  });

  test('15.5.6 is neither posted to nor deleted', async () => {
    const { url } = await (await open()).put();
    for (const method of ['POST', 'DELETE', 'PATCH']) {
      const { status, headers } = await fetch(url, { method, body: 'x' });
      expect([status, headers.get('allow')]).toEqual([405, 'GET, HEAD, PUT, OPTIONS']);
    }
  });
});

describe('8 pages of other origins', () => {
  test('may put and get files', async () => {
    const { put, at, wish } = await open();
    const origin = { origin: 'https://chat.example' };
    const asked = {
      ...origin,
      'access-control-request-method': 'PUT',
      'access-control-request-headers': 'content-type',
    };
    const preflight = await fetch(at((await wish()).token), { method: 'OPTIONS', headers: asked });
    expect(preflight.status).toBe(204);
    expect(preflight.headers.get('access-control-allow-origin')).toBe('*');
    expect(preflight.headers.get('access-control-allow-methods')).toContain('PUT');
    expect(preflight.headers.get('access-control-allow-headers')).toContain('Content-Type');
    const { answer, url } = await put({}, 'hello', origin);
    const refused = await fetch(at('0'.repeat(40)), { method: 'PUT', headers: origin, body: 'x' });
    for (const { headers } of [
      answer,
      refused,
      await fetch(url, { headers: origin }),
      await fetch(at('0'.repeat(40)), { headers: origin }),
    ]) {
      expect(headers.get('access-control-allow-origin')).toBe('*');
    }
  });

  test('may not when they are not among those that are named', async () => {
    const { at, wish } = await open({}, { cors: { origins: ['https://chat.example'], credentials: false } });
    const { token } = await wish();
    const allowed = async (origin: string) => {
      const { headers } = await fetch(at(token), { method: 'OPTIONS', headers: { origin } });
      return [headers.get('access-control-allow-origin'), headers.get('access-control-allow-methods')];
    };
    expect(await allowed('https://chat.example')).toEqual(['https://chat.example', 'GET, HEAD, PUT, OPTIONS']);
    expect(await allowed('https://evil.example')).toEqual([null, null]);
  });
});
