// A hostile HTTP client: writes bytes as they stand on a TCP connection, and reads whole answers off it.

import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';

import { News } from './news.js';

export interface RawAnswer {
  readonly status: number;
  readonly head: string;
  readonly headers: ReadonlyMap<string, string>;
  readonly body: Buffer;
  readonly text: string;
}

export class RawHttp {
  readonly closed: Promise<void>;
  isClosed = false;
  #bytes = Buffer.alloc(0);
  #news = new News();

  private constructor(readonly socket: Socket) {
    this.closed = new Promise((resolve) => {
      socket.on('close', () => {
        this.isClosed = true;
        this.#news.tell();
        resolve();
      });
    });
    socket.on('error', () => {});
    socket.on('data', (chunk) => {
      this.#bytes = Buffer.concat([this.#bytes, chunk]);
      this.#news.tell();
    });
  }

  static connect(port: number, tls = false): Promise<RawHttp> {
    return new Promise((resolve, reject) => {
      const options = { host: '127.0.0.1', port, rejectUnauthorized: false, servername: 'localhost' };
      const socket = tls ? connectTls(options) : connect(options);
      socket.once('error', reject);
      socket.once(tls ? 'secureConnect' : 'connect', () => resolve(new RawHttp(socket)));
    });
  }

  send(bytes: string | Buffer): this {
    this.socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes);
    return this;
  }

  /** A POST with these bytes. */
  post(path: string, body: string | Buffer, headers: Readonly<Record<string, string>> = {}): this {
    const bytes = Buffer.from(body);
    const lines = Object.entries({ host: 'localhost', 'content-length': String(bytes.length), ...headers });
    const head = lines.map(([name, value]) => `${name}: ${value}\r\n`).join('');
    return this.send(Buffer.concat([Buffer.from(`POST ${path} HTTP/1.1\r\n${head}\r\n`), bytes]));
  }

  /** The next whole answer; undefined when the connection ends without one. */
  async answer(): Promise<RawAnswer | undefined> {
    for (;;) {
      const answer = this.#take();
      if (answer !== undefined || this.isClosed) return answer;
      await this.#news.next();
    }
  }

  /** Everything that came and was not taken as an answer. */
  get rest(): Buffer {
    return this.#bytes;
  }

  destroy(): void {
    this.socket.destroy();
  }

  #take(): RawAnswer | undefined {
    const end = this.#bytes.indexOf('\r\n\r\n');
    if (end < 0) return undefined;
    const head = this.#bytes.toString('latin1', 0, end);
    const [line, ...lines] = head.split('\r\n');
    const headers = new Map<string, string>();
    for (const each of lines) {
      const colon = each.indexOf(':');
      const name = each.slice(0, colon).toLowerCase();
      const value = each.slice(colon + 1).trim();
      headers.set(name, headers.has(name) ? `${headers.get(name)}, ${value}` : value);
    }
    const status = Number(line.split(' ')[1]);
    const length = status === 204 || status === 304 ? 0 : Number(headers.get('content-length') ?? 0);
    if (this.#bytes.length < end + 4 + length) return undefined;
    const body = this.#bytes.subarray(end + 4, end + 4 + length);
    this.#bytes = this.#bytes.subarray(end + 4 + length);
    return { status, head, headers, body, text: body.toString() };
  }
}
