// A client of RFC 7395 over plain socket code: masked text frames up, unmasked whole text frames down, pings answered.

import { randomBytes } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import { Conversation } from './conversation.js';
import { type Line, login } from './login.js';
import { type Listener, logsIn, type Session, type SessionOptions } from './session.js';

const TEXT = 1;
const CLOSE = 8;
const PING = 9;
const PONG = 10;

export class WsSession implements Session, Line {
  readonly talk: Conversation;
  readonly #options: SessionOptions;
  readonly #listener: Listener;
  readonly #socket: Socket;
  readonly #mask = randomBytes(4);
  #received: Buffer | undefined;
  #upgraded: (() => void) | undefined;
  #asked: ((text: string) => void) | undefined;
  #frames: string[] = [];

  constructor(number: number, options: SessionOptions, listener: Listener) {
    this.#options = options;
    this.#listener = listener;
    this.talk = new Conversation(number, options.bytes);
    this.#socket = connect({ port: options.port, host: '127.0.0.1', noDelay: true });
    const failed = (error: Error) => listener.failed(new Error(`session ${number}: ${error.message}`));
    this.#socket.on('data', (chunk) => {
      try {
        this.#read(chunk);
      } catch (error) {
        failed(error as Error);
      }
    });
    this.#socket.on('error', failed);
    this.#socket.on('close', () => failed(new Error('the server closed the connection')));
  }

  async open(): Promise<void> {
    await this.#upgrade();
    if (logsIn(this.#options)) this.talk.jid = await login(this, this.talk.number, this.#options);
  }

  async start(): Promise<string> {
    const to = this.#options.domain;
    const open = `<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='${to}' version='1.0'/>`;
    const opened = await this.ask(open, '<open');
    // A relay puts both into one message.
    return opened.includes('features>') ? opened : this.ask('', 'features>');
  }

  turn(): void {
    const frames: Buffer[] = [];
    for (let i = 0; i < this.#options.burst; i++)
      frames.push(this.#frame(TEXT, Buffer.from(this.talk.next(), 'latin1')));
    this.#listener.sent();
    this.#socket.write(frames.length === 1 && frames[0] !== undefined ? frames[0] : Buffer.concat(frames));
  }

  rest(): void {}

  rests(): boolean {
    return !this.#socket.destroyed;
  }

  async finish(): Promise<void> {
    this.#socket.removeAllListeners();
    const closed = new Promise<void>((resolve) => this.#socket.once('close', () => resolve()));
    this.#socket.on('error', () => {}).on('data', () => {});
    this.#socket.end(this.#frame(CLOSE, Buffer.from([3, 232])));
    await closed;
  }

  cut(): void {
    this.#socket.removeAllListeners();
    this.#socket.on('error', () => {});
    this.#socket.destroy();
  }

  waitsFor(): string {
    return this.talk.waitsFor();
  }

  #upgrade(): Promise<void> {
    const { port, path } = this.#options;
    this.#socket.write(
      `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
        'Origin: http://chat.example\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: xmpp\r\n' +
        `Sec-WebSocket-Key: ${randomBytes(16).toString('base64')}\r\n\r\n`,
    );
    return new Promise((resolve) => {
      this.#upgraded = resolve;
    });
  }

  /** Sends, unless there is nothing to send, and takes the next frame, which has to hold `wanted`. */
  async ask(text: string, wanted: string): Promise<string> {
    if (text !== '') this.#socket.write(this.#frame(TEXT, Buffer.from(text, 'latin1')));
    const answer =
      this.#frames.shift() ??
      (await new Promise<string>((resolve) => {
        this.#asked = resolve;
      }));
    if (!answer.includes(wanted)) throw new Error(`wanted ${wanted}, got ${answer.slice(0, 300)}`);
    return answer;
  }

  #read(chunk: Buffer): void {
    let bytes = this.#received === undefined ? chunk : Buffer.concat([this.#received, chunk]);
    this.#received = undefined;
    if (this.#upgraded !== undefined) {
      const end = bytes.indexOf('\r\n\r\n');
      if (end !== -1) bytes = this.#handshake(bytes, end);
      if (end === -1) this.#received = bytes;
      if (end === -1) return;
    }
    let at = 0;
    for (let end = frameEnd(bytes, at); end !== -1; end = frameEnd(bytes, at)) {
      this.#one(bytes, at, end);
      at = end;
    }
    if (at < bytes.length) this.#received = bytes.subarray(at);
  }

  #handshake(bytes: Buffer, end: number): Buffer {
    const head = bytes.toString('latin1', 0, end);
    if (!head.startsWith('HTTP/1.1 101')) throw new Error(`no upgrade: ${head.slice(0, 300)}`);
    this.#upgraded?.();
    this.#upgraded = undefined;
    return bytes.subarray(end + 4);
  }

  #one(bytes: Buffer, at: number, end: number): void {
    const [first = 0, second = 0] = [bytes[at], bytes[at + 1]];
    const start = at + (second < 126 ? 2 : second === 126 ? 4 : 10);
    const opcode = first & 15;
    if (opcode === PING) this.#socket.write(this.#frame(PONG, bytes.subarray(start, end)));
    else if (first === (0x80 | TEXT)) this.#text(bytes.toString('latin1', start, end));
    else throw new Error(`frame ${first.toString(16)}: ${bytes.toString('latin1', start, end).slice(0, 200)}`);
  }

  #text(text: string): void {
    if (text.startsWith('<message')) {
      const heard = this.talk.hear(text);
      if (heard > 1 && !this.#options.relay) throw new Error('two messages in one frame');
      if (this.talk.outstanding === 0) this.#listener.turned(this);
      return;
    }
    const asked = this.#asked;
    this.#asked = undefined;
    if (asked === undefined) this.#frames.push(text);
    else asked(text);
  }

  #frame(opcode: number, payload: Buffer): Buffer {
    const { length } = payload;
    const head = length < 126 ? 6 : 8;
    const frame = Buffer.allocUnsafe(head + length);
    frame[0] = 0x80 | opcode;
    frame[1] = 0x80 | (head === 6 ? length : 126);
    if (head === 8) frame.writeUInt16BE(length, 2);
    this.#mask.copy(frame, head - 4);
    const [a = 0, b = 0, c = 0, d = 0] = this.#mask;
    const mask = [a, b, c, d];
    for (let i = 0; i < length; i++) frame[head + i] = (payload[i] ?? 0) ^ (mask[i & 3] ?? 0);
    return frame;
  }
}

/** Where the unmasked frame at `at` ends; -1 while it is not complete. */
function frameEnd(bytes: Buffer, at: number): number {
  if (bytes.length < at + 2) return -1;
  const short = (bytes[at + 1] ?? 0) & 127;
  const head = short < 126 ? 2 : short === 126 ? 4 : 10;
  if (bytes.length < at + head) return -1;
  const length = short < 126 ? short : short === 126 ? bytes.readUInt16BE(at + 2) : bytes.readUInt32BE(at + 6);
  const end = at + head + length;
  return end > bytes.length ? -1 : end;
}
