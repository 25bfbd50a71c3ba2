import { gzipSync } from 'node:zlib';
import { afterAll, describe, expect } from 'vitest';
import { body, creation, post, rawHttp } from '../support/bosh-client.js';
import { CLOSE, FRAMING, WsClient } from '../support/ws-client.js';
import { clauses, message, subject, within } from './subject.js';

const { any, ours } = clauses('bosh');
const ws = clauses('ws');

describe('XEP-0124 and hostile input', () => {
  const s = subject({ max_data_held: 50_000, max_xmpp_buffer_size: 50_000 });

  afterAll(() => {
    // What none of these tests may have done: ended the process, or made it say that something in it is broken.
    expect(s.server?.log() ?? '').not.toMatch(/"level":"(error|fatal)"/);
  });

  const verdictOf = async (payload: string): Promise<string> => (await (await s.session()).send(payload)).verdict;
  const nested = (depth: number): string =>
    `<message xmlns='jabber:client'>${'<a>'.repeat(depth)}${'</a>'.repeat(depth)}</message>`;

  for (const [what, payload] of [
    ['nesting without end', nested(2000)],
    ['elements without end', `<message xmlns='jabber:client'>${'<a/>'.repeat(11_000)}</message>`],
    [
      'attributes without end',
      `<message xmlns='jabber:client' ${Array.from({ length: 300 }, (_, at) => `a${at}='1'`).join(' ')}/>`,
    ],
    [
      'namespaces without end',
      `<message xmlns='jabber:client' ${Array.from({ length: 300 }, (_, at) => `xmlns:a${at}='u'`).join(' ')}/>`,
    ],
    ['a name without end', `<message xmlns='jabber:client'><${'a'.repeat(5000)}/></message>`],
  ])
    ours(`6 ${what} ends the session`, async () => {
      expect(await verdictOf(payload)).toMatch(/^terminate (policy-violation|bad-request)$/);
    });

  for (const [what, payload] of [
    ['the prefix xml bound to something else', "<message xmlns='jabber:client' xmlns:xml='urn:example:x'/>"],
    ['the prefix xmlns', "<message xmlns='jabber:client' xmlns:xmlns='urn:example:x'/>"],
    ['a prefix undeclared again', "<message xmlns='jabber:client' xmlns:x=''/>"],
    ['the same attribute by two prefixes', "<message xmlns='jabber:client' xmlns:a='u' xmlns:b='u' a:x='1' b:x='2'/>"],
    ['two colons in a name', "<message xmlns='jabber:client' xmlns:a='u'><a:b:c/></message>"],
    ['a name that begins with a digit', "<message xmlns='jabber:client'><1a/></message>"],
    ['an end tag with attributes', "<message xmlns='jabber:client'></message a='b'>"],
    ['a space before the name', "< message xmlns='jabber:client'/>"],
    ['a stray ampersand', "<message xmlns='jabber:client'><body>a & b</body></message>"],
    ['a surrogate by reference', "<message xmlns='jabber:client'><body>&#xD800;</body></message>"],
    ['U+FFFE by reference', "<message xmlns='jabber:client'><body>&#xFFFE;</body></message>"],
    ['a second XML declaration', "<?xml version='1.0'?><message xmlns='jabber:client'/>"],
  ])
    any(`6 ${what} is a bad-request`, async () => {
      expect(await verdictOf(payload)).toBe('terminate bad-request');
    });

  any('6 what follows the body is a bad-request', async () => {
    const session = await s.session();
    const text = session.text(++session.rid);
    for (const more of ['<body/>', 'x', '<!-- -->']) {
      const { verdict } = await post(s.bosh, text + more);
      expect(verdict, more).toMatch(/^terminate (bad-request|item-not-found)$/);
    }
  });

  any('6 other encodings than UTF-8 are refused', async () => {
    const text = body(creation(s.domain));
    for (const bytes of [
      Buffer.from(`<?xml version='1.0' encoding='UTF-16'?>${text}`),
      Buffer.from(`\ufeff${text}`, 'utf16le'),
      Buffer.from(`<?xml version='1.0' encoding='ISO-8859-1'?>${text}`),
    ]) {
      const answer = await post(s.bosh, bytes);
      expect(answer.text).not.toContain('sid=');
    }
  });

  ours('6 CDATA, line ends and references arrive as what they mean', async () => {
    const { session, backend } = await s.pair();
    const text = '<![CDATA[<b> & ]]>&#10;\r\n&#x1F600;&quot;';
    void session
      .send(`<message xmlns='jabber:client' id='&#10;&lt;&quot;'><body>${text}</body></message>`)
      .catch(() => {});
    const arrived = await backend.until((each) => each.name === 'message');
    expect(arrived.child('body')?.text).toBe('<b> & \n\n😀"');
    expect(arrived.attr('id')).toBe('\n<"');
  });

  ours('0206 2 a stanza without any namespace is taken for jabber:client', async () => {
    const { session, backend } = await s.pair();
    const text = session.text(++session.rid, '<message><body>x</body></message>');
    const prefixed = text
      .replace(' xmlns=', ' xmlns:b=')
      .replace('<body', '<b:body')
      .replace(/<\/body>$/, '</b:body>');
    void post(s.bosh, prefixed).catch(() => {});
    const arrived = await backend.until((each) => each.name === 'message');
    expect(arrived.ns).toBe('jabber:client');
  });

  ours('0206 2 a stream header or error among the payloads never reaches the server', async () => {
    for (const name of ['stream', 'error', 'features']) {
      const { session, backend } = await s.pair();
      const xmlns = 'http://etherx.jabber.org/streams';
      void session.send(`<x:${name} xmlns:x='${xmlns}'/>`, {}).catch(() => {});
      await within(backend.end, 500);
      expect(
        backend.received.some((each) => each.ns === xmlns),
        name,
      ).toBe(false);
    }
  });

  any('5 a chunked request is read', async () => {
    const text = body(creation(s.domain));
    const path = new URL(s.bosh).pathname;
    const head = `POST ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n`;
    const chunks = [text.slice(0, 20), text.slice(20)].map(
      (part) => `${Buffer.byteLength(part).toString(16)}\r\n${part}\r\n`,
    );
    expect(await rawHttp(s.bosh, `${head}${chunks.join('')}0\r\n\r\n`)).toContain('sid=');
  });

  any('5 a client that waits for 100-continue gets it', async () => {
    const text = body(creation(s.domain));
    const path = new URL(s.bosh).pathname;
    const head = `POST ${path} HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: ${text.length}\r\n\r\n`;
    expect(await rawHttp(s.bosh, head, (said) => said.includes('\r\n\r\n'))).toMatch(/^HTTP\/1\.1 100 /);
  });

  ours('5 other methods are refused', async () => {
    for (const method of ['PUT', 'DELETE', 'PATCH'])
      expect((await post(s.bosh, '', { method })).status, method).toBeGreaterThanOrEqual(400);
  });

  ours('6 a compressed bomb is refused before it is large', async () => {
    const session = await s.session();
    const bomb = gzipSync(session.text(++session.rid, `<a xmlns='u'>${' '.repeat(20_000_000)}</a>`));
    const answer = await post(s.bosh, bomb, { headers: { 'Content-Encoding': 'gzip' } });
    expect(answer.verdict).toMatch(/policy-violation|bad-request|HTTP 4/);
  });

  ours('6 after all this the server still serves', async () => {
    expect((await s.user()).jid).toContain('@');
  });

  ws.any('3.4 close before open is answered with close', async () => {
    const client = await WsClient.connect(s.ws, s.domain);
    client.send(CLOSE);
    expect((await client.next()).name).toMatch(/open|close/);
    expect(await client.closed).toBeGreaterThanOrEqual(1000);
  });

  ws.ours('3.3 stream elements of the client never reach the server', async () => {
    for (const name of ['stream', 'error', 'features']) {
      const { client, jid } = await s.webSocketUser();
      const backend = s.backend(jid);
      const xmlns = 'http://etherx.jabber.org/streams';
      client.send(`<x:${name} xmlns:x='${xmlns}'/>`);
      await client.closed;
      expect(
        backend.received.some((each) => each.ns === xmlns),
        name,
      ).toBe(false);
    }
  });

  ws.any('3.4 two opens at once are one stream or none', async () => {
    const client = await WsClient.connect(s.ws, s.domain);
    client.send(client.opening());
    client.send(client.opening());
    expect((await client.next()).name).toBe('open');
    client.cut();
  });

  ws.any('3.3.2 a prefixed open is an open', async () => {
    const client = await WsClient.connect(s.ws, s.domain);
    client.send(`<f:open xmlns:f='${FRAMING}' to='${s.domain}' version='1.0'/>`);
    expect((await client.next()).name).toBe('open');
    client.cut();
  });

  ws.any('3.4 an open without a domain is refused', async () => {
    const client = await WsClient.connect(s.ws, s.domain);
    client.send(`<open xmlns='${FRAMING}' version='1.0'/>`);
    await client.closed;
    expect(client.messages.join('')).toMatch(/improper-addressing|host-unknown/);
  });

  ours('6 a client that never reads what it is sent ends alone', async () => {
    const [lazy, busy] = [await s.webSocketUser(), await s.webSocketUser()];
    const backend = s.backend(lazy.jid);
    lazy.client.socket.pause();
    const large = message(lazy.jid, 'x'.repeat(40_000));
    for (let at = 0; at < 200; at++) backend.write(large);
    s.backend(busy.jid).write(message(busy.jid, 'unharmed'));
    expect((await busy.client.receive((each) => each.name === 'message')).child('body')?.text).toBe('unharmed');
    lazy.client.cut();
    expect(await backend.end).toBe('lost');
  });

  ours('6 a body of another namespace inside the body is only a payload', async () => {
    const { session, backend } = await s.pair();
    void session.send(`<body xmlns='urn:example:b' sid='x' rid='1'/>`).catch(() => {});
    expect((await backend.until((each) => each.name === 'body')).ns).toBe('urn:example:b');
  });
});
