// Processes of the benchmark, and what the kernel knows of them: CPU time and memory of the one that is measured.

import { type ChildProcess, execFileSync, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { availableParallelism } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Answer, Done, Order } from './load/load.js';

const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** Starts one of this folder's own processes and waits until it listens. */
export async function reference(
  file: string,
  args: string[],
  nodeOptions: string[] = [],
): Promise<[ChildProcess, number]> {
  const child = fork(new URL(file, import.meta.url), args, { execArgv: nodeOptions });
  running.add(child);
  const [message] = await orEnd(child, (signal) => once(child, 'message', { signal }), file);
  return [child, (message as { port: number }).port];
}

/** Starts a program and waits until it accepts connections on `port` and, where `ready` is given, has written that. */
export async function program(
  command: string,
  args: string[],
  port: number,
  env = process.env,
  ready = '',
): Promise<ChildProcess> {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'], env });
  running.add(child);
  let wrote = ready === '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    wrote ||= text.includes(ready);
  });
  await orEnd(child, () => listening(port), command);
  await orEnd(child, () => until(() => wrote), command);
  return child;
}

/** Ends a process politely and waits until it is gone. */
export async function stop(child: ChildProcess, patience = 10_000): Promise<void> {
  running.delete(child);
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), patience);
  await gone;
  clearTimeout(timer);
}

/**
 * Keeps the measured server on the first core and everything else on the others: where they share one, every write
 * hands the core to whom it wakes, and what is counted is the scheduler. Without taskset or a second core it is left be.
 */
export function pin(pid: number | undefined, measured: boolean): void {
  const cores = availableParallelism();
  if (cores < 2 || pid === undefined) return;
  try {
    execFileSync('taskset', ['-apc', measured ? '0' : `1-${cores - 1}`, String(pid)], { stdio: 'ignore' });
  } catch {}
}

/** A port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}

/** Microseconds of CPU (user and system, all threads) that a process and its children have used. */
export function cpu(pid: number): number {
  let nanoseconds = 0;
  for (const task of tasks(pid)) {
    nanoseconds += Number(readFileSync(`${task}/schedstat`, 'latin1').split(' ')[0]);
  }
  return nanoseconds / 1000 + sum(children(pid), cpu);
}

/** KiB of resident memory of a process and its children. */
export function rss(pid: number): number {
  const own = Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1]);
  return own + sum(children(pid), rss);
}

/** Microseconds of CPU that each of them has used, the process itself first. */
export function shares(pid: number): { pid: number; cpu: number }[] {
  const own = cpu(pid) - sum(children(pid), cpu);
  return [{ pid, cpu: own }, ...children(pid).map((child) => ({ pid: child, cpu: cpu(child) }))];
}

function tasks(pid: number): string[] {
  return readdirSync(`/proc/${pid}/task`).map((thread) => `/proc/${pid}/task/${thread}`);
}

/** The processes that it started. */
export function children(pid: number): number[] {
  return tasks(pid).flatMap((task) =>
    readFileSync(`${task}/children`, 'latin1').split(' ').filter(Boolean).map(Number),
  );
}

function sum(pids: readonly number[], count: (pid: number) => number): number {
  return pids.reduce((total, pid) => total + count(pid), 0);
}

/** The load process, told what to do one order at a time. */
export class Load {
  readonly #child = fork(new URL('load/load.js', import.meta.url), { execArgv: [] });

  /** The name of what it loads, for what it says of it. */
  constructor(readonly server: string) {
    running.add(this.#child);
    pin(this.#child.pid, false);
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Rejects with what the load client saw when a message is lost, doubled, changed or misplaced. */
  async order(order: Order): Promise<Done> {
    this.#child.send(order);
    const [answer]: [Answer] = (await orEnd(
      this.#child,
      (signal) => once(this.#child, 'message', { signal }),
      'load',
    )) as [Answer];
    if ('failed' in answer) throw new Error(`${this.server}: ${answer.failed}`);
    return answer.done;
  }

  stop(): Promise<void> {
    return stop(this.#child);
  }
}

/** The promise, or an error when the process ends first. */
async function orEnd<T>(child: ChildProcess, wanted: (signal: AbortSignal) => Promise<T>, name: string): Promise<T> {
  const settled = new AbortController();
  const { signal } = settled;
  const end = once(child, 'exit', { signal }).then(([code]) => {
    throw new Error(`${name} ended with ${code}`);
  });
  try {
    return await Promise.race([wanted(signal), end]);
  } finally {
    end.catch(() => {});
    settled.abort();
  }
}

async function until(condition: () => boolean): Promise<void> {
  for (let attempt = 0; attempt < 600; attempt++) {
    if (condition()) return;
    await sleep(100);
  }
  throw new Error('a program did not become ready');
}

async function listening(port: number): Promise<void> {
  for (let attempt = 0; attempt < 100; attempt++) {
    const socket = connect(port, '127.0.0.1');
    const [open] = await Promise.race([
      once(socket, 'connect').then(() => [true]),
      once(socket, 'error').then(() => [false]),
    ]).catch(() => [false]);
    socket.destroy();
    if (open) return;
    await sleep(100);
  }
  throw new Error(`nothing listens on ${port}`);
}
