import { once } from 'node:events';
import { copyFileSync, writeFileSync } from 'node:fs';
import { type AddressInfo, connect as connectPlain, createServer as createPlainServer, type Server } from 'node:net';
import { join } from 'node:path';
import { type ConnectionOptions, connect, createServer, type TLSSocket } from 'node:tls';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { ClientTls } from '../../src/net/client-tls.js';
import { followTls, readTls, type TlsOptions } from '../../src/net/tls.js';
import { CertificateAuthority, type KeyPair } from '../support/certs.js';
import { LogLines } from '../support/http-face.js';

let ca: CertificateAuthority;
let stranger: CertificateAuthority;
let own: TlsOptions;
let asking: TlsOptions;
let romeo: KeyPair;
const ends: Array<() => unknown> = [];

beforeAll(() => {
  ca = new CertificateAuthority();
  stranger = new CertificateAuthority('Stranger');
  const { certFile, keyFile } = ca.issue('localhost');
  own = { cert: certFile, key: keyFile };
  asking = { ...own, client_ca: ca.caFile };
  romeo = ca.issueClient('romeo@example.com', 'romeo@example.net');
});

afterEach(() => {
  for (const end of ends.splice(0).reverse()) end();
});

afterAll(() => {
  ca?.remove();
  stranger?.remove();
});

async function listening<S extends Server>(server: S): Promise<number> {
  server.listen(0, '127.0.0.1');
  ends.push(() => server.close());
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

/** Both ends of a connection whose handshake is over. */
async function meet(options: TlsOptions, client: ConnectionOptions = {}) {
  const server = createServer(readTls(options));
  return handshake(server, await listening(server), client);
}

async function handshake(server: Server, port: number, client: ConnectionOptions) {
  const accepted = once(server, 'secureConnection') as Promise<[TLSSocket]>;
  const there = connect({ port, host: '127.0.0.1', rejectUnauthorized: false, ...client });
  ends.push(() => there.destroy());
  const [here] = await accepted;
  ends.push(() => here.destroy());
  here.on('error', () => {});
  return { here, there, tls: ClientTls.of(here) };
}

const exported = (socket: TLSSocket) => socket.exportKeyingMaterial(32, 'EXPORTER-Channel-Binding', Buffer.alloc(0));

describe('RFC 9266: channel binding', () => {
  test('both ends have the same 32 bytes of tls-exporter, and no other connection has', async () => {
    const one = await meet(own);
    const other = await meet(own);
    expect(one.tls?.version).toBe('TLSv1.3');
    expect(one.tls?.exporter()).toHaveLength(32);
    expect(one.tls?.exporter()).toEqual(exported(one.there));
    expect(one.tls?.exporter()).not.toEqual(exported(other.there));
  });

  test('3.1 there is none before TLS 1.3, where nobody tells whether the master secret was an extended one', async () => {
    const { tls } = await meet(own, { maxVersion: 'TLSv1.2' });
    expect(tls?.version).toBe('TLSv1.2');
    expect(tls?.exporter()).toBeUndefined();
  });

  test('there is none of a connection that is gone', async () => {
    const { here, tls } = await meet(own);
    here.destroy();
    expect(tls?.exporter()).toBeUndefined();
  });
});

describe('RFC 6120 section 13.7: certificates of clients', () => {
  test.each(['TLSv1.2', 'TLSv1.3'] as const)(
    'over %s one is known by its fingerprint and addresses',
    async (version) => {
      const { tls } = await meet(asking, { cert: romeo.cert, key: romeo.key, maxVersion: version });
      expect(tls?.certificate).toEqual({
        fingerprint: expect.stringMatching(/^[0-9a-f]{64}$/),
        addresses: ['romeo@example.com', 'romeo@example.net'],
      });
      expect(tls?.certificate).toBe(tls?.certificate);
    },
  );

  test.each<[string, () => ConnectionOptions]>([
    ['none', () => ({})],
    ['one of an authority that is not in client_ca', () => stranger.issueClient('romeo@example.com')],
    ['one that signed itself', () => ca.make({ addresses: ['romeo@example.com'], selfSigned: true })],
    ['one that has expired', () => ca.make({ addresses: ['romeo@example.com'], expired: true })],
  ])('a client with %s is let in and has none that counts', async (_, pair) => {
    const { cert, key } = pair();
    const { tls } = await meet(asking, { cert, key });
    expect(tls?.version).toBe('TLSv1.3');
    expect(tls?.certificate).toBeUndefined();
  });

  test('without client_ca none is asked for', async () => {
    const { here, tls } = await meet(own, { cert: romeo.cert, key: romeo.key });
    expect(here.getPeerX509Certificate()).toBeUndefined();
    expect(tls?.certificate).toBeUndefined();
  });

  test.each([
    ['with', true],
    ['without', false],
  ])('a session that is resumed %s a certificate has it %s', async (_, shown) => {
    const server = createServer(readTls(asking));
    const port = await listening(server);
    const pair = shown ? { cert: romeo.cert, key: romeo.key } : {};
    const first = await handshake(server, port, pair);
    const [session] = (await once(first.there.resume(), 'session')) as [Buffer];
    const { there, tls } = await handshake(server, port, { ...pair, session });
    expect(there.isSessionReused()).toBe(true);
    expect(tls?.certificate?.addresses[0]).toBe(shown ? 'romeo@example.com' : undefined);
  });
});

test('a connection without TLS has none', async () => {
  const server = createPlainServer();
  const port = await listening(server);
  const accepted = once(server, 'connection');
  const there = connectPlain(port, '127.0.0.1');
  ends.push(() => there.destroy());
  const [here] = await accepted;
  ends.push(() => here.destroy());
  expect(ClientTls.of(here)).toBeUndefined();
});

test('client_ca is read again when it changes; one that cannot be used is refused, and the old one stays', async () => {
  const file = join(ca.folder, 'live-ca.pem');
  copyFileSync(ca.caFile, file);
  const options = { ...own, client_ca: file };
  const server = createServer(readTls(options));
  const port = await listening(server);
  const log = new LogLines();
  ends.push(followTls(server, options, log, 20));
  const juliet = stranger.issueClient('juliet@example.com');
  const counts = async ({ cert, key }: KeyPair) =>
    (await handshake(server, port, { cert, key })).tls?.certificate !== undefined;
  expect([await counts(romeo), await counts(juliet)]).toEqual([true, false]);
  writeFileSync(file, 'broken');
  await log.until('tls_certificate_refused');
  expect([await counts(romeo), await counts(juliet)]).toEqual([true, false]);
  copyFileSync(stranger.caFile, file);
  await log.until('tls_certificate_loaded');
  expect([await counts(romeo), await counts(juliet)]).toEqual([false, true]);
});

test('a client_ca that holds no certificate is refused', () => {
  const empty = join(ca.folder, 'empty.pem');
  copyFileSync('/dev/null', empty);
  expect(() => readTls({ ...own, client_ca: empty })).toThrow();
  expect(() => readTls({ ...own, client_ca: join(ca.folder, 'nowhere.pem') })).toThrow();
});
