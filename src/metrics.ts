// One door to prom-client. Each part of the server declares its own metrics where it counts; every server has its own
// registry, so that two can live in one process. Names get the prefix `bosh_` here. Labels are of closed sets.

import { monitorEventLoopDelay } from 'node:perf_hooks';
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';

export type { Counter, Gauge, Histogram } from 'prom-client';

export class Metrics {
  readonly registry = new Registry();

  /** Counts events that are not on the hot path; `name` without prefix and ending in `_total`. */
  counter<L extends string = never>(name: string, help: string, labelNames: readonly L[] = []): Counter<L> {
    return new Counter({ name: `bosh_${name}`, help, labelNames: [...labelNames], registers: [this.registry] });
  }

  /** A value that goes up and down. */
  gauge<L extends string = never>(name: string, help: string, labelNames: readonly L[] = []): Gauge<L> {
    return new Gauge({ name: `bosh_${name}`, help, labelNames: [...labelNames], registers: [this.registry] });
  }

  /** Durations in seconds. */
  histogram<L extends string = never>(name: string, help: string, labelNames: readonly L[] = [], buckets = SECONDS) {
    return new Histogram<L>({
      name: `bosh_${name}`,
      help,
      labelNames: [...labelNames],
      buckets,
      registers: [this.registry],
    });
  }

  /** A gauge that is read from plain numbers when somebody asks: what the hot path counts costs it an addition. */
  read<L extends string = never>(
    name: string,
    help: string,
    labelNames: readonly L[],
    values: () => Iterable<readonly [labels: Partial<Record<L, string | number>>, value: number]>,
    kind: 'gauge' | 'counter' = 'gauge',
  ): void {
    const Kind = kind === 'gauge' ? Gauge : Counter;
    new Kind({
      name: `bosh_${name}`,
      help,
      labelNames: [...labelNames],
      registers: [this.registry],
      collect() {
        this.reset();
        for (const [labels, value] of values()) this.inc(labels as Record<L, string>, value);
      },
    });
  }

  /** The process's own metrics under their usual names (`process_`, `nodejs_`), and how late the event loop is. */
  collectProcess(): void {
    collectDefaultMetrics({ register: this.registry });
    const delay = monitorEventLoopDelay({ resolution: 10 });
    delay.enable();
    this.read('event_loop_lag_seconds', '99th percentile of how late timers ran since the last look.', [], () => {
      const late = delay.count === 0 ? 0 : Math.max(delay.percentile(99) / 1e9 - 0.01, 0);
      delay.reset();
      return [[{}, late]];
    });
  }

  /** Everything in the text format of Prometheus. */
  text(): Promise<string> {
    return this.registry.metrics();
  }

  get contentType(): string {
    return this.registry.contentType;
  }
}

const SECONDS = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 120];
