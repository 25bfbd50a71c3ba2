// The chat page as HTTP: where it is, what it is told, how its files are cached, and that nothing else can be had by its paths.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { FIRST, pageSizes, type Size, sum } from '../support/chat-sizes.js';
import { type DEFAULTS, faces } from '../support/http-face.js';

const { start, raw } = faces();
const FOLDER = join(import.meta.dirname, '../../src/http/pages/chat');
const files = readdirSync(FOLDER, { recursive: true, encoding: 'utf8' }).filter((name) => /\.(js|css|svg)$/.test(name));
const DOMAIN = { domain: 'a.example', anonymous: true, register: false };
const withDomain = (options: Partial<typeof DEFAULTS> = {}) => start(options, { chat: () => [DOMAIN] });

const fetched = async (url: string, headers: Record<string, string> = {}) => {
  const response = await fetch(url, { headers, redirect: 'error' });
  return { status: response.status, headers: response.headers, text: await response.text() };
};

describe('where it is', () => {
  test('at / for domains that are served here, and the status page is at /status', async () => {
    const { url } = await withDomain();
    expect((await fetched(`${url}/`)).text).toContain('<script src="chat/chat.js" type="module">');
    expect((await fetched(`${url}/status`)).text).toContain('BOSH sessions');
  });

  test('nowhere without such a domain: / is the status page, and there are no files', async () => {
    const { url } = await start();
    expect((await fetched(`${url}/`)).text).toContain('BOSH sessions');
    expect((await fetched(`${url}/status`)).text).toContain('BOSH sessions');
    for (const path of ['chat.js', 'strophe.js', 'config.json']) {
      expect((await fetched(`${url}/chat/${path}`)).status).toBe(404);
    }
  });

  test('from the moment on when a reload has brought a domain', async () => {
    const domains: (typeof DOMAIN)[] = [];
    const { url } = await start({}, { chat: () => domains });
    expect((await fetched(`${url}/chat/chat.js`)).status).toBe(404);
    domains.push(DOMAIN);
    expect((await fetched(`${url}/chat/chat.js`)).status).toBe(200);
    expect((await fetched(`${url}/`)).text).toContain('chat.js');
  });

  test('not at / when BOSH is there', async () => {
    const { url } = await withDomain({ path: '/' });
    expect((await fetched(`${url}/`)).text).toContain('It works');
  });
});

test('config.json has the domains and both addresses, relative to the page', async () => {
  const { url } = await withDomain({ path: '/bosh', websocket_path: '/deep/ws/' });
  const { headers, text } = await fetched(`${url}/chat/config.json`);
  expect(headers.get('cache-control')).toBe('no-store');
  expect(JSON.parse(text)).toEqual({
    domains: [DOMAIN],
    transports: ['bosh', 'websocket'],
    bosh: './bosh',
    websocket: './deep/ws/',
    uploads: [],
  });
});

test('uploads that are elsewhere are in config.json, and the policy lets their origin in for pictures and requests', async () => {
  const uploads = ['https://files.example/deep/upload'];
  const { url } = await start({}, { chat: () => [DOMAIN], uploads: () => uploads });
  expect(JSON.parse((await fetched(`${url}/chat/config.json`)).text).uploads).toEqual(uploads);
  const policy = (await fetched(`${url}/`)).headers.get('content-security-policy') ?? '';
  expect(policy).toContain("img-src 'self' data: https://files.example;");
  expect(policy).toContain("connect-src 'self' ws: wss: https://files.example;");
  expect(policy).toMatch(/^default-src 'none'; script-src 'self'; style-src 'self';/);
});

describe('how much it loads', () => {
  const inKilobytes = (bytes: number) => Math.ceil(bytes / 1000);
  const manual = readFileSync(join(import.meta.dirname, '../../docs/chat.md'), 'utf8');

  /** The row of docs/chat.md, whose numbers are not less than what is loaded. */
  const holds = (row: string, names: readonly string[], sizes: ReadonlyMap<string, Size>) => {
    const { raw, wire } = sum(names.map((name) => sizes.get(name)));
    const [, most = 0, mostSent = 0] =
      new RegExp(`^\\| ${row}.*\\| (\\d+) KB \\| (\\d+) KB \\|$`, 'm').exec(manual) ?? [];
    expect(inKilobytes(raw)).toBeLessThanOrEqual(Number(most));
    expect(inKilobytes(wire)).toBeLessThanOrEqual(Number(mostSent));
    return `${row}: ${names.length} files, ${inKilobytes(raw)} KB, ${inKilobytes(wire)} KB on the wire`;
  };

  test('no more than docs/chat.md says, and at the first view less than 100 KB, and 35 KB on the wire', async ({
    annotate,
  }) => {
    const { url } = await withDomain();
    const { all: first, sizes } = await pageSizes(url, FIRST);
    const { raw, wire } = sum([...sizes.values()]);
    expect(raw).toBeLessThan(100_000);
    expect(wire).toBeLessThan(35_000);
    await annotate(holds('The door', first, sizes));
    const page = await pageSizes(url, [...FIRST, 'chat/inside.js']);
    const behind = page.all.filter((name) => !first.includes(name));
    await annotate(holds('Behind it', behind, page.sizes));
    const whole = await pageSizes(url, [...FIRST, ...files.map((name) => `chat/${name}`)]);
    const later = whole.all.filter((name) => !page.all.includes(name));
    await annotate(holds('By first use', later, whole.sizes));
    expect(first).not.toContain('chat/strophe.js');
    expect(later).toEqual(
      expect.arrayContaining(['chat/view/console.js', 'chat/view/entrance.js', 'chat/view/room-panel.js']),
    );
  }, 30_000);
});

describe('its files', () => {
  test.each(['', 'strophe.js', ...files].map((name) => (name === '' ? '' : `chat/${name}`)))(
    '/%s: typed, sniffed by nobody, revalidated, compressed, and under a strict policy',
    async (path) => {
      const { url } = await withDomain();
      const plain = await fetched(`${url}/${path}`, { 'accept-encoding': 'identity' });
      expect(plain.status).toBe(200);
      expect(plain.headers.get('content-type')).toMatch(
        /^(text\/(html|css|javascript); charset=utf-8|image\/svg\+xml)$/,
      );
      expect(plain.headers.get('x-content-type-options')).toBe('nosniff');
      expect(plain.headers.get('cache-control')).toBe('no-cache');
      expect(plain.headers.get('vary')).toContain('Accept-Encoding');
      const policy = plain.headers.get('content-security-policy') ?? '';
      expect(policy).toMatch(/^default-src 'none'; script-src 'self'; style-src 'self';/);
      expect(policy).not.toMatch(/unsafe|\*|https?:/);
      const etag = plain.headers.get('etag') ?? '';
      const known = await fetched(`${url}/${path}`, { 'if-none-match': `"other", ${etag}` });
      expect([known.status, known.text, known.headers.get('etag')]).toEqual([304, '', etag]);
      expect((await fetched(`${url}/${path}`, { 'if-none-match': '"other"' })).status).toBe(200);
    },
  );

  test.each([
    ['br, gzip', 'br', brotliDecompressSync],
    ['gzip, deflate, br;q=0', 'gzip', gunzipSync],
  ] as const)('are compressed for whom wants it: %s', async (accepted, coding, inflate) => {
    const { port } = await withDomain();
    const request = `GET /chat/strophe.js HTTP/1.1\r\nhost: a\r\naccept-encoding: ${accepted}\r\n\r\n`;
    const answer = await (await raw(port)).send(request).answer();
    expect(answer?.headers.get('content-encoding')).toBe(coding);
    expect(inflate(answer?.body ?? '').toString()).toContain('Strophe');
    expect(answer?.body.length).toBeLessThan(20_000);
  });

  test('the page has no script or style of its own in its markup, and nothing from elsewhere', async () => {
    const { url } = await withDomain();
    const { text } = await fetched(`${url}/`);
    expect(text).not.toMatch(/<style|\sstyle=|\son[a-z]+=|<script(?! src="chat\/)/);
    expect([...text.matchAll(/\s(?:src|href|action)="([^"]*)"/g)].map(([, link]) => link)).not.toContainEqual(
      expect.stringMatching(/^(?:[a-z]+:|\/)/),
    );
  });

  test.each([
    '/chat/../server.ts',
    '/chat/..%2fpages.ts',
    '/chat/%2e%2e/%2e%2e/package.json',
    '/chat/view/..%5cchat.js',
    '/chat/index.html',
    '/chat/__proto__',
    '/chat/view',
    '/chat/',
  ])('%s is none of them', async (path) => {
    const { port } = await withDomain();
    const answer = await (await raw(port)).send(`GET ${path} HTTP/1.1\r\nhost: a\r\n\r\n`).answer();
    expect(answer?.status).toBe(404);
  });
});
