import { promisify } from 'node:util';
import { deflateRawSync, deflateSync, gunzipSync, gzipSync, inflateSync } from 'node:zlib';
import { beforeEach, describe, expect, test, vi } from 'vitest';
import { answer, type Face, faces, startFace } from '../support/http-face.js';
import type { RawHttp } from '../support/http-raw.js';

const { start, raw: connect } = faces();
let face: Face;

beforeEach(async () => {
  face = await start();
});

function raw(port = face.port): Promise<RawHttp> {
  return connect(port);
}

async function restart(...args: Parameters<typeof start>): Promise<void> {
  face = await start(...args);
}

describe('XEP-0124 section 5: the transport', () => {
  test.each([
    ['ended by the client after the answer', false, (client: RawHttp) => client.socket.end()],
    ['reset', true, (client: RawHttp) => client.socket.resetAndDestroy()],
  ])('0206 7 a connection that was %s: broke is %s', async (_, broke, leave) => {
    const client = (await raw()).post('/http-bind/', '<body/>');
    expect((await client.answer())?.status).toBe(200);
    leave(client);
    const count = promisify(face.http.server.getConnections.bind(face.http.server));
    await vi.waitFor(async () => expect(await count()).toBe(0));
    expect(face.sessions.held[0].connection?.broke).toBe(broke);
  });

  test('0206 7 a connection that ended before all was written broke', async () => {
    face.sessions.on = (_, held) => held.reply(answer('x'.repeat(20_000_000)));
    const client = (await raw()).post('/http-bind/', '<body/>');
    await face.sessions.count(1);
    client.socket.destroy();
    await vi.waitFor(() => expect(face.sessions.held[0].connection?.broke).toBe(true));
  });

  test('5 a POST body goes to the session engine as it is, and its answer comes back with its length', async () => {
    const client = (await raw()).post('/http-bind/', '<body rid="1"/>', { 'content-type': 'text/xml' });
    const got = await client.answer();
    expect(face.sessions.bodies).toEqual(['<body rid="1"/>']);
    expect(got?.status).toBe(200);
    expect(got?.text).toBe('<body echo="15"/>');
    expect(got?.headers.get('content-length')).toBe('17');
    expect(got?.headers.has('transfer-encoding')).toBe(false);
    expect(got?.headers.get('content-type')).toBe('text/xml; charset=utf-8');
  });

  test.each([
    'text/plain',
    'application/x-www-form-urlencoded',
    'application/json',
    '',
    ';;;',
    'text/xml; charset="',
    'multipart/form-data',
    'a/b, c/d',
    'text/xml;charset=utf-16',
    '\tapplication/json',
    'constructor',
    '*/*',
  ])('5 the request Content-Type %j is ignored', async (type) => {
    const client = (await raw()).post('/http-bind/', '<body/>', { 'content-type': type });
    expect((await client.answer())?.status).toBe(200);
    expect(face.sessions.bodies).toEqual(['<body/>']);
  });

  test('5 a request without Content-Type is taken', async () => {
    expect((await (await raw()).post('/http-bind/', '<body/>').answer())?.text).toBe('<body echo="7"/>');
  });

  test('5 a body in chunks and in single bytes arrives whole', async () => {
    const client = await raw();
    client.send('POST /http-bind/ HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n');
    for (const byte of '3\r\n<bo\r\n4\r\ndy/>\r\n0\r\n\r\n') client.send(byte);
    expect((await client.answer())?.status).toBe(200);
    expect(face.sessions.bodies).toEqual(['<body/>']);
  });

  test('2 HTTP/1.0 without Host works, and its connection closes after the answer', async () => {
    const client = (await raw()).send('POST /http-bind/ HTTP/1.0\r\ncontent-length: 7\r\n\r\n<body/>');
    const got = await client.answer();
    expect(got?.text).toBe('<body echo="7"/>');
    expect(got?.headers.get('connection')).toBe('close');
    await client.closed;
  });

  test('5 unknown headers are ignored, and Expect: 100-continue is followed', async () => {
    const client = (await raw()).send(
      'POST /http-bind/ HTTP/1.1\r\nhost: a\r\nx-more: of this\r\nexpect: 100-continue\r\ncontent-length: 7\r\n\r\n',
    );
    expect((await client.answer())?.status).toBe(100);
    expect((await client.send('<body/>').answer())?.status).toBe(200);
  });

  test('7.1 the answer has the Content-Type of the session', async () => {
    await restart();
    face.sessions.on = (_, held) => held.reply(answer('<body/>', 'text/html; charset=utf-8'));
    const got = await (await raw()).post('/http-bind/', '<body/>').answer();
    expect(got?.headers.get('content-type')).toBe('text/html; charset=utf-8');
  });

  test('7.1 a Content-Type that would break the header is not sent', async () => {
    face.sessions.on = (_, held) => held.reply(answer('<body/>', 'text/xml\r\nx-evil: yes'));
    const got = await (await raw()).post('/http-bind/', '<body/>').answer();
    expect(got?.headers.get('content-type')).toBe('text/xml; charset=utf-8');
    expect(got?.headers.has('x-evil')).toBe(false);
  });

  test('17.1 HTTP errors for clients without ver have the status and no body', async () => {
    face.sessions.on = (_, held) => held.reply(answer('', 'text/xml', 404));
    const got = await (await raw()).post('/http-bind/', '<body/>').answer();
    expect(got?.status).toBe(404);
    expect(got?.text).toBe('');
    expect(got?.headers.get('access-control-allow-origin')).toBe('*');
  });

  test('19.1 a dropped request closes the connection without an answer', async () => {
    face.sessions.on = (_, held) => held.drop();
    const client = (await raw()).post('/http-bind/', '<body/>');
    expect(await client.answer()).toBeUndefined();
    await client.closed;
  });

  test('an engine that throws is answered 500, and the next request is served', async () => {
    face.sessions.on = () => {
      throw new Error('bug');
    };
    const client = await raw();
    const got = await client.post('/http-bind/', '<body/>').answer();
    expect(got?.status).toBe(500);
    expect(got?.headers.get('access-control-allow-origin')).toBe('*');
    expect(face.log.lines.join()).toContain('error bosh_request_failed Error: bug');
    face.sessions.on = (_, held) => held.reply(answer('<body/>'));
    expect((await client.post('/http-bind/', '<body/>').answer())?.status).toBe(200);
  });

  test('every answer has the security headers and none that names the software', async () => {
    const got = await (await raw()).post('/http-bind/', '<body/>').answer();
    expect(got?.headers.get('x-content-type-options')).toBe('nosniff');
    expect(got?.headers.get('cache-control')).toBe('no-store');
    expect(got?.headers.get('referrer-policy')).toBe('no-referrer');
    expect(got?.headers.has('server')).toBe(false);
    expect(got?.headers.has('x-powered-by')).toBe(false);
  });
});

describe('paths and methods', () => {
  test.each([
    ['POST', '/http-bind/', 200],
    ['POST', '/http-bind', 200],
    ['POST', '/http-bind//', 200],
    ['POST', '/http-bind?room=lobby', 200],
    ['POST', '/http-bind/?room=lobby&x=%00', 200],
    ['POST', '//http-bind', 404],
    ['POST', '/http-bind/x', 404],
    ['POST', '/http-bindx', 404],
    ['POST', '/HTTP-BIND/', 404],
    ['POST', '/http%2dbind/', 405],
    ['POST', '/%2e/http-bind/', 404],
    ['POST', '/x/../http-bind/', 404],
    ['POST', '/', 405],
    ['POST', '/nothing', 404],
    ['PUT', '/http-bind/', 405],
    ['DELETE', '/http-bind', 405],
    ['PATCH', '/http-bind/', 405],
    ['TRACE', '/http-bind/', 405],
    ['GET', '/http-bind/', 200],
    ['GET', '/http-bind', 200],
    ['HEAD', '/http-bind/', 200],
    ['GET', '/', 200],
    ['GET', '/livez', 200],
    ['GET', '/xmpp-websocket/', 426],
    ['GET', '/xmpp-websocket', 426],
    ['POST', '/metrics', 405],
    ['OPTIONS', '/http-bind/', 204],
    ['OPTIONS', '/metrics', 204],
    ['GET', '/../../etc/passwd', 404],
    ['GET', '/favicon.ico', 204],
  ])('%s %s is answered %i', async (method, path, status) => {
    const body = method === 'POST' || method === 'PUT' || method === 'PATCH' ? '<body/>' : '';
    const length = body === '' ? '' : `content-length: ${body.length}\r\n`;
    const client = (await raw()).send(
      `${method} ${path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n${length}\r\n${body}`,
    );
    client.socket.on('end', () => {});
    if (method === 'HEAD') {
      await client.closed;
      expect(client.rest.toString()).toMatch(/^HTTP\/1.1 200 .*\r\n\r\n$/s);
      return;
    }
    const got = await client.answer();
    expect(got?.status).toBe(status);
    expect(got?.headers.get('x-content-type-options')).toBe('nosniff');
    if (status === 405) expect(got?.headers.get('allow')).toMatch(/GET/);
    if (status === 404 || status === 405) {
      expect(got?.headers.get('access-control-allow-origin')).toBe('*');
      expect(got?.text).not.toContain('http');
    }
  });

  test('an absolute-form target is not taken for the path', async () => {
    const got = await (await raw())
      .send('GET http://evil.example/http-bind/ HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n')
      .answer();
    expect([200, 404]).toContain(got?.status);
  });

  test('CONNECT ends the connection', async () => {
    const client = (await raw()).send('CONNECT localhost:22 HTTP/1.1\r\nhost: a\r\n\r\n');
    await client.closed;
    expect(client.rest.toString()).not.toContain('200');
  });

  test('h2c is not upgraded to: a GET is answered in HTTP/1.1, a POST with a body is refused', async () => {
    const headers = 'host: a\r\nconnection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABk\r\n';
    const get = (await raw()).send(`GET /livez HTTP/1.1\r\n${headers}\r\n`);
    expect((await get.answer())?.text).toBe('ok\n');
    await get.closed;
    const post = (await raw()).send(`POST /http-bind/ HTTP/1.1\r\n${headers}content-length: 7\r\n\r\n<body/>`);
    expect((await post.answer())?.status).toBe(400);
    await post.closed;
    expect(face.sessions.bodies).toEqual([]);
  });
});

describe('XEP-0124 section 18.1: connections', () => {
  test('18.1 a request that waits is released when another comes behind it on its connection', async () => {
    face.sessions.on = (body, held) =>
      body === '<body rid="1"/>' ? undefined : held.reply(answer('<body second=""/>'));
    const client = (await raw()).post('/http-bind/', '<body rid="1"/>').post('/http-bind/', '<body rid="2"/>');
    expect((await client.answer())?.text).toBe('<body released=""/>');
    expect((await client.answer())?.text).toBe('<body second=""/>');
    expect(face.sessions.released.length).toBe(1);
    expect(face.sessions.released[0]).toBe(face.sessions.held[0]);
  });

  test('18.1 answers keep the order of their requests on a connection, however the engine answers', async () => {
    const waiting: (() => void)[] = [];
    face.sessions.release = () => {};
    face.sessions.on = (body, held) => waiting.unshift(() => held.reply(answer(body)));
    const client = await raw();
    const bodies = Array.from({ length: 20 }, (_, at) => `<body rid="${at}"/>`);
    for (const body of bodies) client.post('/http-bind/', body);
    await face.sessions.count(20);
    for (const reply of waiting) reply();
    for (const body of bodies) expect((await client.answer())?.text).toBe(body);
  });

  test('a page asked for behind a waiting request does not overtake it', async () => {
    face.sessions.on = () => {};
    const client = (await raw()).post('/http-bind/', '<body rid="1"/>');
    client.send('GET /livez HTTP/1.1\r\nhost: a\r\n\r\n');
    await face.sessions.count(1);
    face.sessions.held[0].reply(answer('<body first=""/>'));
    expect((await client.answer())?.text).toBe('<body first=""/>');
    expect((await client.answer())?.text).toBe('ok\n');
  });

  test('10 the engine hears of every waiting request whose connection is lost, and of no other', async () => {
    face.sessions.on = (body, held) => (body.includes('now') ? held.reply(answer('<body/>')) : undefined);
    face.sessions.release = () => {};
    const client = (await raw()).post('/http-bind/', '<body now=""/>');
    await client.answer();
    client.post('/http-bind/', '<body rid="1"/>').post('/http-bind/', '<body rid="2"/>');
    await face.sessions.count(3);
    const lost = new Promise<void>((resolve) => {
      face.sessions.gone = (held) => {
        face.sessions.lost.push(held);
        if (face.sessions.lost.length === 2) resolve();
      };
    });
    client.destroy();
    await lost;
    expect(face.sessions.held.map((held) => face.sessions.lost.includes(held))).toEqual([false, true, true]);
    expect(await face.metrics.text()).toMatch(/bosh_held_requests 0\n/);
  });

  test('a connection is kept for the next request after a long poll', async () => {
    const client = await raw();
    for (let at = 0; at < 5; at++) expect((await client.post('/http-bind/', '<body/>').answer())?.status).toBe(200);
    expect(client.isClosed).toBe(false);
    expect(face.http.server.keepAliveTimeout).toBeGreaterThan(120_000);
  });
});

describe('limits', () => {
  test('a body over max_data_held is not collected: the engine gets its head, and the connection closes after the answer', async () => {
    await restart({ max_data_held: 1000 });
    const client = (await raw()).post('/http-bind/', `<body sid="a">${'x'.repeat(50_000)}</body>`);
    expect((await client.answer())?.text).toContain('policy-violation');
    await client.closed;
    expect(face.sessions.bodies).toEqual([]);
    expect(face.sessions.heads[0].toString()).toMatch(/^<body sid="a">x+$/);
    expect(face.sessions.heads[0].length).toBe(1000);
  });

  test('an endless chunked body is cut off and answered', async () => {
    await restart({ max_data_held: 1000 });
    const client = (await raw()).send('POST /http-bind/ HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n');
    const chunk = `10000\r\n${'y'.repeat(65_536)}\r\n`;
    const feed = () => {
      while (!client.socket.destroyed && client.socket.write(chunk));
    };
    client.socket.on('drain', feed);
    feed();
    expect((await client.answer())?.text).toContain('policy-violation');
    await client.closed;
  });

  test('a body of exactly max_data_held is taken', async () => {
    await restart({ max_data_held: 1000 });
    expect((await (await raw()).post('/http-bind/', 'x'.repeat(1000)).answer())?.text).toBe('<body echo="1000"/>');
  });

  test('headers over 16 KiB are answered 431', async () => {
    const client = (await raw()).send(`POST /http-bind/ HTTP/1.1\r\nhost: a\r\nx-long: ${'a'.repeat(20_000)}\r\n\r\n`);
    expect((await client.answer())?.status).toBe(431);
    await client.closed;
  });

  test('a body that does not come is answered 408', async () => {
    face.http.server.headersTimeout = 100;
    face.http.server.requestTimeout = 200;
    const client = (await raw()).send('POST /http-bind/ HTTP/1.1\r\nhost: a\r\ncontent-length: 100\r\n\r\n<body');
    expect((await client.answer())?.status).toBe(408);
    await client.closed;
    expect(face.sessions.bodies).toEqual([]);
  });

  test('headers that do not come are answered 408, and a whole request that waits is left alone', async () => {
    face.http.server.headersTimeout = 200;
    face.http.server.requestTimeout = 200;
    face.sessions.on = () => {};
    const held = (await raw()).post('/http-bind/', '<body/>');
    await face.sessions.count(1);
    const slow = (await raw()).send('POST /http-bind/ HTTP/1.1\r\nhost: a\r\n');
    expect((await slow.answer())?.status).toBe(408);
    expect(held.isClosed).toBe(false);
    face.sessions.held[0].reply(answer('<body/>'));
    expect((await held.answer())?.status).toBe(200);
  });
});

describe('XEP-0124 section 5: compression', () => {
  const long = `<body>${'<message/>'.repeat(300)}</body>`;

  test.each([
    ['gzip', 'gzip', gunzipSync],
    ['deflate', 'deflate', inflateSync],
    ['gzip, deflate, br', 'gzip', gunzipSync],
    ['br, deflate;q=0.5, gzip;q=0', 'deflate', inflateSync],
  ] as const)('5 Accept-Encoding: %s gets %s', async (accept, coding, undo) => {
    face.sessions.on = (_, held) => held.reply(answer(long));
    const got = await (await raw()).post('/http-bind/', '<body/>', { 'accept-encoding': accept }).answer();
    expect(got?.headers.get('content-encoding')).toBe(coding);
    expect(got?.headers.get('vary')).toContain('Accept-Encoding');
    expect(undo(got?.body ?? '').toString()).toBe(long);
  });

  test.each([
    ['br', long],
    ['gzip;q=0', long],
    ['gzip', '<body>short</body>'],
  ])('5 Accept-Encoding: %s leaves an answer as it is when it cannot be done or does not pay', async (accept, text) => {
    face.sessions.on = (_, held) => held.reply(answer(text));
    const got = await (await raw()).post('/http-bind/', '<body/>', { 'accept-encoding': accept }).answer();
    expect(got?.headers.has('content-encoding')).toBe(false);
    expect(got?.text).toBe(text);
  });

  test.each([
    ['gzip', gzipSync(long)],
    ['x-gzip', gzipSync(long)],
    ['deflate', deflateSync(long)],
    ['Deflate', deflateRawSync(long)],
    ['identity', Buffer.from(long)],
  ])('7.2 a request in %s is inflated', async (coding, body) => {
    expect((await (await raw()).post('/http-bind/', body, { 'content-encoding': coding }).answer())?.status).toBe(200);
    expect(face.sessions.bodies).toEqual([long]);
  });

  test('a bomb is answered like a body that is too large, and never inflated beyond the limit', async () => {
    const bomb = gzipSync(Buffer.alloc(50_000_000));
    const before = process.memoryUsage().arrayBuffers;
    const got = await (await raw()).post('/http-bind/', bomb, { 'content-encoding': 'gzip' }).answer();
    expect(got?.text).toContain('policy-violation');
    expect(got?.headers.get('connection')).toBe('close');
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(10_000_000);
    expect(face.sessions.bodies).toEqual([]);
  });

  test('broken gzip is answered 400, another coding 415', async () => {
    const client = await raw();
    expect((await client.post('/http-bind/', '<body/>', { 'content-encoding': 'gzip' }).answer())?.status).toBe(400);
    const got = await client.post('/http-bind/', '<body/>', { 'content-encoding': 'br' }).answer();
    expect(got?.status).toBe(415);
    expect(got?.headers.get('accept-encoding')).toBe('gzip, deflate');
    expect(face.sessions.bodies).toEqual([]);
  });

  test('compression: false switches both off', async () => {
    await restart({ compression: false });
    face.sessions.on = (_, held) => held.reply(answer(long));
    const client = await raw();
    expect(
      (await client.post('/http-bind/', gzipSync('<body/>'), { 'content-encoding': 'gzip' }).answer())?.status,
    ).toBe(415);
    const got = await client.post('/http-bind/', '<body/>', { 'accept-encoding': 'gzip' }).answer();
    expect(got?.headers.has('content-encoding')).toBe(false);
  });
});

describe('BOSH by GET, as node-xmpp-bosh has it', () => {
  test('7.1 an answer is no page whose scripts run, whatever its `content`', async () => {
    face.sessions.on = (_, held) => held.reply(answer('<script>alert(1)</script>', 'text/html'));
    const byLink = (await raw()).send('GET /http-bind/?data=%3Cbody/%3E HTTP/1.1\r\nhost: x\r\n\r\n');
    const byForm = (await raw()).post('/http-bind/', '<body/>', { 'content-type': 'text/plain' });
    for (const client of [byLink, byForm]) {
      const got = await client.answer();
      expect(got?.headers.get('content-type')).toBe('text/html');
      expect(got?.headers.get('content-security-policy')).toBe('sandbox');
    }
  });

  const data = encodeURIComponent('<body rid="1" to="a"/>');

  test('the body comes as data', async () => {
    const got = await (await raw()).send(`GET /http-bind/?data=${data} HTTP/1.1\r\nhost: a\r\n\r\n`).answer();
    expect(face.sessions.bodies).toEqual(['<body rid="1" to="a"/>']);
    expect(got?.headers.get('content-type')).toBe('text/xml; charset=utf-8');
  });

  test('JSONP with callback has escaped attrs', async () => {
    face.sessions.on = (_, held) => held.reply(answer('<body sid="a\\b" hold=\'1\'>\u2028</script></body>'));
    const got = await (await raw())
      .send(`GET /http-bind?data=${data}&callback=my.cb HTTP/1.1\r\nhost: a\r\n\r\n`)
      .answer();
    expect(got?.headers.get('content-type')).toBe('application/javascript; charset=utf-8');
    expect(got?.text).toBe(
      '/**/my.cb({"reply":"<body sid=\\"a\\\\b\\" hold=\'1\'>\\u2028\\u003c/script>\\u003c/body>"});',
    );
  });

  test.each(['alert(1)//', 'a b', '', '1a', 'a[0]', 'a;b', 'a\u2028', '<script>', 'a'.repeat(65)])(
    'the callback %j is refused',
    async (name) => {
      const got = await (await raw())
        .send(`GET /http-bind/?data=${data}&callback=${encodeURIComponent(name)} HTTP/1.1\r\nhost: a\r\n\r\n`)
        .answer();
      expect(got?.status).toBe(400);
      expect(got?.headers.get('content-type')).toBe('text/plain; charset=utf-8');
      expect(face.sessions.bodies).toEqual([]);
    },
  );

  test('jsonp: false refuses it and leaves the page', async () => {
    await restart({ jsonp: false });
    const client = await raw();
    expect((await client.send(`GET /http-bind/?data=${data} HTTP/1.1\r\nhost: a\r\n\r\n`).answer())?.status).toBe(403);
    expect((await client.send('GET /http-bind/ HTTP/1.1\r\nhost: a\r\n\r\n').answer())?.status).toBe(200);
    expect(face.sessions.bodies).toEqual([]);
  });

  test('where only some origins are welcome, a page of another one cannot use it', async () => {
    await restart({ cors: { origins: ['https://chat.example'], credentials: false } });
    const ask = async (header: string) =>
      (await (await raw()).send(`GET /http-bind/?data=${data} HTTP/1.1\r\nhost: b.example\r\n${header}\r\n`).answer())
        ?.status;
    expect(await ask('')).toBe(403);
    expect(await ask('referer: https://evil.example/page\r\n')).toBe(403);
    expect(await ask('origin: null\r\n')).toBe(403);
    expect(await ask('referer: https://chat.example/page\r\n')).toBe(200);
    expect(await ask('origin: https://chat.example\r\n')).toBe(200);
    expect(await ask('referer: https://b.example/page\r\n')).toBe(200);
  });
});

describe('http_headers', () => {
  test('are added to the answers and allowed in preflights', async () => {
    await restart({ http_headers: { 'X-Node': 'one' } });
    const client = await raw();
    expect((await client.post('/http-bind/', '<body/>').answer())?.headers.get('x-node')).toBe('one');
    const preflight = await client
      .send('OPTIONS /http-bind/ HTTP/1.1\r\nhost: a\r\norigin: https://a.example\r\n\r\n')
      .answer();
    expect(preflight?.headers.get('x-node')).toBe('one');
    expect(preflight?.headers.get('access-control-allow-headers')).toContain('X-Node');
  });

  test('cannot break the message', async () => {
    await expect(startFace({ http_headers: { 'Content-Length': '5' } })).rejects.toThrow('http_headers');
    await expect(startFace({ http_headers: { 'X-A': 'b\r\nc: d' } })).rejects.toThrow();
  });
});

describe('closing', () => {
  test('a request that waits is answered with Connection: close once closing began', async () => {
    face.sessions.on = () => {};
    const client = (await raw()).post('/http-bind/', '<body/>');
    await face.sessions.count(1);
    const closed = face.close();
    setImmediate(() => face.sessions.held[0].reply(answer('<body type="terminate"/>')));
    expect((await client.answer())?.text).toBe('<body type="terminate"/>');
    await closed;
    await client.closed;
  });
});
