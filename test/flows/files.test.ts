// Files that a whole server shares: over its start, its reloads and its end, and with its accounts.

import { existsSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { configure } from '../../src/config/load.js';
import type { UploadOptions } from '../../src/config/modules.js';
import type { Host } from '../../src/core/host.js';
import { accountsIn } from '../../src/home.js';
import { type ConfigInput, createServer, type Server, silentLog } from '../../src/index.js';
import { CertificateAuthority } from '../support/certs.js';
import { RawHttp } from '../support/http-raw.js';
import { Resident } from '../support/resident.js';
import { folders } from '../support/uploads.js';
import { visitor } from '../support/visitor.js';

const DOMAIN = 'example.test';
const SERVICE = `upload.${DOMAIN}`;
const UPLOAD = 'urn:xmpp:http:upload:0';

const folder = folders();
const open: Server[] = [];
afterEach(async () => {
  for (const server of open.splice(0)) await server.stop();
});

const options = (said: ConfigInput = {}, upload: Partial<UploadOptions> = {}) => ({
  host: '127.0.0.1',
  port: 0,
  c2s: { port: 0, direct_tls_port: null, require_tls: false },
  domains: { [DOMAIN]: {} },
  components: { [SERVICE]: { module: 'upload', upload } },
  ...said,
});

interface Started {
  readonly server: Server;
  readonly host: Host;
  readonly romeo: Resident;
  /** Asks for a place for so many bytes: the URLs, or none. */
  slot(size: number): Promise<string[]>;
  /** Uploads this; where it is. */
  share(text: string): Promise<string>;
}

async function start(said: ConfigInput): Promise<Started> {
  const { module, host: shown } = visitor();
  const server = createServer({ ...said, modules: [module], log: silentLog });
  open.push(server);
  await server.start();
  const host = await shown;
  await host.accounts.create('romeo', 'secret').catch(() => {});
  const { websocket: ws, xmpp = '' } = server.urls;
  const place = { ws, tcp: Number(new URL(xmpp).port), domain: DOMAIN };
  const romeo = await Resident.enter('tcp', place, { user: 'romeo', password: 'secret' });
  const slot = async (size: number) => {
    const answer = await romeo.ask('get', `<request xmlns='${UPLOAD}' filename='a.txt' size='${size}'/>`, SERVICE);
    return answer?.child('slot')?.children.map((each) => each.attr('url') ?? '') ?? [];
  };
  const share = async (text: string) => {
    const [put, get] = await slot(Buffer.byteLength(text));
    expect((await fetch(put, { method: 'PUT', body: text })).status).toBe(201);
    return get;
  };
  return { server, host, romeo, slot, share };
}

const idOf = (url: string): string => new URL(url).pathname.split('/')[2];

/** Whether the file is in a temporary folder. */
const isTemporary = (url: string) =>
  readdirSync(tmpdir()).some((name) => existsSync(join(tmpdir(), name, SERVICE, idOf(url))));

describe('with a storage in memory', () => {
  test('files are in a temporary folder, which goes with the server', async () => {
    const { server, share } = await start(options());
    const url = await share('hello');
    expect(new URL(url).port).toBe(new URL(server.urls.bosh).port);
    expect(await (await fetch(url)).text()).toBe('hello');
    expect(isTemporary(url)).toBe(true);
    await server.stop();
    expect(isTemporary(url)).toBe(false);
  });

  test('a reload with other options takes no file away', async () => {
    const { server, share, slot } = await start(options());
    const url = await share('hello');
    const [put] = await slot(5);
    await server.reload(options({}, { max_file_size: 5, account_bytes: 9 }));
    expect(await (await fetch(url)).text()).toBe('hello');
    expect(await slot(6)).toEqual([]);
    expect(await slot(5)).toEqual([]);
    expect((await fetch(put, { method: 'PUT', body: 'hello' })).status).toBe(403);
    await share('hell');
  });

  test('a reload without the service ends it, and one with it begins anew', async () => {
    const { server, share, slot } = await start(options());
    const url = await share('hello');
    await server.reload(options({ components: {} }));
    expect([(await fetch(url)).status, await slot(1)]).toEqual([404, []]);
    await server.reload(options());
    expect(await (await fetch(url)).text()).toBe('hello');
  });
});

describe('with a storage on disk', () => {
  const stored = (path: string) => options({ storage: { driver: 'level', path } });
  const names = (path: string) => readdirSync(join(path, 'uploads', SERVICE));

  test('files are beside it, and there again after a restart', async () => {
    const path = folder();
    const { server, share } = await start(stored(path));
    const url = new URL(await share('hello'));
    expect(names(path)).toEqual([idOf(url.href)]);
    await server.stop();
    const again = await start(stored(path));
    url.port = new URL(again.server.urls.bosh).port;
    expect(await (await fetch(url)).text()).toBe('hello');
  });

  test('an account takes its files with it, whether the server runs or not', async () => {
    const path = folder();
    const { server, host, share } = await start(stored(path));
    await share('hello');
    await host.accounts.delete('romeo');
    expect(names(path)).toEqual([]);
    await server.stop();
    const again = await start(stored(path));
    await again.share('hello');
    await again.server.stop();
    const accounts = await accountsIn(configure(stored(path)));
    await accounts.of(DOMAIN)?.delete('romeo');
    await accounts.close();
    expect(names(path)).toEqual([]);
  });
});

test('public_url says where files are', async () => {
  const { slot } = await start(options({ public_url: 'https://chat.example/xmpp/' }));
  expect((await slot(1))[1]).toMatch(/^https:\/\/chat\.example\/xmpp\/upload\/[0-9a-f]{40}\/a\.txt$/);
});

test('over TLS of our own they come and go by https', async () => {
  const authority = new CertificateAuthority();
  try {
    const { certFile: cert, keyFile: key } = authority.issue('localhost');
    const { slot } = await start(options({ tls: { cert, key } }));
    const [put, get] = (await slot(5)).map((url) => new URL(url));
    expect(put.protocol).toBe('https:');
    const client = await RawHttp.connect(Number(put.port), true);
    client.send(`PUT ${put.pathname} HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\nhello`);
    expect((await client.answer())?.status).toBe(201);
    expect((await client.send(`GET ${get.pathname} HTTP/1.1\r\nhost: a\r\n\r\n`).answer())?.text).toBe('hello');
    client.destroy();
  } finally {
    authority.remove();
  }
});
