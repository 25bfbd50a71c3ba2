// Child processes of the tests: real servers, browsers' helpers and our own server. Each is started in a process group of its
// own, its output is kept, and it is ended by its pid, also when the test process dies early.

import { type ChildProcess, spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { News } from '../news.js';

export interface RunOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** A running child process. */
export class Running {
  readonly pid: number;
  #child: ChildProcess;
  #log = '';
  #news = new News();
  #exit: Promise<number>;
  #ended: number | undefined;

  constructor(command: string, args: readonly string[], options: RunOptions = {}) {
    this.#child = spawn(command, args, {
      cwd: options.cwd,
      env: { ...process.env, ...options.env },
      detached: true,
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    this.pid = this.#child.pid ?? 0;
    for (const stream of [this.#child.stdout, this.#child.stderr]) stream?.setEncoding('utf8').on('data', this.#hear);
    this.#child.stdin?.on('error', () => {});
    this.#exit = new Promise((resolve) => {
      this.#child.on('error', (error) => resolve(this.#end(127, `${error.message}\n`)));
      this.#child.on('close', (code, signal) => resolve(this.#end(code ?? (signal ? 128 : 0))));
    });
    process.once('exit', this.#kill);
  }

  /** Everything it wrote so far, standard output and error in the order of arrival. */
  get log(): string {
    return this.#log;
  }

  /** Its exit code; 128 after a signal, 127 when it could not be started. */
  get exited(): Promise<number> {
    return this.#exit;
  }

  write(line: string): void {
    this.#child.stdin?.write(`${line}\n`);
  }

  /** Resolves with the match once the output contains it; rejects when the process ends or the time is over. */
  async until(pattern: RegExp, ms = 20_000): Promise<RegExpMatchArray> {
    const found = await this.#news.until(
      () => this.#log.match(pattern) ?? (this.#ended === undefined ? undefined : null),
      ms,
    );
    if (!found) throw new Error(`pid ${this.pid} never wrote ${pattern}; it wrote:\n${this.#log.slice(-4000)}`);
    return found;
  }

  /** Resolves once something listens on the port. */
  async listens(port: number, ms = 30_000): Promise<void> {
    const deadline = Date.now() + ms;
    while (!(await reachable(port))) {
      if (this.#ended !== undefined || Date.now() > deadline)
        throw new Error(`nothing listens on ${port}; pid ${this.pid} wrote:\n${this.#log.slice(-4000)}`);
      await new Promise((resolve) => setTimeout(resolve, 40));
    }
  }

  /** Ends it by its pid: first the signal, after the grace time SIGKILL for its whole group. */
  async stop(signal: NodeJS.Signals = 'SIGTERM', grace = 8000): Promise<number> {
    if (this.#ended === undefined) {
      this.#child.kill(signal);
      const timer = setTimeout(this.#kill, grace);
      await this.#exit;
      clearTimeout(timer);
    }
    this.#kill();
    process.removeListener('exit', this.#kill);
    return this.#exit;
  }

  #hear = (text: string): void => {
    this.#log += text;
    this.#news.tell();
  };

  #end(code: number, text = ''): number {
    this.#ended = code;
    this.#hear(text);
    return code;
  }

  #kill = (): void => {
    try {
      if (this.pid) process.kill(-this.pid, 'SIGKILL');
    } catch {
      // the group is gone already
    }
  };
}

const given = new Set<number>();

/** A loopback port nobody listens on; drawn below the range that systems give to outgoing connections, and never twice. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(10_000, 32_000);
    if (given.has(port)) continue;
    given.add(port);
    const server = createServer().listen(port, '127.0.0.1');
    const free = await once(server, 'listening').then(
      () => true,
      () => false,
    );
    server.close();
    if (free) return port;
  }
}

function reachable(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}
