// A raw XMPP-over-WebSocket client for tests, over ws: it sends any text as it stands and keeps each message it got as text.

import type { IncomingMessage } from 'node:http';
import { WebSocket } from 'ws';
import { isFeatures } from './bosh-client.js';
import { News } from './news.js';
import type { Stream } from './sasl.js';
import { attributes, parseXml, type Xml } from './xml.js';

export const FRAMING = 'urn:ietf:params:xml:ns:xmpp-framing';
/** The one closing message that every client understands. */
export const CLOSE = `<close xmlns="${FRAMING}" />`;

/** The outcome of a handshake that failed. */
export class Refused extends Error {
  constructor(readonly status: number) {
    super(`HTTP ${status}`);
  }
}

export interface WsOptions {
  readonly protocols?: string[];
  readonly headers?: Readonly<Record<string, string>>;
  /** The loopback address to come from. */
  readonly localAddress?: string;
  /** A certificate to show. */
  readonly cert?: string;
  readonly key?: string;
  readonly rejectUnauthorized?: boolean;
}

export class WsClient implements Stream {
  /** The close code, once the WebSocket is closed. */
  readonly closed: Promise<number>;
  /** Every message as it came. */
  readonly messages: string[] = [];
  #read = 0;
  #code: number | undefined;
  #news = new News();

  private constructor(
    readonly socket: WebSocket,
    readonly to: string,
  ) {
    socket.on('message', (data, binary) => {
      this.messages.push(binary ? `binary ${data}` : String(data));
      this.#news.tell();
    });
    socket.on('error', () => {});
    this.closed = new Promise((resolve) => {
      socket.on('close', (code) => {
        this.#code = code;
        resolve(code);
        this.#news.tell();
      });
    });
  }

  /** Connects without opening a stream; rejects with Refused when the handshake fails. */
  static connect(url: string, to: string, { protocols = ['xmpp'], ...more }: WsOptions = {}): Promise<WsClient> {
    return new Promise((resolve, reject) => {
      const socket = new WebSocket(url, protocols, { ...more, perMessageDeflate: false, handshakeTimeout: 10_000 });
      const client = new WsClient(socket, to);
      socket.on('open', () => resolve(client));
      socket.on('unexpected-response', (_request, response: IncomingMessage) => {
        reject(new Refused(response.statusCode ?? 0));
        socket.terminate();
      });
      socket.on('error', reject);
    });
  }

  /** Connects and opens a stream; `opened` is the first message that came back. */
  static async open(url: string, to: string, attrs: Readonly<Record<string, string>> = {}): Promise<WsClient> {
    const client = await WsClient.connect(url, to);
    client.send(client.opening(attrs));
    return client;
  }

  opening(attrs: Readonly<Record<string, string | undefined>> = {}): string {
    return `<open${attributes({ xmlns: FRAMING, to: this.to, version: '1.0', ...attrs })}/>`;
  }

  send(text: string): void {
    this.socket.send(text);
  }

  /** The next message; rejects when the WebSocket closes first. */
  async text(): Promise<string> {
    while (this.#read >= this.messages.length) {
      if (this.#code !== undefined) throw new Error(`closed with ${this.#code} after:\n${this.messages.join('\n')}`);
      await this.#news.next();
    }
    return this.messages[this.#read++];
  }

  /** The next message as XML: it has to stand alone. */
  async next(): Promise<Xml> {
    return parseXml(await this.text());
  }

  /** Skips messages until one matches. */
  async receive(match: (element: Xml) => boolean): Promise<Xml> {
    for (;;) {
      const element = await this.next();
      if (match(element)) return element;
    }
  }

  exchange(xml: string, match: (element: Xml) => boolean): Promise<Xml> {
    this.send(xml);
    return this.receive(match);
  }

  features(): Promise<Xml> {
    return this.receive(isFeatures);
  }

  restart(): Promise<Xml> {
    this.send(this.opening());
    return this.receive(isFeatures);
  }

  /** Cuts the connection below WebSocket. */
  cut(): void {
    this.socket.terminate();
  }
}
