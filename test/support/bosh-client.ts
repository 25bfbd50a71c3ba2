// A raw BOSH client for tests, over node:http: every attribute, rid, header, byte and connection is in the caller's hand. It
// sends what it is told, also what no client should, and never repeats or reorders anything by itself.

import { randomInt } from 'node:crypto';
import { Agent, type IncomingHttpHeaders, request } from 'node:http';
import { request as requestTls } from 'node:https';
import { connect } from 'node:net';
import type { Stream } from './sasl.js';
import { attributes, parseXml, type Xml } from './xml.js';

export const HTTPBIND = 'http://jabber.org/protocol/httpbind';
export const XBOSH = 'urn:xmpp:xbosh';

export type Attributes = Readonly<Record<string, string | number | undefined>>;

/** One HTTP answer. */
export class Answer {
  #body: Xml | undefined;

  constructor(
    readonly status: number,
    readonly headers: IncomingHttpHeaders,
    readonly bytes: Buffer,
  ) {}

  get text(): string {
    return this.bytes.toString('utf8');
  }

  /** The `<body/>`; throws when the answer is not XML. */
  get body(): Xml {
    this.#body ??= parseXml(this.text);
    return this.#body;
  }

  get children(): readonly Xml[] {
    return this.body.children;
  }

  /** `terminate item-not-found`, `error`, or an empty string: how the session stands after this answer. */
  get verdict(): string {
    if (this.status !== 200) return `HTTP ${this.status}`;
    const words = [this.body.attr('type'), this.body.attr('condition')];
    return words.filter((word) => word !== undefined).join(' ');
  }
}

export interface PostOptions {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Appended to the URL. */
  readonly query?: string;
  /** A connection of its own by default, so that requests never wait for each other. For HTTPS an Agent of node:https. */
  readonly agent?: Agent;
  readonly signal?: AbortSignal;
}

/** One HTTP request; rejects when the connection ends without an answer. */
export function post(url: string, body: string | Buffer, options: PostOptions = {}): Promise<Answer> {
  const { method = 'POST', headers, query = '', agent = new Agent({ keepAlive: false }), signal } = options;
  const bytes = Buffer.from(body);
  return new Promise((resolve, reject) => {
    const length = method === 'POST' ? { 'Content-Length': String(bytes.length) } : {};
    const ask = url.startsWith('https:') ? requestTls : request;
    const sent = ask(url + query, { method, agent, signal, headers: { ...length, ...headers } }, (response) => {
      const parts: Buffer[] = [];
      response.on('data', (part: Buffer) => parts.push(part));
      response.on('error', reject);
      response.on('end', () => resolve(new Answer(response.statusCode ?? 0, response.headers, Buffer.concat(parts))));
    });
    sent.on('error', reject);
    sent.end(method === 'POST' ? bytes : undefined);
  });
}

/** Writes bytes to the server's port and resolves with all it says until it closes, or until `enough` of it is there. */
export function rawHttp(url: string, text: string | Buffer, enough = (_said: string): boolean => false) {
  const { hostname, port } = new URL(url);
  return new Promise<string>((resolve, reject) => {
    let said = '';
    const socket = connect(Number(port || 80), hostname, () => socket.write(text));
    socket.setTimeout(15_000, () => socket.destroy(new Error(`no answer; so far: ${said}`)));
    socket.on('data', (part) => {
      said += part.toString('utf8');
      if (enough(said)) socket.destroy();
    });
    socket.on('error', reject).on('close', () => resolve(said));
  });
}

/** `<body rid='...' ...>payload</body>`. */
export function body(attrs: Attributes, payload = ''): string {
  return `<body${attributes({ xmlns: HTTPBIND, ...attrs })}>${payload}</body>`;
}

/** The attributes of a usual session creation request. */
export function creation(to: string, attrs: Attributes = {}): Attributes {
  return {
    content: 'text/xml; charset=utf-8',
    hold: 1,
    rid: randomInt(1, 2 ** 40),
    to,
    ver: '1.6',
    wait: 5,
    'xml:lang': 'en',
    'xmlns:xmpp': XBOSH,
    'xmpp:version': '1.0',
    ...attrs,
  };
}

/** A session; `rid` is that of the last request. */
export class BoshSession implements Stream {
  rid: number;
  readonly sid: string;
  /** Elements that arrived while something else was waited for. */
  readonly inbox: Xml[] = [];

  private constructor(
    readonly url: string,
    readonly to: string,
    readonly created: Answer,
    rid: number,
  ) {
    this.rid = rid;
    this.sid = created.body.attr('sid') ?? '';
    this.inbox.push(...created.children);
  }

  /** Creates a session; throws when the server does not. */
  static async create(url: string, to: string, attrs: Attributes = {}, options?: PostOptions): Promise<BoshSession> {
    const wanted = creation(to, attrs);
    const answer = await post(url, body(wanted), options);
    if (!answer.body.attr('sid') || answer.verdict) throw new Error(`no session: ${answer.text}`);
    return new BoshSession(url, to, answer, Number(wanted.rid));
  }

  /** A number the server told at creation. */
  told(name: string): number {
    return Number(this.created.body.attr(name));
  }

  /** The text of a request with any rid. */
  text(rid: number | string | undefined, payload = '', attrs: Attributes = {}): string {
    return body({ rid, sid: this.sid, ...attrs }, payload);
  }

  /** Sends the request with this rid. */
  at(rid: number | string, payload = '', attrs: Attributes = {}, options?: PostOptions): Promise<Answer> {
    return post(this.url, this.text(rid, payload, attrs), options);
  }

  /** Sends the next request. */
  send(payload = '', attrs: Attributes = {}, options?: PostOptions): Promise<Answer> {
    this.rid++;
    return this.at(this.rid, payload, attrs, options);
  }

  terminate(payload = ''): Promise<Answer> {
    return this.send(payload, { type: 'terminate' });
  }

  /** Polls until an element matches, no faster than the session allows; what arrives besides goes to the inbox. */
  async receive(match: (element: Xml) => boolean, first?: Promise<Answer>): Promise<Xml> {
    for (let answer = first; ; answer = undefined) {
      if (answer) this.#take(await answer);
      const at = this.inbox.findIndex(match);
      if (at >= 0) return this.inbox.splice(at, 1)[0];
      if (!answer) this.#take(await this.#poll());
    }
  }

  async #poll(): Promise<Answer> {
    const polling = this.told('hold') === 0 || this.told('wait') === 0;
    if (polling) await new Promise((resolve) => setTimeout(resolve, this.told('polling') * 1000));
    return this.send();
  }

  exchange(xml: string, match: (element: Xml) => boolean): Promise<Xml> {
    return this.receive(match, this.send(xml));
  }

  features(): Promise<Xml> {
    return this.receive(isFeatures);
  }

  restart(): Promise<Xml> {
    const attrs = { to: this.to, 'xml:lang': 'en', 'xmlns:xmpp': XBOSH, 'xmpp:restart': 'true' };
    return this.receive(isFeatures, this.send('', attrs));
  }

  #take(answer: Answer): void {
    this.inbox.push(...answer.children);
    if (answer.body.attr('type') === 'terminate') throw new Error(`terminated: ${answer.text}`);
  }
}

export function isFeatures({ name, ns }: Xml): boolean {
  return name === 'features' && ns === 'http://etherx.jabber.org/streams';
}
