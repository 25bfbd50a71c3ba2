// What the engine counts: plain numbers where it is hot, read when somebody asks for the metrics.

import type { Histogram, Metrics } from '../metrics.js';

const RID_EVENTS = ['next', 'early', 'pending', 'answered', 'beyond'] as const;

export class Counts {
  sessions = 0;
  streams = 0;
  held = 0;
  unackedBytes = 0;
  queuedBytes = 0;
  paused = 0;
  resent = 0;
  /** By verdict of the window. */
  readonly rids: Record<(typeof RID_EVENTS)[number], number> = {
    next: 0,
    early: 0,
    pending: 0,
    answered: 0,
    beyond: 0,
  };
  /** Ended sessions by condition; `terminate` for a goodbye, `inactivity` for a client that went silent. */
  readonly ended = new Map<string, number>();
  readonly holding: Histogram;

  constructor(metrics: Metrics) {
    const one = (value: () => number) => () => [[{}, value()]] as const;
    metrics.read(
      'held_requests',
      'BOSH requests that wait for an answer',
      [],
      one(() => this.held),
    );
    metrics.read(
      'responses_unacked_bytes',
      'Bytes of BOSH responses kept for repetition',
      [],
      one(() => this.unackedBytes),
    );
    metrics.read(
      'response_resent_total',
      'BOSH responses sent again',
      [],
      one(() => this.resent),
      'counter',
    );
    metrics.read(
      'session_queue_bytes',
      'Bytes queued for BOSH clients',
      [],
      one(() => this.queuedBytes),
    );
    metrics.read(
      'streams_paused',
      'BOSH streams whose server was asked to wait',
      [],
      one(() => this.paused),
    );
    const rids = () => RID_EVENTS.map((kind) => [{ kind }, this.rids[kind]] as const);
    metrics.read('rid_events_total', 'BOSH requests by what their rid was', ['kind'], rids, 'counter');
    const ended = () => [...this.ended].map(([reason, value]) => [{ reason }, value] as const);
    metrics.read('sessions_ended_total', 'BOSH sessions that ended, by reason', ['reason'], ended, 'counter');
    this.holding = metrics.histogram('request_hold_seconds', 'How long BOSH requests were held');
  }
}
