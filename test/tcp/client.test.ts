// RFC 6120 as clients over TCP see this server: headers, restarts, errors, the end, and who does not keep to it.

import { describe, expect, test } from 'vitest';
import { StreamError } from '../../src/xmpp/errors.js';
import { NS } from '../../src/xmpp/ns.js';
import { Stanza } from '../../src/xmpp/stanza.js';
import { tcpFaces } from '../support/tcp-face.js';

const faces = tcpFaces();
const FEATURES = Stanza.from(`<stream:features xmlns:stream='${NS.stream}'><x xmlns='urn:x'/></stream:features>`);
const SUCCESS = Stanza.from(`<success xmlns='${NS.sasl}'/>`);
const message = (body: string) => Stanza.from(`<message xmlns='jabber:client'><body>${body}</body></message>`);

/** A client whose stream is open, and its upstream's end. */
async function opened(options: Parameters<typeof faces.start>[0] = {}) {
  const face = await faces.start(options);
  const client = await face.open();
  const end = await face.upstream.end(0);
  end.client.stanza(FEATURES);
  await client.features();
  return { ...face, client, end };
}

describe('4.7 headers', () => {
  test('the header reaches the upstream, and its answer the client', async () => {
    const { client, end } = await opened();
    expect(end.headers).toEqual([{ to: 'test.example', version: '1.0' }]);
    expect(end.client).toMatchObject({ transport: 'tcp', remoteAddress: '127.0.0.1', secure: false });
    expect(end.client.remotePort).toBe(client.socket.localPort);
    const [header] = client.headers;
    expect([header.attr('from'), header.attr('id')]).toEqual(['test.example', 'stream-1']);
  });

  test('4.7.3 an upstream that speaks before its header has one said for it, with an id nobody can guess', async () => {
    const face = await faces.start();
    face.upstream.answers = false;
    const [one, two] = [await face.open(), await face.open()];
    for (const index of [0, 1]) (await face.upstream.end(index)).client.stanza(FEATURES);
    await Promise.all([one.features(), two.features()]);
    const ids = [one, two].map(({ headers }) => headers[0].attr('id') ?? '');
    expect(ids[0]).toMatch(/^[\da-f-]{36}$/);
    expect(ids[0]).not.toBe(ids[1]);
    expect(one.headers[0].attr('from')).toBe('test.example');
  });

  test.each([
    ['SSH', 'not-well-formed', 'SSH-2.0-x\r\n'],
    ['HTTP', 'not-well-formed', 'GET / HTTP/1.1\r\n\r\n'],
    ['TLS', 'not-well-formed', Buffer.from([0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3])],
    ['a DTD', 'restricted-xml', '<!DOCTYPE x><stream:stream>'],
    ['another encoding', 'unsupported-encoding', "<?xml version='1.0' encoding='latin1'?>"],
    ['no stream', 'invalid-namespace', "<stream:stream xmlns='jabber:client' xmlns:stream='x'>"],
    ['a server', 'invalid-namespace', `<stream:stream xmlns='jabber:server' xmlns:stream='${NS.stream}'>`],
    ['an unknown prefix', 'bad-namespace-prefix', "<stream:stream xmlns='jabber:client'>"],
    [
      'version 2.0',
      'unsupported-version',
      `<stream:stream xmlns='jabber:client' xmlns:stream='${NS.stream}' version='2.0'>`,
    ],
    ['a tag without end', 'policy-violation', `<stream:stream a='${'x'.repeat(70_000)}'`],
  ])(
    '4.9.1.2 before its header was answered, a client is told what is wrong in a stream of ours: %s',
    async (...all) => {
      const [, condition, bytes] = all;
      const { connect, upstream } = await faces.start();
      const client = await connect();
      client.write(bytes);
      expect(await client.error()).toBe(condition);
      expect(await client.end()).toBe('closed');
      expect(client.headers).toHaveLength(1);
      expect(client.headers[0].attr('id')).toMatch(/^[\da-f-]{36}$/);
      expect(upstream.ends).toHaveLength(0);
    },
  );

  test.each(['host-unknown', 'improper-addressing'] as const)('4.9.1.2 an upstream says %s', async (condition) => {
    const face = await faces.start();
    face.upstream.answers = false;
    const client = await face.open();
    const end = await face.upstream.end(0);
    end.client.close({ how: 'closed', error: new StreamError(condition) });
    expect(await client.error()).toBe(condition);
    expect(await client.end()).toBe('closed');
    expect(client.headers).toHaveLength(1);
  });

  test('a stream that begins and ends in one tag is answered by one', async () => {
    const { connect, upstream } = await faces.start();
    upstream.answers = false;
    const client = await connect();
    client.write(client.header().replace(/>$/, '/>'));
    expect(await client.end()).toBe('closed');
    expect((await upstream.end(0)).endings).toMatchObject([{ how: 'closed' }]);
  });
});

describe('4.3.3 restarts', () => {
  test('after SASL the next header is a new stream to the same upstream, whatever it says in "to"', async () => {
    const { client, end } = await opened();
    end.client.stanza(SUCCESS);
    await client.inbox.take(({ name }) => name === 'success', 'success');
    client.write(' \n');
    client.open({ to: 'other.example' });
    await end.until(({ headers }) => headers.length === 2);
    expect(end.headers[1].to).toBe('test.example');
    await client.when(() => client.headers.length === 2);
    client.write('<presence/>');
    await end.until(({ stanzas }) => stanzas.length === 1);
  });

  test('the new stream may begin in the packet that ended the old one, behind white space', async () => {
    const { client, end } = await opened();
    const stanza = end.stanza.bind(end);
    end.stanza = (said) => {
      if (said.name === 'auth') end.client.stanza(SUCCESS);
      return stanza(said);
    };
    client.write(`<auth xmlns='${NS.sasl}'>x</auth>\n${client.header()}<presence/>`);
    await end.until(({ stanzas }) => stanzas.length === 2);
    expect(end.headers).toHaveLength(2);
    expect(end.stanzas[1]).toBe("<presence xmlns='jabber:client'/>");
  });

  test('XEP-0388: after SASL2 there is none', async () => {
    const { client, end } = await opened();
    end.client.stanza(Stanza.from(`<success xmlns='${NS.sasl2}'/>`));
    await client.inbox.take(({ name }) => name === 'success', 'success');
    client.write('<presence/>');
    await end.until(({ stanzas }) => stanzas.length === 1);
    client.write(client.header());
    expect(await client.error()).toBe('restricted-xml');
  });

  test('an error between two streams comes in the second one', async () => {
    const { client, end } = await opened();
    end.client.stanza(SUCCESS);
    await client.inbox.take(({ name }) => name === 'success', 'success');
    client.open();
    client.write('<<');
    expect(await client.error()).toBe('not-well-formed');
    expect(client.headers).toHaveLength(2);
  });
});

describe('4.4 the end', () => {
  test('</stream:stream> of the client is a goodbye', async () => {
    const { client, end } = await opened();
    client.write('</stream:stream>');
    await end.until(({ endings }) => endings.length === 1);
    expect(end.endings[0]).toMatchObject({ how: 'closed' });
    expect(await client.end()).toBe('closed');
  });

  test('a connection without it is lost, and what did not leave is given back', async () => {
    const { client, end } = await opened();
    client.socket.resetAndDestroy();
    end.client.stanza(message('never'));
    await end.until(({ endings }) => endings.length === 1);
    const [{ how, undelivered }] = end.endings;
    expect(how).toBe('lost');
    expect(undelivered?.map(({ raw }) => raw.toString())).toEqual([message('never').raw.toString()]);
  });

  test('what has left counts as having reached the client, and what could not any more does not', async () => {
    const { client, end } = await opened();
    const reached: string[] = [];
    end.client.stanza(message('1'));
    await new Promise<void>((resolve) => end.client.reached(resolve));
    end.client.reached(() => reached.push('at once'));
    client.socket.resetAndDestroy();
    end.client.stanza(message('never'));
    end.client.reached(() => reached.push('never'));
    await end.until(({ endings }) => endings.length === 1);
    end.client.reached(() => reached.push('after the end'));
    expect(reached).toEqual(['at once']);
  });

  test('so is one that only stopped writing', async () => {
    const { client, end } = await opened();
    client.socket.end();
    await end.until(({ endings }) => endings.length === 1);
    expect(end.endings[0].how).toBe('lost');
  });

  test('an upstream that is lost is remote-connection-failed', async () => {
    const { client, end } = await opened();
    end.client.close({ how: 'lost' });
    expect(await client.error()).toBe('remote-connection-failed');
    expect(await client.end()).toBe('closed');
  });

  test('a stream error of the server itself comes as it was said', async () => {
    const { client, end } = await opened();
    const said = `<s:error xmlns:s='${NS.stream}'><conflict xmlns='${NS.streams}'/><mine xmlns='urn:mine'/></s:error>`;
    const error = new StreamError('conflict', undefined, { element: Stanza.from(said) });
    end.client.close({ how: 'closed', error });
    const element = await client.inbox.take(({ name }) => name === 'error', 'the error');
    expect(element.raw).toBe(said);
    expect(await client.end()).toBe('closed');
  });

  test('an upstream that throws costs its stream, and is logged', async () => {
    const { client, end, log } = await opened();
    end.stanza = () => {
      throw new Error('a bug');
    };
    client.write('<presence/>');
    expect(await client.error()).toBe('internal-server-error');
    expect(log.of('tcp_stream_failed')).toMatchObject([{ client: 'tcp-1', error: { message: 'a bug' } }]);
  });
});

describe('flow', () => {
  test('an upstream that asks to wait stops the client until it drains', async () => {
    const { client, end } = await opened({ max_data_held: 1_000_000 });
    end.ready = false;
    for (let i = 0; i < 40; i++) client.write(`<message><body>${'x'.repeat(500_000)}</body></message>`);
    await end.until(({ stanzas }) => stanzas.length >= 1);
    expect(end.stanzas.length).toBeLessThan(40);
    end.ready = true;
    end.client.drain();
    await end.until(({ stanzas }) => stanzas.length === 40);
  });

  test('a client that reads slowly is waited for, and gets all', async () => {
    const { client, end } = await opened({ limits: { queue_soft: 65_536, queue_hard: 100_000_000 } });
    client.socket.pause();
    let count = 0;
    while (end.client.stanza(message('x'.repeat(50_000)))) if (++count % 10 === 0) await turn();
    expect(end.drains).toBe(0);
    client.socket.resume();
    await end.until(({ drains }) => drains === 1);
    end.client.stanza(message('last'));
    await client.inbox.take((each) => each.textOf('body') === 'last', 'the last message', 5000);
  });

  test('one that reads nothing is cut at queue_hard, and what did not leave is given back', async () => {
    const { client, end, metrics } = await opened({ limits: { queue_soft: 65_536, queue_hard: 200_000 } });
    client.socket.pause();
    let sent = 0;
    while (end.endings.length === 0) {
      end.client.stanza(message(`${sent++} ${'x'.repeat(50_000)}`));
      await turn();
    }
    const [{ how, error, undelivered = [] }] = end.endings;
    expect([how, error?.condition]).toEqual(['lost', 'policy-violation']);
    // All from one on, to the last.
    const numbers = undelivered.map(({ raw }) => Number(/<body>(\d+)/.exec(raw.toString('latin1'))?.[1]));
    expect(numbers.length).toBeGreaterThan(2);
    expect(numbers).toEqual(Array.from(numbers, (_, at) => sent - numbers.length + at));
    client.socket.resume();
    expect(await client.end()).toBe('lost');
    expect(client.text.includes(`<body>${numbers.at(-1)} `)).toBe(false);
    expect(await metrics.text()).toContain('bosh_limits_hit_total{limit="queue_hard"} 1');
  });

  test('one that takes nothing for send_timeout is lost', async () => {
    const { client, end } = await opened({ c2s: { send_timeout: 0.05 }, limits: { queue_hard: 100_000_000 } });
    client.socket.pause();
    for (let i = 0; i < 100; i++) end.client.stanza(message('x'.repeat(100_000)));
    await end.until(({ endings }) => endings.length === 1);
    expect(end.endings[0]).toMatchObject({ how: 'lost', error: { condition: 'connection-timeout' } });
    expect(end.endings[0].undelivered?.length).toBeGreaterThan(0);
  });

  test('what one turn says is one write', async () => {
    const { client, end } = await opened();
    let chunks = 0;
    client.socket.on('data', () => chunks++);
    for (let i = 0; i < 20; i++) end.client.stanza(message(`m${i}`));
    await client.inbox.take((each) => each.textOf('body') === 'm19', 'the last message');
    expect(chunks).toBe(1);
  });
});

describe('who does not keep to it', () => {
  test('one byte at a time is as good', async () => {
    const { connect, upstream } = await faces.start();
    const client = await connect();
    for (const byte of Buffer.from(`${client.header()}<message><body>é</body></message>`)) {
      client.write(Buffer.from([byte]));
      await turn();
    }
    const end = await (await upstream.end(0)).until(({ stanzas }) => stanzas.length === 1);
    expect(end.stanzas[0]).toContain('<body>é</body>');
  });

  test('one that never says anything is told connection-timeout', async () => {
    const { connect, metrics, listener } = await faces.start({ open_timeout: 0.05 });
    const client = await connect();
    expect(await client.error()).toBe('connection-timeout');
    expect(await client.end()).toBe('closed');
    expect(await metrics.text()).toContain('bosh_limits_hit_total{limit="open_timeout"} 1');
    expect(listener.size).toBe(0);
  });

  test('so is one whose header does not end, however often it writes', async () => {
    const { connect } = await faces.start({ open_timeout: 0.05 });
    const client = await connect();
    client.write('<stream:stream a="');
    const drip = setInterval(() => client.write('x'), 5);
    expect(await client.error()).toBe('connection-timeout');
    clearInterval(drip);
  });

  test('a stream that is open may be silent', async () => {
    const { client, end, connect } = await opened({ open_timeout: 0.05 });
    const later = await connect();
    expect(await later.error()).toBe('connection-timeout');
    client.write(' ');
    client.write('<presence/>');
    await end.until(({ stanzas }) => stanzas.length === 1);
  });

  test('a stanza larger than max_data_held ends the stream', async () => {
    const { client, end, metrics } = await opened({ max_data_held: 10_000 });
    client.write(`<message><body>${'x'.repeat(10_000)}`);
    expect(await client.error()).toBe('policy-violation');
    expect(end.endings).toMatchObject([{ how: 'closed', error: { condition: 'policy-violation' } }]);
    expect(await metrics.text()).toContain('bosh_xml_rejected_total{reason="policy-violation"} 1');
  });

  test('no more than sessions_per_address wait to be attached; those who were are not counted', async () => {
    const { connect, open, upstream, listener } = await faces.start({ limits: { sessions_per_address: 3 } });
    for (let i = 0; i < 4; i++) await open();
    await upstream.end(3);
    const waiting = [await connect(), await connect(), await connect()];
    const refused = await connect();
    expect(await refused.end()).toBe('lost');
    expect(refused.text).toBe('');
    waiting[0].socket.destroy();
    await listenerHas(listener, 6);
    await open();
    await upstream.end(4);
  });
});

describe('the PROXY protocol', () => {
  test('names the client, whose stream may follow in the same packet', async () => {
    const { connect, upstream, port } = await faces.start({ proxy_protocol: true });
    const client = await connect({ preamble: `PROXY TCP4 192.0.2.7 192.0.2.1 4711 ${port}\r\n` });
    client.open();
    const end = await upstream.end(0);
    expect(end.client).toMatchObject({ remoteAddress: '192.0.2.7', remotePort: 4711 });
  });

  test('without it, there is no connection', async () => {
    const { open } = await faces.start({ proxy_protocol: true });
    expect(await (await open()).end()).toBe('lost');
  });
});

describe('the end of the server', () => {
  test('4.9.3.20 clients are told system-shutdown, also those that are not attached', async () => {
    const { client, end, connect, listener } = await opened();
    const other = await connect();
    await listenerHas(listener, 2);
    const stopped = listener.stop();
    expect(await Promise.all([client.error(), other.error()])).toEqual(['system-shutdown', 'system-shutdown']);
    await stopped;
    expect(end.endings).toMatchObject([{ how: 'closed', error: { condition: 'system-shutdown' } }]);
    expect(listener.size).toBe(0);
  });

  test('4.9.3.19 or where to go', async () => {
    const { client, listener } = await opened({ drain: { see_other_host: 'xmpp2.example:5222' } });
    const stopped = listener.stop();
    const element = await client.inbox.take(({ name }) => name === 'error', 'the error');
    expect(element.textOf('see-other-host')).toBe('xmpp2.example:5222');
    await stopped;
  });

  test('those who do not answer are not waited for', async () => {
    const { client, listener } = await opened();
    client.socket.removeAllListeners('data').pause();
    await listener.stop();
    expect(listener.size).toBe(0);
  });
});

test('connections, bytes and queues are counted', async () => {
  const { client, end, metrics, connect, listener } = await opened();
  await connect();
  await listenerHas(listener, 2);
  client.write('<presence/>');
  await end.until(({ stanzas }) => stanzas.length === 1);
  const text = await metrics.text();
  expect(text).toContain('bosh_tcp_connections{state="waiting"} 1');
  expect(text).toContain('bosh_tcp_connections{state="settled"} 1');
  expect(text).toContain(
    `bosh_bytes_total{transport="tcp",direction="in"} ${client.header().length + '<presence/>'.length}`,
  );
  expect(text).toContain(`bosh_bytes_total{transport="tcp",direction="out"} ${client.text.length}`);
  expect(text).toContain('bosh_queue_bytes{queue="tcp"} 0');
});

const turn = () => new Promise((resolve) => setImmediate(resolve));

/** Resolves once so many connections are known; there is nobody to tell. */
async function listenerHas(listener: { readonly size: number }, count: number): Promise<void> {
  while (listener.size !== count) await turn();
}
