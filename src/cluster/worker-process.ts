// One worker as the primary process has it: a child process, questions to it, and a wire for the hall. A worker that leaves
// several pings in a row unanswered hangs, and is ended.

import type { SendHandle } from 'node:child_process';
import type { Worker } from 'node:cluster';
import type { Socket } from 'node:net';
import type { Config } from '../config/load.js';
import type { MetricValues } from '../metrics.js';
import type { Handle } from '../net/handle.js';
import type { Urls } from '../urls.js';
import { Arrivals } from './handover.js';
import {
  answerTo,
  type Beginning,
  type FromWorker,
  type Give,
  type Load,
  Questions,
  type ToWorker,
} from './messages.js';
import { followConnections } from './underway.js';
import { type Turn, Wire, type WireEnd } from './wire.js';

/** Milliseconds. */
const PING = 1000;
/** Only this process's own time counts: after a sleep of the machine nobody hangs. */
const MOST_UNANSWERED = 10;

export interface WorkerDeps {
  readonly turn: Turn;
  /** What a worker wants to know. */
  answer(question: FromWorker): Promise<unknown>;
  /** A worker gives a connection to another. */
  gave(message: Give, handle: Handle): void;
  hung(worker: WorkerProcess): void;
  /** Once. */
  exited(worker: WorkerProcess, code: number | null, signal: string | null): void;
}

export class WorkerProcess {
  /** Milliseconds, as `performance.now()`. */
  readonly since = performance.now();
  readonly #worker: Worker;
  readonly #deps: WorkerDeps;
  readonly #questions = new Questions();
  // What is said before it listens is lost.
  readonly #here: Promise<void>;
  #arrived: () => void = () => {};
  #unanswered = 0;
  #pings: NodeJS.Timeout | undefined;
  readonly #closeUnderway: () => void;
  readonly #arrivals: Arrivals;
  #over = false;

  constructor(
    readonly number: number,
    worker: Worker,
    deps: WorkerDeps,
  ) {
    this.#worker = worker;
    this.#deps = deps;
    this.#here = new Promise((resolve) => {
      this.#arrived = resolve;
    });
    this.#closeUnderway = followConnections(worker.process);
    this.#arrivals = new Arrivals((message, handle, written) => {
      worker.send(message, handle as SendHandle, written);
    });
    worker.on('message', (message: FromWorker, handle: unknown) => this.#hear(message, handle as Handle | undefined));
    worker.on('error', () => {});
    worker.once('exit', (code, signal) => this.#exited(code, signal));
  }

  get pid(): number | undefined {
    return this.#worker.process.pid;
  }

  /** The hall, over a socket pair that the child was born with. */
  wire(end: WireEnd): Wire {
    return new Wire(this.#worker.process.stdio[HALL] as Socket, end, this.#deps.turn);
  }

  /** Resolves when it listens. */
  async begin(beginning: Beginning): Promise<Urls> {
    await this.#here;
    if (!this.#over) this.#pings = setInterval(() => this.#ping(), PING);
    return this.#ask<Urls>((id) => ({ id, ask: 'begin', beginning }));
  }

  reload(config: Config): Promise<void> {
    return this.#ask((id) => ({ id, ask: 'reload', config }));
  }

  /** Resolves when all its clients are gone, or their time is over. */
  drain(): Promise<void> {
    return this.#ask((id) => ({ id, ask: 'drain' }));
  }

  load(): Promise<Load> {
    return this.#ask((id) => ({ id, ask: 'load' }));
  }

  metrics(): Promise<MetricValues> {
    return this.#ask((id) => ({ id, ask: 'metrics' }));
  }

  /** Resolves when it is gone. */
  async end(): Promise<void> {
    clearInterval(this.#pings);
    await this.#ask((id) => ({ id, ask: 'end' })).catch(() => {});
  }

  /** Gives it a connection of another worker, and what was read from that. */
  take(handle: Handle, said: Buffer): void {
    if (this.#over || !this.#worker.isConnected()) handle.close();
    else this.#arrivals.give(handle, said);
  }

  kill(): void {
    if (!this.#over) this.#worker.process.kill('SIGKILL');
  }

  async #ask<T>(message: (id: number) => ToWorker): Promise<T> {
    if (this.#over) throw new Error('the worker is gone');
    return this.#questions.ask<T>((id) => this.#send(message(id)));
  }

  #send(message: ToWorker): void {
    if (this.#worker.isConnected()) this.#worker.send(message, undefined, () => {});
  }

  #hear(message: FromWorker, handle: Handle | undefined): void {
    if (message.ask === 'here') this.#arrived();
    else if (message.ask === 'give') {
      if (handle !== undefined) this.#deps.gave(message, handle);
    } else if (message.ask === 'answer') this.#questions.answered(message);
    else void answerTo(message.id, this.#deps.answer(message)).then((answer) => this.#send(answer));
  }

  #ping(): void {
    if (++this.#unanswered > MOST_UNANSWERED) {
      clearInterval(this.#pings);
      this.#deps.hung(this);
      this.kill();
      return;
    }
    this.#ask((id) => ({ id, ask: 'ping' })).then(
      () => {
        this.#unanswered = 0;
      },
      () => {},
    );
  }

  #exited(code: number | null, signal: string | null): void {
    this.#over = true;
    this.#closeUnderway();
    this.#arrivals.close();
    this.#arrived();
    clearInterval(this.#pings);
    this.#questions.end(new Error(`the worker ended with ${signal ?? code}`));
    this.#deps.exited(this, code, signal);
  }
}

/** The file descriptor, in both processes' counting. */
export const HALL = 4;
