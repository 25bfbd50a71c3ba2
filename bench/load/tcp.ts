// A client of RFC 6120 over a plain TCP socket. What comes is cut by tag names, not parsed: only what servers write to
// such a client is understood.

import { connect, type Socket } from 'node:net';
import { Conversation } from './conversation.js';
import { type Line, login } from './login.js';
import { type Listener, logsIn, type Session, type SessionOptions } from './session.js';

const MESSAGE_END = '</message>';

export class TcpSession implements Session, Line {
  readonly talk: Conversation;
  /** Told every stanza that is neither a message nor an answer. */
  heard: (stanza: string) => void = () => {};
  /** Told messages instead of the conversation, one or more at a time. */
  told: ((messages: string) => void) | undefined;
  readonly #options: SessionOptions;
  readonly #listener: Listener;
  readonly #socket: Socket;
  #rest = '';
  #wanted = '';
  #asked: ((text: string) => void) | undefined;

  constructor(number: number, options: SessionOptions, listener: Listener) {
    this.#options = options;
    this.#listener = listener;
    this.talk = new Conversation(number, options.bytes);
    this.#socket = connect({ port: options.port, host: '127.0.0.1', noDelay: true });
    const failed = (error: Error) => listener.failed(new Error(`session ${number}: ${error.message}`));
    this.#socket.on('data', (chunk) => {
      try {
        this.#read(chunk.toString('latin1'));
      } catch (error) {
        failed(error as Error);
      }
    });
    this.#socket.on('error', failed);
    this.#socket.on('close', () => failed(new Error('the server closed the connection')));
  }

  async open(): Promise<void> {
    if (logsIn(this.#options)) this.talk.jid = await login(this, this.talk.number, this.#options);
  }

  start(): Promise<string> {
    const header =
      `<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' ` +
      `to='${this.#options.domain}' version='1.0'>`;
    return this.ask(header, 'stream:features');
  }

  ask(stanza: string, wanted: string): Promise<string> {
    return new Promise((resolve) => {
      this.#wanted = wanted;
      this.#asked = resolve;
      this.send(stanza);
    });
  }

  turn(): void {
    let text = '';
    for (let i = 0; i < this.#options.burst; i++) text += this.talk.next();
    this.send(text);
  }

  send(stanza: string): void {
    this.#listener.sent();
    this.#socket.write(stanza, 'latin1');
  }

  rest(): void {}

  rests(): boolean {
    return !this.#socket.destroyed;
  }

  async finish(): Promise<void> {
    this.#socket.removeAllListeners();
    const closed = new Promise<void>((resolve) => this.#socket.once('close', () => resolve()));
    this.#socket.on('error', () => {}).on('data', () => {});
    this.#socket.end('</stream:stream>');
    await closed;
  }

  cut(): void {
    this.#socket.removeAllListeners();
    this.#socket.on('error', () => {});
    this.#socket.destroy();
  }

  waitsFor(): string {
    return this.#asked === undefined ? this.talk.waitsFor() : this.#wanted;
  }

  #read(chunk: string): void {
    const text = this.#rest === '' ? chunk : this.#rest + chunk;
    this.#rest = '';
    if (text.startsWith('<message') && text.endsWith(MESSAGE_END)) {
      this.#messages(text);
      return;
    }
    let at = 0;
    for (let end = elementEnd(text, at); end !== -1; end = elementEnd(text, at)) {
      this.#one(text.slice(at, end));
      at = end;
    }
    this.#rest = text.slice(at);
  }

  #one(element: string): void {
    if (element.startsWith('<message')) this.#messages(element);
    else if (element.startsWith('</stream:stream') || element.startsWith('<stream:error')) throw new Error(element);
    else if (this.#asked !== undefined && element.includes(this.#wanted)) {
      const asked = this.#asked;
      this.#asked = undefined;
      asked(element);
    } else if (element.startsWith('<failure')) throw new Error(element);
    else this.heard(element);
  }

  #messages(text: string): void {
    if (this.told !== undefined) return void this.told(text);
    this.talk.hear(text);
    if (this.talk.outstanding === 0) this.#listener.turned(this);
  }
}

/** Where the element at `at` ends; -1 while it is not complete. A stream's tags and declarations are elements here. */
function elementEnd(text: string, at: number): number {
  const close = text.indexOf('>', at);
  if (close === -1) return -1;
  if (text[close - 1] === '/' || text[close - 1] === '?' || text[at + 1] === '/') return close + 1;
  if (text.startsWith('<stream:stream', at)) return close + 1;
  const name = /^\s*<([^\s/>]+)/.exec(text.slice(at, at + 64))?.[1] ?? '';
  const end = text.indexOf(`</${name}>`, close);
  return end === -1 ? -1 : end + name.length + 3;
}
