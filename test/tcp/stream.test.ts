// RFC 6120 section 4 on a socket.

import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { LendingSocket } from '../../src/tcp/socket.js';
import { TCP_DEFAULTS, type TcpOptions, TcpStream } from '../../src/tcp/stream.js';
import { StreamError } from '../../src/xmpp/errors.js';
import { readHeader, writeHeader } from '../../src/xmpp/header.js';
import { NS } from '../../src/xmpp/ns.js';
import { Scanner } from '../../src/xmpp/scanner.js';
import { Stanza } from '../../src/xmpp/stanza.js';
import { FakeClient } from '../support/client-stream.js';
import { News } from '../support/news.js';

const HEADER = `<stream:stream xmlns='jabber:client' xmlns:stream='${NS.stream}' id='1' version='1.0'>`;
const message = (body: string) => Stanza.from(`<message xmlns='jabber:client'><body>${body}</body></message>`);

/** The other side of a connection: raw bytes. */
class Other {
  text = '';
  chunks = 0;
  ended = false;
  #news = new News();

  constructor(readonly socket: Socket) {
    socket.on('data', (chunk: Buffer) => {
      this.text += chunk.toString();
      this.chunks++;
      this.#news.tell();
    });
    socket.on('error', () => {});
    socket.on('end', () => {
      this.ended = true;
      this.#news.tell();
    });
  }

  when(condition: () => boolean): Promise<void> {
    return this.#news.when(condition);
  }
}

const server = createServer({ allowHalfOpen: true });
beforeEach(async () => {
  if (!server.listening) await once(server.listen(0, '127.0.0.1'), 'listening');
});
const sockets: Socket[] = [];
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
});

async function connected(options: Partial<TcpOptions> = {}) {
  const accepted = once(server, 'connection') as Promise<[Socket]>;
  const socket = new LendingSocket();
  socket.connect({ host: '127.0.0.1', port: (server.address() as AddressInfo).port });
  const [far] = await accepted;
  if (socket.connecting) await once(socket, 'connect');
  sockets.push(socket, far);
  const peer = new FakeClient();
  const stream = new TcpStream(socket, peer, { ...TCP_DEFAULTS, closeTimeout: 100, ...options });
  const released = new Promise<void>((resolve) => {
    stream.onreleased = resolve;
  });
  return { stream, socket, peer, other: new Other(far), released };
}

describe('a namespace name of white space, which parsers differ in', () => {
  const said = "<message xmlns:p=' ' p:a='1'/>";

  test.each([
    ['a server', 'initiating', NS.client],
    ['a component', 'receiving', NS.component],
  ] as const)('from %s, which passes on what strangers say, it is taken', async (_, role, contentNs) => {
    const { peer, other } = await connected({ role, contentNs });
    other.socket.write(HEADER.replace(NS.client, contentNs) + said);
    await peer.when(() => peer.stanzas.length === 1);
    expect(peer.stanzas[0]).toContain("p:a='1'");
  });

  test('from a client it is a bad-namespace-prefix', async () => {
    const { peer, other } = await connected({ role: 'receiving' });
    other.socket.write(HEADER + said);
    expect((await peer.closed()).error?.condition).toBe('bad-namespace-prefix');
  });
});

describe('4.7 the header', () => {
  test('is written with both namespaces and every attribute escaped', () => {
    const header = { to: 'a\'<&>"', from: 'x@y', id: '1', version: '1.0', lang: 'de', extra: new Map([['a:b', '\n']]) };
    expect(writeHeader(header, NS.client).toString()).toBe(
      `<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='${NS.stream}'` +
        " from='x@y' to='a&apos;&lt;&amp;&gt;&quot;' id='1' version='1.0' xml:lang='de' a:b='&#10;'>",
    );
  });

  test('what is written is what is read', () => {
    const text = fc.string({ unit: fc.constantFrom('a', "'", '"', '<', '&', '\n', '\t', 'é', '😀', '>') });
    fc.assert(
      fc.property(
        fc.record({ to: text, from: text, id: text, version: text, lang: text }, { requiredKeys: [] }),
        (header) => {
          let read = {};
          const events = {
            header(tag: Parameters<typeof readHeader>[0]) {
              read = readHeader(tag);
            },
            stanza() {},
            end() {},
          };
          new Scanner(events).push(writeHeader(header, NS.client));
          expect(read).toEqual(header);
        },
      ),
    );
  });

  test('is told', async () => {
    const { peer, other } = await connected();
    other.socket.write(`<?xml version='1.0'?>${HEADER}`);
    await peer.when(() => peer.headers.length === 1);
    expect(peer.headers[0]).toEqual({ id: '1', version: '1.0' });
  });

  for (const [condition, header] of [
    ['invalid-namespace', "<stream:stream xmlns='jabber:client' xmlns:stream='x'>"],
    ['invalid-namespace', `<stream:stream xmlns='jabber:server' xmlns:stream='${NS.stream}'>`],
    ['invalid-namespace', `<stream:stream xmlns:stream='${NS.stream}'>`],
    ['invalid-namespace', `<stream:other xmlns='jabber:client' xmlns:stream='${NS.stream}'>`],
    ['unsupported-version', HEADER.replace("version='1.0'", "version='2.0'")],
    ['unsupported-version', HEADER.replace("version='1.0'", "version='x'")],
    ['not-well-formed', 'SSH-2.0-x\r\n'],
  ] as const) {
    test(`4.9.3 ${header.slice(0, 50)} is ${condition}`, async () => {
      const { peer, other, released } = await connected();
      other.socket.write(header);
      const { how, error } = await peer.closed();
      expect([how, error?.condition]).toEqual(['closed', condition]);
      await other.when(() => other.ended || other.text.includes('</stream:stream>'));
      expect(other.text).toContain(`<stream:error><${condition} xmlns='${NS.streams}'/>`);
      await released;
    });
  }

  test('a prefix other than stream is as good', async () => {
    const { peer, other } = await connected();
    other.socket.write(
      `<s:stream xmlns='jabber:client' xmlns:s='${NS.stream}'><s:error><reset xmlns='${NS.streams}'/></s:error>`,
    );
    expect((await peer.closed()).error?.condition).toBe('reset');
  });
});

describe('stanzas', () => {
  test('all that is said in one turn is one write', async () => {
    const { stream, other } = await connected();
    stream.open({ to: 'example.test' });
    for (let i = 0; i < 20; i++) stream.stanza(message(`m${i}`));
    await other.when(() => other.text.includes('m19'));
    expect(other.chunks).toBe(1);
  });

  test('however the bytes are cut, the stanzas are the same', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 40 }), async (sizes) => {
        const { peer, other } = await connected();
        const text = `${HEADER}<message><body>é😀</body></message> <presence/>\n<iq type='get'/></stream:stream>`;
        let bytes = Buffer.from(text);
        for (const size of sizes) {
          other.socket.write(bytes.subarray(0, size));
          bytes = bytes.subarray(size);
          await new Promise((resolve) => setImmediate(resolve));
        }
        other.socket.write(bytes);
        expect((await peer.closed()).how).toBe('closed');
        expect(peer.stanzas.map((xml) => xml.replace(" xmlns='jabber:client'", ''))).toEqual([
          '<message><body>é😀</body></message>',
          '<presence/>',
          "<iq type='get'/>",
        ]);
      }),
      { numRuns: 30 },
    );
  });

  test('two streams that share the read buffer do not mix', async () => {
    const [one, two] = [await connected(), await connected()];
    for (const { other } of [one, two]) other.socket.write(HEADER);
    for (let i = 0; i < 50; i++) {
      one.other.socket.write(`<message><body>one ${i}`);
      two.other.socket.write(`<message><body>two ${i}`);
      await new Promise((resolve) => setImmediate(resolve));
      for (const { other } of [one, two]) other.socket.write('</body></message>');
    }
    await one.peer.when(() => one.peer.stanzas.length === 50);
    await two.peer.when(() => two.peer.stanzas.length === 50);
    expect(one.peer.stanzas.every((xml, i) => xml.includes(`<body>one ${i}<`))).toBe(true);
    expect(two.peer.stanzas.every((xml, i) => xml.includes(`<body>two ${i}<`))).toBe(true);
  });
});

describe('restarts and flow', () => {
  test('4.3.3 a restart said in the event of a stanza makes the rest a new stream', async () => {
    const { stream, peer, other } = await connected();
    peer.heard = () => {
      if (peer.stanzas.length === 1 && peer.headers.length === 1) stream.open({ to: 'example.test' });
    };
    other.socket.write(`${HEADER}<success xmlns='${NS.sasl}'/><?xml version='1.0'?>${HEADER}<presence/>`);
    await peer.when(() => peer.stanzas.length === 2);
    expect(peer.headers).toHaveLength(2);
  });

  test('XEP-0388 2.4: nothing is written of our own accord, however long the stream is idle', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'setInterval'] });
    try {
      const { stream, other } = await connected();
      stream.open({ to: 'example.test' });
      await other.when(() => other.text.includes('<stream:stream'));
      const { text } = other;
      await vi.advanceTimersByTimeAsync(3_600_000);
      await new Promise((resolve) => setImmediate(resolve));
      expect(other.text).toBe(text);
    } finally {
      vi.useRealTimers();
    }
  });

  test('4.6.1 a keep-alive of the old stream before the new header does no harm', async () => {
    const { stream, peer, other } = await connected();
    other.socket.write(HEADER);
    await peer.when(() => peer.headers.length === 1);
    stream.open({ to: 'example.test' });
    await other.when(() => other.text.includes('<stream:stream'));
    other.socket.write(' \n');
    await new Promise((resolve) => setImmediate(resolve));
    other.socket.write(`\n<?xml version='1.0'?>${HEADER}`);
    await peer.when(() => peer.headers.length === 2 || peer.closes > 0);
    expect(peer.headers).toHaveLength(2);
  });

  test('a peer that waits keeps waiting across a restart', async () => {
    const { stream, socket, peer, other } = await connected();
    peer.takes = false;
    other.socket.write(`${HEADER}<success xmlns='${NS.sasl}'/>`);
    await peer.when(() => peer.stanzas.length === 1);
    stream.open({ to: 'example.test' });
    other.socket.write(`${HEADER}<presence/>`);
    await other.when(() => other.text.includes('<stream:stream'));
    expect(socket.isPaused()).toBe(true);
    expect(peer.headers).toHaveLength(1);
    stream.drain();
    await peer.when(() => peer.stanzas.length === 2);
  });
});

describe('4.4 the end', () => {
  test('closed: says goodbye, and waits for the answer', async () => {
    const { stream, other, released } = await connected({ closeTimeout: 10_000 });
    other.socket.write(HEADER);
    stream.stanza(message('last'));
    stream.close({ how: 'closed' });
    await other.when(() => other.text.endsWith('</stream:stream>'));
    expect(other.ended).toBe(false);
    other.socket.end('</stream:stream>');
    await released;
    expect(other.text).toContain('last');
  });

  test('closed: the answer does not have to come', async () => {
    const { stream, released } = await connected();
    stream.close({ how: 'closed' });
    await released;
  });

  test('lost: ends without a word, behind what was said', async () => {
    const { stream, other, released } = await connected();
    stream.stanza(message('last'));
    stream.close({ how: 'lost' });
    await other.when(() => other.ended);
    expect(other.text).toContain('last');
    expect(other.text).not.toContain('</stream:stream>');
    await released;
  });

  test('lost: a far side that does not read is not waited for', async () => {
    const { stream, other, released } = await connected({ hard: 1e9 });
    other.socket.pause();
    for (let i = 0; i < 200; i++) stream.stanza(message('x'.repeat(100_000)));
    stream.close({ how: 'lost' });
    await released;
  });

  test('what the far side says after our goodbye is for nobody', async () => {
    const { stream, peer, other, released } = await connected({ closeTimeout: 10_000 });
    other.socket.write(HEADER);
    await peer.when(() => peer.headers.length === 1);
    stream.close({ how: 'closed' });
    other.socket.write('<message/><presence/>');
    other.socket.end('</stream:stream>');
    await released;
    expect(peer.stanzas).toEqual([]);
    expect(peer.closes).toBe(0);
  });

  test('the peer hears of the end once', async () => {
    const { stream, peer, other, released } = await connected();
    other.socket.end(`${HEADER}</stream:stream>`);
    await peer.closed();
    stream.close({ how: 'closed' });
    stream.stanza(message('x'));
    await released;
    await other.when(() => other.ended);
    expect(peer.closes).toBe(1);
    expect(other.text).toBe('</stream:stream>');
  });

  test('an error of the peer ends this stream as internal-server-error and keeps its cause', async () => {
    const { peer, other, released } = await connected();
    const bug = new Error('a bug');
    peer.heard = () => {
      if (peer.stanzas.length === 1 && peer.closes === 0) throw bug;
    };
    other.socket.write(`${HEADER}<presence/>`);
    const { error } = await peer.closed();
    expect(error).toBeInstanceOf(StreamError);
    expect(error?.condition).toBe('internal-server-error');
    expect(error?.cause).toBe(bug);
    await released;
  });
});
