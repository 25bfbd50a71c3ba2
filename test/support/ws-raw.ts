// A hostile WebSocket client: any handshake, any frame of RFC 6455, byte by byte.

import { randomBytes } from 'node:crypto';
import { RawHttp } from './http-raw.js';
import { News } from './news.js';

export const OPCODE = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

export interface Frame {
  readonly opcode: number;
  readonly fin: boolean;
  readonly payload: Buffer;
}

export interface FrameOptions {
  readonly fin?: boolean;
  readonly mask?: boolean;
  /** Reserved bits, as a number from 0 to 7. */
  readonly reserved?: number;
}

/** A frame as a client sends it. */
export function frame(
  opcode: number,
  payload: string | Buffer,
  { fin = true, mask = true, reserved = 0 }: FrameOptions = {},
): Buffer {
  const bytes = Buffer.from(payload);
  const first = (fin ? 0x80 : 0) | (reserved << 4) | opcode;
  const masked = mask ? 0x80 : 0;
  const head =
    bytes.length < 126
      ? Buffer.from([first, masked | bytes.length])
      : bytes.length < 65_536
        ? Buffer.from([first, masked | 126, bytes.length >> 8, bytes.length & 0xff])
        : Buffer.concat([Buffer.from([first, masked | 127, 0, 0, 0, 0]), uint32(bytes.length)]);
  if (!mask) return Buffer.concat([head, bytes]);
  const key = randomBytes(4);
  return Buffer.concat([head, key, bytes.map((byte, at) => byte ^ key[at & 3])]);
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

export interface Handshake {
  readonly path?: string;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string | undefined>>;
}

export class RawWebSocket {
  #bytes = Buffer.alloc(0);
  #news = new News();

  private constructor(readonly http: RawHttp) {
    this.#bytes = Buffer.from(http.rest);
    http.socket.on('data', (chunk) => {
      this.#bytes = Buffer.concat([this.#bytes, chunk]);
      this.#news.tell();
    });
    http.socket.on('close', () => this.#news.tell());
  }

  /** The handshake's answer, whatever it is. */
  static async shake(port: number, { path = '/xmpp-websocket/', method = 'GET', headers = {} }: Handshake = {}) {
    const http = await RawHttp.connect(port);
    const all = {
      Host: 'localhost',
      Upgrade: 'websocket',
      Connection: 'Upgrade',
      'Sec-WebSocket-Version': '13',
      'Sec-WebSocket-Key': randomBytes(16).toString('base64'),
      'Sec-WebSocket-Protocol': 'xmpp',
      ...headers,
    };
    const lines = Object.entries(all).flatMap(([name, value]) =>
      value === undefined ? [] : [`${name}: ${value}\r\n`],
    );
    http.send(`${method} ${path} HTTP/1.1\r\n${lines.join('')}\r\n`);
    const answer = await http.answer();
    return { http, answer };
  }

  /** An open WebSocket. */
  static async open(port: number, handshake: Handshake = {}): Promise<RawWebSocket> {
    const { http, answer } = await RawWebSocket.shake(port, handshake);
    if (answer?.status !== 101) throw new Error(`no upgrade: ${answer?.head}`);
    return new RawWebSocket(http);
  }

  send(bytes: Buffer): this {
    this.http.socket.write(bytes);
    return this;
  }

  text(text: string | Buffer): this {
    return this.send(frame(OPCODE.text, text));
  }

  /** The next frame of the server; undefined when the connection ends. */
  async frame(): Promise<Frame | undefined> {
    for (;;) {
      const next = this.#take();
      if (next !== undefined || this.http.isClosed) return next;
      await this.#news.next();
    }
  }

  /** The next text message. */
  async message(): Promise<string | undefined> {
    for (;;) {
      const next = await this.frame();
      if (next === undefined || next.opcode === OPCODE.close) return undefined;
      if (next.opcode === OPCODE.text) return next.payload.toString();
    }
  }

  /** All text messages up to the close frame, and its code; 1006 when there was none. */
  async toTheEnd(): Promise<{ messages: string[]; code: number }> {
    const messages: string[] = [];
    for (;;) {
      const next = await this.frame();
      if (next === undefined) return { messages, code: 1006 };
      if (next.opcode === OPCODE.text) messages.push(next.payload.toString());
      if (next.opcode !== OPCODE.close) continue;
      this.send(frame(OPCODE.close, next.payload.subarray(0, 2)));
      return { messages, code: next.payload.length < 2 ? 1005 : next.payload.readUInt16BE(0) };
    }
  }

  #take(): Frame | undefined {
    const bytes = this.#bytes;
    if (bytes.length < 2) return undefined;
    if ((bytes[1] & 0x80) !== 0) throw new Error('a server frame is never masked');
    const short = bytes[1] & 0x7f;
    const head = short < 126 ? 2 : short === 126 ? 4 : 10;
    if (bytes.length < head) return undefined;
    const length = short < 126 ? short : short === 126 ? bytes.readUInt16BE(2) : Number(bytes.readBigUInt64BE(2));
    if (bytes.length < head + length) return undefined;
    this.#bytes = bytes.subarray(head + length);
    return { opcode: bytes[0] & 0x0f, fin: (bytes[0] & 0x80) !== 0, payload: bytes.subarray(head, head + length) };
  }
}
