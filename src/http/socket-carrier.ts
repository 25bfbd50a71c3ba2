// One WebSocket as its stream writes to it: frames go to the socket itself, gathered by the stream (a write per frame
// costs 2.4 times as much for bursts), while `ws` reads, answers pings and closes.

import type { Socket } from 'node:net';
import type { WebSocket } from '@fastify/websocket';
import type { Client } from '../net/address.js';
import type { Tls } from '../stream/end.js';
import type { Carrier } from '../websocket/stream.js';

/** An empty ping (RFC 6455 section 5.5.2). */
const PING = Buffer.from([0x89, 0x00]);
const PINGS_PER_SECOND = 10;
const PING_BURST = 50;

export class SocketCarrier implements Carrier {
  #pings = PING_BURST;
  #since = 0;

  constructor(
    readonly ws: WebSocket,
    readonly socket: Socket,
    readonly client: Client,
    readonly counts: { bytesIn: number; bytesOut: number },
    readonly tls?: Tls,
  ) {}

  get remoteAddress(): string {
    return this.client.address;
  }

  get remotePort(): number {
    return this.client.port;
  }

  get secure(): boolean {
    return this.client.secure;
  }

  get backlog(): number {
    return this.socket.writableLength;
  }

  write(head: Buffer, rest: Buffer | undefined, written: (error?: Error | null) => void): void {
    if (!this.#isOpen) return;
    this.counts.bytesOut += head.length;
    if (rest === undefined) {
      this.socket.write(head, written);
      return;
    }
    this.counts.bytesOut += rest.length;
    this.socket.cork();
    this.socket.write(head);
    this.socket.write(rest, written);
    this.socket.uncork();
  }

  ping(): void {
    if (this.#isOpen) this.socket.write(PING);
  }

  close(code: number): void {
    if (this.ws.isPaused) this.ws.resume();
    this.ws.close(code);
  }

  terminate(): void {
    this.ws.terminate();
  }

  pause(): void {
    this.ws.pause();
  }

  resume(): void {
    this.ws.resume();
  }

  /** Whether the client may ping us once more: ten a second, and some at once. */
  mayPing(): boolean {
    const now = performance.now();
    this.#pings = Math.min(PING_BURST, this.#pings + ((now - this.#since) / 1000) * PINGS_PER_SECOND);
    this.#since = now;
    return --this.#pings >= 0;
  }

  // Once the closing handshake began nothing may follow (RFC 6455 section 5.5.1).
  get #isOpen(): boolean {
    return this.ws.readyState === 1 && this.socket.writable;
  }
}
