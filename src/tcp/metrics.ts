// What the TCP face counts. The hot path adds to plain numbers; they are read when somebody asks.

import { type Counter, limitsHit, type Metrics, queueBytes, xmlRejections } from '../metrics.js';
import type { ByteCounts } from './stream.js';

/** What can be asked of the connections there are. */
export interface Connections {
  /** Of those that are not attached yet. */
  readonly waiting: number;
  readonly size: number;
  /** Bytes that wait for clients. */
  readonly bytes: number;
}

export class TcpMetrics {
  readonly counts: ByteCounts = { bytesIn: 0, bytesOut: 0 };
  readonly rejected: (reason: string) => void;
  readonly limited: (limit: string) => void;
  readonly #handshakes: Counter<'outcome'>;

  constructor(metrics: Metrics, connections: Connections) {
    const { counts } = this;
    const limits = limitsHit(metrics);
    this.limited = (limit) => limits.inc({ limit });
    this.rejected = xmlRejections(metrics);
    queueBytes(metrics, () => [[{ queue: 'tcp' }, connections.bytes]]);
    this.#handshakes = metrics.counter('tcp_tls_handshakes_total', 'TLS handshakes of clients over TCP', ['outcome']);
    metrics.read('tcp_connections', 'Connections of clients over TCP', ['state'], () => [
      [{ state: 'waiting' }, connections.waiting],
      [{ state: 'settled' }, connections.size - connections.waiting],
    ]);
    metrics.read(
      'bytes_total',
      'Bytes of BOSH bodies, WebSocket messages and TCP streams',
      ['transport', 'direction'],
      () => [
        [{ transport: 'tcp', direction: 'in' }, counts.bytesIn],
        [{ transport: 'tcp', direction: 'out' }, counts.bytesOut],
      ],
      'counter',
    );
  }

  shaken(outcome: 'ok' | 'failed'): void {
    this.#handshakes.inc({ outcome });
  }
}
