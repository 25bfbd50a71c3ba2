// The composition root of one worker: the edge, whose local domains are in the primary process, and whose BOSH sessions may
// be asked for by requests that other workers took. It does what the primary asks, and ends with it.

import type { SendHandle } from 'node:child_process';
import { Socket } from 'node:net';
import { join } from 'node:path';
import { DistantDomains } from './cluster/distant-domains.js';
import { DistantFiles } from './cluster/distant-files.js';
import { Handover, type SendWith } from './cluster/handover.js';
import { answerTo, type Beginning, type Load, Questions, type ToWorker, type Whole } from './cluster/messages.js';
import { Neighbours } from './cluster/neighbours.js';
import { RequestsElsewhere } from './cluster/requests-elsewhere.js';
import { Wire } from './cluster/wire.js';
import { HALL } from './cluster/worker-process.js';
import type { Config } from './config/load.js';
import { Edge } from './edge.js';
import { Events } from './events.js';
import type { Registry } from './files/registry.js';
import { Shelf } from './files/shelf.js';
import { createLog, type RootLog } from './log.js';
import { Metrics } from './metrics.js';
import type { Handle } from './net/handle.js';
import { Tick } from './tick.js';
import type { Urls } from './urls.js';
import { processVitals, version } from './vitals.js';

const SWEEP = 100;

/** Does what this process was forked for. */
export function work(): void {
  // They go to the whole process group; the primary says what they mean.
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => {});
  const questions = new Questions();
  const send = (message: unknown) => void process.send?.(message, undefined, undefined, () => {});
  const primary: Primary = {
    whole: () => questions.ask<Whole>((id) => send({ id, ask: 'whole' })),
    text: () => questions.ask<string>((id) => send({ id, ask: 'text' })),
    files: new DistantFiles((about) => questions.ask((id) => send({ id, ask: 'file', about }))),
    give: (message, handle, written) => void process.send?.(message, handle as SendHandle, undefined, written),
  };
  let worker: Worker | undefined;
  let turn: Promise<unknown> = Promise.resolve();
  const inTurn = (work: () => Promise<unknown>) => {
    turn = turn.then(work, work);
    return turn;
  };
  process.on('message', (message: ToWorker, handle: Handle) => {
    const answer = (result: Promise<unknown>) => void answerTo(message.id, result).then(send);
    switch (message.ask) {
      case 'answer':
        return questions.answered(message);
      case 'begin':
        return answer(
          inTurn(async () => {
            worker = new Worker(message.beginning, primary);
            return worker.start();
          }),
        );
      case 'reload':
        return answer(inTurn(async () => worker?.reload(message.config)));
      case 'drain':
        return answer(inTurn(async () => worker?.drain()));
      case 'load':
        return answer(Promise.resolve(worker?.load));
      case 'metrics':
        return answer(Promise.resolve(worker?.metrics.values()));
      case 'take':
        return worker === undefined ? handle.close() : worker.take(handle, message.said);
      case 'ping':
        return answer(Promise.resolve());
      case 'end':
        return void inTurn(async () => worker?.end()).finally(() => process.exit(0));
    }
  });
  send({ id: 0, ask: 'here' });
}

/** What only the primary process can tell. */
interface Primary {
  whole(): Promise<Whole>;
  text(): Promise<string>;
  readonly files: Registry;
  readonly give: SendWith;
}

/** The metrics that are shown are those of all processes. */
class SharedMetrics extends Metrics {
  constructor(readonly primary: Primary) {
    super();
  }

  override text(): Promise<string> {
    return this.primary.text();
  }
}

class Worker {
  readonly #log: RootLog;
  readonly metrics: SharedMetrics;
  readonly #edge: Edge;
  readonly #domains: DistantDomains;
  readonly #hall: Wire;
  readonly #requests: RequestsElsewhere;
  readonly #path: string;
  readonly #size: number;
  #config: Config;
  #sweep: NodeJS.Timeout | undefined;
  #draining = false;

  constructor({ config, number, size, folder, log: style }: Beginning, primary: Primary) {
    process.title = `bosh-server worker ${number}`;
    this.#config = config;
    this.#size = size;
    this.#path = join(folder, String(number));
    this.#log = createLog(config.logging, style);
    onCrash(this.#log, number);
    const log = this.#log.child({ worker: number });
    const metrics = new SharedMetrics(primary);
    this.metrics = metrics;
    const turn = new Tick((error) => log.error('wire_flush_failed', { error }));
    this.#domains = new DistantDomains(config.domains, {
      counted: (party, by) => this.#edge.hear(party, by),
      failed: (error) => log.error('stream_failed', { error }),
    });
    this.#hall = new Wire(new Socket({ fd: HALL }), this.#domains, turn);
    this.#domains.use(this.#hall);
    const forwarding = new Forwarding(metrics);
    const path = (other: number) => join(folder, String(other));
    const handover = new Handover({ number, path, send: primary.give });
    metrics.read(
      'handed_over_connections_total',
      'Connections that went to the worker with the session of their first BOSH request.',
      [],
      () => [[{}, handover.all]],
      'counter',
    );
    this.#edge = new Edge(portion(config, size), {
      log,
      metrics,
      events: new Events(),
      local: this.#domains,
      node: String(number),
      counted: (party, by) => this.#domains.counted(party, by),
      status: () => ({ version, draining: this.#draining, options: this.#config }),
      whole: () => primary.whole(),
      files: new Shelf(primary.files, log),
      handover,
      around: (sessions) => new Neighbours({ number, sessions, turn, path, counts: forwarding }),
    });
    const failed = (error: unknown) => log.error('bosh_request_failed', { error });
    this.#requests = new RequestsElsewhere({ sessions: this.#edge.sessions, turn, failed });
    processVitals(metrics, this.#log);
  }

  /** Listens. Rejects with the system's error. */
  async start(): Promise<Urls> {
    await this.#requests.listen(this.#path);
    await this.#edge.start();
    this.#sweep = setInterval(() => this.#edge.sweep(), SWEEP);
    return this.#edge.urls;
  }

  async reload(config: Config): Promise<void> {
    this.#domains.reload(config.domains);
    this.#edge.reload(portion(config, this.#size));
    this.#log.level = config.logging;
    this.#config = config;
  }

  take(handle: Handle, said: Buffer): void {
    this.#edge.take(handle, said);
  }

  get load(): Load {
    return this.#edge.load;
  }

  /** As Server.stop. */
  async drain(): Promise<void> {
    this.#draining = true;
    const { delay, timeout } = this.#config.drain;
    if (delay > 0) await lapse(delay * 1000);
    this.#edge.leave();
    await Promise.race([this.#edge.close().then(() => this.#edge.stop()), lapse(timeout * 1000)]);
    clearInterval(this.#sweep);
    this.#hall.flush();
  }

  async end(): Promise<void> {
    await this.#log.flush();
  }
}

/** How much BOSH goes from worker to worker, in plain numbers. */
class Forwarding {
  now = 0;
  all = 0;
  refused = 0;

  constructor(metrics: Metrics) {
    metrics.read('forwarded_requests', 'BOSH requests that wait for an answer of another worker.', [], () => [
      [{}, this.now],
    ]);
    const outcomes = () =>
      [
        [{ outcome: 'taken' }, this.all],
        [{ outcome: 'refused' }, this.refused],
      ] as const;
    const help = 'BOSH requests whose session is in another worker.';
    metrics.read('forwarded_requests_total', help, ['outcome'], outcomes, 'counter');
  }
}

/** What is limited for the server as a whole and cannot be counted together is divided. */
function portion(config: Config, size: number): Config {
  const { limits } = config;
  return { ...config, limits: { ...limits, dials: Math.ceil(limits.dials / size) } };
}

function onCrash(log: RootLog, worker: number): void {
  const crash = (error: unknown, origin: string) => {
    log.error('crashed', { worker, origin, error });
    log.flush().finally(() => process.exit(70));
  };
  process.on('uncaughtException', crash);
  process.on('unhandledRejection', (error) => crash(error, 'unhandledRejection'));
}

function lapse(milliseconds: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, milliseconds).unref();
  });
}
