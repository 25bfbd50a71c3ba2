// The HTTP face alone, on a free port, with a session engine and an upstream that tests hold in their hands.

import type { AddressInfo } from 'node:net';
import { afterEach } from 'vitest';
import type { BoshResponse, Held } from '../../src/bosh/held.js';
import { createHttp, type Http, type HttpDeps, type HttpOptions } from '../../src/http/server.js';
import type { Log } from '../../src/log.js';
import { Metrics } from '../../src/metrics.js';
import { RawHttp } from './http-raw.js';
import { News } from './news.js';
import { type Handshake, RawWebSocket } from './ws-raw.js';
import { ScriptedUpstream } from './ws-upstream.js';

export const DEFAULTS: HttpOptions = {
  path: '/http-bind/',
  websocket_path: '/xmpp-websocket/',
  tls: null,
  public_url: '',
  trusted_proxies: ['127.0.0.1', '::1'],
  proxy_protocol: false,
  max_data_held: 100_000,
  max_wait: 120,
  jsonp: true,
  compression: true,
  http_headers: {},
  http_socket_keepalive: 60,
  websocket_ping_interval: 25,
  websocket_ping_timeout: 8,
  open_timeout: 30,
  cors: { origins: ['*'], credentials: false },
  origins: [],
  limits: { rates: true, queue_soft: 262_144, queue_hard: 1_048_576, depth: 64, elements: 10_000, attributes: 64 },
  drain: { see_other_uri: '' },
  metrics: { path: '/metrics' },
  system_info_password: '',
};

const XML = 'text/xml; charset=utf-8';

/** A 200 with this text. */
export function answer(text: string, contentType = XML, status: BoshResponse['status'] = 200): BoshResponse {
  return { status, contentType, body: Buffer.from(text) };
}

/** A session engine that holds what `on` does not answer. */
export class ScriptedSessions {
  readonly bodies: string[] = [];
  readonly held: Held[] = [];
  readonly lost: Held[] = [];
  readonly released: Held[] = [];
  readonly heads: Buffer[] = [];
  #news = new News();

  constructor(
    public on: (body: string, held: Held) => unknown = (body, held) =>
      held.reply(answer(`<body echo="${body.length}"/>`)),
  ) {}

  request(body: Buffer, held: Held): void {
    this.bodies.push(body.toString());
    this.held.push(held);
    this.on(body.toString(), held);
    this.#news.tell();
  }

  oversize(head: Buffer, held: Held): void {
    this.heads.push(head);
    held.reply(answer('<body type="terminate" condition="policy-violation"/>'));
  }

  gone(held: Held): void {
    this.lost.push(held);
  }

  release(held: Held): void {
    this.released.push(held);
    held.reply(answer('<body released=""/>'));
  }

  /** When so many requests have come in all. */
  count(count: number): Promise<void> {
    return this.#news.when(() => this.bodies.length >= count);
  }
}

/** Lines of the log as `level event`. */
export class LogLines implements Log {
  readonly lines: string[] = [];
  #news = new News();
  debug = (event: string) => this.#add(`debug ${event}`);
  info = (event: string) => this.#add(`info ${event}`);
  warn = (event: string) => this.#add(`warn ${event}`);
  error = (event: string, fields?: Record<string, unknown>) => this.#add(`error ${event} ${fields?.error ?? ''}`);
  child = () => this;

  /** Resolves once a line contains this. */
  until(part: string): Promise<void> {
    return this.#news.when(() => this.lines.some((each) => each.includes(part)));
  }

  #add(line: string): void {
    this.lines.push(line);
    this.#news.tell();
  }
}

export interface Face {
  readonly http: Http;
  readonly port: number;
  readonly url: string;
  readonly sessions: ScriptedSessions;
  readonly upstream: ScriptedUpstream;
  readonly metrics: Metrics;
  readonly log: LogLines;
  close(): Promise<void>;
}

/** Starts a face with some options other than the defaults. */
export async function startFace(
  options: Partial<HttpOptions> = {},
  deps: Partial<HttpDeps> & { sessions?: ScriptedSessions } = {},
): Promise<Face> {
  const sessions = deps.sessions ?? new ScriptedSessions();
  const upstream = new ScriptedUpstream();
  const metrics = new Metrics();
  const log = new LogLines();
  const http = createHttp({ ...DEFAULTS, ...options }, { upstream, metrics, log, ...deps, sessions });
  await http.listen({ host: '127.0.0.1', port: 0 });
  const { port } = http.server.address() as AddressInfo;
  const scheme = options.tls ? 'https' : 'http';
  return {
    http,
    port,
    url: `${scheme}://127.0.0.1:${port}`,
    sessions,
    upstream,
    metrics,
    log,
    close: () => http.close(),
  };
}

/** For the tests of a file: a face at a time, and raw connections to it; after each test all are gone. */
export function faces() {
  let face: Face | undefined;
  const open: RawHttp[] = [];
  afterEach(async () => {
    for (const raw of open.splice(0)) raw.destroy();
    await face?.close();
    face = undefined;
  });
  return {
    /** Starts a face, in place of the one before. */
    start: async (...args: Parameters<typeof startFace>): Promise<Face> => {
      await face?.close();
      face = await startFace(...args);
      return face;
    },
    raw: async (port: number, tls = false): Promise<RawHttp> => {
      const client = await RawHttp.connect(port, tls);
      open.push(client);
      return client;
    },
    webSocket: async (port: number, handshake?: Handshake): Promise<RawWebSocket> => {
      const socket = await RawWebSocket.open(port, handshake);
      open.push(socket.http);
      return socket;
    },
  };
}
