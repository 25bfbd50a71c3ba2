// What crosses the hall, in plain numbers: a stanza costs an addition, and the numbers are read when somebody asks.

import type { Histogram, Metrics } from '../metrics.js';
import { normalizeDomain } from './access.js';
import type { ClientStream, Ending } from './end.js';

const KINDS = ['message', 'presence', 'iq', 'other'] as const;
/** An index of KINDS: what is no stanza of RFC 6120 section 8 (SASL, XEP-0198, XEP-0352, ...) is `OTHER`. */
export const MESSAGE = 0;
export const PRESENCE = 1;
export const IQ = 2;
export const OTHER = 3;

const [M, P, R, E, I, Q] = Buffer.from('mpreiq');

/** The kind of an element by its first bytes; one with a prefix is `OTHER`. */
export function kindOf(raw: Buffer): number {
  const first = raw[1];
  if (first === M) return MESSAGE;
  // Not <proceed/> or <inactive/>.
  if (first === I) return raw[2] === Q ? IQ : OTHER;
  return first === P && raw[2] === R && raw[3] === E ? PRESENCE : OTHER;
}

type Transport = ClientStream['transport'];

/** Of the streams to one host. */
export class HostCounts {
  /** Elements from clients, by kind. */
  readonly in = new Float64Array(KINDS.length);
  /** Elements to clients, by kind. */
  readonly out = new Float64Array(KINDS.length);
  readonly created = new Map<Transport, number>();
  /** Log-ins by mechanism, then by outcome. */
  readonly logins = new Map<string, { success: number; failure: number }>();

  constructor(readonly host: string) {}

  attempted(mechanism: string, outcome: 'success' | 'failure'): void {
    const counts = this.logins.get(mechanism) ?? { success: 0, failure: 0 };
    counts[outcome]++;
    this.logins.set(mechanism, counts);
  }
}

const MINUTE = 60;
const HOUR = 3600;
const LIFETIMES = [1, 10, MINUTE, 10 * MINUTE, HOUR, 4 * HOUR, 12 * HOUR, 24 * HOUR, 7 * 24 * HOUR];

export class StreamCounts {
  /** Streams whose client, or whose server, was asked to wait. */
  readonly paused = { client: 0, server: 0 };
  readonly #hosts = new Map<string, HostCounts>();
  readonly #states = new Map<Transport, { opening: number; open: number }>();
  readonly #closed = new Map<Transport, Map<string, number>>();
  readonly #seconds: Histogram;
  #configured: ReadonlySet<string> = new Set();

  constructor(metrics: Metrics) {
    const streams = () => this.#streams();
    metrics.read('sessions', 'Streams that are let in.', ['transport', 'state'], streams);
    const created = () => this.#created();
    metrics.read('sessions_created_total', 'Streams let in.', ['transport', 'host'], created, 'counter');
    const closed = () => this.#ended();
    metrics.read('sessions_closed_total', 'Streams that ended.', ['transport', 'reason'], closed, 'counter');
    this.#seconds = metrics.histogram('session_duration_seconds', 'How long streams lasted.', [], LIFETIMES);
    const stanzas = () => this.#stanzas();
    const labels = ['direction', 'kind', 'host'] as const;
    metrics.read('stanzas_total', 'Elements from clients (in) and to them (out).', labels, stanzas, 'counter');
    const logins = () => this.#logins();
    metrics.read('auth_total', 'Log-ins seen.', ['host', 'mechanism', 'outcome'], logins, 'counter');
    const { paused } = this;
    const waiting = () => (['client', 'server'] as const).map((side) => [{ side }, paused[side]] as const);
    metrics.read('backpressure_paused', 'Streams with a side that was asked to wait.', ['side'], waiting);
  }

  /** The values of the label `host` besides `other`. */
  set hosts(domains: Iterable<string>) {
    this.#configured = new Set([...domains].map((domain) => normalizeDomain(domain) ?? domain));
  }

  of(domain: string): HostCounts {
    const host = this.#configured.has(domain) ? domain : 'other';
    const counts = this.#hosts.get(host) ?? new HostCounts(host);
    this.#hosts.set(host, counts);
    return counts;
  }

  created(transport: Transport, host: HostCounts): void {
    host.created.set(transport, (host.created.get(transport) ?? 0) + 1);
    this.#statesOf(transport).opening++;
  }

  opened(transport: Transport): void {
    const states = this.#statesOf(transport);
    states.opening--;
    states.open++;
  }

  /** One that was open, or not yet, is over. */
  left(transport: Transport, wasOpen: boolean, { error, how }: Ending, seconds: number): void {
    this.#statesOf(transport)[wasOpen ? 'open' : 'opening']--;
    const reasons = this.#closed.get(transport) ?? new Map<string, number>();
    const reason = error?.condition ?? how;
    this.#closed.set(transport, reasons.set(reason, (reasons.get(reason) ?? 0) + 1));
    this.#seconds.observe(seconds);
  }

  #statesOf(transport: Transport): { opening: number; open: number } {
    const states = this.#states.get(transport) ?? { opening: 0, open: 0 };
    this.#states.set(transport, states);
    return states;
  }

  *#streams() {
    for (const [transport, states] of this.#states)
      for (const state of ['opening', 'open'] as const) yield [{ transport, state }, states[state]] as const;
  }

  *#created() {
    for (const { host, created } of this.#hosts.values())
      for (const [transport, count] of created) yield [{ transport, host }, count] as const;
  }

  *#ended() {
    for (const [transport, reasons] of this.#closed)
      for (const [reason, count] of reasons) yield [{ transport, reason }, count] as const;
  }

  *#stanzas() {
    for (const counts of this.#hosts.values())
      for (const direction of ['in', 'out'] as const)
        for (const [index, kind] of KINDS.entries())
          yield [{ direction, kind, host: counts.host }, counts[direction][index]] as const;
  }

  *#logins() {
    for (const { host, logins } of this.#hosts.values())
      for (const [mechanism, counts] of logins)
        for (const outcome of ['success', 'failure'] as const)
          yield [{ host, mechanism, outcome }, counts[outcome]] as const;
  }
}
