// TLS of clients over TCP: RFC 6120 section 5, XEP-0368, and those who try to get something past it.

import type { TLSSocket } from 'node:tls';
import { afterAll, describe, expect, test } from 'vitest';
import { StreamError } from '../../src/xmpp/errors.js';
import { NS } from '../../src/xmpp/ns.js';
import { Stanza } from '../../src/xmpp/stanza.js';
import { CertificateAuthority } from '../support/certs.js';
import { STARTTLS } from '../support/tcp-client.js';
import { tcpFaces, tlsOf } from '../support/tcp-face.js';

const authority = new CertificateAuthority();
const pair = authority.issue('test.example');
const tls = { ca: authority.ca };
afterAll(() => authority.remove());

const faces = tcpFaces({ c2s: { tls: tlsOf(pair), require_tls: true, direct_tls_port: 0 } });
const FEATURES = Stanza.from(`<stream:features xmlns:stream='${NS.stream}'><x xmlns='urn:x'/></stream:features>`);
const SUCCESS = Stanza.from(`<success xmlns='${NS.sasl}'/>`);

describe('5.3.1 TLS is a must', () => {
  test('the first stream has nothing but STARTTLS, and the upstream hears of none', async () => {
    const { open, upstream } = await faces.start();
    const client = await open({ tls });
    const features = await client.features();
    expect(features.children.map(({ name, ns }) => [name, ns])).toEqual([['starttls', NS.tls]]);
    expect(features.children[0].child('required')).toBeDefined();
    expect(client.headers[0].attr('from')).toBe('test.example');
    expect(client.headers[0].attr('id')).toMatch(/^[\da-f-]{36}$/);
    expect(upstream.ends).toHaveLength(0);
  });

  test('5.4.3.3 the stream after it is attached, encrypted, with what it says itself', async () => {
    const { open, upstream, metrics } = await faces.start();
    const client = await open({ tls });
    await client.features();
    await client.exchange(STARTTLS, ({ name }) => name === 'proceed');
    await client.encrypt();
    client.open({ to: 'other.example' });
    const end = await upstream.end(0);
    expect(end.headers).toEqual([{ to: 'other.example', version: '1.0' }]);
    expect(end.client.secure).toBe(true);
    end.client.stanza(FEATURES);
    expect((await client.features()).raw).toBe(FEATURES.raw.toString());
    end.client.stanza(SUCCESS);
    await client.inbox.take(({ name }) => name === 'success', 'success');
    client.open();
    await end.until(({ headers }) => headers.length === 2);
    client.write('<presence/>');
    await end.until(({ stanzas }) => stanzas.length === 1);
    client.write('</stream:stream>');
    expect(await client.end()).toBe('closed');
    expect(end.endings).toMatchObject([{ how: 'closed' }]);
    expect(await metrics.text()).toContain('bosh_tcp_tls_handshakes_total{outcome="ok"} 1');
  });

  test.each([
    ['a log-in', "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AGEAYg==</auth>"],
    ['a stanza', '<iq type="get" id="1"><query xmlns="jabber:iq:auth"/></iq>'],
  ])('%s without it is policy-violation', async (_, said) => {
    const { open, upstream } = await faces.start();
    const client = await open();
    await client.features();
    client.write(said);
    expect(await client.error()).toBe('policy-violation');
    expect(await client.end()).toBe('closed');
    expect(upstream.ends).toHaveLength(0);
  });

  test('4.7.5 a client that knows no version knows no TLS', async () => {
    const { connect } = await faces.start();
    const client = await connect();
    client.open({ version: undefined });
    expect(await client.error()).toBe('unsupported-version');
  });

  test('a client that a balancer vouches for needs none', async () => {
    const { connect, upstream } = await faces.start({ proxy_protocol: true });
    const signature = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');
    const addresses = Buffer.from([192, 0, 2, 7, 192, 0, 2, 1, 0x12, 0x67, 0x14, 0x66]);
    const overTls = Buffer.from([0x20, 0, 5, 1, 0, 0, 0, 0]);
    const head = Buffer.from([0x21, 0x11, 0, addresses.length + overTls.length]);
    const client = await connect({ preamble: Buffer.concat([signature, head, addresses, overTls]) });
    client.open();
    expect((await upstream.end(0)).client).toMatchObject({ secure: true, remoteAddress: '192.0.2.7' });
  });
});

describe('TLS is offered', () => {
  const optional = { c2s: { require_tls: false } };

  test('among the features of the upstream', async () => {
    const { open, upstream } = await faces.start(optional);
    const client = await open();
    const end = await upstream.end(0);
    expect(end.client.secure).toBe(false);
    end.client.stanza(FEATURES);
    const features = await client.features();
    expect(features.children.map(({ name, ns }) => [name, ns])).toEqual([
      ['starttls', NS.tls],
      ['x', 'urn:x'],
    ]);
  });

  test('also where there are none', async () => {
    const { open, upstream } = await faces.start(optional);
    const client = await open();
    (await upstream.end(0)).client.stanza(Stanza.from(`<s:features a='/' xmlns:s='${NS.stream}' />`));
    const features = await client.features();
    expect(features.attr('a')).toBe('/');
    expect(features.children.map(({ name }) => name)).toEqual(['starttls']);
  });

  test('5.4.3.3 with it, the stream before is over, and the one after it is another', async () => {
    const { open, upstream } = await faces.start(optional);
    const client = await open({ tls });
    const before = await upstream.end(0);
    before.client.stanza(FEATURES);
    const features = client.starttls();
    const after = await upstream.end(1);
    expect(before.endings).toEqual([{ how: 'closed' }]);
    expect(after.client.secure).toBe(true);
    after.client.stanza(FEATURES);
    expect((await features).children.map(({ name }) => name)).toEqual(['x']);
    client.write('<presence/>');
    await after.until(({ stanzas }) => stanzas.length === 1);
    expect(before.stanzas).toEqual([]);
  });

  test('without it, everything goes on; after the log-in it is not offered any more', async () => {
    const { open, upstream } = await faces.start(optional);
    const client = await open();
    const end = await upstream.end(0);
    end.client.stanza(FEATURES);
    await client.features();
    end.client.stanza(SUCCESS);
    await client.inbox.take(({ name }) => name === 'success', 'success');
    client.open();
    await end.until(({ headers }) => headers.length === 2);
    end.client.stanza(FEATURES);
    expect((await client.features()).raw).toBe(FEATURES.raw.toString());
    const failure = await client.exchange(STARTTLS, ({ ns }) => ns === NS.tls);
    expect(failure.name).toBe('failure');
    expect(await client.end()).toBe('closed');
    expect(end.endings).toMatchObject([{ how: 'closed' }]);
  });

  test('a stream that is refused while TLS begins is over', async () => {
    const { open, upstream } = await faces.start(optional);
    const client = await open();
    const end = await upstream.end(0);
    client.write(STARTTLS);
    await end.until(({ endings }) => endings.length === 1);
    end.client.close({ how: 'closed', error: new StreamError('host-unknown') });
    await client.end();
    expect(upstream.ends).toHaveLength(1);
  });
});

describe('5.4.2.2 <failure/>', () => {
  test('for a client that is secure', async () => {
    const { connect } = await faces.start();
    const client = await connect({ direct: true, tls });
    client.open();
    const failure = await client.exchange(STARTTLS, ({ ns }) => ns === NS.tls);
    expect(failure.name).toBe('failure');
    expect(await client.end()).toBe('closed');
  });

  test('where there is no certificate', async () => {
    const { open, upstream } = await faces.start({
      c2s: { require_tls: false, tls: null, direct_tls_port: null },
    });
    const client = await open();
    const end = await upstream.end(0);
    const failure = await client.exchange(STARTTLS, ({ ns }) => ns === NS.tls);
    expect(failure.name).toBe('failure');
    expect(await client.end()).toBe('closed');
    expect(end.stanzas).toEqual([]);
  });
});

describe('what is said in plain text does not count under TLS', () => {
  test.each([
    ['a stanza', '<presence/>'],
    ['half of one', '<presence'],
    ['a header', '<stream:stream>'],
    ['white space', '\n'],
    ['a comment', '<!-- -->'],
  ])('in the packet of <starttls/>, %s ends the connection', async (_, more) => {
    const { open, upstream, listener } = await faces.start();
    const client = await open({ tls });
    await client.features();
    client.write(STARTTLS + more);
    expect(await client.end()).toBe('lost');
    expect(upstream.ends).toHaveLength(0);
    expect(listener.size).toBe(0);
  });

  test('in a packet of its own, it breaks the handshake', async () => {
    const { open, upstream, listener } = await faces.start();
    const client = await open({ tls });
    await client.features();
    await client.exchange(STARTTLS, ({ name }) => name === 'proceed');
    client.write(`${client.header()}<presence/>`);
    expect(await client.end()).toBe('lost');
    expect(upstream.ends).toHaveLength(0);
    expect(listener.size).toBe(0);
  });

  test('nor does what an attached stream was told', async () => {
    const { open, upstream } = await faces.start({ c2s: { require_tls: false } });
    const client = await open({ tls });
    const end = await upstream.end(0);
    client.write(`${STARTTLS}<presence/>`);
    expect(await client.end()).toBe('lost');
    expect(end.stanzas).toEqual([]);
    expect(end.endings).toEqual([{ how: 'closed' }]);
  });
});

describe('handshakes that fail', () => {
  test.each(['STARTTLS', 'direct TLS'])('over %s, a client that says nothing more is given up', async (how) => {
    const { connect, open, listener, metrics } = await faces.start({ open_timeout: 0.1 });
    const client = how === 'STARTTLS' ? await open() : await halfway(connect, listener.ports.direct?.port);
    if (how === 'STARTTLS') {
      await client.features();
      client.write(`${STARTTLS}`);
    }
    expect(await client.end()).toBe('lost');
    await gone(listener);
    expect(await metrics.text()).toContain('limit="open_timeout"} 1');
  });

  test('garbage instead of a hello ends the connection', async () => {
    const { connect, listener, metrics, log } = await faces.start();
    const client = await halfway(connect, listener.ports.direct?.port);
    client.write('<stream:stream>'.repeat(20));
    expect(await client.end()).toBe('lost');
    await gone(listener);
    expect(await metrics.text()).toContain('bosh_tcp_tls_handshakes_total{outcome="failed"} 1');
    expect(log.of('tls_handshake_failed')).toHaveLength(1);
  });

  test('a client that does not trust the certificate is gone', async () => {
    const { connect, listener, upstream } = await faces.start();
    await expect(connect({ direct: true })).rejects.toThrow();
    await gone(listener);
    expect(upstream.ends).toHaveLength(0);
  });

  test('one that resets in the middle is gone', async () => {
    const { open, listener } = await faces.start();
    const client = await open();
    await client.features();
    await client.exchange(STARTTLS, ({ name }) => name === 'proceed');
    client.write(Buffer.from([0x16, 3, 1]));
    client.socket.resetAndDestroy();
    await gone(listener);
  });
});

describe('XEP-0368 direct TLS', () => {
  test('has ALPN xmpp-client, the certificate, and a stream at once', async () => {
    const { connect, upstream } = await faces.start();
    const client = await connect({ direct: true, tls: { ...tls, ALPNProtocols: ['xmpp-client'] } });
    const socket = client.socket as TLSSocket;
    expect(socket.alpnProtocol).toBe('xmpp-client');
    expect(socket.authorized).toBe(true);
    client.open();
    const end = await upstream.end(0);
    expect(end.client).toMatchObject({ secure: true, transport: 'tcp' });
    end.client.stanza(FEATURES);
    expect((await client.features()).raw).toBe(FEATURES.raw.toString());
  });

  test('refuses another protocol, and needs none', async () => {
    const { connect, upstream } = await faces.start();
    await expect(connect({ direct: true, tls: { ...tls, ALPNProtocols: ['http/1.1'] } })).rejects.toThrow();
    const client = await connect({ direct: true, tls });
    client.open();
    await upstream.end(0);
  });

  test('behind the PROXY protocol, which comes first', async () => {
    const { connect, upstream } = await faces.start({ proxy_protocol: true });
    const client = await connect({ direct: true, tls, preamble: 'PROXY TCP4 192.0.2.7 192.0.2.1 4711 5223\r\n' });
    client.open();
    expect((await upstream.end(0)).client).toMatchObject({ remoteAddress: '192.0.2.7', secure: true });
  });

  test('a connection that is cut is lost', async () => {
    const { connect, upstream, listener } = await faces.start();
    const client = await connect({ direct: true, tls });
    client.open();
    const end = await upstream.end(0);
    client.socket.destroy();
    await end.until(({ endings }) => endings.length === 1);
    expect(end.endings[0].how).toBe('lost');
    await gone(listener);
  });

  test('the server that stops says so', async () => {
    const { connect, listener } = await faces.start();
    const client = await connect({ direct: true, tls });
    client.open();
    await client.when(() => client.headers.length === 1);
    const handshaking = await halfway(connect, listener.ports.direct?.port);
    const stopped = listener.stop();
    expect(await client.error()).toBe('system-shutdown');
    await stopped;
    expect(await handshaking.end()).toBe('lost');
  });
});

describe('the certificate', () => {
  test('is the one of HTTPS where c2s has none of its own', async () => {
    const { connect } = await faces.start({ tls: tlsOf(pair), c2s: { tls: null } });
    await connect({ direct: true, tls });
  });

  test('that cannot be used keeps the listener from being made', async () => {
    const wrong = authority.issue('test.example');
    await expect(faces.start({ c2s: { tls: { cert: pair.certFile, key: wrong.keyFile } } })).rejects.toThrow();
  });
});

describe('13.7 certificates of clients', () => {
  const client_ca = authority.caFile;
  const romeo = authority.issueClient('romeo@test.example');
  const withCertificate = { ...tls, cert: romeo.cert, key: romeo.key };

  test('are known to the upstream, with the channel binding of the connection, over either port', async () => {
    const { connect, open, upstream } = await faces.start({ c2s: { tls: { ...tlsOf(pair), client_ca } } });
    const [direct, starttls] = [
      await connect({ direct: true, tls: withCertificate }),
      await open({ tls: withCertificate }),
    ];
    direct.open();
    await upstream.end(0);
    void starttls.starttls().catch(() => {});
    await upstream.end(1);
    for (const [index, { socket }] of [direct, starttls].entries()) {
      const known = upstream.ends[index].client.tls;
      expect(known?.certificate?.addresses).toEqual(['romeo@test.example']);
      const binding = (socket as TLSSocket).exportKeyingMaterial(32, 'EXPORTER-Channel-Binding', Buffer.alloc(0));
      expect(known?.exporter()).toEqual(binding);
    }
  });

  test('are not asked for without client_ca, and no must with it', async () => {
    for (const ca of [undefined, client_ca]) {
      const { connect, upstream } = await faces.start({ c2s: { tls: { ...tlsOf(pair), client_ca: ca } } });
      const client = await connect({ direct: true, tls: ca === undefined ? withCertificate : tls });
      client.open();
      const known = (await upstream.end(0)).client.tls;
      expect([known?.version, known?.certificate]).toEqual(['TLSv1.3', undefined]);
    }
  });
});

describe('a client that does not read, under TLS', () => {
  test('is cut at queue_hard, and what did not leave is given back', async () => {
    const { connect, upstream } = await faces.start({ limits: { queue_soft: 65_536, queue_hard: 200_000 } });
    const client = await connect({ direct: true, tls });
    client.open();
    const end = await upstream.end(0);
    await client.when(() => client.headers.length === 1);
    client.socket.pause();
    let sent = 0;
    while (end.endings.length === 0) {
      end.client.stanza(Stanza.from(`<message xmlns='jabber:client' id='${sent++}'>${'x'.repeat(50_000)}</message>`));
      await new Promise((resolve) => setImmediate(resolve));
    }
    const [{ how, undelivered = [] }] = end.endings;
    expect(how).toBe('lost');
    const numbers = undelivered.map(({ id }) => Number(id));
    expect(numbers.length).toBeGreaterThan(2);
    expect(numbers).toEqual(Array.from(numbers, (_, at) => sent - numbers.length + at));
    client.socket.resume();
    expect(await client.end()).toBe('lost');
    expect(client.text.includes(`id='${numbers.at(-1)}'`)).toBe(false);
  });
});

/** A connection to this port that has not begun TLS. */
async function halfway(connect: Awaited<ReturnType<typeof faces.start>>['connect'], port = 0) {
  return connect({ port });
}

async function gone(listener: { readonly size: number }): Promise<void> {
  while (listener.size > 0) await new Promise((resolve) => setImmediate(resolve));
}
