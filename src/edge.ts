// Where clients come in, whatever carries them: BOSH, WebSocket and TCP, the connector that admits each stream and picks
// its upstream, and the proxy, which is the upstream for a server elsewhere. What is served in here is said from outside.

import type { AddressInfo } from 'node:net';
import { Sessions } from './bosh/sessions.js';
import type { Config } from './config/load.js';
import { type Events, observed } from './events.js';
import { type ChatDomain, uploadsOf } from './http/chat.js';
import { createHttp, type Http, type HttpDeps } from './http/server.js';
import type { Log } from './log.js';
import type { Metrics } from './metrics.js';
import type { Handle } from './net/handle.js';
// biome-ignore lint/suspicious/noShadowRestrictedNames: the word of the trade; the global one is not used here
import { Proxy } from './proxy/proxy.js';
import { Admission } from './stream/admission.js';
import { Connector, type LocalDomains } from './stream/connector.js';
import type { Upstream } from './stream/end.js';
import { TcpListener, type ListenerOptions as TcpOptions } from './tcp/listener.js';
import { Tick } from './tick.js';
import { authorityOf, type Urls } from './urls.js';
import { StreamError } from './xmpp/errors.js';

export interface EdgeDeps extends Pick<HttpDeps, 'status' | 'whole' | 'files' | 'handover'> {
  readonly log: Log;
  readonly metrics: Metrics;
  readonly events: Events;
  /** The domains that are served in here. */
  readonly local: LocalDomains;
  /** In place of the XMPP proxy; or, given the proxy, what wraps it. */
  readonly upstream?: Upstream | ((proxy: Upstream) => Upstream);
  /** Domains for which `/` shows the chat page, though another server serves them. */
  readonly chat?: readonly ChatDomain[];
  /** What begins every sid: whose session it is. */
  readonly node?: string;
  /** Told of each stream that comes or leaves, where other processes count it too. */
  readonly counted?: (party: string, by: 1 | -1) => void;
  /** Who is asked in place of the sessions in here, and knows those of others. */
  readonly around?: (sessions: Sessions) => HttpDeps['sessions'];
}

/** What is open. */
export interface Load {
  readonly sessions: number;
  readonly streams: number;
  readonly websockets: number;
}

export class Edge {
  readonly fastify: Http;
  #config: Config;
  readonly #proxy: Proxy;
  readonly #connector: Connector;
  readonly sessions: Sessions;
  /** Connections over TCP that are not attached yet. */
  readonly #newcomers: Admission;
  readonly #tcp: TcpListener | undefined;
  readonly #chat: () => readonly ChatDomain[];

  constructor(config: Config, { upstream, chat = [], local, events, node, around, counted, ...rest }: EdgeDeps) {
    const { log, metrics, status, whole, files, handover } = rest;
    const deps = { log, metrics };
    this.#config = config;
    this.#chat = () => [...offered(this.#config), ...chat];
    this.#proxy = new Proxy(config, deps);
    const elsewhere = typeof upstream === 'function' ? upstream(this.#proxy) : (upstream ?? this.#proxy);
    this.#connector = new Connector(config, { ...deps, proxy: elsewhere, local, counted });
    const clock = new Tick((error) => log.error('bosh_flush_failed', { error }));
    const front = { ...deps, upstream: observed(this.#connector, events) };
    const acknowledged = (rid: number, session: string) => events.tell('response-acknowledged', rid, session);
    this.sessions = new Sessions(config, { ...front, clock, acknowledged, node });
    const sessions = around?.(this.sessions) ?? this.sessions;
    const uploads = () => uploadsOf(this.#config, this.base);
    const own = { sessions, status, whole, files, handover, chat: this.#chat, uploads };
    this.fastify = createHttp(config, { ...front, ...own });
    this.#newcomers = new Admission(config);
    const turn = new Tick((error) => log.error('tcp_flush_failed', { error }));
    if (isForTcp(config)) this.#tcp = new TcpListener(config, { ...front, turn, admission: this.#newcomers });
  }

  /** The same by HTTP, without a path. */
  get base(): string {
    const authority = authorityOf(this.fastify.server.address() as AddressInfo);
    return `http${this.#config.tls === null ? '' : 's'}://${authority}`;
  }

  /** Where clients reach it, once it listens. */
  get urls(): Urls {
    const { path, websocket_path } = this.#config;
    const { base } = this;
    const { plain, direct } = this.#tcp?.ports ?? {};
    return {
      bosh: base + path,
      websocket: base.replace(/^http/, 'ws') + websocket_path,
      ...(plain && { xmpp: `xmpp://${authorityOf(plain)}` }),
      ...(direct && { xmpps: `xmpps://${authorityOf(direct)}` }),
      ...(path !== '/' && this.#chat().length > 0 && { chat: `${base}/` }),
    };
  }

  get load(): Load {
    const { size: sessions, streams } = this.sessions;
    return { sessions, streams, websockets: this.fastify.websockets };
  }

  /** Listens. Rejects with the system's error when an address cannot be had. */
  async start(): Promise<void> {
    const { host, port } = this.#config;
    await this.fastify.listen({ host, port });
    await this.#tcp?.start();
  }

  /** Takes a connection that another process took, and what that had read from it. */
  take(handle: Handle, said: Buffer): void {
    this.fastify.take(handle, said);
  }

  /** Streams of this address came to another process, or left it. */
  hear(party: string, by: number): void {
    this.#connector.hear(party, by);
  }

  /** Looks at deadlines. */
  sweep(): void {
    this.sessions.sweep();
  }

  reload(config: Config): void {
    this.#proxy.reload(config);
    this.#connector.reload(config);
    this.sessions.reload(config);
    this.fastify.reload(config);
    this.#newcomers.reload(config);
    if (isForTcp(config)) this.#tcp?.reload(config);
    this.#config = config;
  }

  /** Answers all that is held. */
  leave(): void {
    this.sessions.stop(farewell(this.#config.drain.see_other_uri));
  }

  /** Takes no more connections, tells every client to go, and resolves when all are gone. */
  async close(): Promise<void> {
    await Promise.all([this.fastify.close(), this.#tcp?.stop()]);
  }

  /** Ends the streams to all upstreams. */
  async stop(): Promise<void> {
    await this.#connector.stop();
  }
}

const isForTcp = (config: Config): config is Config & TcpOptions => config.c2s !== null;

/** What the chat page offers of the local domains. */
function offered({ domains }: Config): ChatDomain[] {
  return Object.entries(domains).map(([domain, { auth }]) => ({ domain, ...auth }));
}

function farewell(uri: string): StreamError {
  if (uri === '') return new StreamError('system-shutdown', 'the server is stopping');
  return new StreamError('see-other-host', 'the server is stopping; another one is ready', { location: uri });
}
