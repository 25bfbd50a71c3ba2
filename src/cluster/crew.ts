// The workers of a server: as many processes as were asked for, behind the same ports (node:cluster). Connections are dealt
// out in turn: shared listeners cost the primary process nothing, but left one worker up to six times as many as another.
// One that ends is replaced, under a number of its own, so that no sid of it is taken for one of its successor.

import cluster from 'node:cluster';
import { fileURLToPath } from 'node:url';
import type { Log } from '../log.js';
import type { Handle } from '../net/handle.js';
import type { Urls } from '../urls.js';
import type { Beginning } from './messages.js';
import { HALL, type WorkerDeps, WorkerProcess } from './worker-process.js';

const ENTRY = fileURLToPath(new URL('../../bin/worker.js', import.meta.url));

/** Milliseconds until a worker is replaced that did not even begin, or soon ended; each time twice as long. */
const PATIENCE = { least: 500, most: 30_000 } as const;
const SOON = 5000;

export interface CrewDeps extends Pick<WorkerDeps, 'turn' | 'answer'> {
  readonly log: Log;
  /** What one that begins now has to know. */
  beginning(number: number): Beginning;
  /** A process is there; it does not listen yet. */
  came(worker: WorkerProcess): void;
  /** It listens. */
  began(worker: WorkerProcess, beginning: Beginning): void;
  /** A process is gone. */
  left(worker: WorkerProcess): void;
}

export class Crew {
  readonly #deps: CrewDeps;
  readonly #all = new Set<WorkerProcess>();
  /** Those that listen. */
  readonly #working = new Set<WorkerProcess>();
  #count = 0;
  #patience = 0;
  readonly #delayed = new Set<NodeJS.Timeout>();
  #ending = false;
  #emptied: (() => void) | undefined;

  constructor(deps: CrewDeps) {
    this.#deps = deps;
    cluster.schedulingPolicy = cluster.SCHED_RR;
    const stdio = Array.from({ length: HALL + 1 }, (_, fd) => (fd < 3 ? 'inherit' : fd === HALL ? 'pipe' : 'ipc'));
    cluster.setupPrimary({
      exec: ENTRY,
      args: [],
      serialization: 'advanced',
      stdio: stdio as ('inherit' | 'ipc' | 'pipe')[],
    });
  }

  /** Those that work. */
  get workers(): readonly WorkerProcess[] {
    return [...this.#working];
  }

  /** Resolves when so many listen, with where. Rejects with what kept the first of them from that. */
  async start(size: number): Promise<Urls> {
    const begun = await Promise.all(Array.from({ length: size }, () => this.#add()));
    return begun[0];
  }

  /** Nobody is replaced any more. */
  leave(): void {
    this.#ending = true;
    for (const timer of this.#delayed) clearTimeout(timer);
  }

  /** Resolves when all are gone; who takes longer than this is ended. */
  async end(milliseconds: number): Promise<void> {
    this.leave();
    for (const worker of this.#all) void worker.end();
    const late = setTimeout(() => this.kill(), milliseconds);
    if (this.#all.size > 0)
      await new Promise<void>((resolve) => {
        this.#emptied = resolve;
      });
    clearTimeout(late);
  }

  kill(): void {
    for (const worker of this.#all) worker.kill();
  }

  async #add(): Promise<Urls> {
    const number = ++this.#count;
    const worker = new WorkerProcess(number, cluster.fork(), {
      turn: this.#deps.turn,
      answer: this.#deps.answer,
      gave: ({ owner, said }, handle) => this.#pass(owner, handle, said),
      hung: () => this.#deps.log.error('worker_hung', { worker: number, pid: worker.pid }),
      exited: (_, code, signal) => this.#exited(worker, code, signal),
    });
    this.#all.add(worker);
    this.#deps.came(worker);
    return this.#begun(worker);
  }

  /** A connection goes to the worker with that number; when it is gone, so are its sessions, and the client is to come again. */
  #pass(owner: number, handle: Handle, said: Buffer): void {
    for (const worker of this.#working) {
      if (worker.number !== owner) continue;
      worker.take(handle, said);
      return;
    }
    handle.close();
  }

  async #begun(worker: WorkerProcess): Promise<Urls> {
    const beginning = this.#deps.beginning(worker.number);
    try {
      const urls = await worker.begin(beginning);
      this.#working.add(worker);
      this.#deps.log.info('worker_started', { worker: worker.number, pid: worker.pid });
      this.#deps.began(worker, beginning);
      return urls;
    } catch (error) {
      worker.kill();
      throw error;
    }
  }

  #exited(worker: WorkerProcess, code: number | null, signal: string | null): void {
    const worked = this.#working.delete(worker);
    this.#all.delete(worker);
    this.#deps.left(worker);
    if (this.#all.size === 0) this.#emptied?.();
    if (this.#ending || !worked) return;
    const { number, pid } = worker;
    this.#deps.log.error('worker_lost', { worker: number, pid, ...(signal === null ? { code } : { signal }) });
    if (performance.now() - worker.since >= SOON) this.#patience = 0;
    this.#substitute();
  }

  /** The first at once; then after a while, as long as they do not last. */
  #substitute(): void {
    const timer = setTimeout(() => {
      this.#delayed.delete(timer);
      this.#add().catch((error) => {
        if (this.#ending) return;
        this.#deps.log.error('worker_not_started', { error });
        this.#substitute();
      });
    }, this.#patience);
    this.#delayed.add(timer);
    this.#patience = Math.min(Math.max(this.#patience * 2, PATIENCE.least), PATIENCE.most);
  }
}
