// One door to prom-client. Each part of the server declares its own metrics where it counts; every server has its own
// registry, so that two can live in one process. Names get the prefix `bosh_` here. Labels are of closed sets.

import { monitorEventLoopDelay } from 'node:perf_hooks';
import {
  type Aggregator,
  AggregatorRegistry,
  Counter,
  collectDefaultMetrics,
  Gauge,
  Histogram,
  Registry,
} from 'prom-client';

export type { Counter, Gauge, Histogram } from 'prom-client';

/** Labels and their value. */
type Sample<L extends string> = readonly [labels: Partial<Record<L, string | number>>, value: number];
type Samples<L extends string = string> = () => Iterable<Sample<L>>;

/** All series of a process with their values, as they can be sent to another. */
export type MetricValues = Awaited<ReturnType<Registry['getMetricsAsJSON']>>;

/** The series of several processes together: sums, but for what was declared otherwise. */
function together(all: readonly MetricValues[]): Registry {
  // Its type forgets one of two lists.
  return AggregatorRegistry.aggregate(all as unknown as MetricValues);
}

/** These as one. */
export function merged(all: readonly MetricValues[]): Promise<MetricValues> {
  return together(all).getMetricsAsJSON();
}

/** These as one, in the text format of Prometheus. */
export function summed(all: readonly MetricValues[]): Promise<string> {
  return together(all).metrics();
}

/** What still counts of a process that is gone: what it counted up to now. */
export function counted(values: MetricValues): MetricValues {
  return values.filter(({ type, aggregator }) => aggregator === 'sum' && COUNTING.has(String(type)));
}

const COUNTING = new Set(['counter', 'histogram']);

/** What is declared twice under one name is one metric: several rooms may count the same thing. */
export class Metrics {
  readonly registry = new Registry();
  readonly #read = new Map<string, Set<Samples>>();

  /** Counts events that are not on the hot path; `name` without prefix and ending in `_total`. */
  counter<L extends string = never>(name: string, help: string, labelNames: readonly L[] = []): Counter<L> {
    return this.#one(name, help, labelNames, (options) => new Counter(options));
  }

  /** A value that goes up and down; `whole` says what those of several processes are together. */
  gauge<L extends string = never>(
    name: string,
    help: string,
    labelNames: readonly L[] = [],
    whole: Aggregator = 'sum',
  ): Gauge<L> {
    return this.#one(name, help, labelNames, (options) => new Gauge({ ...options, aggregator: whole }));
  }

  /** Durations in seconds. */
  histogram<L extends string = never>(
    name: string,
    help: string,
    labelNames: readonly L[] = [],
    buckets = SECONDS,
  ): Histogram<L> {
    return this.#one(name, help, labelNames, (options) => new Histogram({ ...options, buckets }));
  }

  /**
   * A gauge that is read from plain numbers when somebody asks: what the hot path counts costs it an addition. Returns what
   * ends that.
   */
  read<L extends string = never>(
    name: string,
    help: string,
    labelNames: readonly L[],
    values: Samples<L>,
    kind: 'gauge' | 'counter' = 'gauge',
    whole: Aggregator = 'sum',
  ): () => void {
    const known = this.#read.get(name);
    const sources = known ?? new Set();
    this.#read.set(name, sources.add(values));
    const forget = () => void sources.delete(values);
    if (known !== undefined) return forget;
    const all = () => [...sources].flatMap((source) => [...source()]);
    const Kind = kind === 'gauge' ? Gauge : Counter;
    new Kind({
      name: `bosh_${name}`,
      help,
      labelNames: [...labelNames],
      aggregator: whole,
      registers: [this.registry],
      collect() {
        this.reset();
        for (const [labels, value] of all()) this.inc(labels as Record<L, string>, value);
      },
    });
    return forget;
  }

  #one<L extends string, M>(name: string, help: string, labels: readonly L[], make: (o: Declaration<L>) => M): M {
    const there = this.registry.getSingleMetric(`bosh_${name}`);
    if (there !== undefined) return there as M;
    return make({ name: `bosh_${name}`, help, labelNames: [...labels], registers: [this.registry] });
  }

  /** The process's own metrics under their usual names (`process_`, `nodejs_`), and how late the event loop is. */
  collectProcess(): void {
    collectDefaultMetrics({ register: this.registry });
    const delay = monitorEventLoopDelay({ resolution: 10 });
    delay.enable();
    const late = () => {
      const seconds = delay.count === 0 ? 0 : Math.max(delay.percentile(99) / 1e9 - 0.01, 0);
      delay.reset();
      return [[{}, seconds]] as const;
    };
    const help = '99th percentile of how late timers ran since the last look.';
    this.read('event_loop_lag_seconds', help, [], late, 'gauge', 'max');
  }

  /** Everything in the text format of Prometheus. */
  text(): Promise<string> {
    return this.registry.metrics();
  }

  /** The same as values. */
  values(): Promise<MetricValues> {
    return this.registry.getMetricsAsJSON();
  }

  get contentType(): string {
    return this.registry.contentType;
  }
}

const SECONDS = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 120];

interface Declaration<L extends string> {
  name: string;
  help: string;
  labelNames: L[];
  registers: Registry[];
}

/** How often each limit was in the way, by the name of its option. */
export const limitsHit = (metrics: Metrics): Counter<'limit'> =>
  metrics.counter('limits_hit_total', 'How often a limit was in the way.', ['limit']);

/** Counts XML that was not taken, from whichever side, by the condition of its stream error. */
export function xmlRejections(metrics: Metrics): (reason: string) => void {
  const limits = limitsHit(metrics);
  const rejected = metrics.counter('xml_rejected_total', 'XML that was not taken, by stream error.', ['reason']);
  return (reason) => {
    rejected.inc({ reason });
    if (reason === 'policy-violation') limits.inc({ limit: 'stanza' });
  };
}

/** Declares queues: the bytes that wait in them are read when somebody asks. */
export const queueBytes = (metrics: Metrics, queues: Samples<'queue'>): (() => void) =>
  metrics.read('queue_bytes', 'Bytes that wait, by where.', ['queue'], queues);
