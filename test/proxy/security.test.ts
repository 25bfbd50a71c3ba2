// TLS towards servers: RFC 6120 section 5, XEP-0368, RFC 9525.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CertificateAuthority, type KeyPair } from '../support/certs.js';
import { FakeClient } from '../support/client-stream.js';
import { a, srv } from '../support/dns.js';
import { backend, DOMAIN, dns, joined, open, proxy } from './kit.js';

let ca: CertificateAuthority;
let other: CertificateAuthority;
let good: KeyPair;
beforeAll(() => {
  ca = new CertificateAuthority();
  other = new CertificateAuthority('Other CA');
  good = ca.issue(DOMAIN);
});
afterAll(() => {
  ca.remove();
  other.remove();
});

const FAST = { negotiation_timeout: 1, connect_timeout: 1 };

describe('a right certificate', () => {
  test('STARTTLS is used, for the domain, and the client sees only what came after it', async () => {
    const { client, connection, server } = await open({ tls: good }, { tls: 'starttls', ca: ca.ca });
    expect(client.ending).toBeUndefined();
    expect(connection.encrypted).toBe(true);
    expect(connection.tls.servername).toBe(DOMAIN);
    expect(connection.headers).toHaveLength(2);
    expect(client.headers).toHaveLength(1);
    expect(client.stanzas.join()).not.toContain('starttls');
    expect(server.connections).toHaveLength(1);
  });

  test('RFC 6120 4.7.1: who the client is waits for TLS', async () => {
    const { connection } = await open({ tls: good }, { tls: 'starttls', ca: ca.ca });
    expect(connection.headers[0]).not.toContain('romeo');
    expect(connection.headers[1]).toContain("from='romeo@example.test'");
  });

  test('XEP-0368: direct TLS names the domain by SNI and xmpp-client by ALPN', async () => {
    const options = { tls: good, direct: true, alpn: ['xmpp-client'] };
    const { connection, client } = await open(options, { tls: 'direct', ca: ca.caFile });
    expect(client.ending).toBeUndefined();
    expect(connection.tls).toEqual({ servername: DOMAIN, alpn: 'xmpp-client' });
    expect(connection.headers).toHaveLength(1);
  });

  test('a wildcard covers one label', async () => {
    const server = await backend({ tls: ca.issue('*.example.test') });
    const upstreams = {
      'chat.example.test': { host: '127.0.0.1', port: server.port, tls: 'starttls' as const, ca: ca.ca },
    };
    const client = new FakeClient();
    proxy({ upstreams }).made.attach(client, { to: 'chat.example.test', version: '1.0' });
    await client.when(() => client.stanzas.length > 0 || client.ending !== undefined);
    expect(client.ending).toBeUndefined();
  });

  test('an international domain is certified in ASCII', async () => {
    const server = await backend({ tls: ca.issue('xn--mnchen-3ya.example') });
    const upstreams = {
      'münchen.example': { host: '127.0.0.1', port: server.port, tls: 'starttls' as const, ca: ca.ca },
    };
    const client = new FakeClient();
    proxy({ upstreams }).made.attach(client, { to: 'MÜNCHEN.example', version: '1.0' });
    await client.when(() => client.stanzas.length > 0 || client.ending !== undefined);
    expect(client.ending).toBeUndefined();
  });
});

describe('a wrong certificate ends it before anything of the client is said', () => {
  const wrong: [string, () => KeyPair, string?][] = [
    ['for another name', () => ca.issue('other.test')],
    ['for the SRV target instead of the domain', () => ca.issue('xmpp1.example.test')],
    ['for a wildcard over two labels', () => ca.issue('*.example.test')],
    ['for the whole TLD', () => ca.issue('*')],
    ['expired', () => ca.issue(DOMAIN, { expired: true })],
    ['self-signed', () => ca.issue(DOMAIN, { selfSigned: true })],
    ['of another authority', () => other.issue(DOMAIN)],
    ['with a common name only', () => ca.make({ commonName: DOMAIN })],
    ['for an address', () => ca.issue(['IP:127.0.0.1'])],
    ['with an empty list of names', () => ca.issue(['email:romeo@example.test'], { commonName: DOMAIN })],
  ];

  for (const [what, make] of wrong) {
    for (const tls of ['starttls', 'direct', 'optional'] as const) {
      test(`${what}, ${tls}`, async () => {
        const options = { tls: make(), direct: tls === 'direct' };
        const { client, server, log } = await open(options, { tls, ca: ca.ca }, FAST);
        expect(client.ending?.error?.condition).toBe('remote-connection-failed');
        expect(client.headers).toHaveLength(0);
        expect(server.connections[0].headers.join()).not.toMatch(tls === 'optional' ? /^$/ : /romeo/);
        expect(log.of('backend_unreachable')).toMatchObject([{ domain: DOMAIN, reason: 'certificate', option: 'ca' }]);
      });
    }
  }

  test('also where the authority is not named and the usual ones count', async () => {
    const { client } = await open({ tls: good }, { tls: 'starttls' }, FAST);
    expect(client.ending?.error?.condition).toBe('remote-connection-failed');
  });
});

describe('the loopback, where nobody said how', () => {
  test('a certificate that cannot be verified is used, and said once', async () => {
    const { client, connection, log, proxy: made } = await open({ tls: ca.issue(DOMAIN, { selfSigned: true }) });
    expect(client.ending).toBeUndefined();
    expect(connection.encrypted).toBe(true);
    const second = new FakeClient();
    made.attach(second, { to: DOMAIN, version: '1.0' });
    await second.when(() => second.stanzas.length > 0);
    expect(log.of('backend_certificate_unverified')).toHaveLength(1);
  });

  test('no TLS at all is used too', async () => {
    const { client, connection } = await open();
    expect(client.ending).toBeUndefined();
    expect(connection.encrypted).toBe(false);
    expect(connection.headers[0]).toContain('romeo');
  });
});

describe('modes', () => {
  test('starttls: a server that does not offer it is left (stripping)', async () => {
    const { client, connection, log } = await open({}, { tls: 'starttls' }, FAST);
    expect(client.ending?.error?.condition).toBe('remote-connection-failed');
    expect(connection.received).not.toContain('romeo');
    expect(log.of('backend_unreachable')[0]).toMatchObject({
      reason: 'starttls_not_offered',
      option: 'tls',
      hint: `turn TLS on in the server; upstreams["${DOMAIN}"].tls "optional" or "none" goes without`,
    });
  });

  test('starttls: so is one without stream features (version 0.9)', async () => {
    const { client } = await open({ header: "id='1'" }, { tls: 'starttls' }, FAST);
    expect(client.ending?.error?.condition).toBe('remote-connection-failed');
  });

  test('optional: STARTTLS is used where it is offered', async () => {
    const { connection } = await open({ tls: good }, { tls: 'optional', ca: ca.ca });
    expect(connection.encrypted).toBe(true);
  });

  test('none: it is not, and the client does not see the offer', async () => {
    const { connection, client } = await open({ tls: good }, { tls: 'none' });
    expect(connection.encrypted).toBe(false);
    expect(client.stanzas).toHaveLength(1);
    expect(client.stanzas[0]).not.toContain('starttls');
  });

  test('no_tls_domains is none', async () => {
    const { connection, client } = await open({ tls: good }, { tls: 'starttls' }, { no_tls_domains: [DOMAIN] });
    expect(client.ending).toBeUndefined();
    expect(connection.encrypted).toBe(false);
  });

  test('a domain that is only allowed has to have TLS and a right certificate, also on the loopback', async () => {
    const server = await backend();
    const names = await dns([
      srv(`_xmpp-client._tcp.${DOMAIN}`, 'x.example.test', server.port),
      a('x.example.test', '127.0.0.1'),
    ]);
    const client = new FakeClient();
    proxy({ ...FAST, dns: { servers: [names.address], timeout: 1 } }, () => true).made.attach(client, { to: DOMAIN });
    expect((await client.closed()).error?.condition).toBe('remote-connection-failed');
    expect((await server.connection()).received).not.toContain('<auth');
  });
});

describe('STARTTLS attacks', () => {
  const PROCEED = "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>";
  const injections = [
    ' ',
    '<stream:features/>',
    "<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>",
    "<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>",
    '<a><b>',
    '<a',
    '</stream:stream>',
    PROCEED,
    '\0',
  ];
  for (const injected of injections) {
    test(`plain text behind <proceed/> (${JSON.stringify(injected).slice(0, 30)}) aborts`, async () => {
      const { client, log } = await joined(
        { tls: good, proceed: PROCEED + injected },
        { tls: 'starttls', ca: ca.ca },
        FAST,
      );
      expect((await client.closed()).error?.condition).toBe('remote-connection-failed');
      expect(client.stanzas).toHaveLength(0);
      expect(log.of('backend_unreachable')[0].reason).toBe('starttls_injection');
    });
  }

  test('<failure/> is a refusal', async () => {
    const proceed = "<failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'/></stream:stream>";
    const { client, log } = await joined({ tls: good, proceed }, { tls: 'starttls', ca: ca.ca }, FAST);
    expect((await client.closed()).error?.condition).toBe('remote-connection-failed');
    expect(log.of('backend_unreachable')[0].reason).toBe('starttls_refused');
  });

  test('a <proceed/> of another namespace is no agreement', async () => {
    const { client } = await joined(
      { tls: good, proceed: "<proceed xmlns='x'/>" },
      { tls: 'starttls', ca: ca.ca },
      FAST,
    );
    expect((await client.closed()).error?.condition).toBe('remote-connection-failed');
  });
});
