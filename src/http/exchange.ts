// A request and its answer as BOSH sees them, whoever read the one and writes the other: node:http (here), or posts.ts.

import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { RawHeaders } from './cors.js';

export interface Exchange {
  /** By their names in lower case. */
  readonly headers: IncomingHttpHeaders;
  readonly socket: Socket;
  /** The request was received to its end. */
  readonly isWhole: boolean;
  /** The connection ends with the answer. */
  last: boolean;
  /** Answers, once; what belongs to the connection and the length are not in `headers`. */
  respond(status: number, headers: RawHeaders, body: Buffer): void;
}

/** As text of bytes a body leaves in one piece with its headers; above this, copying costs more than that saves. */
export const IN_ONE_PIECE = 16_384;

export class NodeExchange implements Exchange {
  constructor(
    readonly message: IncomingMessage,
    readonly response: ServerResponse,
  ) {}

  get headers(): IncomingHttpHeaders {
    return this.message.headers;
  }

  get socket(): Socket {
    return this.message.socket;
  }

  get isWhole(): boolean {
    return this.message.complete;
  }

  get last(): boolean {
    return !this.response.shouldKeepAlive;
  }

  set last(is: boolean) {
    if (is) this.response.shouldKeepAlive = false;
  }

  respond(status: number, headers: RawHeaders, body: Buffer): void {
    this.response.writeHead(status, ['Content-Length', String(body.length), ...headers]);
    if (body.length < IN_ONE_PIECE) this.response.end(body.toString('latin1'), 'latin1');
    else this.response.end(body);
  }
}
