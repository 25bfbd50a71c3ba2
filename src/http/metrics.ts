// What the HTTP and WebSocket faces count. The hot path adds to plain numbers; they are read when somebody asks.

import { type Histogram, limitsHit, type Metrics, queueBytes, xmlRejections } from '../metrics.js';

/** Requests of BOSH by how they ended, and bytes of bodies. */
export class HttpCounts {
  ok = 0;
  refused = 0;
  failed = 0;
  gone = 0;
  dropped = 0;
  preflight = 0;
  /** Requests that wait for an answer now. */
  held = 0;
  bytesIn = 0;
  bytesOut = 0;
}

/** Of every so many requests one has its processing time taken. */
const SAMPLE = 16;
const FAST = [0.00005, 0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1];

export class HttpMetrics {
  readonly counts = new HttpCounts();
  readonly websocket = { open: 0, bytesIn: 0, bytesOut: 0, closed: new Map<string, number>() };
  /** A WebSocket message was not taken, by the condition of its stream error. */
  readonly rejected: (reason: string) => void;
  /** A limit was in the way. */
  readonly limited: (limit: string) => void;
  /** Declares where the bytes that wait for WebSockets can be asked. */
  readonly queued: (bytes: () => number) => void;
  readonly #hold: Histogram;
  readonly #process: Histogram;
  readonly #rtt: Histogram;
  #requests = 0;
  readonly #pages = new Map<string, number>();

  constructor(metrics: Metrics) {
    const { counts, websocket } = this;
    const limits = limitsHit(metrics);
    this.limited = (limit) => limits.inc({ limit });
    this.rejected = xmlRejections(metrics);
    this.queued = (bytes) => queueBytes(metrics, () => [[{ queue: 'websocket' }, bytes()]]);
    this.#hold = metrics.histogram(
      'request_hold_seconds',
      'Time from a whole BOSH request to its answer, of every 16th',
    );
    this.#process = metrics.histogram(
      'request_process_seconds',
      'Time to process a BOSH request, of every 16th',
      [],
      FAST,
    );
    this.#rtt = metrics.histogram('ws_ping_rtt_seconds', 'Time from a WebSocket ping to its pong');
    metrics.read('held_requests', 'BOSH requests that wait for an answer', [], () => [[{}, counts.held]]);
    metrics.read('ws_connections', 'WebSocket connections', [], () => [[{}, websocket.open]]);
    metrics.read(
      'http_requests_total',
      'HTTP requests; POST is all of BOSH',
      ['method', 'outcome'],
      () => this.#outcomes(),
      'counter',
    );
    metrics.read(
      'ws_close_total',
      'WebSocket connections that ended, by close code',
      ['code'],
      () => [...websocket.closed].map(([code, count]) => [{ code }, count]),
      'counter',
    );
    metrics.read(
      'bytes_total',
      'Bytes of BOSH bodies, WebSocket messages and TCP streams',
      ['transport', 'direction'],
      () => [
        [{ transport: 'bosh', direction: 'in' }, counts.bytesIn],
        [{ transport: 'bosh', direction: 'out' }, counts.bytesOut],
        [{ transport: 'websocket', direction: 'in' }, websocket.bytesIn],
        [{ transport: 'websocket', direction: 'out' }, websocket.bytesOut],
      ],
      'counter',
    );
  }

  /** The time a request that is whole now has to remember, if its times are taken; 0 otherwise. */
  began(): number {
    return ++this.#requests % SAMPLE === 0 ? performance.now() : 0;
  }

  /** A request was processed whose times are taken since then. */
  processed(since: number): void {
    if (since > 0) this.#process.observe((performance.now() - since) / 1000);
  }

  /** It was answered. */
  held(since: number): void {
    if (since > 0) this.#hold.observe((performance.now() - since) / 1000);
  }

  /** A ping took so many milliseconds. */
  pinged(took: number): void {
    this.#rtt.observe(took / 1000);
  }

  /** A WebSocket closed with this code; codes outside the known ones share a label. */
  closed(code: number): void {
    const label = KNOWN_CODES.has(code) ? String(code) : 'other';
    this.websocket.closed.set(label, (this.websocket.closed.get(label) ?? 0) + 1);
  }

  /** A page, or an error, was answered with this status. */
  page(method: string, status: number): void {
    const key = `${KNOWN_METHODS.has(method) ? method : 'other'} ${status < 400 ? 'page' : `${Math.floor(status / 100)}xx`}`;
    this.#pages.set(key, (this.#pages.get(key) ?? 0) + 1);
  }

  *#outcomes(): Iterable<readonly [{ method: string; outcome: string }, number]> {
    const { counts } = this;
    for (const outcome of ['ok', 'refused', 'failed', 'gone', 'dropped'] as const) {
      yield [{ method: 'POST', outcome }, counts[outcome]];
    }
    yield [{ method: 'OPTIONS', outcome: 'preflight' }, counts.preflight];
    for (const [key, count] of this.#pages) {
      const [method, outcome] = key.split(' ');
      yield [{ method, outcome }, count];
    }
  }
}

const KNOWN_CODES = new Set([1000, 1001, 1002, 1003, 1005, 1006, 1007, 1008, 1009, 1011]);
const KNOWN_METHODS = new Set(['GET', 'HEAD', 'POST', 'OPTIONS', 'PUT', 'DELETE', 'PATCH']);
