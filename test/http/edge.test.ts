// What stands around BOSH and WebSocket: smuggling, CORS, client addresses, JSONP as a property, TLS, PROXY protocol, pages.

import { copyFileSync, linkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { forwardedClient } from '../../src/http/address.js';
import { Cors, Origins } from '../../src/http/cors.js';
import { isCallback, jsonp } from '../../src/http/jsonp.js';
import { readProxyHeader } from '../../src/net/proxy-protocol.js';
import { readTls } from '../../src/net/tls.js';
import { Networks } from '../../src/stream/address.js';
import { CertificateAuthority } from '../support/certs.js';
import { DEFAULTS, faces } from '../support/http-face.js';

const { start, raw, webSocket } = faces();

async function get(
  port: number,
  path: string,
  headers = '',
): Promise<{ status?: number; text: string; headers: ReadonlyMap<string, string> }> {
  const got = await (await raw(port))
    .send(`GET ${path} HTTP/1.1\r\nhost: edge.example:5280\r\n${headers}connection: close\r\n\r\n`)
    .answer();
  return { status: got?.status, text: got?.text ?? '', headers: got?.headers ?? new Map() };
}

describe('RFC 9112: requests that two parsers would read differently', () => {
  const POST = 'POST /http-bind/ HTTP/1.1\r\nhost: a\r\n';
  const SMUGGLED = 'GET /smuggled HTTP/1.1\r\nhost: a\r\n\r\n';

  test.each([
    [
      'Content-Length and Transfer-Encoding',
      `${POST}content-length: 6\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n${SMUGGLED}`,
    ],
    ['two lengths', `${POST}content-length: 7\r\ncontent-length: 0\r\n\r\n<body/>`],
    ['two lengths in one', `${POST}content-length: 7, 7\r\n\r\n<body/>`],
    ['a signed length', `${POST}content-length: +7\r\n\r\n<body/>`],
    ['a negative length', `${POST}content-length: -1\r\n\r\n`],
    ['a length in hexadecimal', `${POST}content-length: 0x7\r\n\r\n<body/>`],
    ['a length with a space in it', `${POST}content-length: 1 1\r\n\r\n<body/>`],
    ['an empty length', `${POST}content-length: \r\n\r\n<body/>`],
    ['an endless length', `${POST}content-length: 99999999999999999999999\r\n\r\n`],
    ['another transfer coding', `${POST}transfer-encoding: xchunked\r\n\r\n0\r\n\r\n`],
    ['chunked not last', `${POST}transfer-encoding: chunked, identity\r\n\r\n0\r\n\r\n`],
    ['a space before the colon', `${POST}content-length : 7\r\n\r\n<body/>`],
    ['a tab before the colon', `${POST}transfer-encoding\t: chunked\r\n\r\n0\r\n\r\n`],
    ['a folded header', `${POST}transfer-encoding:\r\n chunked\r\n\r\n0\r\n\r\n`],
    ['a line that ends with LF', 'POST /http-bind/ HTTP/1.1\nhost: a\ncontent-length: 7\n\n<body/>'],
    ['a bare CR', `POST /http-bind/ HTTP/1.1\r\nhost: a\rx: y\r\ncontent-length: 7\r\n\r\n<body/>`],
    ['NUL in a header', `${POST}x: a\0b\r\ncontent-length: 7\r\n\r\n<body/>`],
    ['NUL in a name', `${POST}x\0: a\r\ncontent-length: 7\r\n\r\n<body/>`],
    ['no Host', 'POST /http-bind/ HTTP/1.1\r\ncontent-length: 7\r\n\r\n<body/>'],
    ['two Hosts', `${POST}host: b\r\ncontent-length: 7\r\n\r\n<body/>`],
    ['another version', 'POST /http-bind/ HTTP/3.7\r\nhost: a\r\ncontent-length: 7\r\n\r\n<body/>'],
    ['no version', 'GET /http-bind/\r\n\r\n'],
    ['a space in the target', 'GET /http-bind/ x HTTP/1.1\r\nhost: a\r\n\r\n'],
    ['a bad chunk size', `${POST}transfer-encoding: chunked\r\n\r\nzz\r\n<body/>\r\n0\r\n\r\n`],
    ['a signed chunk size', `${POST}transfer-encoding: chunked\r\n\r\n+7\r\n<body/>\r\n0\r\n\r\n`],
    ['a chunk size of 2^64', `${POST}transfer-encoding: chunked\r\n\r\n10000000000000007\r\n<body/>\r\n0\r\n\r\n`],
    ['a chunk longer than said', `${POST}transfer-encoding: chunked\r\n\r\n3\r\n<body/>\r\n0\r\n\r\n`],
    ['chunk lines that end with LF', `${POST}transfer-encoding: chunked\r\n\r\n7\n<body/>\n0\n\n`],
    ['the preface of HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
    ['TLS', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'],
    ['noise', '\xff\xfe\xfd\r\n\r\n'],
  ])('%s: refused with 4xx, and the connection ends', async (_, bytes) => {
    const { port, sessions } = await start();
    const client = (await raw(port)).send(bytes);
    const got = await client.answer();
    if (got !== undefined) expect(got.status === 505 || Math.floor(got.status / 100) === 4).toBe(true);
    client.socket.end();
    await client.closed;
    expect(client.rest.toString()).not.toContain('HTTP/1.1 200');
    expect(sessions.bodies.filter((body) => body !== '')).toEqual([]);
  });

  test('rubbish behind a request that waits ends the connection without an answer that could be taken for its own', async () => {
    const { port, sessions } = await start();
    sessions.on = () => {};
    const client = (await raw(port)).post('/http-bind/', '<body/>').send('\0\0\0\r\n\r\n');
    expect(await client.answer()).toBeUndefined();
    expect(sessions.lost).toEqual(sessions.held);
  });
});

describe('CORS', () => {
  const LIST = [
    'https://chat.example.com',
    'http://localhost:3000',
    'https://*.apps.example.com',
    'capacitor://localhost',
  ];
  const TABLE: [origin: string, allowed: boolean][] = [
    ['https://chat.example.com', true],
    ['https://chat.example.com:443', true],
    ['HTTPS://Chat.Example.Com', true],
    ['http://localhost:3000', true],
    ['https://one.apps.example.com', true],
    ['https://a.b.apps.example.com', true],
    ['capacitor://localhost', true],
    ['https://chat.example.com.', false],
    ['https://chat.example.com:444', false],
    ['https://chat.example.comevil.example', false],
    ['https://chat.example.com.evil.example', false],
    ['https://evil-chat.example.com', false],
    ['https://xchat.example.com', false],
    ['https://example.com', false],
    ['https://apps.example.com', false],
    ['https://.apps.example.com', false],
    ['https://evilapps.example.com', false],
    ['https://one.apps.example.com.evil.example', false],
    ['https://one.apps.example.com:8443', false],
    ['http://one.apps.example.com', false],
    ['http://chat.example.com', false],
    ['ws://chat.example.com', false],
    ['https://chat.example.com/', true],
    ['https://chat.example.com/x', false],
    ['https://chat.example.com?x', false],
    ['https://chat.example.com#x', false],
    ['https://user@chat.example.com', false],
    ['https://evil.example/https://chat.example.com', false],
    ['https://evil.example?.apps.example.com', false],
    ['https://evil.example\\.apps.example.com', false],
    ['https://evil.example .apps.example.com', false],
    ['https://chat.example.com, https://evil.example', false],
    ['https://chat.example.com https://evil.example', false],
    ['http://localhost', false],
    ['http://localhost:30000', false],
    ['http://127.0.0.1:3000', false],
    ['capacitor://localhost.evil.example', false],
    ['null', false],
    ['', false],
    ['*', false],
    ['file://', false],
    ['about:blank', false],
  ];

  test.each(TABLE)('a list allows %j: %s', (origin, allowed) => {
    const cors = new Cors({ origins: LIST, credentials: true });
    const headers = cors.headers(origin);
    const at = headers.indexOf('Access-Control-Allow-Origin');
    expect(at >= 0).toBe(allowed);
    expect(headers).toContain('Vary');
    if (allowed) expect(headers[at + 1]).toBe(origin);
    expect(headers.includes('Access-Control-Allow-Credentials')).toBe(allowed);
    expect(cors.preflight(origin).includes('Access-Control-Allow-Methods')).toBe(allowed);
  });

  test('"*" never comes with credentials; an origin that is named beside it does', () => {
    const cors = new Cors({ origins: ['*', 'https://chat.example.com'], credentials: true });
    expect(cors.headers('https://evil.example')).toEqual(['Access-Control-Allow-Origin', '*', 'Vary', 'Origin']);
    expect(cors.headers('https://chat.example.com')).toContain('Access-Control-Allow-Credentials');
  });

  test('an empty list sends no CORS header at all, "null" only when it is listed', () => {
    expect(new Cors({ origins: [], credentials: true }).headers('https://a.example')).toEqual([]);
    expect(new Origins(['null']).has('null')).toBe(true);
    expect(new Origins(['*']).has('null')).toBe(true);
    expect(new Origins(['https://a.example']).has('null')).toBe(false);
  });

  test('no origin that does not end in the domain is below it', () => {
    const origins = new Origins(['https://*.example.com']);
    fc.assert(
      fc.property(fc.string(), (text) => {
        const origin = `https://${text}`;
        if (origins.has(origin)) expect(new URL(origin).hostname).toMatch(/.\.example\.com$/);
      }),
      { numRuns: 2000 },
    );
  });

  test('every answer of BOSH carries it, errors included, and a preflight lasts', async () => {
    const { port } = await start({ cors: { origins: ['https://chat.example.com'], credentials: true } });
    const client = await raw(port);
    const origin = { origin: 'https://chat.example.com' };
    for (const path of ['/http-bind/', '/nothing', '/metrics']) {
      const got = await client.post(path, '<body/>', origin).answer();
      expect(got?.headers.get('access-control-allow-origin')).toBe(origin.origin);
      expect(got?.headers.get('vary')).toBe('Origin');
    }
    const preflight = await client
      .send(
        `OPTIONS /http-bind/ HTTP/1.1\r\nhost: a\r\norigin: ${origin.origin}\r\naccess-control-request-method: POST\r\n\r\n`,
      )
      .answer();
    expect(preflight?.headers.get('access-control-allow-methods')).toBe('GET, POST, OPTIONS');
    expect(preflight?.headers.get('access-control-allow-headers')).toContain('Content-Type');
    expect(preflight?.headers.get('access-control-max-age')).toBe('14400');
    const metrics = await get(port, '/metrics', `origin: ${origin.origin}\r\n`);
    expect(metrics.headers.has('access-control-allow-origin')).toBe(false);
  });
});

describe('the client address', () => {
  const trusted = new Networks(['127.0.0.1', '10.0.0.0/8', '2001:db8:1::/48']);
  const proxy = { address: '127.0.0.1', port: 1, secure: false };
  const of = (headers: Record<string, string>) => forwardedClient(headers, proxy, trusted);

  test.each([
    [{ 'x-forwarded-for': '203.0.113.9' }, '203.0.113.9', 0],
    [{ 'x-forwarded-for': '198.51.100.1, 203.0.113.9' }, '203.0.113.9', 0],
    [{ 'x-forwarded-for': '198.51.100.1, 203.0.113.9, 10.1.2.3' }, '203.0.113.9', 0],
    [{ 'x-forwarded-for': '10.0.0.1, 10.0.0.2' }, '10.0.0.1', 0],
    [{ 'x-forwarded-for': '203.0.113.9:4711' }, '203.0.113.9', 4711],
    [{ 'x-forwarded-for': '[2001:db8::1]:4711' }, '2001:db8::1', 4711],
    [{ 'x-forwarded-for': '2001:db8::1, 2001:db8:1::7' }, '2001:db8::1', 0],
    [{ 'x-forwarded-for': '::ffff:203.0.113.9' }, '203.0.113.9', 0],
    [{ 'x-forwarded-for': '203.0.113.9, unknown' }, '127.0.0.1', 1],
    [{ 'x-forwarded-for': '203.0.113.9, unknown, 10.1.1.1' }, '10.1.1.1', 0],
    [{ 'x-forwarded-for': '' }, '127.0.0.1', 1],
    [{ 'x-forwarded-for': '1.2.3.4.5' }, '127.0.0.1', 1],
    [{ 'x-forwarded-for': '203.0.113.9:99999' }, '127.0.0.1', 1],
    [{ forwarded: 'for=203.0.113.9;proto=https;by=10.0.0.1' }, '203.0.113.9', 0],
    [{ forwarded: 'for="[2001:db8::1]:4711"' }, '2001:db8::1', 4711],
    [{ forwarded: 'For=198.51.100.1, for=203.0.113.9;Proto=http' }, '203.0.113.9', 0],
    [{ forwarded: 'for=203.0.113.9, for=_hidden' }, '127.0.0.1', 1],
    [{ forwarded: 'for="203.0.113.9, for=6.6.6.6"' }, '127.0.0.1', 1],
    [{ forwarded: 'for=6.6.6.6', 'x-forwarded-for': '203.0.113.9' }, '203.0.113.9', 0],
  ])('%j is %s', (headers, address, port) => {
    expect(of(headers as Record<string, string>)).toMatchObject({ address, port });
  });

  test("the protocol is the nearest proxy's word", () => {
    expect(of({ 'x-forwarded-for': '203.0.113.9', 'x-forwarded-proto': 'https' }).secure).toBe(true);
    expect(of({ 'x-forwarded-for': '203.0.113.9', 'x-forwarded-proto': 'https, http' }).secure).toBe(false);
    expect(of({ forwarded: 'for=203.0.113.9;proto=https' }).secure).toBe(true);
    expect(of({}).secure).toBe(false);
  });

  test('whatever a client writes in front, the address is what the last trusted proxy saw', () => {
    const octet = fc.integer({ min: 1, max: 254 });
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.string(), fc.ipV4(), fc.ipV6())),
        octet,
        fc.array(octet),
        (forged, client, hops) => {
          const chain = [
            ...forged.map((text) => text.replace(/,/g, '')),
            `203.0.113.${client}`,
            ...hops.slice(0, 20).map((hop) => `10.0.0.${hop}`),
          ];
          expect(of({ 'x-forwarded-for': chain.join(', ') }).address).toBe(`203.0.113.${client}`);
        },
      ),
      { numRuns: 1000 },
    );
  });

  test('headers of a peer that is no trusted proxy mean nothing', async () => {
    const { port, sessions } = await start({ trusted_proxies: ['192.0.2.1'] });
    await (await raw(port))
      .post('/http-bind/', '<body/>', { 'x-forwarded-for': '6.6.6.6', 'x-forwarded-proto': 'https' })
      .answer();
    expect(sessions.held[0]).toMatchObject({ remoteAddress: '127.0.0.1', secure: false });
  });

  test('one connection of a proxy carries many clients, over BOSH and WebSocket', async () => {
    const { port, sessions, upstream } = await start();
    const client = await raw(port);
    for (const address of ['203.0.113.1', '203.0.113.2', '203.0.113.2', '203.0.113.1']) {
      await client
        .post('/http-bind/', '<body/>', { 'x-forwarded-for': address, 'x-forwarded-proto': 'https' })
        .answer();
      expect(sessions.held.at(-1)).toMatchObject({ remoteAddress: address, secure: true });
    }
    const ws = await webSocket(port, {
      headers: { 'x-forwarded-for': '203.0.113.7', 'x-forwarded-proto': 'wss' },
    });
    ws.text('<open xmlns="urn:ietf:params:xml:ns:xmpp-framing" to="a" version="1.0"/>');
    expect((await upstream.end(0)).client).toMatchObject({ remoteAddress: '203.0.113.7', secure: true });
  });
});

describe('JSONP', () => {
  test('is a call with one argument whose reply is the body, whatever the body', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (body) => {
        const whole = Buffer.from(`<body>${body}`).toString();
        const script = jsonp('cb', Buffer.from(whole)).toString();
        const argument = /^\/\*\*\/cb\((.*)\);$/s.exec(script)?.[1] ?? '';
        expect(JSON.parse(argument)).toEqual({ reply: whole });
        expect(script).not.toMatch(/[\n\r\u2028\u2029\u202a-\u202e]/);
        expect(script.match(/</g)?.length).toBe(1);
      }),
      { numRuns: 5000 },
    );
  });

  test('a callback is a path of identifiers and nothing else', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 70 }), (name) => {
        if (isCallback(name)) expect(name).toMatch(/^[\w$.]{1,64}$/);
      }),
      { numRuns: 5000 },
    );
    expect(['cb', 'jQuery123_45', '$', '_', 'a.b.c'].every(isCallback)).toBe(true);
    expect(isCallback('cb\n')).toBe(false);
  });
});

describe('the PROXY protocol', () => {
  const REQUEST = 'POST /http-bind/ HTTP/1.1\r\nhost: a\r\ncontent-length: 7\r\n\r\n<body/>';
  const V2 = Buffer.concat([
    Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1'),
    Buffer.from([0x21, 0x11, 0, 20, 203, 0, 113, 5, 127, 0, 0, 1, 0x12, 0x67, 0x14, 0xa0, 0x20, 0, 5, 1, 0, 0, 0, 0]),
  ]);

  test.each([
    ['PROXY TCP4 203.0.113.5 127.0.0.1 4711 5280\r\n', '203.0.113.5', 4711],
    ['PROXY TCP6 2001:db8::5 ::1 4711 5280\r\n', '2001:db8::5', 4711],
    [V2, '203.0.113.5', 4711],
  ])('%j names the client, however it is cut', async (header, address, remotePort) => {
    const { port, sessions } = await start({ proxy_protocol: true });
    const bytes = Buffer.concat([Buffer.from(header as string), Buffer.from(REQUEST)]);
    const whole = (await raw(port)).send(bytes);
    expect((await whole.answer())?.status).toBe(200);
    const slow = await raw(port);
    for (const byte of bytes) {
      slow.send(Buffer.from([byte]));
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect((await slow.answer())?.status).toBe(200);
    for (const held of sessions.held) expect(held).toMatchObject({ remoteAddress: address, remotePort });
    expect(sessions.held[0].secure).toBe(Buffer.isBuffer(header));
  });

  test('a health check of the balancer is itself', async () => {
    const { port, sessions } = await start({ proxy_protocol: true });
    expect((await (await raw(port)).send(`PROXY UNKNOWN\r\n${REQUEST}`).answer())?.status).toBe(200);
    expect(sessions.held[0].remoteAddress).toBe('127.0.0.1');
  });

  test.each([
    REQUEST,
    'PROXY TCP4 999.1.1.1.1 b c d\r\n',
    `PROXY ${'a'.repeat(200)}`,
    'PROXY TCP9 1.1.1.1 1.1.1.1 1 1\r\n',
  ])('without a good header the connection ends: %j', async (bytes) => {
    const { port, sessions } = await start({ proxy_protocol: true });
    const client = (await raw(port)).send(bytes);
    await client.closed;
    expect(sessions.bodies).toEqual([]);
  });

  test('no bytes make the reader throw anything but an error, or read past the end', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 300 }),
        fc.constantFrom('', '\r\n\r\n\0\r\nQUIT\n', 'PROXY TCP4 '),
        (noise, start) => {
          const bytes = Buffer.concat([Buffer.from(start, 'latin1'), noise]);
          try {
            const header = readProxyHeader(bytes);
            if (header !== undefined) expect(header.length).toBeLessThanOrEqual(bytes.length);
          } catch (error) {
            expect(error).toBeInstanceOf(Error);
            expect(error).not.toBeInstanceOf(RangeError);
          }
        },
      ),
      { numRuns: 2000 },
    );
  });
});

interface TlsFiles {
  readonly cert: string;
  readonly key: string;
}

describe('our own TLS', () => {
  let ca: CertificateAuthority;
  let one: TlsFiles;
  let two: TlsFiles;

  beforeAll(() => {
    ca = new CertificateAuthority();
    [one, two] = ['one', 'two'].map((commonName) => {
      const { certFile, keyFile } = ca.make({ commonName, names: ['DNS:localhost'] });
      return { cert: certFile, key: keyFile };
    });
  });

  afterAll(() => ca?.remove());

  /** Files yet to be written. */
  const files = (name: string): TlsFiles => ({
    cert: join(ca.folder, `${name}.crt`),
    key: join(ca.folder, `${name}.key`),
  });

  const subject = async (port: number) => {
    const client = await raw(port, true);
    return (client.socket as TLSSocket).getPeerCertificate().subject.CN;
  };

  test('19.1 BOSH comes over HTTPS, counts as secure, and says so to browsers', async () => {
    const { port, sessions } = await start({ tls: one });
    const got = await (await raw(port, true)).post('/http-bind/', '<body/>').answer();
    expect(got?.status).toBe(200);
    expect(got?.headers.get('strict-transport-security')).toMatch(/^max-age=/);
    expect(sessions.held[0].secure).toBe(true);
  });

  test('the PROXY protocol in front of TLS names the client', async () => {
    const { port, sessions } = await start({ tls: one, proxy_protocol: true });
    const { connect } = await import('node:net');
    const { connect: connectTls } = await import('node:tls');
    const plain = connect(port, '127.0.0.1');
    plain.write('PROXY TCP4 203.0.113.5 127.0.0.1 4711 5280\r\n');
    const socket = connectTls({ socket: plain, rejectUnauthorized: false });
    socket.write('POST /http-bind/ HTTP/1.1\r\nhost: a\r\ncontent-length: 7\r\n\r\n<body/>');
    await sessions.count(1);
    expect(sessions.held[0]).toMatchObject({ remoteAddress: '203.0.113.5', remotePort: 4711, secure: true });
    socket.destroy();
  });

  test('a pair that does not fit, or a file that is none, is refused', () => {
    expect(() => readTls({ cert: one.cert, key: two.key })).toThrow();
    writeFileSync(files('bad').cert, 'no certificate');
    expect(() => readTls({ cert: files('bad').cert, key: one.key })).toThrow();
    expect(() => readTls(one, Date.now() + 366 * 86_400_000)).toThrow(/expired/);
  });

  test('new files are taken when they change; bad ones are refused and the old pair stays', async () => {
    const live = files('live');
    copyFileSync(one.cert, live.cert);
    copyFileSync(one.key, live.key);
    const { followTls } = await import('../../src/net/tls.js');
    const { port, http, log } = await start({ tls: live });
    // The same files by other names: node watches each name at one pace only.
    const watched = files('watched');
    linkSync(live.cert, watched.cert);
    linkSync(live.key, watched.key);
    const stop = followTls(http.server as never, watched, log, 20);
    expect(await subject(port)).toBe('one');
    writeFileSync(live.cert, 'broken');
    await log.until('tls_certificate_refused');
    expect(await subject(port)).toBe('one');
    copyFileSync(two.key, live.key);
    copyFileSync(two.cert, live.cert);
    await log.until('tls_certificate_loaded');
    expect(await subject(port)).toBe('two');
    stop();
  });
});

describe('XEP-0156 host-meta', () => {
  test('2 both forms name both transports, readable from anywhere', async () => {
    const { port } = await start({ public_url: 'https://chat.example.com' });
    const xrd = await get(port, '/.well-known/host-meta');
    expect(xrd.headers.get('content-type')).toMatch(/^application\/xrd\+xml/);
    expect(xrd.headers.get('access-control-allow-origin')).toBe('*');
    expect(xrd.text).toContain(
      '<Link rel="urn:xmpp:alt-connections:xbosh" href="https://chat.example.com/http-bind/"/>',
    );
    expect(xrd.text).toContain(
      '<Link rel="urn:xmpp:alt-connections:websocket" href="wss://chat.example.com/xmpp-websocket/"/>',
    );
    const jrd = await get(port, '/.well-known/host-meta.json');
    expect(jrd.headers.get('access-control-allow-origin')).toBe('*');
    expect(JSON.parse(jrd.text)).toEqual({
      links: [
        { rel: 'urn:xmpp:alt-connections:websocket', href: 'wss://chat.example.com/xmpp-websocket/' },
        { rel: 'urn:xmpp:alt-connections:xbosh', href: 'https://chat.example.com/http-bind/' },
      ],
    });
  });

  test('without public_url it is the host that was asked, or the one a trusted proxy names', async () => {
    const { port } = await start();
    expect((await get(port, '/.well-known/host-meta')).text).toContain('"ws://edge.example:5280/xmpp-websocket/"');
    const proxied = 'x-forwarded-host: chat.example.org\r\nx-forwarded-proto: https\r\n';
    expect((await get(port, '/.well-known/host-meta', proxied)).text).toContain(
      '"https://chat.example.org/http-bind/"',
    );
    const { port: direct } = await start({ trusted_proxies: [] });
    expect((await get(direct, '/.well-known/host-meta', proxied)).text).toContain(
      '"http://edge.example:5280/http-bind/"',
    );
  });

  test('a Host that could not be one is answered 400 and not reflected', async () => {
    const { port } = await start();
    for (const host of ['a"><script>', 'a/b', 'a b', 'user@b']) {
      const got = await (await raw(port)).send(`GET /.well-known/host-meta HTTP/1.1\r\nhost: ${host}\r\n\r\n`).answer();
      expect(got?.status).toBe(400);
      expect(got?.text).not.toContain('script');
    }
  });
});

describe('pages', () => {
  const status = () => ({
    version: '9.9.9',
    sessions: 3,
    streams: 4,
    draining: false,
    options: {
      port: 5280,
      system_info_password: 'hunter2',
      tls: { cert: '/c.pem', key: '/k.pem', passphrase: 'hunter3' },
      http_headers: { 'X-Key': 'hunter4' },
      firewall: { allow: ['<script>alert(1)</script>'] },
    },
  });

  test('13 pages are HTML under a policy that allows no script and no frame', async () => {
    const { port } = await start({}, { status });
    for (const path of ['/', '/http-bind/']) {
      const page = await get(port, path);
      expect(page.status).toBe(200);
      expect(page.headers.get('content-type')).toBe('text/html; charset=utf-8');
      expect(page.headers.get('content-security-policy')).toMatch(
        /^default-src 'none'; style-src 'sha256-.*frame-ancestors 'none'/,
      );
      expect(page.headers.get('x-content-type-options')).toBe('nosniff');
      expect(page.text).not.toContain('<script');
      expect(page.text).toContain('http://edge.example:5280/http-bind/');
    }
  });

  test('the status page says what to do while there is no XMPP server behind', async () => {
    const nobody = () => ({ options: { upstreams: {}, firewall: { allow: [] } } });
    expect((await get((await start({}, { status: nobody })).port, '/')).text).toContain('--upstream=example.com');
    const somebody = () => ({ options: { upstreams: { 'a.example': {} } } });
    expect((await get((await start({}, { status: somebody })).port, '/')).text).not.toContain('upstream');
  });

  test('sysinfo is closed without a password, wants it, and shows options without secrets', async () => {
    const unset = await start({}, { status });
    expect((await get(unset.port, '/http-bind/sysinfo')).status).toBe(403);
    const { port } = await start({ system_info_password: 'hunter2' }, { status });
    const ask = (credentials: string) =>
      get(port, '/http-bind/sysinfo/', `authorization: Basic ${Buffer.from(credentials).toString('base64')}\r\n`);
    const closed = await get(port, '/http-bind/sysinfo');
    expect(closed.status).toBe(401);
    expect(closed.headers.get('www-authenticate')).toMatch(/^Basic realm=/);
    for (const wrong of ['admin:hunter', 'admin:hunter22', 'root:hunter2', 'admin:', ':hunter2', ''])
      expect((await ask(wrong)).status).toBe(401);
    const page = await ask('admin:hunter2');
    expect(page.status).toBe(200);
    expect(page.text).toContain('9.9.9');
    expect(page.text).toContain('5280');
    expect(page.text).toContain('tls.cert');
    expect(page.text).not.toMatch(/hunter/);
    expect(page.text).not.toContain('<script');
  });

  test('health follows draining, and metrics are in the text format', async () => {
    let draining = false;
    const { port } = await start({}, { status: () => ({ draining }) });
    expect((await get(port, '/readyz')).status).toBe(200);
    draining = true;
    expect((await get(port, '/readyz')).status).toBe(503);
    expect((await get(port, '/healthz')).status).toBe(503);
    expect((await get(port, '/livez')).status).toBe(200);
    const metrics = await get(port, '/metrics');
    expect(metrics.headers.get('content-type')).toMatch(/^text\/plain; version=0.0.4/);
    expect(metrics.text).toContain('bosh_http_requests_total{method="GET",outcome="page"}');
  });

  test('new options are taken at once by reload', async () => {
    const { port, http } = await start();
    http.reload({
      ...DEFAULTS,
      cors: { origins: ['https://a.example'], credentials: false },
      system_info_password: 'x',
      max_data_held: 3,
      public_url: 'https://new.example',
    });
    for (const path of ['/.well-known/host-meta', '/.well-known/host-meta.json', '/http-bind/'])
      expect((await get(port, path)).text).toContain('https://new.example/http-bind/');
    const got = await (await raw(port)).post('/http-bind/', '<body/>', { origin: 'https://b.example' }).answer();
    expect(got?.headers.has('access-control-allow-origin')).toBe(false);
    expect(got?.text).toContain('policy-violation');
    expect((await get(port, '/http-bind/sysinfo')).status).toBe(401);
  });
});
