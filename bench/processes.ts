// Processes of the benchmark, and what the kernel knows of them: CPU time and memory of the one that is measured.

import { type ChildProcess, execFileSync, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { availableParallelism } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Answer, Order } from './load/load.js';

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

/** Starts a program and waits until it accepts connections on `port`. */
export async function program(command: string, args: string[], port: number, env = process.env): Promise<ChildProcess> {
  const child = spawn(command, args, { stdio: ['ignore', 'ignore', 'inherit'], env });
  running.add(child);
  await orEnd(child, () => listening(port), command);
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

/** Microseconds of CPU (user and system, all threads) that a process has used. */
export function cpu(pid: number): number {
  let nanoseconds = 0;
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    nanoseconds += Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'latin1').split(' ')[0]);
  }
  return nanoseconds / 1000;
}

/** KiB of resident memory. */
export function rss(pid: number): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1]);
}

/** The load process, told what to do one order at a time. */
export class Load {
  readonly #child = fork(new URL('load/load.js', import.meta.url), { execArgv: [] });

  constructor() {
    running.add(this.#child);
    pin(this.#child.pid, false);
  }

  /** Rejects with what the load client saw when a message is lost, doubled, changed or misplaced. */
  async order(order: Order): Promise<{ messages: number; requests: number; seconds: number }> {
    this.#child.send(order);
    const [answer]: [Answer] = (await orEnd(
      this.#child,
      (signal) => once(this.#child, 'message', { signal }),
      'load',
    )) as [Answer];
    if ('failed' in answer) throw new Error(answer.failed);
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
