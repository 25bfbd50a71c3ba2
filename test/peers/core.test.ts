// The built-in core with clients as they are shipped, all at one table: over BOSH, WebSocket and TCP with STARTTLS.

import { client } from '@xmpp/client';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import WebSocket from 'ws';
import { createServer, type Server, silentLog } from '../../src/index.js';
import { CertificateAuthority } from '../support/certs.js';
import { Inbox } from '../support/inbox.js';
import { startChromium, startSite } from '../support/peers/chromium.js';
import {
  type Arrival,
  browser,
  type Guest,
  isPythonThere,
  isStropheThere,
  libstrophe,
  type Place,
  python,
  xmppClient,
} from '../support/peers/company.js';
import { describeWith } from '../support/peers/need.js';
import { PASSWORD } from '../support/peers/peer.js';
import { visitor } from '../support/visitor.js';

const DOMAIN = 'verona.example';

describeWith(['chromium', 'openssl', 'gcc', 'pkg-config'], 'clients as they are shipped', () => {
  const authority = new CertificateAuthority();
  let server: Server;
  let site: Awaited<ReturnType<typeof startSite>>;
  let chromium: Browser;
  let at: Place;
  const guests = new Map<string, Guest>();

  const arrivals: Readonly<Record<string, Arrival>> = {
    strophejs_bosh: browser(() => chromium, 'talk', 'bosh'),
    strophejs_ws: browser(() => chromium, 'talk', 'ws'),
    converse_ws: browser(() => chromium, 'converse', 'ws'),
    converse_bosh: browser(() => chromium, 'converse', 'bosh'),
    slixmpp: python('slixmpp_client.py'),
    nbxmpp: python('nbxmpp_client.py'),
    libstrophe: (name, place) => libstrophe(authority.folder)(name, place),
    xmppjs_ws: xmppClient('ws'),
    xmppjs_tcp: xmppClient('tcp'),
  };

  beforeAll(async () => {
    const { certFile: cert, keyFile: key } = authority.issue([DOMAIN, 'IP:127.0.0.1']);
    const { module, host } = visitor();
    server = createServer({
      host: '127.0.0.1',
      port: 0,
      c2s: { port: 0, tls: { cert, key } },
      domains: { [DOMAIN]: {} },
      modules: [module],
      log: silentLog,
    });
    [, site, chromium] = await Promise.all([server.start(), startSite(), startChromium()]);
    const { accounts } = await host;
    await Promise.all(Object.keys(arrivals).map((name) => accounts.create(name, PASSWORD)));
    const { bosh, websocket: ws, xmpp = '' } = server.urls;
    at = { domain: DOMAIN, bosh, ws, port: Number(new URL(xmpp).port), ca: authority.caFile, site: site.origin };
    vi.stubGlobal('WebSocket', WebSocket);
    // @xmpp/client has no option for an authority of one's own.
    vi.stubEnv('NODE_TLS_REJECT_UNAUTHORIZED', '0');
  });
  afterAll(async () => {
    vi.unstubAllGlobals();
    vi.unstubAllEnvs();
    await chromium?.close();
    await site?.stop();
    await server?.stop();
    authority.remove();
  });

  test('the programs are installed', () => {
    expect([isPythonThere('slixmpp'), isPythonThere('nbxmpp'), isStropheThere()]).toEqual([true, true, true]);
  });

  test.each(Object.keys(arrivals))('%s logs in', async (name) => {
    guests.set(name, await arrivals[name](name, at));
  });

  test('each says something to each, and all hear it', async () => {
    for (const [name, guest] of guests)
      for (const [other, { address }] of guests) if (other !== name) guest.say(address, `${name} to ${other}`);
    for (const [name, guest] of guests)
      for (const [other, { address }] of guests)
        if (other !== name) await guest.until(new RegExp(`^MESSAGE ${address} ${other} to ${name}$`, 'm'));
  });

  test('each adds the next as a contact: both have the other on the roster, and see them there', async () => {
    const all = [...guests.values()];
    for (const [index, guest] of all.entries()) {
      const next = all[(index + 1) % all.length];
      guest.add(next.address);
      await guest.until(new RegExp(`^ROSTER ${next.address} both$`, 'm'));
      await next.until(new RegExp(`^ROSTER ${guest.address} both$`, 'm'));
      await guest.until(new RegExp(`^AVAILABLE ${next.address}$`, 'm'));
      await next.until(new RegExp(`^AVAILABLE ${guest.address}$`, 'm'));
    }
  });

  test.each(['ws', 'xmpp'] as const)(
    '@xmpp/client that is cut over %s resumes with what came meanwhile',
    async (over) => {
      const [name, service] = over === 'ws' ? ['xmppjs_ws', at.ws] : ['xmppjs_tcp', `xmpp://127.0.0.1:${at.port}`];
      const inbox = new Inbox<string>();
      const xmpp = client({ service, domain: DOMAIN, username: name, password: PASSWORD, resource: 'cut' });
      xmpp.on('error', () => {});
      xmpp.on('stanza', (stanza) => {
        if (stanza.is('message')) inbox.push(stanza.getChildText('body') ?? '');
      });
      const jid = String(await xmpp.start());
      // It was asked for while logging in (Bind 2).
      expect(xmpp.streamManagement.enabled).toBe(true);
      const resumed = new Promise((resolve) => xmpp.streamManagement.on('resumed', resolve));
      xmpp.reconnect.delay = 100;
      const socket = xmpp.socket as unknown as { socket: { terminate?(): void; destroy?(): void } };
      if (over === 'ws') socket.socket.terminate?.();
      else socket.socket.destroy?.();
      for (const text of ['one', 'two', 'three']) guests.get('libstrophe')?.say(jid, text);
      await resumed;
      guests.get('libstrophe')?.say(jid, 'four');
      await inbox.take((text) => text === 'four', 'the message after');
      expect(inbox.items).toEqual(['one', 'two', 'three']);
      await xmpp.stop();
    },
  );

  test.each(Object.keys(arrivals))('%s logs out', async (name) => {
    await guests.get(name)?.quit();
  });
});
