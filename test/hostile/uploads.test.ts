// A server that shares files, on a disk that is full, and one that is killed: what was said to be kept is, all else is not
// there, and nothing is left over.

import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { RawHttp } from '../support/http-raw.js';
import { freePort } from '../support/peers/process.js';
import { Resident } from '../support/resident.js';
import { type ServerProcess, startServer } from '../support/server.js';
import { TcpClient } from '../support/tcp-client.js';
import type { Xml } from '../support/xml.js';

const DOMAIN = 'example.test';
const SERVICE = `upload.${DOMAIN}`;
const UPLOAD = 'urn:xmpp:http:upload:0';
const MEBIBYTE = 1_048_576;

let disk: string;
let folder: string;
let obstacle: string | undefined;
let server: ServerProcess | undefined;

beforeAll(() => {
  disk = mkdtempSync(join(tmpdir(), 'bosh-full-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'tmpfs', disk], { stdio: 'pipe' });
  } catch (error) {
    obstacle = `no file system can be mounted here: ${(error as Error).message}`;
  }
});
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'bosh-uploads-'));
});
afterEach(async () => {
  await server?.stop();
  server = undefined;
  rmSync(folder, { recursive: true, force: true });
});
afterAll(() => {
  if (obstacle === undefined) execFileSync('umount', ['-l', disk]);
  rmSync(disk, { recursive: true, force: true });
});

interface Started {
  readonly romeo: Resident;
  readonly port: number;
  /** Asks for a slot: the URLs to put to and to get from. */
  slot(size: number): Promise<string[]>;
}

/** A server that has its files there; romeo is logged in. */
async function start(path: string): Promise<Started> {
  const tcp = await freePort();
  server = await startServer({
    config: {
      domains: { [DOMAIN]: { auth: { register: true } } },
      components: { [SERVICE]: { module: 'upload', upload: { path } } },
      storage: { driver: 'level', path: join(folder, 'data') },
      c2s: { host: '127.0.0.1', port: tcp, direct_tls_port: null, require_tls: false },
      limits: { rates: false },
    },
  });
  await register(tcp);
  const place = { ws: server.ws, tcp, domain: DOMAIN };
  const romeo = await Resident.enter('tcp', place, { user: 'romeo', password: 'secret' });
  const slot = async (size: number) => {
    const answer = await romeo.ask('get', `<request xmlns='${UPLOAD}' filename='a' size='${size}'/>`, SERVICE);
    return urls(answer);
  };
  return { romeo, port: server.port, slot };
}

async function register(port: number): Promise<void> {
  const client = await TcpClient.open(port, { to: DOMAIN });
  await client.features();
  const query = "<query xmlns='jabber:iq:register'><username>romeo</username><password>secret</password></query>";
  await client.exchange(`<iq type='set' id='1'>${query}</iq>`, ({ name }) => name === 'iq');
  client.socket.destroy();
}

const urls = (answer: Xml | undefined): string[] =>
  answer?.child('slot')?.children.map((each) => each.attr('url') ?? '') ?? [];

const put = (url: string, body: Uint8Array<ArrayBuffer>) => fetch(url, { method: 'PUT', body });

const files = (path: string) => {
  const at = join(path, SERVICE);
  return existsSync(at) ? readdirSync(at) : [];
};

test('a full disk: 507, nothing of the file is kept, and with room all goes on', async ({ skip }) => {
  skip(obstacle !== undefined, obstacle);
  const { slot } = await start(disk);
  const small = randomBytes(1000);
  const [toSmall, ofSmall] = await slot(small.length);
  expect((await put(toSmall, small)).status).toBe(201);
  const large = randomBytes(3 * MEBIBYTE);
  const [toLarge, ofLarge] = await slot(large.length);
  expect((await put(toLarge, large)).status).toBe(507);
  expect(files(disk)).toHaveLength(1);
  expect((await fetch(ofLarge)).status).toBe(404);
  const ballast = join(disk, 'ballast');
  try {
    writeFileSync(ballast, Buffer.alloc(2 * MEBIBYTE));
  } catch {
    // As much as there is room for.
  }
  const [again] = await slot(100_000);
  expect((await put(again, randomBytes(100_000))).status).toBe(507);
  rmSync(ballast);
  expect((await put(again, randomBytes(100_000))).status).toBe(201);
  expect(Buffer.from(await (await fetch(ofSmall)).arrayBuffer()).equals(small)).toBe(true);
  expect(server?.log()).toContain('upload_failed');
});

test('a server that is killed in the middle of an upload: after it, what was acknowledged is there, and nothing else', async () => {
  const path = join(folder, 'files');
  const first = await start(path);
  const whole = randomBytes(50_000);
  const [to, of] = await first.slot(whole.length);
  expect((await put(to, whole)).status).toBe(201);
  const [half] = await first.slot(100_000);
  const client = await RawHttp.connect(first.port);
  client.send(
    `PUT ${new URL(half).pathname} HTTP/1.1\r\nhost: a\r\ncontent-length: 100000\r\n\r\n${'x'.repeat(50_000)}`,
  );
  await vi.waitUntil(() => files(path).length === 2);
  await server?.stop('SIGKILL');
  client.destroy();
  const second = await start(path);
  expect(await second.slot(1)).toHaveLength(2);
  expect(files(path)).toHaveLength(1);
  const url = new URL(of);
  url.port = String(second.port);
  expect(Buffer.from(await (await fetch(url)).arrayBuffer()).equals(whole)).toBe(true);
  url.pathname = new URL(half).pathname;
  expect((await put(url.href, randomBytes(100_000))).status).toBe(403);
});

test('connections that bring nothing keep nobody from sharing, and no account has more of them than slots', async () => {
  const { slot, port } = await start(join(folder, 'files'));
  const idle: RawHttp[] = [];
  for (let i = 0; i < 19; i++) {
    const [to] = await slot(1000);
    const client = await RawHttp.connect(port);
    idle.push(client.send(`PUT ${new URL(to).pathname} HTTP/1.1\r\nhost: a\r\ncontent-length: 1000\r\n\r\nx`));
  }
  const [to, of] = await slot(5);
  expect(await slot(5)).toEqual([]);
  expect((await put(to, Buffer.from('hello'))).status).toBe(201);
  expect(await (await fetch(of)).text()).toBe('hello');
  for (const each of idle) each.destroy();
});
