// Behind nginx and HAProxy with the shipped configuration, in front of ejabberd, which is told the client's address by the
// PROXY protocol: the address crosses three hops.

import { afterAll, beforeAll, expect, it } from 'vitest';
import { startEjabberd } from '../support/peers/ejabberd.js';
import { describeWith } from '../support/peers/need.js';
import { DOMAIN, type Peer } from '../support/peers/peer.js';
import { type ReverseProxy, startHaproxy, startNginx } from '../support/peers/proxies.js';
import { login } from '../support/peers/user.js';
import { type ServerProcess, startServer } from '../support/server.js';

const CASES = [
  ['nginx', startNginx],
  ['haproxy', startHaproxy],
] as const;

for (const [name, start] of CASES)
  describeWith([name, 'ejabberdctl', 'openssl'], `behind ${name}`, () => {
    let peer: Peer;
    let server: ServerProcess;
    let proxy: ReverseProxy;

    beforeAll(async () => {
      peer = await startEjabberd();
      const upstream = { host: '127.0.0.1', port: peer.proxyPort, tls: 'starttls', ca: peer.ca, proxy_protocol: 2 };
      const domains = { localhost: { auth: { anonymous: true } } };
      server = await startServer({ config: { upstreams: { [DOMAIN]: upstream }, domains, logging: 'DEBUG' } });
      proxy = await start(server.port);
    });
    afterAll(async () => {
      await proxy?.stop();
      await server?.stop();
      await peer?.stop();
    });

    it.each([
      ['bosh', '127.0.0.21'],
      ['websocket', '127.0.0.22'],
    ] as const)(
      'a user logs in over %s; log and server behind know the real address %s',
      async (transport, localAddress) => {
        const romeo = await login(transport, proxy, 'romeo', { localAddress });
        await romeo.ping();
        expect(server.log()).toMatch(localAddress);
        await peer.until(new RegExp(`from ${localAddress.replaceAll('.', '\\.')}`));
        await romeo.close();
      },
    );

    it('the chat page, its files and host-meta come through, and nothing that is for the operator', async () => {
      const status = async (path: string) => (await fetch(`http://127.0.0.1:${proxy.port}${path}`)).status;
      const passed = ['/', '/chat/chat.js', '/chat/view/dom.js', '/chat/config.json', '/.well-known/host-meta.json'];
      expect(await Promise.all(passed.map(status))).toEqual(passed.map(() => 200));
      const own = ['/status', '/metrics', '/readyz', '/livez', '/chat'];
      expect(await Promise.all(own.map(status))).toEqual(own.map(() => 404));
    });

    it('a held BOSH request is answered when something comes, not when the proxy pleases', async () => {
      const [romeo, juliet] = await Promise.all([login('bosh', proxy, 'romeo'), login('websocket', proxy, 'juliet')]);
      const started = Date.now();
      juliet.say(romeo.jid, 'at once');
      await romeo.message('at once');
      expect(Date.now() - started).toBeLessThan(2000);
      await Promise.all([romeo.close(), juliet.close()]);
    });
  });
