// Components as programs are (XEP-0114), over raw sockets; and a server that they connect to, which a test speaks for.

import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { Inbox } from './inbox.js';
import { News } from './news.js';
import { TcpClient } from './tcp-client.js';
import { type Xml, XmlReader } from './xml.js';

export const COMPONENT = 'jabber:component:accept';

export const proofOf = (id: string, secret: string): string =>
  createHash('sha1').update(`${id}${secret}`).digest('hex');

/** Connects and opens the stream of a component; its header has come. */
export async function openComponent(port: number, to: string): Promise<TcpClient> {
  const client = await TcpClient.connect(port, { to });
  client.open({ xmlns: COMPONENT, version: undefined });
  await client.when(() => client.headers.length === 1);
  return client;
}

/** A component that has proved itself. */
export async function component(port: number, to: string, secret: string): Promise<TcpClient> {
  const client = await openComponent(port, to);
  const proof = proofOf(client.headers[0].attr('id') ?? '', secret);
  await client.exchange(`<handshake>${proof}</handshake>`, ({ name }) => name === 'handshake');
  return client;
}

/** The server's end of a component's connection. */
export class ComponentConnection {
  readonly inbox = new Inbox<Xml>();
  readonly headers: Xml[] = [];
  readonly id = randomBytes(8).toString('hex');
  ended = false;
  readonly #news = new News();

  constructor(
    readonly socket: Socket,
    greets: boolean,
  ) {
    const reader = new XmlReader({
      header: (header) => {
        this.headers.push(header);
        if (greets) this.greet();
      },
      element: (element) => this.inbox.push(element),
      end: () => void socket.end('</stream:stream>'),
    });
    socket.setEncoding('utf8').on('error', () => {});
    socket.on('data', (text) => {
      reader.write(String(text));
      this.#news.tell();
    });
    socket.on('close', () => {
      this.ended = true;
      this.inbox.end('the connection ended');
      this.#news.tell();
    });
  }

  write(xml: string): void {
    this.socket.write(xml);
  }

  greet(ns = COMPONENT): void {
    const from = this.headers[0]?.attr('to') ?? '';
    this.write(
      `<stream:stream xmlns='${ns}' xmlns:stream='http://etherx.jabber.org/streams' from='${from}' id='${this.id}'>`,
    );
  }

  error(condition: string): void {
    const xmlns = 'urn:ietf:params:xml:ns:xmpp-streams';
    this.socket.end(`<stream:error><${condition} xmlns='${xmlns}'/></stream:error></stream:stream>`);
  }

  handshake(): Promise<Xml> {
    return this.inbox.take(({ name }) => name === 'handshake', 'the handshake');
  }

  /** Lets it in. */
  async welcome(): Promise<this> {
    await this.handshake();
    this.write('<handshake/>');
    return this;
  }

  stanza(name: string): Promise<Xml> {
    return this.inbox.take((each) => each.name === name, name);
  }

  when(holds: () => boolean): Promise<void> {
    return this.#news.when(holds);
  }
}

/** Listens on a free port; every connection is kept. */
export class ComponentServer {
  readonly connections: ComponentConnection[] = [];
  /** False: it says nothing by itself. */
  greets = true;
  readonly #server: Server;
  readonly #news = new News();
  #seen = 0;

  private constructor() {
    this.#server = createServer((socket) => {
      this.connections.push(new ComponentConnection(socket, this.greets));
      this.#news.tell();
    });
  }

  static async start(): Promise<ComponentServer> {
    const server = new ComponentServer();
    await once(server.#server.listen(0, '127.0.0.1'), 'listening');
    return server;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** The next connection that nobody took. */
  async next(): Promise<ComponentConnection> {
    await this.#news.when(() => this.connections.length > this.#seen);
    return this.connections[this.#seen++];
  }

  async stop(): Promise<void> {
    for (const { socket } of this.connections) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
