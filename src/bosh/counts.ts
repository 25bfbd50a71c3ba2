// What the engine counts: plain numbers where it is hot, read when somebody asks for the metrics.

import { limitsHit, type Metrics, queueBytes, xmlRejections } from '../metrics.js';
import type { Verdict } from './window.js';

const KINDS: readonly Verdict[] = ['next', 'early', 'pending', 'answered', 'beyond'];

export class Counts {
  sessions = 0;
  streams = 0;
  /** Bytes of responses kept for repetition. */
  unackedBytes = 0;
  /** Bytes queued for clients. */
  queuedBytes = 0;
  /** Streams whose server was asked to wait. */
  paused = 0;
  /** Responses sent again. */
  resent = 0;
  /** Requests by what their rid was. */
  readonly rids: Record<Verdict, number> = { next: 0, early: 0, pending: 0, answered: 0, beyond: 0 };
  /** A body was not taken, by the condition of its stream error. */
  readonly rejected: (reason: string) => void;
  readonly #limits;

  constructor(metrics: Metrics) {
    this.rejected = xmlRejections(metrics);
    this.#limits = limitsHit(metrics);
    queueBytes(metrics, () => [[{ queue: 'bosh' }, this.queuedBytes]]);
    const kept = () => [[{}, this.unackedBytes]] as const;
    metrics.read('responses_unacked_bytes', 'Bytes of BOSH responses kept for repetition', [], kept);
    const resent = () => [[{}, this.resent]] as const;
    metrics.read('response_resent_total', 'BOSH responses sent again', [], resent, 'counter');
    const rids = () => KINDS.map((kind) => [{ kind }, this.rids[kind]] as const);
    metrics.read('rid_events_total', 'BOSH requests by what their rid was', ['kind'], rids, 'counter');
  }

  /** A limit was in the way. */
  limited(limit: string): void {
    this.#limits.inc({ limit });
  }
}
