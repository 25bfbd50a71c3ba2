// Clients as they are shipped, all driven in one way: told by `say` and `add`, heard by the lines they tell.

import { execFileSync, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { client, type XmppClient, xml } from '@xmpp/client';
import type { Browser, Page } from 'playwright-core';
import { News } from '../news.js';
import { PASSWORD } from './peer.js';
import { Running } from './process.js';

/** Where they connect to. */
export interface Place {
  readonly domain: string;
  readonly bosh: string;
  readonly ws: string;
  /** Port of STARTTLS on 127.0.0.1. */
  readonly port: number;
  /** PEM file of the authority that signed its certificate. */
  readonly ca: string;
  /** The page's own origin. */
  readonly site: string;
}

export interface Guest {
  readonly address: string;
  say(to: string, text: string): void;
  /** Asks for the presence of this contact; whoever is asked agrees and asks back. */
  add(contact: string): void;
  /** Resolves once it told a line that matches. */
  until(line: RegExp): Promise<unknown>;
  quit(): Promise<unknown>;
}

/** How each comes in, by name. */
export type Arrival = (name: string, at: Place) => Promise<Guest>;

const PYTHON = '/usr/bin/python3';
const driver = (file: string) => fileURLToPath(new URL(`./drivers/${file}`, import.meta.url));

export const python =
  (script: string): Arrival =>
  (name, at) =>
    process_(name, at, PYTHON, [driver(script)]);

export const isPythonThere = (module: string): boolean => spawnSync(PYTHON, ['-c', `import ${module}`]).status === 0;

export function isStropheThere(): boolean {
  return (
    spawnSync('pkg-config', ['--exists', 'libstrophe']).status === 0 && spawnSync('gcc', ['--version']).status === 0
  );
}

/** libstrophe's client, compiled into the folder. */
export function libstrophe(folder: string): Arrival {
  const binary = join(folder, 'strophe');
  const flags = execFileSync('pkg-config', ['--cflags', '--libs', 'libstrophe'], { encoding: 'utf8' })
    .trim()
    .split(/\s+/);
  execFileSync('gcc', ['-O1', '-o', binary, driver('strophe.c'), ...flags], { stdio: 'pipe' });
  return (name, at) => process_(name, at, binary, []);
}

async function process_(name: string, at: Place, command: string, args: readonly string[]): Promise<Guest> {
  const address = `${name}@${at.domain}`;
  const running = new Running(command, [...args, `${address}/shipped`, PASSWORD, String(at.port), at.ca]);
  await running.until(/^ONLINE/m);
  return {
    address,
    say: (to, text) => running.write(`say ${to} ${text}`),
    add: (contact) => running.write(`add ${contact}`),
    until: (line) => running.until(line),
    quit: async () => {
      running.write('quit');
      await running.until(/^OFFLINE/m);
      await running.exited;
    },
  };
}

/** A page that speaks the same words, in a window of its own. */
export const browser =
  (chromium: () => Browser, page: 'talk' | 'converse', transport: 'bosh' | 'ws'): Arrival =>
  async (name, at) => {
    const address = `${name}@${at.domain}`;
    const context = await chromium().newContext();
    const window = await context.newPage();
    await window.goto(`${at.site}/${page}`);
    const call = (word: string, ...args: readonly string[]) =>
      window.evaluate(`void ${word}(${args.map((each) => JSON.stringify(each)).join(', ')})`);
    await call('connect', at[transport], `${address}/shipped`, PASSWORD);
    const until = (line: RegExp) => told(window, line);
    await until(/^ONLINE/m);
    return {
      address,
      say: (to, text) => void call('say', to, text),
      add: (contact) => void call('add', contact),
      until,
      quit: async () => {
        await call('quit');
        await until(/^OFFLINE/m);
        await context.close();
      },
    };
  };

async function told(window: Page, line: RegExp): Promise<void> {
  await window.waitForFunction(`${line}.test(lines.join('\\n'))`, undefined, { timeout: 20_000 }).catch(async () => {
    throw new Error(`never told: ${line}; only ${await window.evaluate('JSON.stringify(lines)')}`);
  });
}

/** @xmpp/client over WebSocket, or over TCP with STARTTLS. */
export const xmppClient =
  (transport: 'ws' | 'tcp'): Arrival =>
  async (name, at) => {
    const address = `${name}@${at.domain}`;
    const [lines, news] = [[] as string[], new News()];
    const tell = (line: string) => {
      lines.push(line);
      news.tell();
    };
    const service = transport === 'ws' ? at.ws : `xmpp://127.0.0.1:${at.port}`;
    const xmpp: XmppClient = client({
      service,
      domain: at.domain,
      username: name,
      resource: 'shipped',
      password: PASSWORD,
    });
    xmpp.on('error', () => {});
    xmpp.on('stanza', (stanza) => {
      const from = stanza.attrs.from?.split('/')[0] ?? '';
      const { type } = stanza.attrs;
      const body = stanza.getChildText('body');
      if (stanza.is('message') && body) tell(`MESSAGE ${from} ${body}`);
      if (stanza.is('presence') && type === undefined) tell(`AVAILABLE ${from}`);
      if (stanza.is('presence') && type === 'subscribe')
        for (const answer of ['subscribed', 'subscribe']) void xmpp.send(xml('presence', { to: from, type: answer }));
      for (const item of stanza.getChild('query', 'jabber:iq:roster')?.getChildren('item') ?? [])
        tell(`ROSTER ${item.attrs.jid} ${item.attrs.subscription}`);
    });
    await xmpp.start();
    await xmpp.send(xml('iq', { type: 'get', id: 'roster' }, xml('query', { xmlns: 'jabber:iq:roster' })));
    await xmpp.send(xml('presence'));
    return {
      address,
      say: (to, text) => void xmpp.send(xml('message', { to, type: 'chat' }, xml('body', {}, text))),
      add: (contact) => void xmpp.send(xml('presence', { to: contact, type: 'subscribe' })),
      until: (line) => news.when(() => lines.some((each) => line.test(each))),
      quit: () => xmpp.stop(),
    };
  };
