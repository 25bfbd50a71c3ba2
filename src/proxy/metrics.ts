// What is counted about servers. Labels are the configured domains and `other`.

import {
  type Counter,
  type Gauge,
  type Histogram,
  limitsHit,
  type Metrics,
  queueBytes,
  xmlRejections,
} from '../metrics.js';
import { normalizeDomain } from '../stream/access.js';
import type { Observe } from './resolve.js';
import type { Reason } from './unreachable.js';

/** What is counted of a link. */
interface Counted {
  readonly to: { readonly domain: string };
  readonly isOpen: boolean;
  readonly waiting: number;
}

export class ProxyMetrics {
  #hosts: ReadonlySet<string> = new Set();
  readonly #seconds: Histogram<'phase'>;
  readonly #failures: Counter<'host' | 'reason'>;
  readonly #up: Gauge<'host'>;
  readonly #dns: Histogram<'rrtype' | 'outcome'>;
  readonly #limits: Counter<'limit'>;
  readonly #rejected: (reason: string) => void;

  constructor(metrics: Metrics, domains: readonly string[], links: Iterable<Counted>) {
    this.hosts = domains;
    const states = ['host', 'state'] as const;
    metrics.read('backend_connections', 'Connections to servers.', states, () => this.#count(links));
    queueBytes(metrics, () => this.#waiting(links));
    this.#seconds = metrics.histogram('backend_connect_seconds', 'Time to reach a server, by phase.', ['phase']);
    this.#failures = metrics.counter('backend_connect_failures_total', 'Servers not reached.', ['host', 'reason']);
    this.#up = metrics.gauge('backend_up', 'Whether the last attempt to reach a server succeeded.', ['host'], 'min');
    this.#limits = limitsHit(metrics);
    this.#rejected = xmlRejections(metrics);
    this.#dns = metrics.histogram('dns_seconds', 'Time of DNS questions.', ['rrtype', 'outcome']);
  }

  /** The configured domains: the values of the label `host` besides `other`. */
  set hosts(domains: readonly string[]) {
    this.#hosts = new Set(domains.map((domain) => normalizeDomain(domain) ?? domain));
  }

  readonly asked: Observe = (rrtype, outcome, seconds) => this.#dns.observe({ rrtype, outcome }, seconds);

  took(phase: string, seconds: number): void {
    this.#seconds.observe({ phase }, seconds);
  }

  opened(domain: string): void {
    this.#up.set({ host: this.#label(domain) }, 1);
  }

  failed(domain: string, reason: Reason): void {
    this.#up.set({ host: this.#label(domain) }, 0);
    this.#failures.inc({ host: this.#label(domain), reason });
  }

  limited(limit: string): void {
    this.#limits.inc({ limit });
  }

  /** A stream was ended because of what the server sent, or because it took nothing. */
  broken(condition: string): void {
    if (condition === 'resource-constraint') this.limited('queue_hard');
    else if (condition !== 'internal-server-error') this.#rejected(condition);
  }

  #label(domain: string): string {
    return this.#hosts.has(domain) ? domain : 'other';
  }

  *#waiting(links: Iterable<Counted>): Iterable<[{ queue: string }, number]> {
    for (const { isOpen, waiting } of links) yield [{ queue: isOpen ? 'server' : 'connecting' }, waiting];
  }

  *#count(links: Iterable<Counted>): Iterable<[{ host: string; state: string }, number]> {
    for (const { to, isOpen } of links)
      yield [{ host: this.#label(to.domain), state: isOpen ? 'open' : 'connecting' }, 1];
  }
}
