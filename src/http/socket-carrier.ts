// One WebSocket on its socket, from the upgrade to its end: what comes is read here and told to the stream, which gathers
// frames and writes them through here.

import type { Socket } from 'node:net';
import type { Client } from '../net/address.js';
import type { Tls } from '../stream/end.js';
import { FrameError, type FrameHearer, FrameReader } from '../websocket/frames.js';
import type { Carrier, WebSocketStream } from '../websocket/stream.js';
import { own, type SocketOwner } from './socket-owner.js';

/** What all WebSockets of a server share. */
export interface CarrierShare {
  /** The most bytes of a message. */
  readonly most: number;
  /** Whether clients are kept from pinging all the time. */
  readonly rates: boolean;
  readonly counts: { bytesIn: number; bytesOut: number };
  /** It broke: by its client's frames, or below. */
  broke(error: Error): void;
  /** The connection is gone; 1006 where the client sent no close frame. */
  closed(carrier: SocketCarrier, code: number): void;
}

/** An empty ping (RFC 6455 section 5.5.2). */
const PING = Buffer.from([0x89, 0x00]);
const PONG = 0x8a;
const CLOSE = 0x88;
/** A close frame without a code. */
const GOODBYE = Buffer.from([CLOSE, 0]);
const NO_CODE = 1005;
const LOST = 1006;
const INTERNAL = 1011;
const NOTHING = Buffer.alloc(0);
const PINGS_PER_SECOND = 10;
const PING_BURST = 50;
/** Milliseconds that the client may take to say goodbye and to end the connection. */
const PATIENCE = 1000;

export class SocketCarrier implements Carrier, FrameHearer, SocketOwner {
  readonly #reader: FrameReader;
  #stream: WebSocketStream | undefined;
  #pings = PING_BURST;
  #since = 0;
  #isClosing = false;
  /** When it has to be gone, once it is being closed. */
  #deadline = Number.POSITIVE_INFINITY;
  /** What the client's close frame said. */
  #code = LOST;

  constructor(
    readonly socket: Socket,
    readonly client: Client,
    readonly tls: Tls | undefined,
    readonly share: CarrierShare,
  ) {
    this.#reader = new FrameReader(this, share.most);
  }

  /** Tells the stream what comes from now on; `head` came behind the upgrade. */
  begin(stream: WebSocketStream, head: Buffer): void {
    const { socket } = this;
    this.#stream = stream;
    socket.setTimeout(0);
    own(socket, this);
    socket.resume();
    if (head.length > 0) this.take(head);
  }

  /** Lets go what the handshake wrote. */
  flush(): void {
    this.socket.uncork();
  }

  get stream(): WebSocketStream | undefined {
    return this.#stream;
  }

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

  // What the stream says.

  write(head: Buffer, rest: Buffer | undefined, written: (error?: Error | null) => void): void {
    if (!this.#isOpen) return;
    const { counts } = this.share;
    counts.bytesOut += head.length;
    if (rest === undefined) {
      this.socket.write(head, written);
      return;
    }
    counts.bytesOut += rest.length;
    this.socket.cork();
    this.socket.write(head);
    this.socket.write(rest, written);
    this.socket.uncork();
  }

  ping(): void {
    if (this.#isOpen) this.socket.write(PING);
  }

  close(code: number): void {
    if (this.#isClosing) return;
    this.#say(code);
    this.#end();
    // The client's goodbye is to be heard.
    this.socket.resume();
  }

  terminate(): void {
    this.socket.destroy();
  }

  pause(): void {
    this.socket.pause();
  }

  resume(): void {
    this.socket.resume();
  }

  /** Cuts it when it was to be gone by now. */
  sweep(now: number): void {
    if (now >= this.#deadline) this.socket.destroy();
  }

  // What the client says.

  take(chunk: Buffer): void {
    try {
      this.#reader.push(chunk);
    } catch (error) {
      this.share.broke(error as Error);
      this.close(error instanceof FrameError ? error.code : INTERNAL);
      this.socket.end();
    }
  }

  message(payload: Buffer, binary: boolean): void {
    this.share.counts.bytesIn += payload.length;
    this.#stream?.message(payload, binary);
  }

  pinged(payload: Buffer): void {
    if (this.share.rates && !this.#mayPing()) this.#stream?.abuse();
    // A client that does not read what it asks for gets one answer for many (section 5.5.3).
    else if (this.#isOpen && !this.socket.writableNeedDrain) this.socket.write(pong(payload));
  }

  ponged(): void {
    this.#stream?.ponged();
  }

  closed(code: number): void {
    this.#code = code;
    if (!this.#isClosing) this.#say(code);
    this.#end();
    this.socket.end();
  }

  /** The client says nothing any more. */
  ended(): void {
    this.#end();
    // A second end makes an error, and its stack.
    if (!this.socket.writableEnded) this.socket.end();
  }

  drained(): void {
    this.#stream?.drained();
  }

  broke(error: Error): void {
    this.share.broke(error);
  }

  silent(): void {}

  gone(): void {
    // What a connection that was not read from had brought before it was lost.
    const { readableLength } = this.socket;
    if (readableLength > 0) this.take(this.socket.read(readableLength) ?? NOTHING);
    this.#end();
    this.share.closed(this, this.#code);
  }

  #say(code: number): void {
    if (this.socket.writable) this.socket.write(code === NO_CODE ? GOODBYE : goodbye(code));
  }

  #end(): void {
    this.#isClosing = true;
    if (this.#deadline === Number.POSITIVE_INFINITY) this.#deadline = performance.now() + PATIENCE;
  }

  // Once the closing handshake began nothing may follow (section 5.5.1).
  get #isOpen(): boolean {
    return !this.#isClosing && this.socket.writable;
  }

  /** Whether the client may ping us once more: ten a second, and some at once. */
  #mayPing(): boolean {
    const now = performance.now();
    this.#pings = Math.min(PING_BURST, this.#pings + ((now - this.#since) / 1000) * PINGS_PER_SECOND);
    this.#since = now;
    return --this.#pings >= 0;
  }
}

function goodbye(code: number): Buffer {
  return Buffer.from([CLOSE, 2, code >> 8, code & 0xff]);
}

function pong(payload: Buffer): Buffer {
  return Buffer.concat([Buffer.from([PONG, payload.length]), payload]);
}
