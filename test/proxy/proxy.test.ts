// Reaching servers, and what becomes of a stream: RFC 6120 section 3, XEP-0206 section 7, XEP-0198.

import { describe, expect, test } from 'vitest';
import { Stanza } from '../../src/xmpp/stanza.js';
import { FakeClient } from '../support/client-stream.js';
import { a, aaaa, srv } from '../support/dns.js';
import { closedPort } from '../support/xmpp-server.js';
import { backend, DOMAIN, dns, joined, open, proxy } from './kit.js';

const message = (body: string) => Stanza.from(`<message xmlns='jabber:client'><body>${body}</body></message>`);
const FAST = { negotiation_timeout: 0.4, connect_timeout: 0.2 };

describe('a stream that is open', () => {
  test('says the header of the server and passes stanzas both ways', async () => {
    const { client, end, connection } = await open({
      header: "id='s1' from='example.test' version='1.0' xml:lang='de'",
    });
    expect(client.headers).toEqual([{ from: DOMAIN, id: 's1', version: '1.0', lang: 'de' }]);
    expect(end.stanza(message('hi'))).toBe(true);
    await connection.until('<body>hi</body>');
    connection.send('<message><body>ho</body></message>');
    await client.when(() => client.stanzas.length === 2);
    expect(client.stanzas[1]).toBe("<message xmlns='jabber:client'><body>ho</body></message>");
  });

  test('XEP-0206 5: a restart is a new header on the same connection, and a new one comes back', async () => {
    const { client, end, connection, server } = await open();
    connection.send("<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>");
    await client.when(() => client.stanzas.length === 2);
    end.open({ to: DOMAIN, version: '1.0' });
    await client.when(() => client.headers.length === 2 && client.stanzas.length === 3);
    expect(connection.headers).toHaveLength(2);
    expect(server.connections).toHaveLength(1);
  });

  test('what is said before the server is there comes in order after the header', async () => {
    const { client, end, server } = await joined();
    for (const n of [1, 2, 3]) expect(end.stanza(message(`m${n}`))).toBe(true);
    const connection = await server.connection();
    await connection.until('m3');
    expect(connection.received).toMatch(/^<\?xml.*<stream:stream.*m1.*m2.*m3/s);
    await client.when(() => client.stanzas.length > 0);
  });

  test('too much before the server is there is resource-constraint', async () => {
    const { client, end, metrics } = await joined({ answers: false });
    const large = message('x'.repeat(200_000));
    expect(end.stanza(large)).toBe(true);
    expect(end.stanza(large)).toBe(false);
    expect(await metrics.text()).toContain('bosh_queue_bytes{queue="connecting"} 400');
    for (let i = 0; i < 4; i++) end.stanza(large);
    expect((await client.closed()).error?.condition).toBe('resource-constraint');
    expect(await metrics.text()).toContain('bosh_limits_hit_total{limit="queue_hard"} 1\n');
  });

  test('RFC 7395 3.9: STARTTLS and compression are never shown, in the first features or later ones', async () => {
    const features =
      "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/><compression xmlns='http://jabber.org/features/compress'><method>zlib</method></compression>" +
      "<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>SCRAM-SHA-1-PLUS</mechanism></mechanisms>";
    const { client, end } = await open({ features }, { tls: 'none' });
    end.open({ to: DOMAIN, version: '1.0' });
    await client.when(() => client.stanzas.length === 2);
    for (const shown of client.stanzas) {
      expect(shown).not.toMatch(/starttls|compress/);
      expect(shown).toContain('<mechanism>SCRAM-SHA-1-PLUS</mechanism>');
    }
  });

  test('XEP-0198 3: the address for resumption is not shown', async () => {
    const { client, connection } = await open();
    connection.send("<enabled xmlns='urn:xmpp:sm:3' id='x' resume='true' location='10.0.0.1:5222' max='60'/>");
    await client.when(() => client.stanzas.length === 2);
    expect(client.stanzas[1]).toBe("<enabled xmlns='urn:xmpp:sm:3' id='x' resume='true' max='60'/>");
  });

  test('white space between stanzas is for the connection, not for the client', async () => {
    const { client, connection } = await open();
    connection.send(' \n ');
    connection.send('<presence/>');
    await client.when(() => client.stanzas.length === 2);
    expect(client.stanzas[1]).toContain('<presence');
  });
});

describe('the end of a stream, as the server sees it', () => {
  test('a client that says goodbye is closed', async () => {
    const { end, connection } = await open();
    end.stanza(message('last'));
    end.close({ how: 'closed' });
    expect(await connection.end()).toBe('closed');
    expect(connection.received).toContain('last');
  });

  test('a client that is lost looks lost: no </stream:stream>', async () => {
    const { end, connection } = await open();
    end.stanza(message('last'));
    end.close({ how: 'lost' });
    expect(await connection.end()).toBe('fin');
    expect(connection.received).toContain('last');
    expect(connection.received).not.toContain('</stream:stream>');
  });

  test('XEP-0206 7: what never reached the client is bounced', async () => {
    const { end, connection } = await open();
    const undelivered = [
      Stanza.from("<message xmlns='jabber:client' from='a@b' to='c@d/e' id='1'><body>x</body></message>"),
      Stanza.from("<presence xmlns='jabber:client' from='a@b'/>"),
      Stanza.from("<iq xmlns='jabber:client' type='get' from='a@b' id='2'><ping xmlns='urn:xmpp:ping'/></iq>"),
    ];
    end.close({ how: 'lost', undelivered });
    await connection.end();
    expect(connection.received).toContain('recipient-unavailable');
    expect(connection.received).toContain('service-unavailable');
    expect(connection.received.match(/<error/g)).toHaveLength(2);
    expect(connection.ended).toBe('fin');
  });

  for (const said of [
    "<enabled xmlns='urn:xmpp:sm:3' id='x' resume='true'/>",
    "<resumed xmlns='urn:xmpp:sm:3' previd='x' h='1'/>",
    "<success xmlns='urn:xmpp:sasl:2'><bound xmlns='urn:xmpp:bind:0'><enabled xmlns='urn:xmpp:sm:3' id='x' location='10.0.0.1'/></bound></success>",
    "<success xmlns='urn:xmpp:sasl:2'><resumed xmlns='urn:xmpp:sm:3' previd='x' h='1'/></success>",
    "<s:enabled xmlns:s='urn:xmpp:sm:2' id='x'/>",
  ]) {
    test(`XEP-0198: after ${said.slice(0, 60)} nothing is bounced`, async () => {
      const { client, end, connection } = await open();
      connection.send(said);
      await client.when(() => client.stanzas.length === 2);
      expect(client.stanzas[1]).not.toContain('location');
      end.close({ how: 'lost', undelivered: [message('x')] });
      expect(await connection.end()).toBe('fin');
      expect(connection.received).not.toContain('unavailable');
    });
  }

  test('a client that leaves before the server answered leaves no connection', async () => {
    const { end, server, client } = await joined({ answers: false });
    const connection = await server.connection();
    await connection.until('<stream:stream');
    end.close({ how: 'closed' });
    await connection.end();
    expect(client.closes).toBe(0);
  });
});

describe('the end of a stream, as the client sees it', () => {
  test('a server that says goodbye closes', async () => {
    const { client, connection } = await open();
    connection.send('</stream:stream>');
    expect(await client.closed()).toEqual({ how: 'closed', error: undefined });
    await connection.until('</stream:stream>');
  });

  test('RFC 6120 4.9: a stream error passes whole, with its condition', async () => {
    const { client, connection } = await open();
    const xml =
      "<conflict xmlns='urn:ietf:params:xml:ns:xmpp-streams'/><text xmlns='urn:ietf:params:xml:ns:xmpp-streams'>new</text>";
    connection.send(`<message/><stream:error>${xml}</stream:error></stream:stream>`);
    const { how, error } = await client.closed();
    expect([how, error?.condition, error?.text]).toEqual(['closed', 'conflict', 'new']);
    expect(error?.element?.raw.toString()).toContain('<conflict');
    expect(client.stanzas[1]).toContain('<message');
    await connection.end();
  });

  test('a connection that breaks is lost', async () => {
    const { client, connection } = await open();
    connection.socket.resetAndDestroy();
    const { how, error } = await client.closed();
    expect([how, error?.condition]).toEqual(['lost', 'remote-connection-failed']);
  });

  test('a connection that ends in the middle of a stanza is lost, and the half is not passed', async () => {
    const { client, connection } = await open();
    connection.socket.end('<message><body>ha');
    expect((await client.closed()).how).toBe('lost');
    expect(client.stanzas).toHaveLength(1);
  });

  for (const [what, bytes] of [
    ['garbage', 'HTTP/1.1 400 Bad Request\r\n\r\n'],
    ['a comment', '<!-- x -->'],
    ['a DTD', '<!DOCTYPE x>'],
    ['bad UTF-8', Buffer.from([0x3c, 0x61, 0x3e, 0xff, 0x3c, 0x2f, 0x61, 0x3e])],
    ['a second header', '<stream:stream>'],
  ] as const) {
    test(`${what} ends it, and tells the server why`, async () => {
      const { client, connection } = await open();
      connection.send(bytes);
      const seen = client.when(() => client.ending !== undefined);
      if (what === 'a second header') connection.send('</x>');
      await seen;
      expect(client.ending?.error?.condition).toBe('remote-connection-failed');
      await connection.until('</stream:stream>');
      expect(connection.received).toContain('<stream:error>');
    });
  }

  test('a stanza over max_xmpp_buffer_size is policy-violation to the server, and to the client no fault of its own', async () => {
    const { client, connection, metrics } = await open({}, {}, { max_xmpp_buffer_size: 20_000 });
    connection.send(`<message><body>${'x'.repeat(30_000)}</body></message>`);
    expect((await client.closed()).error?.condition).toBe('undefined-condition');
    await connection.until(/policy-violation.*<\/stream:stream>/s);
    expect(client.stanzas).toHaveLength(1);
    const text = await metrics.text();
    expect(text).toContain('bosh_xml_rejected_total{reason="policy-violation"} 1\n');
    expect(text).toContain('bosh_limits_hit_total{limit="stanza"} 1\n');
  });

  test('a server that never says goodbye is left after a while', async () => {
    const { end, connection } = await open({ closes: false });
    end.close({ how: 'closed' });
    await connection.until('</stream:stream>');
    expect(await connection.end()).toBe('closed');
  });
});

describe('a server that cannot be reached', () => {
  test('refused is remote-connection-failed, with one log line that says why, and nothing inner for the client', async () => {
    const port = await closedPort();
    const { made, log, metrics } = proxy({ upstreams: { [DOMAIN]: { host: '127.0.0.1', port } } });
    const client = new FakeClient();
    made.attach(client, { to: DOMAIN });
    expect(client.ending).toBeUndefined();
    const { error } = await client.closed();
    expect(error?.condition).toBe('remote-connection-failed');
    expect(error?.message).not.toMatch(/127|\d{4}|ECONN/);
    const lines = log.lines.filter(({ level }) => level === 'warn');
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatchObject({ event: 'backend_unreachable', fields: { domain: DOMAIN, reason: 'refused' } });
    expect(lines[0].fields.cause).toContain('ECONNREFUSED');
    const text = await metrics.text();
    expect(text).toContain(`bosh_backend_connect_failures_total{host="${DOMAIN}",reason="refused"} 1`);
    expect(text).toContain(`bosh_backend_up{host="${DOMAIN}"} 0`);
  });

  test('one that accepts and is silent is given up after negotiation_timeout', async () => {
    const { client, server } = await joined({ answers: false }, {}, FAST);
    expect((await client.closed()).error?.condition).toBe('remote-connection-failed');
    await (await server.connection()).end();
  });

  test('so is one that never finishes the TLS handshake', async () => {
    const { client, server } = await joined({ answers: false }, { tls: 'direct' }, FAST);
    expect((await client.closed()).error?.condition).toBe('remote-connection-failed');
    await (await server.connection()).end();
  });

  for (const greeting of ['SSH-2.0-OpenSSH_9\r\n', '<html>', '\0\0\0', "<?xml version='1.0'?><open xmlns='x'/>"]) {
    test(`one that speaks something else (${JSON.stringify(greeting)}) is left at once`, async () => {
      const { client, log } = await joined({ answers: false, greeting });
      expect((await client.closed()).error?.condition).toBe('remote-connection-failed');
      expect(log.of('backend_unreachable')[0].reason).toBe('protocol');
    });
  }

  test('its own stream error is for the client', async () => {
    const greeting =
      "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>" +
      "<stream:error><host-unknown xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></stream:stream>";
    const { client } = await joined({ answers: false, greeting }, { tls: 'optional' });
    expect((await client.closed()).error?.condition).toBe('host-unknown');
  });

  test('a domain that does not exist is host-unknown', async () => {
    const names = await dns([]);
    const client = new FakeClient();
    proxy({ dns: { servers: [names.address], timeout: 1 } }).made.attach(client, { to: 'none.test' });
    expect((await client.closed()).error?.condition).toBe('host-unknown');
  });

  test('a configured server whose name does not exist is not the domain that does not exist', async () => {
    const names = await dns([]);
    const client = new FakeClient();
    const upstreams = { [DOMAIN]: { host: 'none.test' } };
    proxy({ upstreams, dns: { servers: [names.address], timeout: 1 } }).made.attach(client, { to: DOMAIN });
    expect((await client.closed()).error?.condition).toBe('remote-connection-failed');
  });

  test('a DNS that is silent costs its budget and no more', async () => {
    const names = await dns([]);
    names.misbehave = () => ({ kind: 'drop' });
    const client = new FakeClient();
    const { made, log } = proxy({ dns: { servers: [names.address], timeout: 0.2 } });
    made.attach(client, { to: DOMAIN });
    expect((await client.closed()).error?.condition).toBe('remote-connection-failed');
    expect(log.of('backend_unreachable')[0]).toMatchObject({ reason: 'timeout', option: 'dns.servers' });
  });
});

describe('several places', () => {
  test('each is tried until one works', async () => {
    const [bad, silent, good] = [await closedPort(), await backend({ answers: false }), await backend()];
    const names = await dns([
      srv(`_xmpp-client._tcp.${DOMAIN}`, 'x.example.test', bad, 1),
      srv(`_xmpp-client._tcp.${DOMAIN}`, 'missing.example.test', 5222, 2),
      srv(`_xmpp-client._tcp.${DOMAIN}`, 'x.example.test', silent.port, 3),
      srv(`_xmpp-client._tcp.${DOMAIN}`, 'x.example.test', good.port, 4),
      a('x.example.test', '127.0.0.1'),
    ]);
    const client = new FakeClient();
    const options = {
      upstreams: { [DOMAIN]: {} },
      dns: { servers: [names.address], timeout: 1 },
      negotiation_timeout: 1.5,
    };
    proxy(options).made.attach(client, { to: DOMAIN, version: '1.0' });
    await client.when(() => client.stanzas.length > 0 || client.ending !== undefined);
    expect(client.ending).toBeUndefined();
    expect(good.connections).toHaveLength(1);
  });

  test('RFC 8305: a family that does not answer costs a moment', async () => {
    const server = await backend();
    const names = await dns([aaaa('x.example.test', '::1'), a('x.example.test', '127.0.0.1')]);
    const client = new FakeClient();
    const upstreams = { [DOMAIN]: { host: 'x.example.test', port: server.port } };
    proxy({ upstreams, dns: { servers: [names.address], timeout: 1 } }).made.attach(client, {
      to: DOMAIN,
      version: '1.0',
    });
    await client.when(() => client.stanzas.length > 0 || client.ending !== undefined);
    expect(client.ending).toBeUndefined();
  });
});

describe('whom strangers may make us dial', () => {
  const targets: [string, ReturnType<typeof a>[]][] = [
    ['an address of the loopback', [a(DOMAIN, '127.0.0.1')]],
    ['a private address', [a(DOMAIN, '10.0.0.1')]],
    ['the metadata of a cloud', [a(DOMAIN, '169.254.169.254')]],
    ['the loopback in IPv6', [aaaa(DOMAIN, '::1')]],
    ['a mapped address', [aaaa(DOMAIN, '::ffff:7f00:1')]],
    ['an SRV target on the loopback', [srv(`_xmpp-client._tcp.${DOMAIN}`, 'x.test', 5222), a('x.test', '127.0.0.1')]],
    ['an SRV target that is an address', [srv(`_xmpp-client._tcp.${DOMAIN}`, '127.0.0.1', 5222)]],
    ['an SRV target that is localhost', [srv(`_xmpp-client._tcp.${DOMAIN}`, 'localhost', 5222)]],
  ];
  for (const [what, records] of targets) {
    test(`${what} is not dialled`, async () => {
      const names = await dns(records);
      const client = new FakeClient();
      const { made, log } = proxy({ dns: { servers: [names.address], timeout: 1 }, ...FAST });
      made.attach(client, { to: DOMAIN, version: '1.0' });
      expect((await client.closed()).error?.condition).toBe('remote-connection-failed');
      const [line] = log.of('backend_unreachable');
      expect(['forbidden_address', 'dns', 'service_refused']).toContain(line.reason);
    });
  }

  for (const to of ['8.8.8.8', '2130706433', '[::1]', 'user@host', '', 'localhost']) {
    test(`a domain said as ${JSON.stringify(to)} is not dialled`, async () => {
      const names = await dns([]);
      const client = new FakeClient();
      const { made, log } = proxy({ dns: { servers: [names.address], timeout: 1 }, ...FAST });
      made.attach(client, { to, version: '1.0' });
      expect(['host-unknown', 'remote-connection-failed']).toContain((await client.closed()).error?.condition);
      expect(['forbidden_address', 'nxdomain']).toContain(log.of('backend_unreachable')[0].reason);
    });
  }

  test('of several addresses only those allowed are dialled, and as the literals that were checked', async () => {
    const server = await backend();
    const names = await dns([
      srv(`_xmpp-client._tcp.${DOMAIN}`, 'x.test', server.port),
      a('x.test', '127.0.0.1'),
      a('x.test', '10.255.255.1'),
    ]);
    const judged: string[] = [];
    const client = new FakeClient();
    const { made } = proxy({ dns: { servers: [names.address], timeout: 1 }, ...FAST }, (address) => {
      judged.push(address);
      // The DNS changes its mind behind the check.
      names.records = [a('x.test', '10.0.0.1')];
      return address === '127.0.0.1';
    });
    made.attach(client, { to: DOMAIN, version: '1.0' });
    await server.connection();
    expect(judged.sort()).toEqual(['10.255.255.1', '127.0.0.1']);
    await client.closed();
  });

  test('XEP-0124 7.1: a route is not heeded unless route_filter has its host', async () => {
    const [routed, server] = [await backend(), await backend()];
    const upstreams = { [DOMAIN]: { host: '127.0.0.1', port: server.port } };
    const client = new FakeClient({ route: `xmpp:127.0.0.1:${routed.port}` });
    proxy({ upstreams }).made.attach(client, { to: DOMAIN, version: '1.0' });
    await client.when(() => client.stanzas.length > 0);
    expect([routed.connections.length, server.connections.length]).toEqual([0, 1]);
  });

  test('a route whose host route_filter has is still no way inside', async () => {
    const routed = await backend();
    for (const host of ['127.0.0.1', 'localhost']) {
      const client = new FakeClient({ route: `xmpp:${host}:${routed.port}` });
      const { made, log } = proxy({ upstreams: { [DOMAIN]: {} }, route_filter: ['127.0.0.1', 'localhost'] });
      made.attach(client, { to: DOMAIN, version: '1.0' });
      await client.closed();
      expect(log.of('backend_unreachable')[0].reason).toBe('forbidden_address');
    }
    expect(routed.connections).toHaveLength(0);
  });
});

describe('flow', () => {
  test('a client that takes no more pauses its server, and nothing is lost', async () => {
    const client = new FakeClient();
    const { end, connection } = await open({}, {}, {}, client);
    client.takes = false;
    let sent = 0;
    const flood = () => {
      while (sent < 20_000 && connection.socket.writableLength < 65536) {
        connection.send(`<message id='${sent}'><body>${'x'.repeat(1000)}</body></message>`);
        sent++;
      }
    };
    connection.socket.on('drain', flood);
    flood();
    await client.when(() => client.stanzas.length > 1);
    const { bytes } = client;
    await new Promise((resolve) => setImmediate(resolve));
    await new Promise((resolve) => setImmediate(resolve));
    expect(client.bytes - bytes).toBeLessThan(200_000);
    expect(sent).toBeLessThan(20_000);
    client.takes = true;
    end.drain();
    await client.when(() => client.stanzas.length === 20_001);
    const ids = client.stanzas.slice(1).map((each) => Number(/ id='(\d+)'/.exec(each)?.[1]));
    expect(ids).toEqual(Array.from({ length: 20_000 }, (_, at) => at));
  });

  test('drain goes on', async () => {
    const client = new FakeClient();
    const { end, connection } = await open({}, {}, {}, client);
    client.takes = false;
    client.heard = () => {
      if (client.stanzas.length > 1) setImmediate(() => end.drain());
    };
    const one = `<message><body>${'x'.repeat(1000)}</body></message>`;
    for (let i = 0; i < 2000; i++) connection.send(one);
    await client.when(() => client.stanzas.length === 2001);
  });

  test('a server that does not read makes the client wait, and drain says when to go on', async () => {
    const { client, end, connection } = await open();
    connection.socket.pause();
    const one = message('x'.repeat(10_000));
    let count = 0;
    while (end.stanza(one) && count < 2000) {
      count++;
      if (count % 10 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    expect(count).toBeLessThan(2000);
    expect(client.drained).toBe(0);
    connection.socket.resume();
    await client.when(() => client.drained === 1);
    expect(end.stanza(one)).toBe(true);
  });

  test('who goes on all the same is ended by resource-constraint', async () => {
    const { client, end, connection, metrics } = await open();
    connection.socket.pause();
    const one = message('x'.repeat(100_000));
    for (let i = 0; i < 200; i++) {
      end.stanza(one);
      if (i % 10 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    expect((await client.closed()).error?.condition).toBe('resource-constraint');
    expect(await metrics.text()).toContain('bosh_limits_hit_total{limit="queue_hard"} 1\n');
  });
});

describe('the PROXY protocol', () => {
  test('version 1 comes first', async () => {
    const { server, connection } = await open({ preamble: 'line' }, { proxy_protocol: 1 });
    expect(connection.preamble.toString()).toBe(`PROXY TCP4 198.51.100.7 127.0.0.1 40000 ${server.port}\r\n`);
  });

  test('version 1 has one family', async () => {
    const client = new FakeClient({ remoteAddress: '2001:db8::7' });
    const { server, connection } = await open({ preamble: 'line' }, { proxy_protocol: 1 }, {}, client);
    expect(connection.preamble.toString()).toBe(`PROXY TCP6 2001:db8::7 ::ffff:127.0.0.1 40000 ${server.port}\r\n`);
  });

  test('version 1 says UNKNOWN of a client without an address', async () => {
    const client = new FakeClient({ remoteAddress: '' });
    const { connection } = await open({ preamble: 'line' }, { proxy_protocol: 1 }, {}, client);
    expect(connection.preamble.toString()).toBe('PROXY UNKNOWN\r\n');
  });

  const SIGNATURE = '0d0a0d0a000d0a515549540a';
  const hex = (n: number) => n.toString(16).padStart(4, '0');

  test('version 2 tells that the client came over TLS', async () => {
    const { server, connection } = await open({ preamble: 36 }, { proxy_protocol: 2 });
    const addresses = `c63364077f000001${hex(40000)}${hex(server.port)}`;
    expect(connection.preamble.toString('hex')).toBe(`${SIGNATURE}21110014${addresses}2000050100000001`);
  });

  test('version 2 in IPv6, not over TLS', async () => {
    const client = new FakeClient({ remoteAddress: '2001:db8::7', secure: false });
    const { server, connection } = await open({ preamble: 52 }, { proxy_protocol: 2 }, {}, client);
    const source = '20010db8000000000000000000000007';
    const addresses = `${source}00000000000000000000ffff7f000001${hex(40000)}${hex(server.port)}`;
    expect(connection.preamble.toString('hex')).toBe(`${SIGNATURE}21210024${addresses}`);
  });

  test('version 2 is LOCAL for a client without an address', async () => {
    const client = new FakeClient({ remoteAddress: '' });
    const { connection } = await open({ preamble: 16 }, { proxy_protocol: 2 }, {}, client);
    expect(connection.preamble.toString('hex')).toBe(`${SIGNATURE}20000000`);
  });
});

describe('stopping', () => {
  test('every stream ends with system-shutdown, and stop waits for the connections', async () => {
    const { client, connection, proxy: made } = await open();
    const late = new FakeClient();
    made.attach(late, { to: DOMAIN });
    await made.stop();
    expect(client.ending).toMatchObject({ how: 'closed', error: { condition: 'system-shutdown' } });
    expect(late.ending?.error?.condition).toBe('system-shutdown');
    expect(await connection.end()).toBe('closed');
    const after = new FakeClient();
    made.attach(after, { to: DOMAIN });
    expect((await after.closed()).error?.condition).toBe('system-shutdown');
  });

  test('a client of somebody else that throws at the end costs nobody else anything', async () => {
    class Throwing extends FakeClient {
      override close(): void {
        throw new Error('not my day');
      }
    }
    const { connection, log, proxy: made } = await open({}, {}, {}, new Throwing());
    connection.socket.destroy();
    await connection.end();
    await made.stop();
    expect(log.of('client_failed').map(({ error }) => String(error))).toEqual(['Error: not my day']);
  });

  test('connections are counted by domain and state', async () => {
    const { metrics, end, connection } = await open();
    expect(await metrics.text()).toContain(`bosh_backend_connections{host="${DOMAIN}",state="open"} 1`);
    end.close({ how: 'closed' });
    await connection.end();
  });

  test('an authority that cannot be read is said at the start, by the name of the option', () => {
    expect(() => proxy({ upstreams: { [DOMAIN]: { ca: '/nonexistent.pem' } } })).toThrow(
      /upstreams\["example\.test"\]\.ca/,
    );
  });
});
