// A BOSH client (XEP-0124, XEP-0206) of the kind browsers run: hold='1', and one or two requests in flight.
//
// One request a message: the message goes up in a request, its echo comes down in the response to the same request.
// Two in flight: a turn sends an empty poll on one connection and, without waiting, the message on the other: two
// requests a message. In one turn of eight the later request is written first, so that it overtakes its predecessor.

import { randomInt } from 'node:crypto';
import { Conversation } from './conversation.js';
import { HttpConnection } from './http.js';
import { type Line, login } from './login.js';
import { type Listener, logsIn, type Session, type SessionOptions } from './session.js';

const NS = "xmlns='http://jabber.org/protocol/httpbind'";
/** Connections of proxies stay where they are, and their requests are forwarded. */
const PROXIED = 'X-Forwarded-For: 192.0.2.1\r\n';
const RESTART = "xmpp:restart='true' xmlns:xmpp='urn:xmpp:xbosh'";

export class BoshSession implements Session, Line {
  readonly talk: Conversation;
  readonly #options: SessionOptions;
  readonly #listener: Listener;
  readonly #first: HttpConnection;
  readonly #second: HttpConnection | undefined;
  #rid = randomInt(1, 2 ** 40);
  #sid = '';
  #turns = 0;
  #chatting = false;
  #asked: ((body: string) => void) | undefined;

  constructor(number: number, options: SessionOptions, listener: Listener) {
    this.#options = options;
    this.#listener = listener;
    this.talk = new Conversation(number, options.bytes);
    const path = options.relay ? `${options.path}${number}` : options.path;
    const connection = (more = '') =>
      new HttpConnection(
        options.port,
        path,
        (body) => this.#answered(body),
        (error) => listener.failed(new Error(`session ${number}: ${error.message}`)),
        more,
      );
    this.#first = connection();
    if (options.elsewhere) this.#second = connection(PROXIED);
    else if (options.two) this.#second = connection();
  }

  async open(): Promise<void> {
    if (logsIn(this.#options)) this.talk.jid = await login(this, this.talk.number, this.#options);
  }

  async start(): Promise<string> {
    const to = `to='${this.#options.domain}'`;
    if (this.#sid !== '') return this.#until(await this.#ask(`${to} ${RESTART}`), 'features>');
    const created = await this.#ask(
      `${to} ver='1.11' wait='60' hold='1' content='text/xml; charset=utf-8' xml:lang='en' ` +
        "xmpp:version='1.0' xmlns:xmpp='urn:xmpp:xbosh'",
    );
    this.#sid = /[ ]sid=['"]([^'"]+)['"]/.exec(created)?.[1] ?? '';
    return this.#until(created, 'features>');
  }

  async ask(stanza: string, wanted: string): Promise<string> {
    return this.#until(await this.#ask('', stanza), wanted);
  }

  turn(): void {
    this.#chatting = true;
    let payload = '';
    for (let i = 0; i < this.#options.burst; i++) payload += this.talk.next();
    const second = this.#second;
    const overtakes = ++this.#turns % 8 === 0;
    if (second === undefined) this.#post(this.#first, payload);
    else if (this.#options.elsewhere) this.#post(second, payload);
    else if (this.#first.busy) this.#post(second, payload);
    else if (second.busy) this.#post(this.#first, payload);
    else if (overtakes) this.#both(second, payload, this.#first);
    else this.#both(this.#first, '', second, payload);
  }

  rest(): void {
    this.#chatting = true;
    this.#post(this.#first, '');
  }

  rests(): boolean {
    return this.#first.busy;
  }

  async finish(): Promise<void> {
    this.#chatting = false;
    if (!this.#options.relay && !this.#first.busy) {
      const last = await this.#ask("type='terminate'");
      if (last.includes('<message')) throw new Error(`came with the last response: ${last.slice(0, 300)}`);
    }
    this.#first.close();
    this.#second?.close();
  }

  cut(): void {
    this.#first.close();
    this.#second?.close();
  }

  waitsFor(): string {
    const open = Number(this.#first.busy) + Number(this.#second?.busy ?? false);
    return `${this.talk.waitsFor()} with ${open} requests in flight, last rid ${this.#rid - 1}`;
  }

  #both(one: HttpConnection, payload: string, other: HttpConnection, otherPayload?: string): void {
    if (otherPayload !== undefined) {
      this.#post(one, payload);
      this.#post(other, otherPayload);
      return;
    }
    const poll = this.#body('');
    this.#post(one, payload);
    this.#send(other, poll);
  }

  #post(connection: HttpConnection, payload: string, attributes = ''): void {
    this.#send(connection, this.#body(payload, attributes));
  }

  #send(connection: HttpConnection, body: string): void {
    this.#listener.sent();
    connection.rid = this.#rid - 1;
    for (const other of [this.#first, this.#second]) {
      if (other?.busy && other.rid < connection.rid - 2)
        throw new Error(`rid ${other.rid} is stranded, ${this.waitsFor()}`);
    }
    connection.post(body);
  }

  #body(payload: string, attributes = ''): string {
    const sid = this.#sid === '' ? '' : ` sid='${this.#sid}'`;
    const head = `<body rid='${this.#rid++}'${sid} ${NS}${attributes === '' ? '' : ` ${attributes}`}`;
    return payload === '' ? `${head}/>` : `${head}>${payload}</body>`;
  }

  #answered(body: string): void {
    const { content, terminal } = unwrap(body);
    const asked = this.#asked;
    this.#asked = undefined;
    if (asked !== undefined) {
      asked(body);
      return;
    }
    if (terminal) throw new Error(`the session ended: ${body.slice(0, 300)}`);
    const heard = this.talk.hear(content);
    if (!this.#chatting) return;
    if (this.talk.outstanding === 0) {
      if (heard > 0) this.#listener.turned(this);
    } else if (!this.#first.busy && !this.#second?.busy) this.rest();
  }

  /** Outside of chat: one request, its response. */
  #ask(attributes: string, payload = ''): Promise<string> {
    const connection = this.#first.busy && this.#second !== undefined ? this.#second : this.#first;
    return new Promise((resolve) => {
      this.#asked = resolve;
      this.#post(connection, payload, attributes);
    });
  }

  /** The response that holds `wanted`; asks again while they are empty. */
  async #until(body: string, wanted: string): Promise<string> {
    if (body.includes(wanted)) return body;
    const { content, terminal } = unwrap(body);
    if (terminal || content !== '') throw new Error(`wanted ${wanted}, got ${body.slice(0, 300)}`);
    return this.#until(await this.#ask(''), wanted);
  }
}

function unwrap(body: string): { content: string; terminal: boolean } {
  const headEnd = body.indexOf('>');
  const head = body.slice(0, headEnd);
  if (!head.startsWith('<body')) throw new Error(`no <body/>: ${body.slice(0, 200)}`);
  const terminal = / type=['"]terminate['"]/.test(head);
  if (head.endsWith('/')) return { content: '', terminal };
  if (!body.endsWith('</body>')) throw new Error(`half a <body/>: ${body.slice(-200)}`);
  return { content: body.slice(headEnd + 1, -7), terminal };
}
