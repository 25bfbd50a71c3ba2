// The composition root of a server of several processes, as its first has it: what there is once, and the workers that carry
// the clients. Each worker (worker.ts) has a wire to here, over which its streams reach the local domains.

import { EventEmitter } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Census } from './cluster/census.js';
import { Crew } from './cluster/crew.js';
import { DistantClients } from './cluster/distant-clients.js';
import { answerAbout } from './cluster/distant-files.js';
import type { FromWorker, Load, Whole } from './cluster/messages.js';
import type { Wire } from './cluster/wire.js';
import type { WorkerProcess } from './cluster/worker-process.js';
import { type Config, type ConfigInput, configure } from './config/load.js';
import { reloaded } from './config/restart.js';
import { Home, served } from './home.js';
import { createLog, type Log, type LogStyle, type RootLog } from './log.js';
import { counted, type Gauge, Metrics, type MetricValues, merged, summed } from './metrics.js';
import { Tick } from './tick.js';
import { baseOf, type Urls } from './urls.js';
import { processVitals, serverVitals } from './vitals.js';

/** Milliseconds. */
const SWEEP = 100;
/** For a worker to end once its clients are gone. */
const GOODBYE = 2000;
/** For a worker to say what it has; and to take a new configuration. */
const REPORT_WITHIN = 2000;
const RELOAD_WITHIN = 10_000;

export type PrimaryOptions = ConfigInput & { readonly log?: RootLog; readonly style?: LogStyle };

/** A server with so many workers that is not listening yet. Throws ConfigError with every mistake in the options. */
export function createPrimary(size: number, { log, style, ...input }: PrimaryOptions): Primary {
  const config = served(configure(input));
  return new Primary(size, config, log ?? createLog(config.logging), style);
}

/** What somebody who may say so wants to become of the server. */
interface PrimaryEvents {
  'halt-requested': [how: 'shutdown' | 'restart', domain: string];
}

export class Primary extends EventEmitter<PrimaryEvents> {
  readonly metrics = new Metrics();
  readonly #size: number;
  #config: Config;
  readonly #log: Log;
  readonly #home: Home;
  readonly #crew: Crew;
  readonly #census = new Census();
  /** Where workers reach each other; for this user only. */
  readonly #folder = mkdtempSync(join(tmpdir(), 'bosh-server-'));
  readonly #reloaded: Gauge;
  /** What each worker had counted when it was last asked. */
  readonly #counts = new Map<number, MetricValues>();
  #counting: Promise<string> | undefined;
  /** What workers had counted that are gone. */
  #departed: Promise<MetricValues> = Promise.resolve([]);
  #urls: Urls | undefined;
  #startedAt = 0;
  #sweep: NodeJS.Timeout | undefined;
  #stopped: Promise<void> | undefined;

  constructor(size: number, config: Config, log: Log, style: LogStyle = {}) {
    super();
    this.#size = size;
    this.#config = config;
    this.#log = log;
    const { metrics } = this;
    const base = () => this.#urls?.bosh.slice(0, -this.#config.path.length) ?? baseOf(this.#config);
    this.#home = new Home(config, { log, metrics, events: this.#told(), base });
    this.#crew = new Crew({
      log,
      turn: new Tick((error) => log.error('wire_flush_failed', { error })),
      beginning: (number) => ({ config: this.#config, number, size, folder: this.#folder, log: style }),
      came: (worker) => this.#came(worker),
      left: (worker) => this.#left(worker),
      began: (worker, { config: known }) => {
        if (known !== this.#config) void this.#reloadIn(worker, this.#config);
      },
      answer: (question) => this.#answer(question),
    });
    processVitals(metrics, log);
    this.#reloaded = serverVitals(metrics, () => this.#stopped !== undefined);
    metrics.read('workers', 'Processes that carry clients.', [], () => [[{}, this.#crew.workers.length]]);
  }

  /** Where clients reach it, once it listens. */
  get urls(): Urls {
    if (this.#urls === undefined) throw new Error('it does not listen yet');
    const { url: component } = this.#home;
    return { ...this.#urls, ...(component && { component }) };
  }

  /** Rejects with a StorageOpenError when the storage cannot be had, with the system's error when an address cannot. */
  async start(): Promise<void> {
    this.#startedAt = Date.now();
    await this.#home.start();
    this.#urls = await this.#crew.start(this.#size);
    await this.#home.listen();
    this.#sweep = setInterval(() => this.#home.core.sweep(), SWEEP);
  }

  /** As Server.stop: the workers part with their clients, then the local domains end. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  /**
   * Takes new options here and in all workers. Rejects, and changes nothing anywhere, when they are wrong. A worker that
   * does not take them in time is replaced by one that begins with them.
   */
  async reload(options: ConfigInput): Promise<void> {
    const config = served(reloaded(this.#config, configure(options)));
    await this.#home.listen(config);
    this.#home.reload(config);
    this.#config = config;
    await Promise.all(this.#crew.workers.map((worker) => this.#reloadIn(worker, config)));
    this.#reloaded.set(1);
  }

  rejectedReload(): void {
    this.#reloaded.set(0);
  }

  async #reloadIn(worker: WorkerProcess, config: Config): Promise<void> {
    try {
      await within(RELOAD_WITHIN, worker.reload(config));
    } catch (error) {
      this.#log.error('worker_not_reloaded', { worker: worker.number, error });
      worker.kill();
    }
  }

  async #stop(): Promise<void> {
    this.#crew.leave();
    const { delay, timeout } = this.#config.drain;
    await Promise.race([this.#home.core.drain(), lapse(timeout * 1000)]);
    const drained = Promise.all(this.#crew.workers.map((worker) => worker.drain().catch(() => {})));
    await Promise.race([drained, lapse((delay + timeout) * 1000 + GOODBYE)]);
    await this.#home.closeControl();
    const gone = this.#home.close().then(async () => {
      await this.#home.core.stop();
      await this.#home.stop();
    });
    await Promise.race([gone, lapse(timeout * 1000)]);
    clearInterval(this.#sweep);
    await this.#crew.end(GOODBYE);
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #came(worker: WorkerProcess): void {
    const { core } = this.#home;
    const clients = new DistantClients(worker.number, {
      upstream: core,
      counted: (party, by) => this.#census.count(wire, party, by),
      failed: (error) => this.#log.error('stream_failed', { worker: worker.number, error }),
      lost: (error) => {
        if (error) this.#log.error('wire_cut', { worker: worker.number, error });
        this.#census.leave(wire);
        worker.kill();
      },
    });
    const wire: Wire = worker.wire(clients);
    clients.use(wire);
    this.#census.join(wire);
  }

  #left({ number }: WorkerProcess): void {
    rmSync(join(this.#folder, String(number)), { force: true });
    const values = this.#counts.get(number);
    this.#counts.delete(number);
    if (values !== undefined) this.#keep(counted(values));
  }

  #keep(values: MetricValues): void {
    this.#departed = this.#departed.then((before) => merged([before, values]));
  }

  async #answer(question: FromWorker): Promise<unknown> {
    if (question.ask === 'text') return this.#text();
    return question.ask === 'file' ? answerAbout(this.#home.files, question.about) : this.#whole();
  }

  async #whole(): Promise<Whole> {
    const loads = await this.#asked((worker) => worker.load());
    const sum = (name: keyof Load) => loads.reduce((total, [, load]) => total + load[name], 0);
    return {
      startedAt: this.#startedAt,
      sessions: sum('sessions'),
      streams: sum('streams'),
      websockets: sum('websockets'),
      components: this.#home.core.componentStates(),
      draining: this.#stopped !== undefined,
    };
  }

  /** Asked by several at once, it is the same for all of them. */
  #text(): Promise<string> {
    this.#counting ??= this.#count().finally(() => {
      this.#counting = undefined;
    });
    return this.#counting;
  }

  /** Of a worker that does not answer, what it last said counts. */
  async #count(): Promise<string> {
    for (const [{ number }, values] of await this.#asked((worker) => worker.metrics()))
      this.#counts.set(number, values);
    return summed([await this.metrics.values(), ...this.#counts.values(), await this.#departed]);
  }

  /** What those say that answer in time, and are still there then. */
  async #asked<T>(question: (worker: WorkerProcess) => Promise<T>): Promise<(readonly [WorkerProcess, T])[]> {
    const answers = this.#crew.workers.map(async (worker) => {
      const answer = await within(REPORT_WITHIN, question(worker)).catch(() => undefined);
      return answer === undefined ? [] : [[worker, answer] as const];
    });
    const working = new Set(this.#crew.workers);
    return (await Promise.all(answers)).flat().filter(([worker]) => working.has(worker));
  }

  #told() {
    const failed = (domain: string, module: string, error: unknown) =>
      this.#log.error('module_failed', { domain, module, error });
    const halt = (domain: string, how: 'shutdown' | 'restart') => this.emit('halt-requested', how, domain);
    return { authenticated() {}, created() {}, closed() {}, halt, loaded() {}, unloaded() {}, failed };
  }
}

/** Rejects when that takes longer. */
async function within<T>(milliseconds: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${milliseconds} ms`)), milliseconds);
  });
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}

function lapse(milliseconds: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, milliseconds).unref();
  });
}
