// A client's XMPP stream over plain TCP (RFC 6120), for loopback only.

import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { Inbox } from '../inbox.js';
import { escapeXml, type Xml, XmlReader } from '../xml.js';
import type { Carrier } from './carrier.js';

export class TcpCarrier implements Carrier {
  readonly inbox = new Inbox<Xml>();
  #reader: XmlReader | undefined;

  private constructor(
    readonly socket: Socket,
    readonly to: string,
  ) {
    socket.setNoDelay(true).setEncoding('utf8');
    socket.on('data', (text) => this.#read(String(text)));
    socket.on('error', (error) => this.inbox.end(String(error)));
    socket.on('close', () => this.inbox.end('the connection is closed'));
  }

  /** Connects to a port of loopback without opening a stream. */
  static async connect(port: number, to: string): Promise<TcpCarrier> {
    const socket = connect(port, '127.0.0.1');
    await once(socket, 'connect');
    return new TcpCarrier(socket, to);
  }

  open(): void {
    this.#reader = new XmlReader({
      element: (element) => this.inbox.push(element),
      end: () => this.socket.end(),
    });
    const namespaces = `xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'`;
    this.send(`<?xml version='1.0'?><stream:stream to='${escapeXml(this.to)}' version='1.0' ${namespaces}>`);
  }

  send(xml: string): void {
    if (this.socket.writable) this.socket.write(xml);
  }

  async close(): Promise<void> {
    if (this.socket.closed) return;
    const closed = once(this.socket, 'close');
    if (this.socket.writable) this.socket.end('</stream:stream>');
    await closed;
  }

  vanish(): void {
    this.socket.resetAndDestroy();
  }

  #read(text: string): void {
    try {
      this.#reader?.write(text);
    } catch (error) {
      this.inbox.end(String(error));
      this.socket.destroy();
    }
  }
}
