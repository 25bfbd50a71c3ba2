// Files behind nginx and HAProxy, with what `proxy-config` prints where clients share some.

import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { proxyConfig } from '../../src/cli/proxy-config.js';
import { configure } from '../../src/config/load.js';
import { createServer, type Server, silentLog } from '../../src/index.js';
import { describeWith } from '../support/peers/need.js';
import { type ReverseProxy, startHaproxy, startNginx } from '../support/peers/proxies.js';
import { Resident } from '../support/resident.js';
import { visitor } from '../support/visitor.js';

const DOMAIN = 'verona.test';
const SERVICE = `upload.${DOMAIN}`;
const MEBIBYTE = 1_048_576;
const SHARING = {
  domains: { [DOMAIN]: {} },
  components: { [SERVICE]: { module: 'upload', upload: { max_file_size: 6 * MEBIBYTE } } },
};

const CASES = [
  ['nginx', startNginx],
  ['haproxy', startHaproxy],
] as const;

for (const [name, start] of CASES)
  describeWith([name], `files behind ${name}`, () => {
    let server: Server;
    let proxy: ReverseProxy;
    let romeo: Resident;

    beforeAll(async () => {
      const { module, host } = visitor();
      const c2s = { port: 0, direct_tls_port: null, require_tls: false };
      server = createServer({ ...SHARING, host: '127.0.0.1', port: 0, c2s, modules: [module], log: silentLog });
      await server.start();
      await (await host).accounts.create('romeo', 'secret');
      const { websocket: ws, xmpp = '', bosh } = server.urls;
      const place = { ws, tcp: Number(new URL(xmpp).port), domain: DOMAIN };
      romeo = await Resident.enter('tcp', place, { user: 'romeo', password: 'secret' });
      proxy = await start(Number(new URL(bosh).port), proxyConfig(name, configure(SHARING)));
    });
    afterAll(async () => {
      await romeo?.leave();
      await proxy?.stop();
      await server?.stop();
    });

    it('a file of five megabytes is uploaded and downloaded', async () => {
      const content = randomBytes(5 * MEBIBYTE);
      const request = `<request xmlns='urn:xmpp:http:upload:0' filename='a.png' size='${content.length}' content-type='image/png'/>`;
      const slot = (await romeo.ask('get', request, SERVICE))?.child('slot');
      const [put, get] = (slot?.children ?? []).map((each) => {
        const url = new URL(each.attr('url') ?? '');
        url.host = `127.0.0.1:${proxy.port}`;
        return url;
      });
      const headers = { 'content-type': 'image/png' };
      expect((await fetch(put, { method: 'PUT', body: content, headers })).status).toBe(201);
      const got = await fetch(get);
      expect(got.headers.get('content-type')).toBe('image/png');
      expect(Buffer.from(await got.arrayBuffer()).equals(content)).toBe(true);
      const part = await fetch(get, { headers: { range: 'bytes=-10' } });
      expect([part.status, Buffer.from(await part.arrayBuffer()).equals(content.subarray(-10))]).toEqual([206, true]);
    });
  });
