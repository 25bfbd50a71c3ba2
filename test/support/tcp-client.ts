// A raw XMPP client over TCP: it writes any text as it stands, keeps what comes, and can begin TLS at any time.

import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { type ConnectionOptions, type TLSSocket, connect as tlsConnect } from 'node:tls';
import { isFeatures } from './bosh-client.js';
import { Inbox } from './inbox.js';
import { News } from './news.js';
import type { Stream } from './sasl.js';
import { attributes, type Xml, XmlReader } from './xml.js';

const TLS = 'urn:ietf:params:xml:ns:xmpp-tls';
export const STARTTLS = `<starttls xmlns='${TLS}'/>`;

export interface TcpClientOptions {
  readonly to?: string;
  /** TLS from the first byte. */
  readonly direct?: boolean;
  readonly tls?: ConnectionOptions;
  /** Written before anything else, also before TLS. */
  readonly preamble?: string | Buffer;
}

export class TcpClient implements Stream {
  /** Everything that came, of the connection as it is now. */
  text = '';
  readonly inbox = new Inbox<Xml>();
  readonly headers: Xml[] = [];
  /** How the server ended it: with `</stream:stream>`, or without. */
  ended: 'open' | 'closed' | 'lost' = 'open';
  socket: Socket;
  readonly to: string;
  readonly #tls: ConnectionOptions;
  #reader = this.#document();
  #goodbye = false;
  readonly #news = new News();

  private constructor(socket: Socket, { to = 'test.example', tls = {} }: TcpClientOptions) {
    this.to = to;
    this.#tls = { servername: to, ...tls };
    this.socket = socket;
  }

  static async connect(port: number, options: TcpClientOptions = {}): Promise<TcpClient> {
    const socket = connect({ host: '127.0.0.1', port, noDelay: true });
    await once(socket, 'connect');
    if (options.preamble !== undefined) socket.write(options.preamble);
    const client = new TcpClient(socket, options);
    if (options.direct) await client.encrypt();
    else client.#listen(socket);
    return client;
  }

  /** Connects and opens a stream. */
  static async open(port: number, options: TcpClientOptions = {}): Promise<TcpClient> {
    const client = await TcpClient.connect(port, options);
    client.open();
    return client;
  }

  header(attrs: Readonly<Record<string, string | undefined>> = {}): string {
    const all = { xmlns: 'jabber:client', 'xmlns:stream': 'http://etherx.jabber.org/streams', to: this.to };
    return `<?xml version='1.0'?><stream:stream${attributes({ ...all, version: '1.0', ...attrs })}>`;
  }

  open(attrs: Readonly<Record<string, string | undefined>> = {}): void {
    this.#reader = this.#document();
    this.write(this.header(attrs));
  }

  write(bytes: string | Buffer): void {
    this.socket.write(bytes);
  }

  /** Shakes hands over the connection as it is; rejects when that fails. */
  async encrypt(): Promise<TLSSocket> {
    const raw = this.socket;
    raw.removeAllListeners();
    raw.on('error', () => {});
    const socket = tlsConnect({ socket: raw, ...this.#tls });
    await Promise.race([
      once(socket, 'secureConnect'),
      once(raw, 'close').then(() => Promise.reject(new Error('closed during the handshake'))),
    ]);
    this.text = '';
    this.#listen(socket);
    return socket;
  }

  /** STARTTLS after the features, and the stream after it. */
  async starttls(): Promise<Xml> {
    await this.features();
    const answer = await this.exchange(STARTTLS, ({ ns }) => ns === TLS);
    if (answer.name !== 'proceed') throw new Error(`no TLS: ${answer.raw}`);
    await this.encrypt();
    return this.restart();
  }

  async exchange(xml: string, match: (element: Xml) => boolean): Promise<Xml> {
    this.write(xml);
    return this.inbox.take(match, `an answer to ${xml}`);
  }

  features(): Promise<Xml> {
    return this.inbox.take(isFeatures, 'features');
  }

  restart(): Promise<Xml> {
    this.open();
    return this.features();
  }

  /** Resolves when it holds; it is looked at whenever something comes. */
  when(holds: () => boolean): Promise<void> {
    return this.#news.when(holds);
  }

  /** Resolves with how the server ended the connection. */
  async end(): Promise<TcpClient['ended']> {
    await this.when(() => this.ended !== 'open');
    return this.ended;
  }

  /** The condition of the stream error that comes. */
  async error(): Promise<string | undefined> {
    const error = await this.inbox.take(({ name }) => name === 'error', 'a stream error');
    return error.children.find(({ name }) => name !== 'text')?.name;
  }

  #listen(socket: Socket): void {
    this.socket = socket;
    socket.setEncoding('utf8').on('data', (text: unknown) => this.#read(String(text)));
    socket.on('error', () => {}).on('close', () => this.#closed());
  }

  #read(text: string): void {
    this.text += text;
    this.#reader.write(text);
    this.#news.tell();
  }

  #closed(): void {
    this.ended = this.#goodbye ? 'closed' : 'lost';
    this.inbox.end('the connection ended');
    this.#news.tell();
  }

  #document(): XmlReader {
    return new XmlReader({
      header: (header) => this.headers.push(header),
      element: (element) => this.inbox.push(element),
      end: () => {
        this.#goodbye = true;
        this.socket.end('</stream:stream>');
      },
    });
  }
}
