// Logging in to a domain that is served in here, by what TLS gives to SASL: channel binding (RFC 5802 section 6, RFC 9266)
// and certificates (XEP-0178), over each transport as it is; and PLAIN only where nobody reads along.

import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { Agent as HttpsAgent } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { ask } from '../../src/control/ask.js';
import { controlPath } from '../../src/control/socket.js';
import { createServer, type Server, type ServerOptions } from '../../src/index.js';
import { BoshSession, type PostOptions } from '../support/bosh-client.js';
import { CertificateAuthority, type KeyPair } from '../support/certs.js';
import { MemoryLog } from '../support/memory-log.js';
import { bind, type Stream } from '../support/sasl.js';
import { DIGESTS, ScramClient } from '../support/scram.js';
import { TcpClient, type TcpClientOptions } from '../support/tcp-client.js';
import { tlsOf } from '../support/tcp-face.js';
import { WsClient } from '../support/ws-client.js';
import type { Xml } from '../support/xml.js';

const DOMAIN = 'example.test';
const ROMEO = `romeo@${DOMAIN}`;
const SASL = 'urn:ietf:params:xml:ns:xmpp-sasl';
const HASHES = Object.keys(DIGESTS) as (keyof typeof DIGESTS)[];
const TRANSPORTS = ['starttls', 'direct', 'wss', 'bosh'] as const;
type Transport = (typeof TRANSPORTS)[number];
const BOUND = ['starttls', 'direct', 'wss'] as const;

let authority: CertificateAuthority;
let stranger: CertificateAuthority;
let own: { readonly cert: string; readonly key: string };
let folder: string;
let server: Server;
const open: (() => void)[] = [];

beforeAll(() => {
  authority = new CertificateAuthority();
  stranger = new CertificateAuthority('Stranger');
  own = tlsOf(authority.issue(DOMAIN));
});
afterAll(() => {
  authority.remove();
  stranger.remove();
});
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'bosh-logins-'));
});
afterEach(async () => {
  for (const close of open.splice(0)) close();
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
});

async function start(options: ServerOptions): Promise<void> {
  const storage = { driver: 'level' as const, path: folder };
  // No failure is answered late here.
  const limits = { rates: false };
  const common = { host: '127.0.0.1', port: 0, storage, limits, domains: { [DOMAIN]: {} }, log: new MemoryLog() };
  server = createServer({ ...common, ...options });
  await server.start();
  await ask(controlPath(folder), { command: 'adduser', jid: ROMEO, password: 'pencil' });
}

const encrypted = () =>
  start({ tls: { ...own, client_ca: authority.caFile }, c2s: { port: 0, direct_tls_port: 0, require_tls: false } });

interface Login {
  readonly stream: Stream;
  readonly features: Xml;
  /** The connection itself, where it is one of TLS. */
  readonly socket?: TLSSocket;
}

/** A client that shows this certificate, or none. */
async function come(transport: Transport, keys?: KeyPair): Promise<Login> {
  const pair = { cert: keys?.cert, key: keys?.key, rejectUnauthorized: false };
  if (transport === 'bosh') return overBosh({ agent: new HttpsAgent({ keepAlive: false, ...pair }) });
  if (transport === 'wss') return overWebSocket(pair);
  const direct = transport === 'direct';
  const client = await overTcp(direct ? 'xmpps' : 'xmpp', { tls: pair, direct });
  const features = direct ? await client.features() : await client.starttls();
  return { stream: client, features, socket: client.socket as TLSSocket };
}

async function overTcp(scheme: 'xmpp' | 'xmpps', options: TcpClientOptions): Promise<TcpClient> {
  const port = Number(new URL(server.urls[scheme] ?? '').port);
  const client = await TcpClient.open(port, { to: DOMAIN, ...options });
  open.push(() => client.socket.destroy());
  return client;
}

async function overWebSocket(options: object): Promise<Login> {
  const client = await WsClient.connect(server.urls.websocket, DOMAIN, options);
  open.push(() => client.cut());
  client.send(client.opening());
  const { _socket: socket } = client.socket as unknown as { _socket: TLSSocket };
  return { stream: client, features: await client.features(), socket };
}

/** Each request with these. */
async function overBosh(options: PostOptions): Promise<Login> {
  const session = await BoshSession.create(server.urls.bosh, DOMAIN, {}, options);
  const send = session.send.bind(session);
  session.send = (payload, attrs) => send(payload, attrs, options);
  open.push(() => void session.terminate().catch(() => {}));
  return { stream: session, features: await session.features() };
}

const mechanisms = ({ features }: Login): string[] =>
  features.child('mechanisms', SASL)?.children.map(({ text }) => text) ?? [];

const bindingOf = (socket?: TLSSocket): Buffer =>
  socket?.exportKeyingMaterial(32, 'EXPORTER-Channel-Binding', Buffer.alloc(0)) ?? Buffer.alloc(0);

/** Certificates of tests are signed with SHA-256. */
const endpointOf = (socket?: TLSSocket): Buffer =>
  createHash('sha256')
    .update(socket?.getPeerCertificate().raw ?? '')
    .digest();

const types = ({ features }: Login): (string | undefined)[] | undefined =>
  features.child('sasl-channel-binding')?.children.map((each) => each.attr('type'));

const say = ({ stream }: Login, name: string, attrs: string, text: string): Promise<Xml> => {
  const data = text === '' ? '=' : Buffer.from(text).toString('base64');
  return stream.exchange(`<${name} xmlns='${SASL}'${attrs}>${data}</${name}>`, ({ ns }) => ns === SASL);
};
const auth = (login: Login, mechanism: string, text: string) => say(login, 'auth', ` mechanism='${mechanism}'`, text);

/** What the server said last. */
async function scram(login: Login, mechanism: string, gs2Header: string, binding?: Buffer) {
  const hash = HASHES.find((each) => mechanism.startsWith(`SCRAM-${each.toUpperCase()}`)) ?? 'sha-1';
  const client = new ScramClient({ hash, user: 'romeo', password: 'pencil', nonce: 'abc', gs2Header, binding });
  const challenge = await auth(login, mechanism, client.first);
  if (challenge.name !== 'challenge') return { outcome: challenge, verifier: '' };
  const final = client.final(Buffer.from(challenge.text, 'base64').toString());
  return { outcome: await say(login, 'response', '', final), verifier: client.verifier };
}

/** The condition of a failure; or who is let in, once it is bound. */
async function whoIs({ stream }: Login, outcome: Xml): Promise<string | undefined> {
  if (outcome.name !== 'success') return outcome.children[0]?.name;
  await stream.restart();
  return bind(stream, 'orchard');
}

const P = 'p=tls-exporter,,';

describe('RFC 5802 section 6: channel binding by tls-exporter', () => {
  beforeEach(encrypted);

  test.each(BOUND)('over %s each SCRAM has its -PLUS form, and lets in who is bound to the connection', async (how) => {
    for (const hash of HASHES) {
      const login = await come(how);
      const plus = `SCRAM-${hash.toUpperCase()}-PLUS`;
      expect(mechanisms(login)).toContain(plus);
      const { outcome, verifier } = await scram(login, plus, P, bindingOf(login.socket));
      expect(Buffer.from(outcome.text, 'base64').toString()).toBe(verifier);
      expect(await whoIs(login, outcome)).toBe(`${ROMEO}/orchard`);
    }
  });

  test.each(BOUND)('over %s who is bound to another connection is somebody between, and not let in', async (how) => {
    const [login, other] = [await come(how), await come(how)];
    for (const hash of HASHES) {
      const plus = `SCRAM-${hash.toUpperCase()}-PLUS`;
      for (const binding of [bindingOf(other.socket), Buffer.alloc(32)]) {
        const { outcome } = await scram(await come(how), plus, P, binding);
        expect(await whoIs(login, outcome)).toBe('not-authorized');
      }
    }
    expect(
      await whoIs(login, (await scram(login, 'SCRAM-SHA-1-PLUS', P, bindingOf(login.socket))).outcome),
    ).toBeTruthy();
  });

  test.each(BOUND)(
    'over %s who says that it saw no -PLUS was lied to (y); one that cannot bind (n) is let in',
    async (how) => {
      const lied = await come(how);
      expect(await whoIs(lied, (await scram(lied, 'SCRAM-SHA-256', 'y,,')).outcome)).toBe('not-authorized');
      const login = await come(how);
      expect(await whoIs(login, (await scram(login, 'SCRAM-SHA-256', 'n,,')).outcome)).toBe(`${ROMEO}/orchard`);
    },
  );

  test('over TLS 1.2, which may give no exporter, the binding is by the certificate (RFC 5929 section 4)', async () => {
    const client = await overTcp('xmpps', {
      direct: true,
      tls: { rejectUnauthorized: false, maxVersion: 'TLSv1.2' },
    });
    const login = { stream: client, features: await client.features(), socket: client.socket as TLSSocket };
    expect(types(login)).toEqual(['tls-server-end-point']);
    expect(await whoIs(login, (await scram(login, 'SCRAM-SHA-1-PLUS', P, Buffer.alloc(32))).outcome)).toBe(
      'malformed-request',
    );
    const { outcome } = await scram(login, 'SCRAM-SHA-1-PLUS', 'p=tls-server-end-point,,', endpointOf(login.socket));
    expect(await whoIs(login, outcome)).toBe(`${ROMEO}/orchard`);
  });

  test.each(BOUND)(
    'XEP-0440: over %s the types are told, and who is bound to the certificate is let in',
    async (how) => {
      const login = await come(how);
      expect(types(login)).toEqual(['tls-exporter', 'tls-server-end-point']);
      const gs2 = 'p=tls-server-end-point,,';
      const { outcome } = await scram(login, 'SCRAM-SHA-256-PLUS', gs2, Buffer.alloc(32));
      expect(await whoIs(login, outcome)).toBe('not-authorized');
      const second = await scram(login, 'SCRAM-SHA-256-PLUS', gs2, endpointOf(login.socket));
      expect(await whoIs(login, second.outcome)).toBe(`${ROMEO}/orchard`);
    },
  );

  test('over BOSH, where a session has many connections, there is none', async () => {
    const login = await come('bosh');
    expect(mechanisms(login).join()).not.toContain('PLUS');
    expect(login.features.child('sasl-channel-binding')).toBeUndefined();
    expect(await whoIs(login, (await scram(login, 'SCRAM-SHA-256', 'y,,')).outcome)).toBe(`${ROMEO}/orchard`);
  });

  test('before STARTTLS there is none', async () => {
    const client = await overTcp('xmpp', {});
    const login = { stream: client, features: await client.features() };
    expect(mechanisms(login)).toContain('SCRAM-SHA-256');
    expect(mechanisms(login).join()).not.toContain('PLUS');
  });
});

describe('XEP-0178: certificates of clients', () => {
  beforeEach(encrypted);

  test.each(TRANSPORTS)('over %s the address of the certificate is let in, asked for or not', async (how) => {
    const keys = authority.issueClient(ROMEO);
    for (const authzid of ['', ROMEO]) {
      const login = await come(how, keys);
      expect(mechanisms(login)[0]).toBe('EXTERNAL');
      expect(await whoIs(login, await auth(login, 'EXTERNAL', authzid))).toBe(`${ROMEO}/orchard`);
    }
  });

  test.each(TRANSPORTS)('over %s no other address is', async (how) => {
    const login = await come(how, authority.issueClient(ROMEO));
    expect(await whoIs(login, await auth(login, 'EXTERNAL', `juliet@${DOMAIN}`))).toBe('invalid-authzid');
  });

  test.each(TRANSPORTS)('over %s of two addresses one has to be asked for', async (how) => {
    const keys = authority.issueClient(ROMEO, `juliet@${DOMAIN}`, 'romeo@elsewhere.test');
    const login = await come(how, keys);
    expect(await whoIs(login, await auth(login, 'EXTERNAL', ''))).toBe('invalid-authzid');
    expect(await whoIs(login, await auth(login, 'EXTERNAL', ROMEO))).toBe(`${ROMEO}/orchard`);
  });

  test.each(TRANSPORTS)(
    'over %s it is not offered to a certificate of somebody else’s making, of another domain, or none',
    async (how) => {
      for (const keys of [stranger.issueClient(ROMEO), authority.issueClient('romeo@elsewhere.test'), undefined]) {
        const login = await come(how, keys);
        expect(mechanisms(login)).toContain('SCRAM-SHA-256');
        expect(mechanisms(login)).not.toContain('EXTERNAL');
        expect(await whoIs(login, await auth(login, 'EXTERNAL', ROMEO))).toBe('invalid-mechanism');
      }
    },
  );

  test('a certificate makes no account', async () => {
    const login = await come('direct', authority.issueClient(`juliet@${DOMAIN}`));
    expect(await whoIs(login, await auth(login, 'EXTERNAL', ''))).toBe('not-authorized');
  });
});

describe('RFC 4616: PLAIN', () => {
  const elsewhere = { 'X-Forwarded-For': '192.0.2.1' };
  const viaTls = { ...elsewhere, 'X-Forwarded-Proto': 'https' };
  const plain = (login: Login) => auth(login, 'PLAIN', '\0romeo\0pencil');

  test.each(TRANSPORTS)('over %s within TLS it lets in', async (how) => {
    await encrypted();
    const login = await come(how);
    expect(await whoIs(login, await plain(login))).toBe(`${ROMEO}/orchard`);
  });

  test('in the clear it is for this machine only', async () => {
    await start({ c2s: { port: 0, require_tls: false }, proxy_protocol: true });
    const from = async (address: string) => {
      const preamble = `PROXY TCP4 ${address} 127.0.0.1 40000 5222\r\n`;
      const client = await overTcp('xmpp', { preamble });
      return { stream: client, features: await client.features() };
    };
    const [near, far] = [await from('127.0.0.2'), await from('192.0.2.1')];
    expect(mechanisms(near)).toContain('PLAIN');
    expect(await whoIs(near, await plain(near))).toBe(`${ROMEO}/orchard`);
    expect(mechanisms(far)).not.toContain('PLAIN');
    expect(await whoIs(far, await plain(far))).toBe('encryption-required');
  });

  test.each(['bosh', 'websocket'] as const)(
    'over %s it is for clients whose proxy says that they came by TLS',
    async (how) => {
      await start({});
      const from = (headers: Record<string, string>) =>
        how === 'bosh' ? overBosh({ headers }) : overWebSocket({ headers });
      const [safe, unsafe] = [await from(viaTls), await from(elsewhere)];
      expect(mechanisms(safe)).toContain('PLAIN');
      expect(mechanisms(safe).join()).not.toContain('PLUS');
      expect(await whoIs(safe, await plain(safe))).toBe(`${ROMEO}/orchard`);
      expect(mechanisms(unsafe)).not.toContain('PLAIN');
      expect(await whoIs(unsafe, await plain(unsafe))).toBe('encryption-required');
    },
  );
});
