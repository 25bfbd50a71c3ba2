// One keep-alive HTTP/1.1 connection of a browser, written with plain socket code so that the load client is cheaper
// than what it measures. One request at a time.

import { connect, type Socket } from 'node:net';
import { gunzipSync } from 'node:zlib';

const NOTHING = Buffer.alloc(0);
const BROWSER =
  'User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r\nAccept: */*\r\n' +
  'Accept-Language: en-US,en;q=0.5\r\nAccept-Encoding: gzip, deflate, br\r\nContent-Type: text/xml; charset=utf-8\r\n' +
  'Origin: http://chat.example\r\nConnection: keep-alive\r\n';

export class HttpConnection {
  readonly #socket: Socket;
  readonly #head: string;
  readonly #answered: (body: string) => void;
  #received: Buffer = NOTHING;
  busy = false;
  /** The rid of the request in flight. */
  rid = 0;

  /**
   * `answered` is told every response's body; `lost` why the connection cannot be used any more. `more`: lines of the head
   * besides a browser's.
   */
  constructor(port: number, path: string, answered: (body: string) => void, lost: (error: Error) => void, more = '') {
    this.#head = `POST ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n${BROWSER}${more}Content-Length: `;
    this.#answered = answered;
    this.#socket = connect({ port, host: '127.0.0.1', noDelay: true });
    this.#socket.on('data', (chunk) => {
      try {
        this.#read(chunk);
      } catch (error) {
        lost(error as Error);
      }
    });
    this.#socket.on('error', lost);
    this.#socket.on('close', () => lost(new Error('the server closed the connection')));
  }

  /** `body` is ASCII. */
  post(body: string): void {
    if (this.busy) throw new Error('two requests on one connection');
    this.busy = true;
    this.#socket.write(`${this.#head}${body.length}\r\n\r\n${body}`, 'latin1');
  }

  close(): void {
    this.#socket.removeAllListeners();
    this.#socket.on('error', () => {});
    this.#socket.destroy();
  }

  #read(chunk: Buffer): void {
    const bytes = this.#received.length === 0 ? chunk : Buffer.concat([this.#received, chunk]);
    const headEnd = bytes.indexOf('\r\n\r\n');
    if (headEnd === -1) {
      this.#received = bytes;
      return;
    }
    const head = bytes.toString('latin1', 0, headEnd);
    const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1];
    if (!head.startsWith('HTTP/1.1 200') || length === undefined) throw new Error(`HTTP: ${head.slice(0, 300)}`);
    const end = headEnd + 4 + Number(length);
    if (bytes.length > end) throw new Error('more than one response to one request');
    this.#received = bytes.length < end ? bytes : NOTHING;
    if (bytes.length < end) return;
    if (!this.busy) throw new Error('a response without a request');
    this.busy = false;
    const body = bytes.subarray(headEnd + 4);
    this.#answered((/\r\ncontent-encoding: *gzip/i.test(head) ? gunzipSync(body) : body).toString('latin1'));
  }
}
