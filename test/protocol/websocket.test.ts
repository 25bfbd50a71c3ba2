import { describe, expect } from 'vitest';
import { rawHttp } from '../support/bosh-client.js';
import { authenticate, bind } from '../support/sasl.js';
import { WRONG_PASSWORD } from '../support/stub-server.js';
import { CLOSE, FRAMING, Refused, WsClient } from '../support/ws-client.js';
import { clauses, message, subject, within } from './subject.js';

const { any, user, ours } = clauses('ws');
const STREAM = 'http://etherx.jabber.org/streams';
const STREAMS = 'urn:ietf:params:xml:ns:xmpp-streams';

describe('RFC 7395', () => {
  const s = subject({ max_xmpp_buffer_size: 40_000, max_data_held: 40_000, open_timeout: 1 });

  const connect = (): Promise<WsClient> => WsClient.connect(s.ws, s.domain);
  const open = (attrs = {}): Promise<WsClient> => WsClient.open(s.ws, s.domain, attrs);

  /** A stream that is open, its features read. */
  async function opened(): Promise<WsClient> {
    const client = await open();
    await client.features();
    return client;
  }

  /** How the server ends a stream after this message: the condition and the close code. */
  async function ended(client: WsClient): Promise<{ condition: string | undefined; code: number; last: string }> {
    const code = await within(client.closed, 5000);
    if (code === undefined) throw new Error(`still open after:\n${client.messages.join('\n')}`);
    const error = client.messages.find((each) => each.includes('error'));
    const condition = error?.match(/<([\w-]+) xmlns=.urn:ietf:params:xml:ns:xmpp-streams/)?.[1];
    return { condition, code, last: client.messages.at(-1) ?? '' };
  }

  any('3.1 the sub-protocol xmpp is agreed on', async () => {
    const client = await connect();
    expect(client.socket.protocol).toBe('xmpp');
    client.cut();
  });

  any('3.1 xmpp is chosen among others', async () => {
    const client = await WsClient.connect(s.ws, s.domain, { protocols: ['chat', 'xmpp'] });
    expect(client.socket.protocol).toBe('xmpp');
    client.cut();
  });

  any('3.1 without the sub-protocol xmpp there is no XMPP', async () => {
    await expect(WsClient.connect(s.ws, s.domain, { protocols: ['chat'] })).rejects.toThrow(Refused);
  });

  any('3.2 a binary message closes with 1003', async () => {
    const client = await opened();
    client.socket.send(Buffer.from(message(s.domain, 'x')), { binary: true });
    expect((await ended(client)).code).toBe(1003);
  });

  any('3.2 text that is not UTF-8 closes with 1007', async () => {
    const client = await opened();
    client.socket.send(Buffer.from([0x3c, 0xff, 0xfe]), { binary: false });
    expect((await ended(client)).code).toBe(1007);
  });

  any('3.3.2 an open in another namespace is invalid-namespace', async () => {
    const client = await connect();
    client.send(client.opening({ xmlns: 'urn:example:other' }));
    expect((await ended(client)).condition).toBe('invalid-namespace');
  });

  any('3.3.3 a fragmented message is one message', async () => {
    const client = await connect();
    const text = client.opening();
    client.socket.send(text.slice(0, 9), { fin: false });
    client.socket.send(text.slice(9, 20), { fin: false });
    client.socket.send(text.slice(20), { fin: true });
    expect((await client.next()).name).toBe('open');
    client.cut();
  });

  any('3.3.3 several elements in one message are not-well-formed and the second is never looked at', async () => {
    const client = await opened();
    client.send(message(s.domain, 'one') + message(s.domain, 'two'));
    expect((await ended(client)).condition).toMatch(/not-well-formed|bad-format|invalid-xml/);
  });

  any('3.3.3 part of an element is not-well-formed', async () => {
    const client = await opened();
    client.send('<message><body>');
    expect((await ended(client)).condition).toBe('not-well-formed');
  });

  any('3.3.3 a stream end inside a message ends nothing but this stream', async () => {
    const client = await opened();
    client.send('</stream:stream>');
    expect((await ended(client)).condition).toMatch(/not-well-formed|bad-format|bad-namespace-prefix/);
  });

  for (const [what, text] of [
    ['a comment', '<message xmlns="jabber:client"><!-- x --></message>'],
    ['a processing instruction', '<message xmlns="jabber:client"><?x y?></message>'],
    ['a document type', '<!DOCTYPE message><message xmlns="jabber:client"/>'],
    ['an unknown entity', '<message xmlns="jabber:client"><body>&x;</body></message>'],
  ])
    any(`3.3.3 ${what} is refused (RFC 6120 11.1)`, async () => {
      const client = await opened();
      client.send(text);
      expect((await ended(client)).condition).toMatch(/restricted-xml|not-well-formed/);
    });

  any('3.3.3 an XML declaration is tolerated', async () => {
    const client = await connect();
    client.send(`<?xml version='1.0'?>${client.opening()}`);
    expect((await client.next()).name).toBe('open');
    client.cut();
  });

  any('3.3.3 each message stands alone and begins with <', async () => {
    const client = await opened();
    for (const text of client.messages) expect(text[0]).toBe('<');
    client.cut();
  });

  any('3.3.3 features declare the stream namespace themselves', async () => {
    const client = await opened();
    expect(client.messages[1]).toContain(STREAM);
    client.cut();
  });

  any('3.4 open is answered with open: from, id, version and xml:lang, before anything else', async () => {
    const client = await open({ 'xml:lang': 'en' });
    const answer = await client.next();
    expect([answer.name, answer.ns, answer.attr('from'), answer.attr('version')]).toEqual([
      'open',
      FRAMING,
      s.domain,
      '1.0',
    ]);
    expect(answer.attr('id')).toBeTruthy();
    expect(answer.attr('xml:lang')).toBeTruthy();
    expect(client.messages[0]).toMatch(/^<open /);
    client.cut();
  });

  ours('3.4 to, from, version and xml:lang of open reach the stream header', async () => {
    const client = await open({ from: 'romeo@test.example', 'xml:lang': 'de' });
    const id = (await client.next()).attr('id') ?? '';
    const [header] = s.backend(id).headers;
    const told = ['to', 'from', 'version', 'xml:lang'].map((name) => header.attr(name));
    expect(told).toEqual(['test.example', 'romeo@test.example', '1.0', 'de']);
    client.cut();
  });

  any('3.4 a stanza before open is refused', async () => {
    const client = await connect();
    client.send(message(s.domain, 'too early'));
    const { last, code } = await ended(client);
    expect(last).toMatch(/^<close /);
    expect(code).toBeGreaterThanOrEqual(1000);
  });

  ours('3.4 a client that never opens is closed', async () => {
    const client = await connect();
    expect((await ended(client)).condition).toMatch(/connection-timeout|not-authorized|policy-violation/);
  });

  any('3.5 an error while opening comes after open and before close', async () => {
    const client = await WsClient.open(s.ws, 'nobody.invalid');
    await client.closed;
    const names = client.messages.map((text) => text.match(/^<([\w:]+)/)?.[1]);
    expect(names).toEqual(['open', 'stream:error', 'close']);
    expect((await ended(client)).condition).toBe('host-unknown');
  });

  ours('3.5 a server that cannot be reached is told as a stream error', async () => {
    const client = await WsClient.open(s.ws, 'dead.test.example');
    expect((await ended(client)).condition).toBe('remote-connection-failed');
  });

  ours('3.5 a stream error of the server reaches the client whole', async () => {
    const { client, jid } = await s.webSocketUser();
    s.backend(jid).error('conflict', `<text xmlns='${STREAMS}'>replaced</text>`);
    const error = await client.receive((each) => each.name === 'error' && each.ns === STREAM);
    expect(error.children.map((each) => each.name)).toEqual(['conflict', 'text']);
    expect(await client.text()).toBe(CLOSE);
  });

  any('3.6 close is answered with close and the WebSocket closed with 1000', async () => {
    const client = await opened();
    client.send(CLOSE);
    const close = await client.next();
    expect([close.name, close.ns]).toEqual(['close', FRAMING]);
    expect(await client.closed).toBe(1000);
  });

  any('3.6 close is byte for byte as strophe.js compares it', async () => {
    const client = await opened();
    client.send(CLOSE);
    expect(await client.text()).toBe(CLOSE);
  });

  ours('3.6 close closes the stream of the server', async () => {
    const { client, jid } = await s.webSocketUser();
    const backend = s.backend(jid);
    client.send(CLOSE);
    expect(await backend.end).toBe('closed');
  });

  ours('3.6 a lost WebSocket looks lost to the server', async () => {
    const { client, jid } = await s.webSocketUser();
    const backend = s.backend(jid);
    client.cut();
    expect(await backend.end).toBe('lost');
    expect(backend.text).not.toContain('</stream:stream');
  });

  ours('3.6 a WebSocket closed without close looks lost to the server', async () => {
    const { client, jid } = await s.webSocketUser();
    const backend = s.backend(jid);
    client.socket.close(1001);
    expect(await backend.end).toBe('lost');
  });

  ours('3.6 what the server closes is closed towards the client', async () => {
    const { client, jid } = await s.webSocketUser();
    s.backend(jid).socket.end('</stream:stream>');
    expect(await client.text()).toBe(CLOSE);
    client.send(CLOSE);
    expect(await client.closed).toBe(1000);
  });

  user('3.7 a restart is a second open without close', async () => {
    const client = await open();
    const features = await client.features();
    await authenticate(client, s.credentials, features);
    client.send(client.opening());
    expect((await client.next()).name).toBe('open');
    expect((await client.features()).child('bind')).toBeTruthy();
    expect(await bind(client)).toContain('@');
    client.send(CLOSE);
    await client.closed;
  });

  ours('3.7 a restart opens a new stream on the same server connection', async () => {
    const { client, jid } = await s.webSocketUser();
    expect(s.backend(jid).headers).toHaveLength(2);
    expect(s.backend(jid).text).not.toContain('</stream:stream');
    client.cut();
  });

  ours('3.8 whitespace of the server never reaches the client', async () => {
    const { client, jid } = await s.webSocketUser();
    const backend = s.backend(jid);
    backend.write(' \n ');
    backend.write(`\n ${message(jid, 'after the blanks')} `);
    expect((await client.next()).child('body')?.text).toBe('after the blanks');
    for (const text of client.messages) expect(text.trim()).toBe(text);
    client.cut();
  });

  any('3.9 starttls is not shown', async () => {
    const client = await open();
    expect((await client.features()).child('starttls')).toBeUndefined();
    client.cut();
  });

  user('3.3 two users chat, every stanza in a message of its own', async () => {
    const [one, two] = [await s.webSocketUser(), await s.webSocketUser()];
    for (let at = 0; at < 5; at++) one.client.send(message(two.jid, `line ${at}`));
    const texts = [];
    while (texts.length < 5)
      texts.push((await two.client.receive((each) => each.name === 'message')).child('body')?.text);
    expect(texts).toEqual(['line 0', 'line 1', 'line 2', 'line 3', 'line 4']);
    one.client.send(CLOSE);
    two.client.send(CLOSE);
  });

  ours('3.3 stanzas that the server sends in one write come in one message each', async () => {
    const { client, jid } = await s.webSocketUser();
    s.backend(jid).write(Array.from({ length: 5 }, (_, at) => message(jid, `${at}`)).join(''));
    const texts = [];
    while (texts.length < 5) texts.push((await client.next()).child('body')?.text);
    expect(texts).toEqual(['0', '1', '2', '3', '4']);
    client.cut();
  });

  ours('3.3 a stanza without its own namespace is declared jabber:client for the client', async () => {
    const { client, jid } = await s.webSocketUser();
    s.backend(jid).write(`<message to='${jid}'><body>x</body></message>`);
    expect((await client.next()).ns).toBe('jabber:client');
    client.cut();
  });

  ours('3.3 a failed login is told and the stream lives on', async () => {
    const client = await open();
    const features = await client.features();
    const wrong = authenticate(client, { ...s.credentials, password: WRONG_PASSWORD }, features);
    await expect(wrong).rejects.toThrow(/not-authorized/);
    client.send(CLOSE);
    expect(await client.text()).toBe(CLOSE);
  });

  ours('3.3 a message above the limit ends the stream with policy-violation', async () => {
    const { client, jid } = await s.webSocketUser();
    const backend = s.backend(jid);
    client.send(message('a@test.example', 'x'.repeat(60_000)));
    expect([1009, 1008, 1000]).toContain(await client.closed);
    await backend.end;
    expect(backend.text).not.toContain('xxx');
  });

  any('RFC 6455 5.5.2 a ping is answered', async () => {
    const client = await connect();
    const pong = new Promise((resolve) => client.socket.once('pong', (data) => resolve(String(data))));
    client.socket.ping('hello');
    expect(await pong).toBe('hello');
    client.cut();
  });

  any('RFC 6455 4.2 a request that is no handshake is not upgraded', async () => {
    const path = new URL(s.ws).pathname;
    const said = await rawHttp(
      s.ws.replace(/^ws/, 'http'),
      `GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, close\r\nUpgrade: websocket\r\n\r\n`,
      (text) => text.includes('\r\n\r\n'),
    );
    expect(said).toMatch(/^HTTP\/1\.1 4\d\d /);
  });
});

describe('RFC 7395 options', () => {
  const s = subject({
    websocket_ping_interval: 1,
    websocket_ping_timeout: 1,
    origins: ['https://chat.example'],
    drain: { timeout: 1, see_other_uri: 'wss://other.example/xmpp-websocket/' },
  });

  ours('3.8 the server pings, and a client that does not answer is gone', async () => {
    const client = await WsClient.open(s.ws, s.domain);
    const id = (await client.next()).attr('id') ?? '';
    await new Promise((resolve) => client.socket.once('ping', resolve));
    client.socket.pause();
    expect(await s.backend(id).end).toBe('lost');
    client.cut();
  });

  ours('6 only pages of the origins that are listed may connect', async () => {
    const from = (origin: string) => WsClient.connect(s.ws, s.domain, { headers: { Origin: origin } });
    await expect(from('https://evil.example')).rejects.toThrow('HTTP 403');
    (await from('https://chat.example')).cut();
    (await WsClient.connect(s.ws, s.domain)).cut();
  });

  ours('node-xmpp-bosh: WebSockets are served at the BOSH path too', async () => {
    const client = await WsClient.open(s.bosh.replace(/^http/, 'ws'), s.domain);
    expect((await client.next()).name).toBe('open');
    client.cut();
  });

  ours('node-xmpp-bosh: the older framing with stream:stream is answered in kind', async () => {
    const client = await WsClient.connect(s.ws, s.domain);
    const header = `<stream:stream to='${s.domain}' xmlns='jabber:client' xmlns:stream='${STREAM}' version='1.0'>`;
    client.send(header);
    expect(await client.text()).toMatch(/^(<\?xml[^>]*>)?\s*<stream:stream /);
    expect(await client.text()).toMatch(/^<stream:features/);
    client.send('</stream:stream>');
    expect(await client.text()).toBe('</stream:stream>');
    await client.closed;
  });
});

describe('RFC 7395 when the server moves', () => {
  const uri = 'wss://other.example/xmpp-websocket/';
  const s = subject({ drain: { timeout: 1, see_other_uri: uri } });

  ours('3.6.1 close carries see-other-uri', async () => {
    const client = await WsClient.open(s.ws, s.domain);
    await client.features();
    const code = s.server?.stop('SIGTERM');
    const close = await client.next();
    expect([close.name, close.ns, close.attr('see-other-uri')]).toEqual(['close', FRAMING, uri]);
    client.send(CLOSE);
    await client.closed;
    expect(await code).toBe(0);
  });
});
