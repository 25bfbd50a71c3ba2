// One HTTP request of BOSH, from its first byte to its answer: it reads its body, waits as the session engine's Held,
// and writes the response. One object and no closure per request: listeners are shared and find it on the message.

import type { IncomingMessage } from 'node:http';
import type { BoshResponse, Held, Holder } from '../bosh/held.js';
import type { Client } from '../net/address.js';
import type { Tls } from '../stream/end.js';
import type { Bosh } from './bosh.js';
import type { Connection, Waiting } from './connection.js';
import type { Exchange } from './exchange.js';

const REQUEST = Symbol('request');

interface Carrying extends IncomingMessage {
  [REQUEST]?: BoshRequest;
}

const EMPTY = Buffer.alloc(0);

export class BoshRequest implements Held, Waiting {
  holder: Holder | undefined;
  before: Waiting | undefined;
  /** For `performance.now()`: when its body was complete. */
  since = 0;
  #state: 'reading' | 'flooded' | 'held' | 'over' = 'reading';
  #body: Buffer = EMPTY;
  #more: Buffer[] | undefined;
  #size = 0;
  #hurried = false;

  constructor(
    readonly bosh: Bosh,
    readonly exchange: Exchange,
    readonly connection: Connection,
    readonly client: Client,
    /** The function that a JSONP answer calls. */
    readonly callback?: string,
  ) {
    this.before = connection.newest;
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

  get tls(): Tls | undefined {
    return this.connection.tlsOf(this.exchange);
  }

  /** Reads the body from this message and hands it to the engine. */
  read(message: IncomingMessage): void {
    (message as Carrying)[REQUEST] = this;
    message.on('data', onData);
    message.on('end', onEnd);
  }

  /** Hands this body to the engine. */
  hold(body: Buffer): void {
    this.#state = 'held';
    this.bosh.complete(this, body);
    if (this.#hurried) this.hurry();
  }

  /** Another request waits behind this one on its connection: it is to be answered as soon as it was heard. */
  hurry(): void {
    this.#hurried = true;
    if (this.isHeld) this.bosh.release(this);
  }

  reply(response: BoshResponse): void {
    if (this.#finish()) this.bosh.answer(this, response);
  }

  drop(): void {
    if (!this.#finish()) return;
    this.bosh.counts.dropped++;
    this.exchange.socket.destroy();
  }

  /** Answered by the HTTP face itself; true the first time. */
  refuse(): boolean {
    return this.#finish();
  }

  gone(): void {
    const held = this.#state === 'held';
    if (this.#state === 'over') return;
    this.#state = 'over';
    if (held) this.bosh.gone(this);
  }

  get isHeld(): boolean {
    return this.#state === 'held';
  }

  get isWhole(): boolean {
    return this.exchange.isWhole;
  }

  get isOver(): boolean {
    return this.#state === 'over';
  }

  take(chunk: Buffer): void {
    this.#size += chunk.length;
    if (this.#state !== 'reading') this.#discard();
    else if (this.#size > this.bosh.limit) {
      this.#state = 'flooded';
      this.#keep(chunk.subarray(0, chunk.length - (this.#size - this.bosh.limit)));
    } else this.#keep(chunk);
  }

  end(): void {
    const body = this.#more === undefined ? this.#body : Buffer.concat(this.#more);
    this.#body = EMPTY;
    this.#more = undefined;
    if (this.#state === 'flooded') this.#oversize(body);
    else if (this.#state === 'reading') this.bosh.received(this, body);
  }

  #keep(chunk: Buffer): void {
    if (this.#body === EMPTY) this.#body = chunk;
    else if (this.#more === undefined) this.#more = [this.#body, chunk];
    else this.#more.push(chunk);
  }

  // An answer given while the client still sends may be lost with the connection, so the rest is read, up to a point.
  #discard(): void {
    if (this.#state === 'flooded' && this.#size > this.bosh.patience) this.end();
  }

  #oversize(head: Buffer): void {
    this.#state = 'held';
    this.bosh.oversize(this, head);
  }

  #finish(): boolean {
    if (this.#state === 'over') return false;
    this.#state = 'over';
    this.connection.answered();
    return true;
  }
}

function onData(this: Carrying, chunk: Buffer): void {
  this[REQUEST]?.take(chunk);
}

function onEnd(this: Carrying): void {
  this[REQUEST]?.end();
}
