// Two ways for a client to carry an XMPP stream as a person's client does, on top of the raw ones: it listens all the time, hands
// over what comes, and can vanish without a word.

import { randomInt } from 'node:crypto';
import { Agent } from 'node:http';
import { type Answer, type Attributes, body, creation, post, XBOSH } from '../bosh-client.js';
import { Inbox } from '../inbox.js';
import { CLOSE, FRAMING, WsClient } from '../ws-client.js';
import type { Xml } from '../xml.js';
import type { Endpoint } from './peer.js';

export type Transport = 'bosh' | 'websocket';

export interface CarrierOptions {
  /** The loopback address to come from. */
  readonly localAddress?: string;
}

export interface Carrier {
  readonly inbox: Inbox<Xml>;
  /** Opens the stream, or restarts it. */
  open(): void;
  send(xml: string): void;
  /** Ends the stream as the transport prescribes. */
  close(): Promise<void>;
  /** Vanishes: no request, no closing handshake. */
  vanish(): void;
}

/** XEP-0124 with hold 1: one request waits at the server, another one sends. */
export class BoshCarrier implements Carrier {
  readonly inbox = new Inbox<Xml>();
  #rid = randomInt(1, 2 ** 32);
  #sid: string | undefined;
  #open = 0;
  #pending = '';
  #restart = false;
  /** Those two may be read in either order when both are there: the kernel promises nothing of two connections. */
  #taken: Promise<void> = Promise.resolve();
  #stopped = new AbortController();
  #agent: Agent;

  constructor(
    readonly url: string,
    readonly to: string,
    { localAddress }: CarrierOptions = {},
  ) {
    this.#agent = new Agent({ keepAlive: true, localAddress });
  }

  open(): void {
    if (this.#sid === undefined) {
      void this.#request(creation(this.to, { rid: this.#rid, ver: '1.11', wait: 20 }));
      return;
    }
    this.#restart = true;
    this.#work();
  }

  send(xml: string): void {
    this.#pending += xml;
    queueMicrotask(() => this.#work());
  }

  async close(): Promise<void> {
    if (this.inbox.ended === undefined) await this.#request({ type: 'terminate' }, this.#pending);
    this.inbox.end('closed');
    this.#stopped.abort();
    this.#agent.destroy();
  }

  vanish(): void {
    this.inbox.end('vanished');
    this.#stopped.abort();
    this.#agent.destroy();
  }

  /** Sends what waits while fewer than two requests are open, and keeps one open at all times. */
  #work(): void {
    if (this.inbox.ended !== undefined || this.#open >= 2) return;
    if (this.#restart) {
      this.#restart = false;
      void this.#request({ to: this.to, 'xmpp:restart': 'true', 'xmlns:xmpp': XBOSH });
    } else if (this.#pending || this.#open === 0) {
      const payload = this.#pending;
      this.#pending = '';
      void this.#request({}, payload);
    }
  }

  #request(attrs: Attributes, payload = ''): Promise<void> {
    const text = body({ rid: this.#rid++, sid: this.#sid, ...attrs }, payload);
    const headers = { 'content-type': 'text/xml; charset=utf-8' };
    this.#open++;
    const answer = post(this.url, text, { agent: this.#agent, signal: this.#stopped.signal, headers });
    this.#taken = this.#answered(answer, this.#taken);
    return this.#taken;
  }

  async #answered(answer: Promise<Answer>, before: Promise<void>): Promise<void> {
    try {
      const [its] = await Promise.all([answer, before]);
      this.#open--;
      this.#take(its);
    } catch (error) {
      this.inbox.end(String(error));
    }
    this.#work();
  }

  #take(answer: Answer): void {
    if (answer.status !== 200) throw new Error(`${answer.verdict} ${answer.text}`);
    this.#sid ??= answer.body.attr('sid');
    for (const child of answer.children) this.inbox.push(child);
    if (answer.body.attr('type') === 'terminate') this.inbox.end(`${answer.verdict} (${this.to})`);
  }
}

/** RFC 7395. */
export class WebSocketCarrier implements Carrier {
  readonly inbox = new Inbox<Xml>();

  constructor(readonly client: WsClient) {
    void this.#listen().catch((error: unknown) => this.inbox.end(String(error)));
  }

  open(): void {
    this.send(this.client.opening());
  }

  send(xml: string): void {
    this.client.send(xml);
  }

  async close(): Promise<void> {
    if (this.client.socket.readyState === this.client.socket.OPEN) this.send(CLOSE);
    await this.client.closed;
  }

  vanish(): void {
    this.client.cut();
  }

  async #listen(): Promise<never> {
    for (;;) {
      const element = await this.client.next();
      if (element.ns !== FRAMING) this.inbox.push(element);
    }
  }
}

/** A carrier of the transport to a domain at the endpoint; over WebSocket it is connected. */
export async function carrier(
  transport: Transport,
  at: Endpoint,
  domain: string,
  options?: CarrierOptions,
): Promise<Carrier> {
  if (transport === 'bosh') return new BoshCarrier(at.bosh, domain, options);
  return new WebSocketCarrier(await WsClient.connect(at.ws, domain, options));
}
