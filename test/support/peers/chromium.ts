// Debian's Chromium, driven by playwright-core, and a small site of another origin than the server whose page runs strophe.js.

import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { fileURLToPath } from 'node:url';
import { type Browser, chromium, type Page } from 'playwright-core';
import { program } from './need.js';

const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--disable-dev-shm-usage',
];

const CONVERSE = new URL('../../../node_modules/converse.js/dist/', import.meta.url);
const TYPES: Readonly<Record<string, string>> = {
  js: 'text/javascript; charset=utf-8',
  css: 'text/css; charset=utf-8',
  json: 'application/json',
  wasm: 'application/wasm',
};

const FILES = {
  '/talk': { type: 'text/html; charset=utf-8', url: new URL('./pages/talk.html', import.meta.url) },
  '/converse': { type: 'text/html; charset=utf-8', url: new URL('./pages/converse.html', import.meta.url) },
  '/': { type: 'text/html; charset=utf-8', url: new URL('./pages/strophe.html', import.meta.url) },
  '/strophe.js': {
    type: 'text/javascript; charset=utf-8',
    url: new URL('../../../node_modules/strophe.js/dist/strophe.umd.min.js', import.meta.url),
  },
};

/** A headless browser with an empty profile. */
export function startChromium(): Promise<Browser> {
  return chromium.launch({ executablePath: program('chromium'), headless: true, args: FLAGS });
}

/** Serves the page; `origin` is a name for loopback that differs from the server's in host and port. */
export async function startSite(): Promise<{ readonly origin: string; stop(): Promise<void> }> {
  const server = createServer((request, response) => {
    const file = Object.entries(FILES).find(([path]) => path === request.url)?.[1] ?? asset(request.url ?? '');
    if (!file) return void response.writeHead(404).end();
    response.writeHead(200, { 'content-type': file.type }).end(readFileSync(fileURLToPath(file.url)));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (!address || typeof address === 'string') throw new Error('no port');
  return {
    origin: `http://localhost:${address.port}`,
    stop: async () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

/** What converse.js loads by itself. */
function asset(path: string): { type: string; url: URL } | undefined {
  const [, name] = /^\/converse\/([\w./-]+)(?:\?.*)?$/.exec(path) ?? [];
  const url = name === undefined ? undefined : new URL(name, CONVERSE);
  if (name === undefined || !url?.href.startsWith(CONVERSE.href) || !existsSync(url)) return undefined;
  return { type: TYPES[name.split('.').pop() ?? ''] ?? 'application/octet-stream', url };
}

/** Calls a function of the page with these arguments. */
export async function call(page: Page, name: string, ...args: readonly unknown[]): Promise<void> {
  await page.evaluate(`void ${name}(${args.map((each) => JSON.stringify(each)).join(', ')})`);
}

/** What an expression is in the page. */
export function read<T>(page: Page, expression: string): Promise<T> {
  return page.evaluate(expression);
}

/** Resolves once the expression is true in the page; fails with the page's statuses otherwise. */
export async function until(page: Page, expression: string, timeout = 15_000): Promise<void> {
  await page.waitForFunction(expression, undefined, { timeout }).catch(async () => {
    const seen = await page.evaluate('JSON.stringify({ statuses, messages })');
    throw new Error(`never in the page: ${expression}; it saw ${seen}`);
  });
}
