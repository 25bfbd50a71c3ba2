// A scripted XMPP server on loopback: real sockets, real TLS, and whatever misbehaviour a test wants. It answers stream
// headers and STARTTLS by itself; everything else it keeps, and a test says what it sends.

import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { KeyPair } from './certs.js';
import { News } from './news.js';

export interface XmppServerOptions {
  readonly host?: string;
  /** Offers STARTTLS with this certificate, or speaks TLS from the first byte where `direct` is set. */
  readonly tls?: KeyPair;
  readonly direct?: boolean;
  readonly alpn?: readonly string[];
  /** Said after each header; default: SASL PLAIN once encrypted or where there is no TLS. */
  readonly features?: string;
  /** Says STARTTLS although it has no certificate, or hides that it has. */
  readonly offersStarttls?: boolean;
  /** Answers `<starttls/>`; default `<proceed/>`. */
  readonly proceed?: string;
  /** Attributes of its headers besides the namespaces. */
  readonly header?: string;
  /** False: accepts and says nothing. */
  readonly answers?: boolean;
  /** False: never answers `</stream:stream>`. */
  readonly closes?: boolean;
  /** Bytes of its own before any of the above. */
  readonly greeting?: string;
  /** Read from a connection before XMPP starts: the PROXY protocol. */
  readonly preamble?: number | 'line';
}

const HEADER =
  "<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'";
const STARTTLS = "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls>";
const SASL = "<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>PLAIN</mechanism></mechanisms>";
const PROCEED = "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>";

/** One connection as the server sees it. */
export class XmppConnection {
  /** All bytes that came, after the preamble and inside TLS. */
  received = '';
  /** What came before XMPP, by the option `preamble`. */
  preamble = Buffer.alloc(0);
  /** How it ended: with `</stream:stream>`, with a plain FIN, or by a reset. */
  ended: 'open' | 'closed' | 'fin' | 'reset' = 'open';
  bytes = 0;
  socket: Socket;
  headers: string[] = [];
  #unseen = '';
  #news = new News();

  constructor(
    readonly raw: Socket,
    readonly options: XmppServerOptions,
  ) {
    this.socket = raw;
    raw.on('error', () => {});
    if (options.preamble !== undefined) this.#readPreamble(options.preamble);
    else this.#begin();
  }

  get encrypted(): boolean {
    return this.socket instanceof TLSSocket;
  }

  /** The name the client asked a certificate for, and the protocol it announced. */
  get tls(): { servername: string | false | null; alpn: string | false | null } {
    const socket = this.socket as TLSSocket;
    return { servername: (socket as unknown as { servername: string }).servername, alpn: socket.alpnProtocol };
  }

  send(text: string | Buffer): void {
    this.socket.write(text);
  }

  /** Resolves with all that was received once it matches. */
  async until(pattern: RegExp | string): Promise<string> {
    const there = () => (typeof pattern === 'string' ? this.received.includes(pattern) : pattern.test(this.received));
    await this.when(there);
    return this.received;
  }

  /** Resolves when the condition holds; it is looked at whenever something happens. */
  when(condition: () => boolean): Promise<void> {
    return this.#news.when(condition);
  }

  /** Resolves with how the client ended it. */
  async end(): Promise<XmppConnection['ended']> {
    await this.when(() => this.ended !== 'open' && this.socket.destroyed);
    return this.ended;
  }

  #readPreamble(size: number | 'line'): void {
    let read = Buffer.alloc(0);
    const take = (chunk: Buffer) => {
      read = Buffer.concat([read, chunk]);
      const length = size === 'line' ? read.indexOf('\n') + 1 : size;
      if (length === 0 || read.length < length) return;
      this.raw.off('data', take);
      this.raw.pause();
      this.preamble = read.subarray(0, length);
      if (read.length > length) this.raw.unshift(read.subarray(length));
      this.#begin();
      this.raw.resume();
    };
    this.raw.on('data', take);
  }

  #begin(): void {
    if (this.options.direct) this.#encrypt();
    else this.#listen(this.raw);
    if (this.options.greeting) this.send(this.options.greeting);
  }

  #listen(socket: Socket): void {
    this.socket = socket;
    socket.on('data', (chunk: Buffer) => this.#read(chunk));
    socket.on('end', () => this.#ending('fin'));
    socket.on('error', () => this.#ending('reset'));
    socket.on('close', () => this.#ending('fin'));
  }

  #ending(how: 'fin' | 'reset'): void {
    if (this.ended === 'open') this.ended = this.received.endsWith('</stream:stream>') ? 'closed' : how;
    this.#news.tell();
  }

  #read(chunk: Buffer): void {
    this.bytes += chunk.length;
    this.received += chunk.toString('utf8');
    this.#unseen += chunk.toString('utf8');
    if (this.options.answers !== false) this.#answer();
    this.#news.tell();
  }

  #answer(): void {
    const header = /<stream:stream[^>]*>/.exec(this.#unseen);
    if (header !== null) {
      this.#unseen = this.#unseen.slice(header.index + header[0].length);
      this.headers.push(header[0]);
      this.#openStream();
    }
    if (this.#unseen.endsWith('</stream:stream>') && this.options.closes !== false) {
      this.#unseen = '';
      this.socket.end('</stream:stream>');
    }
    if (this.#unseen.includes('<starttls') && this.options.tls !== undefined) {
      this.#unseen = '';
      this.send(this.options.proceed ?? PROCEED);
      if ((this.options.proceed ?? PROCEED).includes('<proceed')) this.#encrypt();
    }
  }

  #openStream(): void {
    const { tls, direct, features, header = "id='s1' from='example.test' version='1.0'" } = this.options;
    const offers = this.options.offersStarttls ?? (tls !== undefined && direct !== true);
    const before = offers && !this.encrypted;
    const inner = before ? STARTTLS : (features ?? SASL);
    this.send(`${HEADER} ${header}><stream:features>${inner}</stream:features>`);
  }

  #encrypt(): void {
    const { key, cert } = this.options.tls ?? { key: '', cert: '' };
    this.raw.removeAllListeners('data');
    const ALPNProtocols = this.options.alpn && [...this.options.alpn];
    this.#listen(new TLSSocket(this.raw, { isServer: true, key, cert, ...(ALPNProtocols && { ALPNProtocols }) }));
  }
}

/** Listens on a free port until `close`. */
export class XmppServer {
  readonly connections: XmppConnection[] = [];
  readonly #server: Server;
  #news = new News();

  private constructor(readonly options: XmppServerOptions) {
    this.#server = createServer((socket) => {
      this.connections.push(new XmppConnection(socket, this.options));
      this.#news.tell();
    });
  }

  static async start(options: XmppServerOptions = {}): Promise<XmppServer> {
    const server = new XmppServer(options);
    server.#server.listen(0, options.host ?? '127.0.0.1');
    await once(server.#server, 'listening');
    return server;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** The nth connection, from 0, when it is there. */
  async connection(n = 0): Promise<XmppConnection> {
    await this.#news.when(() => this.connections.length > n);
    return this.connections[n];
  }

  async close(): Promise<void> {
    for (const { raw } of this.connections) raw.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

/** A port of loopback on which nobody listens. */
export async function closedPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
