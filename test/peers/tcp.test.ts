// Clients over TCP as they are shipped, through this server to a real one: @xmpp/client and slixmpp, by STARTTLS and direct TLS.

import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { client, xml } from '@xmpp/client';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { createServer, type Server } from '../../src/index.js';
import { CertificateAuthority } from '../support/certs.js';
import { Inbox } from '../support/inbox.js';
import { MemoryLog } from '../support/memory-log.js';
import { describeWith } from '../support/peers/need.js';
import { DOMAIN, PASSWORD, type Peer } from '../support/peers/peer.js';
import { Running } from '../support/peers/process.js';
import { startProsody } from '../support/peers/prosody.js';

const authority = new CertificateAuthority();
const { certFile: cert, keyFile: key } = authority.issue(DOMAIN);
afterAll(() => authority.remove());

const PYTHON = '/usr/bin/python3';
const slixmppInstalled = spawnSync(PYTHON, ['-c', 'import slixmpp']).status === 0;

describeWith(['prosody', 'openssl'], 'clients over TCP in front of prosody', () => {
  let peer: Peer;
  let server: Server;

  beforeAll(async () => {
    peer = await startProsody();
  });
  afterAll(() => peer.stop());
  beforeEach(async () => {
    server = createServer({
      host: '127.0.0.1',
      port: 0,
      upstreams: { [DOMAIN]: { host: '127.0.0.1', port: peer.port, ca: peer.ca } },
      c2s: { port: 0, direct_tls_port: 0, tls: { cert, key } },
      log: new MemoryLog(),
    });
    await server.start();
    // It has no option for an authority of one's own.
    vi.stubEnv('NODE_TLS_REJECT_UNAUTHORIZED', '0');
  });
  afterEach(async () => {
    vi.unstubAllEnvs();
    await server.stop();
  });

  const xmppClient = (service: string | undefined, username: string) => {
    const inbox = new Inbox<string>();
    const xmpp = client({
      service: service?.replace('localhost', '127.0.0.1'),
      domain: DOMAIN,
      username,
      password: PASSWORD,
    });
    xmpp.on('error', () => {});
    xmpp.on('stanza', (stanza) => {
      if (stanza.is('message')) inbox.push(stanza.getChildText('body') ?? '');
    });
    return { xmpp, inbox };
  };

  test('@xmpp/client logs in by STARTTLS and by direct TLS, chats and stops', async () => {
    const romeo = xmppClient(server.urls.xmpp, 'romeo');
    const juliet = xmppClient(server.urls.xmpps, 'juliet');
    const jid = String(await romeo.xmpp.start());
    expect(jid).toMatch(`romeo@${DOMAIN}/`);
    const to = String(await juliet.xmpp.start());
    await romeo.xmpp.send(xml('message', { to, type: 'chat' }, xml('body', {}, 'O Juliet')));
    await juliet.inbox.take((text) => text === 'O Juliet', 'the message');
    await juliet.xmpp.send(xml('message', { to: jid, type: 'chat' }, xml('body', {}, 'O Romeo')));
    await romeo.inbox.take((text) => text === 'O Romeo', 'the message');
    await Promise.all([romeo.xmpp.stop(), juliet.xmpp.stop()]);
  });

  test('a client that is cut resumes by XEP-0198 with what came meanwhile', async () => {
    const romeo = xmppClient(server.urls.xmpp, 'romeo');
    const juliet = xmppClient(server.urls.xmpps, 'juliet');
    const enabled = new Promise<void>((resolve) =>
      juliet.xmpp.on('nonza', (nonza) => nonza.is('enabled') && resolve()),
    );
    const to = String(await juliet.xmpp.start());
    await enabled;
    await romeo.xmpp.start();
    const resumed = new Promise((resolve) => juliet.xmpp.streamManagement.on('resumed', resolve));
    juliet.xmpp.reconnect.delay = 100;
    (juliet.xmpp.socket as unknown as { socket: { destroy(): void } }).socket.destroy();
    for (const text of ['one', 'two', 'three'])
      await romeo.xmpp.send(xml('message', { to, type: 'chat' }, xml('body', {}, text)));
    await resumed;
    await juliet.inbox.take((text) => text === 'three', 'the message');
    await Promise.all([romeo.xmpp.stop(), juliet.xmpp.stop()]);
  });

  const withSlixmpp = test.skipIf(!slixmppInstalled && !process.env.CI);
  withSlixmpp.each(['xmpp', 'xmpps'] as const)(
    'slixmpp logs in over %s, and trusts the certificate',
    async (scheme) => {
      const script = join(authority.folder, 'client.py');
      writeFileSync(script, SLIXMPP);
      const port = new URL(server.urls[scheme] ?? '').port;
      const juliet = new Running(PYTHON, [script, `juliet@${DOMAIN}`, PASSWORD, port, scheme, authority.caFile]);
      await juliet.until(/ECHO hello/);
      expect(await juliet.exited).toBe(0);
    },
  );
});

const SLIXMPP = `
import asyncio, sys, slixmpp
jid, password, port, scheme, ca = sys.argv[1:]
class Client(slixmpp.ClientXMPP):
    def __init__(self):
        super().__init__(jid, password)
        self.ca_certs = ca
        self.add_event_handler('session_start', self.start)
        self.add_event_handler('message', self.message)
    async def start(self, event):
        self.send_message(mto=self.boundjid.full, mbody='hello', mtype='chat')
    def message(self, msg):
        print('ECHO', msg['body'], flush=True)
        self.disconnect()
client = Client()
direct = scheme == 'xmpps'
client.connect(('127.0.0.1', int(port)), use_ssl=direct, force_starttls=not direct, disable_starttls=direct)
client.process(forever=False)
`;
