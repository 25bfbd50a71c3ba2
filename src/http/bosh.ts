// The HTTP face of BOSH (XEP-0124 sections 5 and 18): POST, GET with `data` (and JSONP), and the preflight of CORS. It
// stands before Fastify's router: a request is a method, a path and bytes, whatever else its headers say, and a hook or
// a parsed content type would cost every round trip. What is in a body is no matter of this folder.

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { BoshResponse } from '../bosh/held.js';
import type { Sessions } from '../bosh/sessions.js';
import type { Log } from '../log.js';
import { BoshRequest } from './bosh-request.js';
import type { Connection } from './connection.js';
import type { Cors, RawHeaders } from './cors.js';
import {
  acceptedCoding,
  appliedCoding,
  COMPRESSED_FROM,
  type Coding,
  compress,
  type Inflated,
  inflate,
} from './encoding.js';
import { type Exchange, NodeExchange } from './exchange.js';
import { SECURITY } from './headers.js';
import { isCallback, jsonp } from './jsonp.js';
import type { HttpMetrics } from './metrics.js';

export interface BoshHttpOptions {
  readonly path: string;
  readonly max_data_held: number;
  readonly jsonp: boolean;
  readonly compression: boolean;
  readonly http_headers: Readonly<Record<string, string>>;
}

export interface BoshHttpDeps {
  readonly sessions: Pick<Sessions, 'request' | 'oversize' | 'gone' | 'release'>;
  readonly cors: Cors;
  readonly log: Log;
  readonly metrics: HttpMetrics;
  /** Headers for every answer besides: Strict-Transport-Security where TLS ends here. */
  readonly headers?: RawHeaders;
  connectionOf(exchange: { readonly socket: Socket }): Connection;
}

const XML = 'text/xml; charset=utf-8';
const SCRIPT = 'application/javascript; charset=utf-8';
const TEXT = 'text/plain; charset=utf-8';
/** How much of a body that is too large is read before the answer, so that the client gets to read that. */
const PATIENCE = 1_048_576;
const EMPTY = Buffer.alloc(0);

/** `content` makes an answer of any type, and links and forms can show it as a page: not one whose scripts run. */
const SANDBOX = ['Content-Security-Policy', 'sandbox'];

const REFUSALS = {
  unsupported: [415, 'Content-Encoding: gzip or deflate, or none.\n'],
  broken: [400, 'The body is not what its Content-Encoding says.\n'],
  jsonp: [403, 'BOSH by GET is switched off here: use POST.\n'],
  callback: [400, 'callback: a function name of at most 64 characters.\n'],
  data: [400, 'data: a BOSH <body/>, percent-encoded.\n'],
  origin: [403, 'This origin may not use BOSH here.\n'],
} as const;

export class Bosh {
  readonly counts;
  readonly limit: number;
  readonly patience: number;
  /** Answers close their connections from now on. */
  closing = false;
  readonly #base: string;
  readonly #options: BoshHttpOptions;
  readonly #deps: BoshHttpDeps;
  readonly #extra: RawHeaders;
  /** Headers of the usual answer. */
  readonly #usual: RawHeaders | undefined;

  constructor(options: BoshHttpOptions, deps: BoshHttpDeps) {
    this.#options = options;
    this.#deps = deps;
    this.#base = options.path.replace(/\/+$/, '');
    this.limit = options.max_data_held;
    this.patience = Math.max(PATIENCE, options.max_data_held * 2);
    this.counts = deps.metrics.counts;
    this.#extra = [...SECURITY, ...SANDBOX, ...(deps.headers ?? []), ...Object.entries(options.http_headers).flat()];
    if (deps.cors.constant) this.#usual = this.#headers(XML, undefined);
  }

  /** Takes the request when it is one of BOSH; false leaves it to the router. */
  handle(message: IncomingMessage, response: ServerResponse): boolean {
    const url = message.url ?? '';
    if (!this.isOurs(url)) return false;
    switch (message.method) {
      case 'POST':
        this.#request(new NodeExchange(message, response)).read(message);
        return true;
      case 'OPTIONS':
        this.#preflight(message, response);
        return true;
      case 'GET':
        return this.#get(message, response, url);
      default:
        return false;
    }
  }

  /** Takes a request that was received whole. */
  post(exchange: Exchange, body: Buffer): void {
    this.received(this.#request(exchange), body);
  }

  /** A whole body has arrived. */
  received(request: BoshRequest, body: Buffer): void {
    this.counts.bytesIn += body.length;
    const coding = appliedCoding(request.exchange.headers['content-encoding']);
    const plain = coding === undefined ? body : this.#inflate(body, coding);
    if (plain === 'oversize') this.oversize(request, EMPTY);
    else if (typeof plain === 'string') this.#refuse(request, plain);
    else request.hold(plain);
  }

  #inflate(body: Buffer, coding: string): Inflated {
    return this.#options.compression ? inflate(body, coding, this.limit) : 'unsupported';
  }

  complete(request: BoshRequest, body: Buffer): void {
    const since = this.#deps.metrics.began();
    request.since = since;
    this.counts.held++;
    try {
      this.#deps.sessions.request(body, request);
    } catch (error) {
      this.#failed(request, error);
    }
    this.#deps.metrics.processed(since);
  }

  oversize(request: BoshRequest, head: Buffer): void {
    this.counts.held++;
    request.since = this.#deps.metrics.began();
    request.exchange.last = true;
    try {
      this.#deps.sessions.oversize(head, request);
    } catch (error) {
      this.#failed(request, error);
    }
  }

  /** Another request waits behind this one. */
  release(request: BoshRequest): void {
    try {
      this.#deps.sessions.release(request);
    } catch (error) {
      this.#failed(request, error);
    }
  }

  gone(request: BoshRequest): void {
    this.counts.held--;
    this.counts.gone++;
    try {
      this.#deps.sessions.gone(request);
    } catch (error) {
      this.#deps.log.error('bosh_request_failed', { error });
    }
  }

  answer(request: BoshRequest, { status, contentType, body }: BoshResponse): void {
    this.counts.held--;
    this.counts[status === 200 ? 'ok' : 'refused']++;
    this.#deps.metrics.held(request.since);
    const { callback } = request;
    if (callback !== undefined && status === 200) this.#send(request, 200, SCRIPT, jsonp(callback, body));
    else this.#send(request, status, contentType, body);
  }

  /** Whether this is the path of BOSH, with or without a query. */
  isOurs(url: string): boolean {
    if (!url.startsWith(this.#base)) return false;
    let at = this.#base.length;
    while (url.charCodeAt(at) === 0x2f) at++;
    return at === url.length || url.charCodeAt(at) === 0x3f;
  }

  #request(exchange: Exchange, callback?: string): BoshRequest {
    const connection = this.#deps.connectionOf(exchange);
    const waiting = connection.newest;
    const request = new BoshRequest(this, exchange, connection, connection.clientOf(exchange), callback);
    connection.newest = request;
    waiting?.hurry();
    return request;
  }

  #get(message: IncomingMessage, response: ServerResponse, url: string): boolean {
    const query = new URLSearchParams(url.slice(url.indexOf('?') + 1));
    const data = url.includes('?') ? query.get('data') : null;
    if (data === null) return false;
    const callback = query.get('callback') ?? undefined;
    const request = this.#request(new NodeExchange(message, response), callback);
    if (!this.#options.jsonp) this.#refuse(request, 'jsonp');
    else if (callback !== undefined && !isCallback(callback)) this.#refuse(request, 'callback');
    else if (data.length === 0) this.#refuse(request, 'data');
    else if (!this.#mayGet(message)) this.#refuse(request, 'origin');
    else request.hold(Buffer.from(data));
    return true;
  }

  // A script element sends no Origin, so where only some origins are welcome the page's own address has to tell.
  #mayGet({ headers }: IncomingMessage): boolean {
    const { cors } = this.#deps;
    if (cors.open) return true;
    const from = headers.origin ?? headers.referer;
    if (from === undefined || !URL.canParse(from)) return false;
    const { origin, host } = new URL(from);
    return host === headers.host || cors.allows(origin);
  }

  #preflight(message: IncomingMessage, response: ServerResponse): void {
    message.resume();
    this.counts.preflight++;
    const headers = [
      'Allow',
      'GET, HEAD, POST, OPTIONS',
      ...this.#extra,
      ...this.#deps.cors.preflight(message.headers.origin),
    ];
    if (this.closing) response.shouldKeepAlive = false;
    response.writeHead(204, headers).end();
  }

  #refuse(request: BoshRequest, why: keyof typeof REFUSALS): void {
    if (!request.refuse()) return;
    this.counts.refused++;
    const [status, text] = REFUSALS[why];
    this.#send(request, status, TEXT, Buffer.from(text), why === 'unsupported' ? this.#acceptEncoding() : []);
  }

  // RFC 9110 section 12.5.3: a 415 for a coding names the codings that would do.
  #acceptEncoding(): RawHeaders {
    return ['Accept-Encoding', this.#options.compression ? 'gzip, deflate' : 'identity'];
  }

  #failed(request: BoshRequest, error: unknown): void {
    this.#deps.log.error('bosh_request_failed', { error });
    if (!request.refuse()) return;
    this.counts.held--;
    this.counts.failed++;
    this.#send(request, 500, TEXT, Buffer.from('Internal server error.\n'));
  }

  #send(request: BoshRequest, status: number, type: string, body: Buffer, more: RawHeaders = []): void {
    const { exchange } = request;
    if (this.closing) exchange.last = true;
    const coding = this.#codingFor(exchange, body);
    const bytes = coding === undefined ? body : compress(body, coding);
    this.#write(exchange, status, type, bytes, coding === undefined ? more : [...encoded(coding), ...more]);
  }

  #codingFor({ headers }: Exchange, body: Buffer): Coding | undefined {
    if (body.length < COMPRESSED_FROM || !this.#options.compression) return undefined;
    return acceptedCoding(headers['accept-encoding']);
  }

  #write(exchange: Exchange, status: number, type: string, body: Buffer, more: RawHeaders): void {
    this.counts.bytesOut += body.length;
    if (this.#usual !== undefined && type === XML && more.length === 0) {
      exchange.respond(status, this.#usual, body);
      return;
    }
    const headers = this.#headers(isHeaderValue(type) ? type : XML, exchange.headers.origin);
    exchange.respond(status, [...headers, ...more], body);
  }

  #headers(type: string, origin: string | undefined): RawHeaders {
    return ['Content-Type', type, ...this.#extra, ...this.#deps.cors.headers(origin)];
  }
}

function encoded(coding: Coding): RawHeaders {
  return ['Content-Encoding', coding, 'Vary', 'Accept-Encoding'];
}

function isHeaderValue(text: string): boolean {
  return /^[\x20-\x7e]+$/.test(text);
}
