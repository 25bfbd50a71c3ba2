// Where the chat page is tested: a server of ours on a port that stays when it is stopped and served again, a browser, and the
// windows of each test. Two domains, each with rooms: one with accounts that anybody may add to, and files; one for guests.

import type { Browser } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect } from 'vitest';
import type { Host } from '../../../src/core/host.js';
import { createServer, type Server, type ServerOptions, silentLog } from '../../../src/index.js';
import { type ChatWindow, ChatWindows, type Entry } from './chat-window.js';
import { startChromium } from './chromium.js';
import { GUEST_DOMAIN, startOpenProsody } from './guests.js';
import { DOMAIN, type Endpoint, PASSWORD } from './peer.js';
import { freePort } from './process.js';

export const guest = (name: string, transport: Entry['transport']): Entry => ({
  how: 'anonymous',
  name,
  domain: GUEST_DOMAIN,
  transport,
});

export const account = (name: string, transport: Entry['transport'], how: 'login' | 'register' = 'login'): Entry => ({
  how,
  name,
  password: PASSWORD,
  domain: DOMAIN,
  transport,
});

/** What stands behind the page. */
interface Background {
  readonly options: ServerOptions;
  /** The server has been started. */
  served?(): Promise<unknown>;
  stop?(): Promise<unknown>;
}

/** Both domains are served by ours; it forgets its accounts when it is stopped. */
export function ourCore(names: readonly string[]): () => Promise<Background> {
  return async () => {
    let accounts: Host['accounts'] | undefined;
    const look = (host: Host) => {
      if (host.domain === DOMAIN) accounts = host.accounts;
    };
    const module = { name: 'look', about: 'For tests.', specifications: [], load: look };
    return {
      options: {
        components: {
          [`rooms.${DOMAIN}`]: { module: 'muc' },
          [`rooms.${GUEST_DOMAIN}`]: { module: 'muc' },
          [`upload.${DOMAIN}`]: { module: 'upload', upload: { max_file_size: 1_000_000 } },
        },
        domains: { [GUEST_DOMAIN]: { auth: { anonymous: true } }, [DOMAIN]: { auth: { register: true } } },
        modules: [module],
      },
      served: () => Promise.all(names.map((name) => accounts?.create(name, PASSWORD))),
    };
  };
}

/** Both domains are Prosody's. */
export async function prosodyBehind(): Promise<Background> {
  const peer = await startOpenProsody();
  const behind = { host: '127.0.0.1', port: peer.port, tls: 'none' } as const;
  return {
    options: {
      upstreams: { [DOMAIN]: behind, [GUEST_DOMAIN]: behind },
      chat: [
        { domain: GUEST_DOMAIN, anonymous: true, register: false },
        { domain: DOMAIN, anonymous: false, register: true },
      ],
    },
    stop: () => peer.stop(),
  };
}

/** Set up before the tests of a suite, and gone after them. */
export class ChatStage {
  port = 0;
  #server: Server | undefined;
  #background: Background | undefined;
  #browser: Browser | undefined;
  readonly #windows = new ChatWindows(
    () => this.#chromium,
    () => this.origin,
  );

  constructor(background: () => Promise<Background>) {
    beforeAll(async () => {
      [this.#background, this.#browser, this.port] = await Promise.all([background(), startChromium(), freePort()]);
      await this.serve();
    });
    afterEach(() => this.#windows.close());
    afterAll(async () => {
      await this.#browser?.close();
      await this.stop();
      await this.#background?.stop?.();
    });
  }

  get origin(): string {
    return `http://localhost:${this.port}/`;
  }

  /** For clients without the page. */
  get edge(): Endpoint {
    return { bosh: `${this.origin}http-bind/`, ws: `ws://localhost:${this.port}/xmpp-websocket/` };
  }

  async serve(): Promise<void> {
    const options = this.#background?.options;
    this.#server = createServer({ host: '127.0.0.1', port: this.port, log: silentLog, ...options });
    await this.#server.start();
    await this.#background?.served?.();
  }

  async stop(): Promise<void> {
    await this.#server?.stop();
  }

  open(link?: string, beside?: ChatWindow): Promise<ChatWindow> {
    return this.#windows.open(link, beside);
  }

  async enter(entry: Entry, beside?: ChatWindow): Promise<ChatWindow> {
    return (await this.open(undefined, beside)).enter(entry);
  }

  couple(): Promise<[romeo: ChatWindow, juliet: ChatWindow]> {
    return this.#windows.couple(GUEST_DOMAIN);
  }

  /** The browser has found nothing wrong with any window. */
  noComplaints(): void {
    expect(this.#windows.complaints).toEqual([]);
  }

  get #chromium(): Browser {
    if (!this.#browser) throw new Error('no browser before the tests of the suite');
    return this.#browser;
  }
}
