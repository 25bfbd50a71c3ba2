// Two ways for a small test client to carry an XMPP stream: BOSH by node:http, WebSocket by ws. Each opens, restarts, sends whole
// elements and hands over what comes, and each can vanish without a word, as clients do.

import { randomInt } from 'node:crypto';
import { Agent, request } from 'node:http';
import WebSocket from 'ws';
import type { Endpoint } from './peer.js';
import { Inbox } from './queue.js';
import { type Element, parse } from './xml.js';

export type Transport = 'bosh' | 'websocket';

export interface CarrierOptions {
  /** Further attributes of the BOSH session request. */
  readonly attributes?: string;
  /** The loopback address to come from. */
  readonly localAddress?: string;
}

export interface Carrier {
  readonly inbox: Inbox<Element>;
  /** Opens the stream, or restarts it. */
  open(to: string): Promise<void>;
  send(xml: string): void;
  /** Ends the stream as the transport prescribes. */
  close(): Promise<void>;
  /** Vanishes: no request, no closing handshake. */
  vanish(): void;
}

/** XEP-0124 with hold 1: one request waits at the server, another one sends. */
export class BoshCarrier implements Carrier {
  readonly inbox = new Inbox<Element>();
  readonly created: Record<string, string> = {};
  #rid = randomInt(1, 2 ** 32);
  #sid = '';
  #to = '';
  #open = 0;
  #pending = '';
  #restart = false;
  #stopped = new AbortController();

  #agent: Agent;
  #attributes: string;

  constructor(
    readonly url: string,
    { attributes = '', localAddress }: CarrierOptions = {},
  ) {
    this.#attributes = attributes;
    this.#agent = new Agent({ keepAlive: true, localAddress });
  }

  async open(to: string): Promise<void> {
    this.#to = to;
    if (this.#sid) {
      this.#restart = true;
      return this.#work();
    }
    const creation = `to='${to}' ver='1.11' wait='20' hold='1' xml:lang='en' xmpp:version='1.0' xmlns:xmpp='urn:xmpp:xbosh'`;
    await this.#request(`${creation} ${this.#attributes}`, '');
  }

  send(xml: string): void {
    this.#pending += xml;
    queueMicrotask(() => this.#work());
  }

  async close(): Promise<void> {
    if (this.inbox.ended === undefined) await this.#request(`type='terminate'`, this.#pending);
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
      void this.#request(`to='${this.#to}' xmpp:restart='true' xmlns:xmpp='urn:xmpp:xbosh'`, '');
    } else if (this.#pending || this.#open === 0) {
      const payload = this.#pending;
      this.#pending = '';
      void this.#request('', payload);
    }
  }

  async #request(attributes: string, payload: string): Promise<void> {
    const rid = this.#rid++;
    const sid = this.#sid && `sid='${this.#sid}'`;
    const body = `<body xmlns='http://jabber.org/protocol/httpbind' rid='${rid}' ${sid} ${attributes}>${payload}</body>`;
    this.#open++;
    try {
      const { status, text } = await post(this.url, body, this.#agent, this.#stopped.signal);
      this.#open--;
      this.#answer(status, text);
    } catch (error) {
      this.inbox.end(String(error));
    }
    this.#work();
  }

  #answer(status: number, text: string): void {
    if (status !== 200) throw new Error(`HTTP ${status} ${text}`);
    const body = parse(text);
    if (!this.#sid) Object.assign(this.created, body.attrs);
    this.#sid ||= body.attrs.sid ?? '';
    for (const child of body.children) this.inbox.push(child);
    if (body.attrs.type === 'terminate') this.inbox.end(`terminate ${body.attrs.condition ?? ''} (${this.#to})`);
  }
}

/** RFC 7395. */
export class WebSocketCarrier implements Carrier {
  readonly inbox = new Inbox<Element>();
  #socket: WebSocket;

  constructor(
    readonly url: string,
    { localAddress }: CarrierOptions = {},
  ) {
    this.#socket = new WebSocket(url, 'xmpp', { perMessageDeflate: false, localAddress });
    this.#socket.on('message', (data) => this.#message(parse(String(data))));
    this.#socket.on('close', (code) => this.inbox.end(`websocket closed ${code}`));
    this.#socket.on('error', (error) => this.inbox.end(error.message));
  }

  async open(to: string): Promise<void> {
    if (this.#socket.readyState === WebSocket.CONNECTING)
      await new Promise((resolve) => this.#socket.once('open', resolve).once('close', resolve));
    this.send(`<open xmlns="urn:ietf:params:xml:ns:xmpp-framing" to="${to}" version="1.0"/>`);
  }

  send(xml: string): void {
    this.#socket.send(xml);
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#socket.once('close', resolve));
    if (this.#socket.readyState === WebSocket.OPEN) this.send('<close xmlns="urn:ietf:params:xml:ns:xmpp-framing"/>');
    else if (this.#socket.readyState === WebSocket.CLOSED) return;
    await closed;
  }

  vanish(): void {
    this.#socket.terminate();
  }

  #message(element: Element): void {
    if (element.ns === 'urn:ietf:params:xml:ns:xmpp-framing') return;
    this.inbox.push(element);
  }
}

/** A carrier of the transport to the endpoint. */
export function carrier(transport: Transport, at: Endpoint, options?: CarrierOptions): Carrier {
  return transport === 'bosh' ? new BoshCarrier(at.bosh, options) : new WebSocketCarrier(at.ws, options);
}

function post(url: string, body: string, agent: Agent, signal: AbortSignal): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'text/xml; charset=utf-8', 'content-length': Buffer.byteLength(body) };
    const sent = request(url, { method: 'POST', agent, signal, headers }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk)).on('error', reject);
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString() }));
    });
    sent.on('error', reject).end(body);
  });
}
