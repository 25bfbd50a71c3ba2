// An upstream that is a server elsewhere: any XMPP server, over TCP, found by configuration or DNS (RFC 6120 section 3),
// secured by STARTTLS or direct TLS (section 5, XEP-0368). It dials what it is asked for: whether a domain may be reached at
// all is the connector's question, but the addresses of domains that nobody configured are checked here, where they
// are known. It does not read stanzas, does not authenticate, and keeps no stream alive beyond its connection.

import type { Log } from '../log.js';
import type { Metrics } from '../metrics.js';
import { isPublic, normalizeDomain } from '../stream/access.js';
import type { ClientStream, Ending, StreamEnd, Upstream } from '../stream/end.js';
import { TCP_DEFAULTS, type TcpOptions, type Turn } from '../tcp/stream.js';
import { Tick } from '../tick.js';
import { StreamError } from '../xmpp/errors.js';
import type { StreamHeader } from '../xmpp/header.js';
import { DEFAULT_LIMITS } from '../xmpp/scanner.js';
import { Breaker } from './breaker.js';
import { destination } from './destination.js';
import { type Exchange, Link } from './link.js';
import { ProxyMetrics } from './metrics.js';
import { PROXY_DEFAULTS, type ProxyOptions } from './options.js';
import { Resolver, type Target } from './resolve.js';
import { Contexts } from './secure.js';
import { Turnstile } from './turnstile.js';
import { remedy, type Unreachable } from './unreachable.js';

export interface ProxyDeps {
  readonly log: Log;
  readonly metrics: Metrics;
  /** Instead of the check that an address nobody configured is public; for tests. */
  readonly isAllowed?: (address: string) => boolean;
}

// biome-ignore lint/suspicious/noShadowRestrictedNames: the word of the trade, and the global one is not used here
export class Proxy implements Upstream, Exchange {
  options: ProxyOptions;
  tcp: TcpOptions;
  resolver: Resolver;
  contexts: Contexts;
  readonly isAllowed: (address: string) => boolean;
  readonly breaker = new Breaker();
  readonly #turnstile = new Turnstile(() => this.options.limits.dials);
  readonly #log: Log;
  readonly #turn = new Tick((error) => this.#log.error('backend_flush_failed', { error }));
  readonly #metrics: ProxyMetrics;
  readonly #links = new Set<Link>();
  readonly #unverified = new Set<string>();
  #emptied: (() => void) | undefined;
  #stopped = false;

  /** Throws when a `ca` cannot be read. */
  constructor(options: Partial<ProxyOptions>, deps: ProxyDeps) {
    this.options = { ...PROXY_DEFAULTS, ...options };
    this.#log = deps.log;
    this.#metrics = new ProxyMetrics(deps.metrics, Object.keys(this.options.upstreams), this.#links);
    this.contexts = contextsOf(this.options);
    this.isAllowed = deps.isAllowed ?? isPublic;
    this.resolver = new Resolver(this.options.dns, this.#metrics.asked);
    this.tcp = tcpOptions(this.options, this.#turn);
  }

  /** Takes new options for streams from now on. Throws, and changes nothing, when a `ca` cannot be read. */
  reload(options: ProxyOptions): void {
    this.contexts = contextsOf(options);
    this.options = options;
    this.#metrics.hosts = Object.keys(options.upstreams);
    this.#unverified.clear();
    this.resolver = new Resolver(options.dns, this.#metrics.asked);
    this.tcp = tcpOptions(options, this.#turn);
  }

  attach(client: ClientStream, header: StreamHeader): StreamEnd {
    const domain = normalizeDomain(header.to ?? '') ?? '';
    const link = new Link(client, destination(domain, client, this.options), this);
    this.#links.add(link);
    if (this.#stopped) setImmediate(() => link.stop(SHUTDOWN));
    else void link.begin(header);
    return link;
  }

  stop(): Promise<void> {
    this.#stopped = true;
    for (const link of this.#links) link.stop(SHUTDOWN);
    if (this.#links.size === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#emptied = resolve;
    });
  }

  // What links ask and tell.

  enter({ to: { domain } }: Link): Promise<void> | undefined {
    const turn = this.#turnstile.enter(domain);
    if (turn !== undefined) this.#metrics.limited('dials');
    return turn;
  }

  leave({ to: { domain } }: Link): void {
    this.#turnstile.leave(domain);
  }

  overflowed(): void {
    this.#metrics.limited('queue_hard');
  }

  opened({ to: { domain } }: Link): void {
    this.#metrics.opened(domain);
  }

  took(phase: Parameters<Exchange['took']>[0], seconds: number): void {
    this.#metrics.took(phase, seconds);
  }

  unverified({ to: { domain } }: Link): void {
    if (this.#unverified.has(domain)) return;
    this.#unverified.add(domain);
    const hint = `upstreams["${domain}"].tls: "starttls" makes verification a must, "ca" makes it possible`;
    this.#log.warn('backend_certificate_unverified', { domain, hint });
  }

  missed({ to: { domain }, client }: Link, { host, port }: Target, { reason, message }: Unreachable): void {
    this.#log.debug('backend_target_failed', { domain, client: client.name, host, port, reason, cause: message });
  }

  refused({ to: { domain }, client }: Link, { reason, message, option }: Unreachable): void {
    this.#metrics.failed(domain, reason);
    const hint = remedy(reason, domain);
    this.#log.warn('backend_unreachable', { domain, client: client.name, reason, cause: message, option, hint });
  }

  failed({ client }: Link, error: unknown): void {
    this.#log.error('client_failed', { client: client.name, error });
  }

  ended({ to: { domain }, client }: Link, { how, error }: Ending): void {
    const fields = { domain, client: client.name, how, cause: causeOf(error) };
    const own = error !== undefined && error.element === undefined;
    if (own && how === 'closed') this.#metrics.broken(error.condition);
    if (own && error.condition === 'internal-server-error')
      this.#log.error('stream_failed', { ...fields, error: error.cause });
    else if (own) this.#log.info('backend_lost', fields);
    else this.#log.debug('backend_ended', fields);
  }

  released(link: Link): void {
    if (!this.#links.delete(link)) return;
    if (this.#links.size === 0) this.#emptied?.();
  }
}

/** With every configured authority read. */
function contextsOf({ upstreams }: ProxyOptions): Contexts {
  const contexts = new Contexts();
  for (const [domain, { ca }] of Object.entries(upstreams)) {
    try {
      contexts.for(ca);
    } catch (error) {
      throw new Error(`upstreams["${domain}"].ca: ${(error as Error).message}`, { cause: error });
    }
  }
  return contexts;
}

const causeOf = (error: StreamError | undefined): string | undefined =>
  error?.cause instanceof Error ? error.cause.message : error?.message;

const SHUTDOWN = new StreamError('system-shutdown');

function tcpOptions({ limits, max_xmpp_buffer_size: stanza }: ProxyOptions, turn: Turn): TcpOptions {
  const { depth, elements, attributes, queue_hard } = limits;
  const scanner = { ...DEFAULT_LIMITS, stanza, depth, elements, attributes };
  return { ...TCP_DEFAULTS, limits: scanner, hard: Math.max(queue_hard, TCP_DEFAULTS.soft) + stanza, turn };
}
