import { createHash } from 'node:crypto';
import { beforeEach, describe, expect, test, vi } from 'vitest';
import { Stanza } from '../../src/xmpp/stanza.js';
import { DEFAULTS, type Face, faces } from '../support/http-face.js';
import { RawHttp } from '../support/http-raw.js';
import { frame, type Handshake, OPCODE, RawWebSocket } from '../support/ws-raw.js';

const FRAMING = 'urn:ietf:params:xml:ns:xmpp-framing';
const OPEN = `<open xmlns="${FRAMING}" to="example.com" version="1.0"/>`;
const CLOSE = `<close xmlns="${FRAMING}" />`;
const MESSAGE = '<message xmlns="jabber:client" to="romeo@example.net"><body>Art thou not Romeo?</body></message>';

const { start, webSocket } = faces();
let face: Face;

beforeEach(async () => {
  face = await start();
});

async function restart(...args: Parameters<typeof start>): Promise<void> {
  face = await start(...args);
}

function connect(handshake?: Handshake): Promise<RawWebSocket> {
  return webSocket(face.port, handshake);
}

/** A WebSocket whose stream is open, and the upstream's end of it. */
async function opened(index = 0) {
  const socket = (await connect()).text(OPEN);
  expect(await socket.message()).toMatch(/^<open /);
  return { socket, end: await face.upstream.end(index) };
}

async function shake(headers: Handshake['headers'], path?: string, method?: string) {
  const { http, answer } = await RawWebSocket.shake(face.port, { headers, path, method });
  http.destroy();
  return answer;
}

describe('RFC 7395 section 3.1: the handshake', () => {
  test('3.1 the subprotocol is answered xmpp, at both paths and without the last slash', async () => {
    for (const path of ['/xmpp-websocket/', '/xmpp-websocket', '/http-bind/', '/http-bind', '/xmpp-websocket?x=1']) {
      const answer = await shake({}, path);
      expect(answer?.status).toBe(101);
      expect(answer?.headers.get('sec-websocket-protocol')).toBe('xmpp');
      expect(answer?.headers.has('sec-websocket-extensions')).toBe(false);
    }
  });

  test.each([
    [undefined, 400],
    ['', 400],
    ['chat', 400],
    ['XMPP', 400],
    ['xmpp-framing', 400],
    ['xmpp2', 400],
    ['chat, xmpp', 101],
    ['xmpp,chat', 101],
  ])('3.1 Sec-WebSocket-Protocol: %s is answered %i', async (protocol, status) => {
    expect((await shake({ 'Sec-WebSocket-Protocol': protocol }))?.status).toBe(status);
  });

  test.each([
    ['/nothing', 'GET', {}, 404],
    ['/metrics', 'GET', {}, 404],
    ['/xmpp-websocket/', 'POST', {}, 405],
    ['/xmpp-websocket/', 'GET', { 'Sec-WebSocket-Version': '7' }, 400],
    ['/xmpp-websocket/', 'GET', { 'Sec-WebSocket-Key': 'short' }, 400],
    ['/xmpp-websocket/', 'GET', { 'Sec-WebSocket-Key': undefined }, 400],
  ])('%s by %s with %j is answered %i', async (path, method, headers, status) => {
    const answer = await shake(headers, path, method);
    expect([status, 426]).toContain(answer?.status);
    expect(face.upstream.ends).toEqual([]);
  });

  const KEY = 'AQIDBAUGBwgJCgsMDQ4PEC==';
  const REQUEST =
    'GET /xmpp-websocket/ HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
    `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${KEY}\r\nSec-WebSocket-Protocol: xmpp\r\n`;

  test.each([
    ['in one piece', [`${REQUEST}\r\n`]],
    ['in pieces', [REQUEST.slice(0, 2), REQUEST.slice(2, 100), `${REQUEST.slice(100)}\r\n`]],
    ['with a field twice', [`${REQUEST}X-A: 1\r\nX-A: 2\r\n\r\n`]],
    ['with the length of its body', [`${REQUEST}Content-Length: 0\r\n\r\n`]],
    ['with other bytes than ASCII', [`${REQUEST}X-A: \u00e9\r\n\r\n`]],
  ])('4.2 a request %s is upgraded, and the first message may follow at once', async (_, pieces) => {
    const http = await RawHttp.connect(face.port);
    for (const [at, piece] of pieces.entries()) {
      const bytes = Buffer.from(piece, 'latin1');
      const isLast = at === pieces.length - 1;
      await new Promise((sent) =>
        http.socket.write(isLast ? Buffer.concat([bytes, frame(OPCODE.text, OPEN)]) : bytes, sent),
      );
      if (!isLast) await new Promise((resolve) => setImmediate(resolve));
    }
    const answer = await http.answer();
    expect(answer?.head).toMatch(/^HTTP\/1.1 101 /);
    expect(answer?.headers.get('sec-websocket-accept')).toBe(
      createHash('sha1').update(`${KEY}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64'),
    );
    expect((await face.upstream.end(0)).headers[0]).toMatchObject({ to: 'example.com' });
    http.destroy();
  });

  test('permessage-deflate is not agreed to', async () => {
    const answer = await shake({ 'Sec-WebSocket-Extensions': 'permessage-deflate; client_max_window_bits' });
    expect(answer?.headers.has('sec-websocket-extensions')).toBe(false);
  });

  test('a server that drains answers 503', async () => {
    await restart({}, { status: () => ({ draining: true }) });
    const answer = await shake({});
    expect(answer?.status).toBe(503);
    expect(answer?.headers.get('retry-after')).toBe('5');
  });
});

describe('RFC 6455 section 10.2: origins', () => {
  const LISTED = ['https://chat.example.com', 'http://localhost:8080', 'https://*.apps.example.com'];

  test('with an empty list any origin may connect, since no ambient credential counts as a login', async () => {
    for (const Origin of ['https://evil.example', 'http://localhost:3000', 'null', 'capacitor://localhost']) {
      expect((await shake({ Origin }))?.status).toBe(101);
    }
  });

  test.each([
    [undefined, true],
    ['https://chat.example.com', true],
    ['https://CHAT.example.com', true],
    ['https://chat.example.com:443', true],
    ['http://localhost:8080', true],
    ['https://a.apps.example.com', true],
    ['https://a.b.apps.example.com', true],
    ['http://chat.example.com', false],
    ['https://chat.example.com:8443', false],
    ['https://chat.example.com.evil.example', false],
    ['https://evil-chat.example.com', false],
    ['https://evilapps.example.com', false],
    ['https://.apps.example.com', false],
    ['https://apps.example.com', false],
    ['http://a.apps.example.com', false],
    ['https://example.com', false],
    ['https://chat.example.com/path', false],
    ['https://chat.example.com@evil.example', false],
    ['https://evil.example#https://chat.example.com', false],
    ['http://localhost', false],
    ['http://localhost:80800', false],
    ['null', false],
    ['*', false],
    ['file://', false],
    ['', false],
  ])('with a list, origin %s may connect: %s', async (Origin, may) => {
    await restart({ origins: LISTED });
    expect((await shake({ Origin }))?.status).toBe(may ? 101 : 403);
  });
});

describe('RFC 7395 section 3.4: opening', () => {
  test('3.4 an open reaches the upstream, and is answered by an open with version 1.0', async () => {
    const socket = (await connect()).text(
      `<open xmlns="${FRAMING}" to="example.com" from="juliet@example.com" xml:lang="de" version="1.0"/>`,
    );
    expect(await socket.message()).toBe(`<open xmlns="${FRAMING}" from="example.com" id="stream-1" version="1.0"/>`);
    const { headers, client } = await face.upstream.end(0);
    expect(headers).toEqual([
      expect.objectContaining({ to: 'example.com', from: 'juliet@example.com', lang: 'de', version: '1.0' }),
    ]);
    expect(client.transport).toBe('websocket');
    expect(client.remoteAddress).toBe('127.0.0.1');
    expect(client.secure).toBe(false);
  });

  test('3.3.3 an XML declaration in front is put up with', async () => {
    const socket = (await connect()).text(`<?xml version="1.0"?>${OPEN}`);
    expect(await socket.message()).toMatch(/^<open /);
  });

  test('3.3.2 an open in another namespace gets open, invalid-namespace and close', async () => {
    const socket = (await connect()).text('<open xmlns="urn:example" to="example.com" version="1.0"/>');
    const { messages } = await socket.toTheEnd();
    expect(messages[0]).toMatch(/^<open /);
    expect(messages[1]).toMatch(/^<stream:error .*<invalid-namespace /);
    expect(messages[2]).toBe(CLOSE);
    expect(face.upstream.ends).toEqual([]);
  });

  test('3.5 a stream error during the opening comes after an open', async () => {
    const socket = (await connect()).text(MESSAGE);
    const { messages, code } = await socket.toTheEnd();
    expect(messages).toEqual([
      expect.stringMatching(/^<open xmlns="urn:ietf:params:xml:ns:xmpp-framing" id="[-0-9a-f]{36}" version="1.0"\/>$/),
      expect.stringMatching(/^<stream:error xmlns:stream='http:\/\/etherx.jabber.org\/streams'><not-authorized /),
      CLOSE,
    ]);
    expect(code).toBe(1000);
    expect(face.upstream.ends).toEqual([]);
  });

  test('3.7 a second open restarts the stream', async () => {
    const { socket, end } = await opened();
    socket.text(OPEN);
    expect(await socket.message()).toContain('id="stream-2"');
    expect(end.headers.length).toBe(2);
    expect(face.upstream.ends.length).toBe(1);
  });

  test('3.4 an open while the stream is being opened ends it', async () => {
    face.upstream.answers = false;
    const socket = (await connect()).text(OPEN).text(OPEN);
    const { messages } = await socket.toTheEnd();
    expect(messages[1]).toContain('<policy-violation ');
    expect((await face.upstream.end(0)).endings).toEqual([expect.objectContaining({ how: 'closed' })]);
  });

  test('a WebSocket that never opens its stream gets connection-timeout', async () => {
    await restart({ open_timeout: 0.1 });
    const { messages } = await (await connect()).toTheEnd();
    expect(messages[1]).toContain('<connection-timeout ');
  });
});

describe('RFC 7395 section 3.3: messages', () => {
  test('3.3.3 a stanza goes up as it is, and one that comes down is a message of its own', async () => {
    const { socket, end } = await opened();
    socket.text(MESSAGE);
    await end.until(({ stanzas }) => stanzas.length === 1);
    expect(end.stanzas).toEqual([MESSAGE]);
    end.client.stanza(Stanza.from(MESSAGE));
    expect(await socket.message()).toBe(MESSAGE);
  });

  test.each([125, 126, 127, 65_535, 65_536, 90_000])(
    'a stanza of %i bytes comes down as one frame of its length',
    async (length) => {
      const { socket, end } = await opened();
      const head = '<a xmlns="urn:example">';
      const text = `${head}${'x'.repeat(length - head.length - 4)}</a>`;
      end.client.stanza(Stanza.from(text));
      const got = await socket.frame();
      expect([got?.opcode, got?.fin, got?.payload.length]).toEqual([OPCODE.text, true, length]);
      expect(got?.payload.toString()).toBe(text);
    },
  );

  test('stanzas of one turn leave together and in order', async () => {
    const { socket, end } = await opened();
    const texts = Array.from({ length: 100 }, (_, at) => `<message xmlns="jabber:client" id="${at}"/>`);
    for (const text of texts) end.client.stanza(Stanza.from(text));
    for (const text of texts) expect(await socket.message()).toBe(text);
  });

  test('3.3.3 a message in fragments, with a ping between them, is one message (RFC 6455 section 5.4)', async () => {
    const { socket, end } = await opened();
    const half = MESSAGE.length >> 1;
    socket.send(frame(OPCODE.text, MESSAGE.slice(0, half), { fin: false }));
    socket.send(frame(OPCODE.ping, 'now'));
    socket.send(frame(OPCODE.continuation, MESSAGE.slice(half)));
    await end.until(({ stanzas }) => stanzas.length === 1);
    expect(end.stanzas).toEqual([MESSAGE]);
    expect(await socket.frame()).toMatchObject({ opcode: OPCODE.pong, payload: Buffer.from('now') });
  });

  test('frames that come byte by byte are read', async () => {
    const { socket, end } = await opened();
    for (const byte of frame(OPCODE.text, MESSAGE)) {
      socket.send(Buffer.from([byte]));
      await new Promise((resolve) => setImmediate(resolve));
    }
    await end.until(({ stanzas }) => stanzas.length === 1);
  });

  test.each([
    ['two stanzas', `${MESSAGE}${MESSAGE}`, 'not-well-formed'],
    ['half a stanza', MESSAGE.slice(0, 40), 'not-well-formed'],
    ['text behind the stanza', `${MESSAGE}x`, 'not-well-formed'],
    ['text only', 'hello', 'not-well-formed'],
    ['an end tag', '</stream:stream>', 'not-well-formed'],
    ['an undeclared prefix', '<a:b/>', 'bad-namespace-prefix|not-well-formed'],
    ['a comment', '<!-- x --><iq xmlns="jabber:client"/>', 'restricted-xml'],
    ['a DTD', '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', 'restricted-xml'],
    ['a processing instruction', '<?php x?><a/>', 'restricted-xml'],
    ['starttls', '<starttls xmlns="urn:ietf:params:xml:ns:xmpp-tls"/>', 'unsupported-stanza-type'],
    [
      'compression',
      '<compress xmlns="http://jabber.org/protocol/compress"><method>zlib</method></compress>',
      'unsupported-stanza-type',
    ],
    ['features', '<stream:features xmlns:stream="http://etherx.jabber.org/streams"/>', 'unsupported-stanza-type'],
    ['a component handshake', '<handshake xmlns="jabber:component:accept"/>', 'unsupported-stanza-type'],
    ['a stanza for servers', '<message xmlns="jabber:server"/>', 'unsupported-stanza-type'],
    ['a BOSH body', '<body xmlns="http://jabber.org/protocol/httpbind"/>', 'unsupported-stanza-type'],
    ['another word of the framing', `<pause xmlns="${FRAMING}"/>`, 'unsupported-stanza-type'],
    ['nesting', `${'<a xmlns="">'.repeat(70)}${'</a>'.repeat(70)}`, 'policy-violation'],
  ])('%s ends the stream with %s, and nothing is forwarded', async (_, text, condition) => {
    const { socket, end } = await opened();
    socket.text(text);
    const { messages } = await socket.toTheEnd();
    expect(messages.length).toBe(2);
    expect(messages[0]).toMatch(new RegExp(`^<stream:error .*<(${condition}) `));
    expect(messages[1]).toBe(CLOSE);
    expect(end.stanzas).toEqual([]);
    expect(end.endings).toEqual([expect.objectContaining({ how: 'closed' })]);
  });

  test('3.8 white space is swallowed and not forwarded', async () => {
    const { socket, end } = await opened();
    socket.text(' ').text('\n').text('').text(MESSAGE);
    await end.until(({ stanzas }) => stanzas.length > 0);
    expect(end.stanzas).toEqual([MESSAGE]);
  });

  test('3.2 a binary message is closed with 1003', async () => {
    const { socket, end } = await opened();
    socket.send(frame(OPCODE.binary, MESSAGE));
    expect((await socket.toTheEnd()).code).toBe(1003);
    expect(end.stanzas).toEqual([]);
    expect(end.endings).toEqual([expect.objectContaining({ how: 'lost' })]);
  });

  test.each([[0xc0, 0x80], [0xed, 0xa0, 0x80], [0xff], [0xf4, 0x90, 0x80, 0x80], [0xe2, 0x82]])(
    '3.2 bad UTF-8 %s is closed with 1007',
    async (...bytes) => {
      const { socket, end } = await opened();
      socket.text(
        Buffer.concat([
          Buffer.from('<message xmlns="jabber:client"><body>'),
          Buffer.from(bytes),
          Buffer.from('</body></message>'),
        ]),
      );
      expect((await socket.toTheEnd()).code).toBe(1007);
      expect(end.stanzas).toEqual([]);
    },
  );

  test('a message over max_data_held gets policy-violation and 1009; far over it only 1009', async () => {
    await restart({ max_data_held: 5000 });
    const { socket, end } = await opened();
    socket.text(`<a xmlns="b">${'x'.repeat(6000)}</a>`);
    const { messages, code } = await socket.toTheEnd();
    expect(messages[0]).toContain('<policy-violation ');
    expect(code).toBe(1009);
    expect(end.stanzas).toEqual([]);
    const second = await opened(1);
    second.socket.text(`<a xmlns="b">${'x'.repeat(60_000)}</a>`);
    expect((await second.socket.toTheEnd()).code).toBe(1009);
  });
});

describe('RFC 7395 section 3.6: closing', () => {
  test('3.6 a close is answered by the close that strophe.js knows, and the WebSocket by 1000', async () => {
    const { socket, end } = await opened();
    const { messages, code } = await socket.text(`<close xmlns='${FRAMING}'/>`).toTheEnd();
    expect(messages).toEqual([CLOSE]);
    expect(code).toBe(1000);
    await socket.http.closed;
    expect(end.endings).toEqual([expect.objectContaining({ how: 'closed' })]);
  });

  test('3.6 the upstream closes: close goes out, and the client is waited for', async () => {
    const { socket, end } = await opened();
    end.client.close({ how: 'closed' });
    expect(await socket.message()).toBe(CLOSE);
    const { code } = await socket.text(CLOSE).toTheEnd();
    expect(code).toBe(1000);
    expect(end.endings).toEqual([]);
  });

  test('3.6 a client that does not answer the close is closed all the same', async () => {
    const { socket, end } = await opened();
    end.client.close({ how: 'closed' });
    expect((await socket.toTheEnd()).code).toBe(1000);
  });

  test('3.6 a lost connection looks lost to the upstream, with what was not delivered', async () => {
    const { socket, end } = await opened();
    socket.http.socket.resetAndDestroy();
    await end.until(({ endings }) => endings.length === 1);
    expect(end.endings).toEqual([expect.objectContaining({ how: 'lost' })]);
  });

  test('3.6 a WebSocket closed without a close looks lost too, whatever its code', async () => {
    const { socket, end } = await opened();
    socket.send(frame(OPCODE.close, Buffer.from([0x03, 0xe9])));
    await end.until(({ endings }) => endings.length === 1);
    expect(end.endings[0].how).toBe('lost');
    expect((await socket.toTheEnd()).code).toBe(1001);
  });

  test('a backend that is lost is told to the client as remote-connection-failed', async () => {
    const { socket, end } = await opened();
    end.client.close({ how: 'lost' });
    expect(await socket.message()).toMatch(/<remote-connection-failed /);
    expect(await socket.message()).toBe(CLOSE);
  });

  test('an error of the client ends its stream', async () => {
    const { socket, end } = await opened();
    socket.text(
      '<stream:error xmlns:stream="http://etherx.jabber.org/streams"><reset xmlns="urn:ietf:params:xml:ns:xmpp-streams"/></stream:error>',
    );
    expect((await socket.toTheEnd()).messages).toEqual([CLOSE]);
    expect(end.endings[0].how).toBe('closed');
  });

  test.each(['', 'wss://other.example/ws?a=1&b=2'])(
    '3.6.1 a shutdown is seen by every client as close and 1001 (see_other_uri %j)',
    async (uri) => {
      await restart({ drain: { see_other_uri: uri } });
      const streams = [await opened(0), await opened(1)];
      const fresh = await connect();
      const closing = face.close();
      for (const { socket, end } of streams) {
        const { messages, code } = await socket.toTheEnd();
        if (uri === '') expect(messages).toEqual([expect.stringContaining('<system-shutdown '), CLOSE]);
        else
          expect(messages).toEqual([`<close xmlns="${FRAMING}" see-other-uri="wss://other.example/ws?a=1&amp;b=2"/>`]);
        expect(code).toBe(1001);
        expect(end.endings[0].how).toBe('closed');
      }
      expect((await fresh.toTheEnd()).code).toBe(1001);
      await closing;
      expect(face.http.websockets).toBe(0);
    },
  );
});

describe('the framing before RFC 7395', () => {
  const HEADER =
    "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='example.com' version='1.0'>";

  test('a stream header is answered by one, and the elements behind it are messages', async () => {
    const socket = (await connect()).text(`<?xml version='1.0'?>${HEADER}`);
    expect(await socket.message()).toBe(
      '<stream:stream xmlns="jabber:client" xmlns:stream="http://etherx.jabber.org/streams" from="example.com" id="stream-1" version="1.0">',
    );
    const end = await face.upstream.end(0);
    expect(end.headers[0]).toMatchObject({ to: 'example.com', version: '1.0' });
    socket.text('<message to="a"/>');
    await end.until(({ stanzas }) => stanzas.length === 1);
    expect(end.stanzas[0]).toMatch(/^<message .*xmlns=['"]jabber:client['"]/);
    socket.text(HEADER.replace('>', '/>').replace('//>', '/>'));
    await end.until(({ headers }) => headers.length === 2);
    expect(await socket.message()).toContain('id="stream-2"');
    const { messages, code } = await socket.text('</stream:stream>').toTheEnd();
    expect(messages).toEqual(['</stream:stream>']);
    expect(code).toBe(1000);
    expect(end.endings[0].how).toBe('closed');
  });

  test.each([
    '<message/><message/>',
    '</stream:stream><message/>',
    '<message>',
    'text',
    '</stream:stream><stream:stream xmlns:stream="http://etherx.jabber.org/streams">',
  ])('a message of %j ends the stream in the same dialect', async (text) => {
    const socket = (await connect()).text(HEADER);
    await socket.message();
    const { messages } = await socket.text(text).toTheEnd();
    expect(messages).toEqual([
      expect.stringMatching(/^<stream:error .*<(not-well-formed|bad-format) /),
      '</stream:stream>',
    ]);
    expect((await face.upstream.end(0)).stanzas).toEqual([]);
  });

  test('a header in another namespace is invalid-namespace', async () => {
    const { messages } = await (await connect()).text('<stream:stream xmlns:stream="urn:example" to="a">').toTheEnd();
    expect(messages[1]).toContain('<invalid-namespace ');
  });
});

describe('RFC 6455: frames that break its rules', () => {
  test.each([
    ['an unmasked frame', frame(OPCODE.text, MESSAGE, { mask: false }), 1002],
    ['a reserved bit', frame(OPCODE.text, MESSAGE, { reserved: 4 }), 1002],
    ['a reserved opcode', frame(3, MESSAGE), 1002],
    ['a reserved control opcode', frame(11, ''), 1002],
    ['a ping in fragments', frame(OPCODE.ping, 'a', { fin: false }), 1002],
    ['a ping of 126 bytes', frame(OPCODE.ping, 'a'.repeat(126)), 1002],
    ['a continuation of nothing', frame(OPCODE.continuation, MESSAGE), 1002],
    ['a second start', Buffer.concat([frame(OPCODE.text, '<a', { fin: false }), frame(OPCODE.text, '/>')]), 1002],
    ['a close of one byte', frame(OPCODE.close, 'x'), 1002],
    ['a close code that is none', frame(OPCODE.close, Buffer.from([0x00, 0x05])), 1002],
    ['a length of 2^62', Buffer.from([0x81, 0xff, 0x40, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4]), 1009],
  ])('%s closes the WebSocket', async (_, bytes, code) => {
    const { socket, end } = await opened();
    socket.send(bytes);
    expect((await socket.toTheEnd()).code).toBe(code);
    await end.until(({ endings }) => endings.length === 1);
    expect(end.endings[0].how).toBe('lost');
    expect(end.stanzas).toEqual([]);
  });

  test('a flood of tiny fragments is cut off', async () => {
    const { socket } = await opened();
    socket.send(frame(OPCODE.text, '<', { fin: false }));
    const flood = Buffer.concat(Array.from({ length: 2000 }, () => frame(OPCODE.continuation, 'a', { fin: false })));
    socket.send(flood);
    expect([1008, 1009]).toContain((await socket.toTheEnd()).code);
  });

  test('a flood of pings is cut off, and with limits.rates off it is not', async () => {
    const flood = Buffer.concat(Array.from({ length: 200 }, () => frame(OPCODE.ping, 'x')));
    const { socket } = await opened();
    expect((await socket.send(flood).toTheEnd()).code).toBe(1008);
    await restart({ limits: { ...DEFAULTS.limits, rates: false } });
    const calm = await opened();
    // As many as ws puts up with at once.
    calm.socket.send(flood.subarray(0, (flood.length / 200) * 58)).text(MESSAGE);
    await calm.end.until(({ stanzas }) => stanzas.length === 1);
  });
});

describe('pings', () => {
  test('a client that answers pings stays, one that does not is lost', async () => {
    await restart({ websocket_ping_interval: 0.1, websocket_ping_timeout: 0.2 });
    const alive = await opened(0);
    const dead = await opened(1);
    let pings = 0;
    let isLost = false;
    const lost = dead.end
      .until(({ endings }) => endings.length === 1)
      .then(() => {
        isLost = true;
      });
    while (!isLost || pings < 5) {
      const got = await alive.socket.frame();
      if (got?.opcode !== OPCODE.ping) throw new Error('the living client was closed');
      pings++;
      alive.socket.send(frame(OPCODE.pong, got.payload));
    }
    await lost;
    expect(dead.end.endings[0].how).toBe('lost');
    expect(alive.end.endings).toEqual([]);
    expect(await face.metrics.text()).toMatch(/bosh_ws_ping_rtt_seconds_count [1-9]/);
  });
});

describe('backpressure', () => {
  const LARGE = `<message xmlns="jabber:client"><body>${'y'.repeat(50_000)}</body></message>`;

  test('an upstream that wants no more stops the reading until it drains', async () => {
    const { socket, end } = await opened();
    end.ready = false;
    socket.text(MESSAGE);
    await end.until(({ stanzas }) => stanzas.length === 1);
    let taken = 0;
    for (let at = 0; at < 400; at++) if (socket.http.socket.write(frame(OPCODE.text, LARGE))) taken++;
    expect(taken).toBeLessThan(400);
    const before = end.stanzas.length;
    expect(before).toBeLessThan(10);
    end.ready = true;
    end.client.drain();
    await end.until(({ stanzas }) => stanzas.length === 401);
  });

  test('a client that reads slowly makes the upstream wait, and lets it go on when it has read', async () => {
    const { socket, end } = await opened();
    socket.http.socket.pause();
    let sent = 0;
    const stanza = Stanza.from(LARGE);
    while (end.client.stanza(stanza)) {
      sent++;
      await new Promise((resolve) => setImmediate(resolve));
    }
    sent++;
    expect(end.drains).toBe(0);
    socket.http.socket.resume();
    await end.until(({ drains }) => drains === 1);
    for (let at = 0; at < sent; at++) expect((await socket.message())?.length).toBe(LARGE.length);
  });

  test('small limits drain as well', async () => {
    await restart({ limits: { ...DEFAULTS.limits, queue_soft: 1024, queue_hard: 10_000_000 } });
    const { end } = await opened();
    const stanza = Stanza.from(`<message xmlns="jabber:client"><body>${'z'.repeat(600)}</body></message>`);
    while (end.client.stanza(stanza));
    await end.until(({ drains }) => drains === 1);
  });

  test('a client that does not read is lost at queue_hard, with what it did not get, and memory stays bounded', async () => {
    const { socket, end } = await opened();
    socket.http.socket.pause();
    const stanza = Stanza.from(LARGE);
    let sent = 0;
    while (end.endings.length === 0 && sent < 10_000) {
      end.client.stanza(stanza);
      sent++;
      if (sent % 4 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    expect(end.endings[0]).toMatchObject({ how: 'lost', error: { condition: 'policy-violation' } });
    const missing = end.endings[0].undelivered?.length ?? 0;
    expect(missing).toBeGreaterThan(10);
    expect(missing * LARGE.length).toBeLessThan(2_000_000);
    socket.http.socket.resume();
    let whole = 0;
    for (let got = await socket.message(); got !== undefined; got = await socket.message()) whole++;
    expect(whole + missing).toBeLessThanOrEqual(sent);
    expect(await face.metrics.text()).toContain('bosh_limits_hit_total{limit="queue_hard"} 1\n');
  });

  test('what waits for a client is counted', async () => {
    const { socket, end } = await opened();
    socket.http.socket.pause();
    const stanza = Stanza.from(LARGE);
    while (end.client.stanza(stanza)) await new Promise((resolve) => setImmediate(resolve));
    const [, waiting] = /bosh_queue_bytes\{queue="websocket"\} (\d+)/.exec(await face.metrics.text()) ?? [];
    expect(Number(waiting)).toBeGreaterThan(DEFAULTS.limits.queue_soft / 2);
  });
});

describe('what is counted', () => {
  test('connections, bytes and close codes', async () => {
    const { socket } = await opened();
    expect(await face.metrics.text()).toMatch(/bosh_ws_connections 1\n/);
    await socket.text(CLOSE).toTheEnd();
    await socket.http.closed;
    await vi.waitFor(async () => expect(await face.metrics.text()).toMatch(/bosh_ws_connections 0\n/));
    const text = await face.metrics.text();
    expect(text).toMatch(/bosh_ws_close_total\{code="1000"\} 1\n/);
    expect(text).toMatch(/bosh_bytes_total\{transport="websocket",direction="in"\} [1-9]/);
  });

  test.each([
    ['<a><b></a>', 'xml_rejected_total{reason="not-well-formed"}'],
    [`<a>${'<b>'.repeat(100)}${'</b>'.repeat(100)}</a>`, 'xml_rejected_total{reason="policy-violation"}'],
    [`<a>${'<b>'.repeat(100)}${'</b>'.repeat(100)}</a>`, 'limits_hit_total{limit="stanza"}'],
    [`<a>${'x'.repeat(110_000)}</a>`, 'limits_hit_total{limit="max_data_held"}'],
  ])('a message that is not taken (%#)', async (text, series) => {
    const { socket } = await opened();
    await socket.text(text).toTheEnd();
    expect(await face.metrics.text()).toContain(`bosh_${series} 1\n`);
  });
});
