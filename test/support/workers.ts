// A server of several processes, as its log tells of them.

import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { freePort } from './peers/process.js';
import { type ServerProcess, startServer } from './server.js';
import { WsClient } from './ws-client.js';

export const DOMAIN = 'test.example';

export const chat = (to: string, text: string): string =>
  `<message xmlns='jabber:client' to='${to}' type='chat'><body>${text}</body></message>`;

/** Our own server with workers and a local domain; everybody may come in, over every transport. */
export class Workers {
  private constructor(
    readonly server: ServerProcess,
    readonly tcp: number,
    readonly config: object,
  ) {}

  static async start(workers: number, config: Readonly<Record<string, unknown>> = {}): Promise<Workers> {
    const tcp = await freePort();
    const domains = { [DOMAIN]: { auth: { anonymous: true, register: true } } };
    const c2s = { host: '127.0.0.1', port: tcp, require_tls: false };
    const all = { workers, domains, c2s, limits: { rates: false }, logging: 'DEBUG', ...config };
    const server = await startServer({ config: all });
    await server.process.until(/"server_started"/);
    return new Workers(server, tcp, all);
  }

  get place() {
    return { ws: this.server.ws, tcp: this.tcp, domain: DOMAIN };
  }

  /** Writes its configuration anew, with these options in place of those that were there. */
  configure(options: object): void {
    writeFileSync(this.server.file, JSON.stringify({ ...this.config, ...options }));
  }

  hup(): void {
    process.kill(this.server.process.pid, 'SIGHUP');
  }

  /** The lines of its log with that event, oldest first. */
  told(event: string): Record<string, unknown>[] {
    const lines = this.server.log().split('\n');
    return lines.filter((line) => line.includes(`"event":"${event}"`)).map((line) => JSON.parse(line));
  }

  /** Resolves when its log has so many lines of that event. */
  async tells(event: string, count = 1): Promise<void> {
    await this.server.process.until(new RegExp(`("event":"${event}"[^]*){${count}}`), 30_000);
  }

  /** The pid of a worker that was started. */
  pid(worker: number): number {
    return Number(this.told('worker_started').find((line) => line.worker === worker)?.pid);
  }

  /** The workers that clients over this transport came to, in their order. */
  carriers(transport: string): readonly unknown[] {
    return this.told('stream_admitted').flatMap((line) => (line.transport === transport ? [line.worker] : []));
  }

  /** Makes an account. */
  async register(user: string, password: string): Promise<void> {
    const client = await WsClient.open(this.server.ws, DOMAIN);
    await client.features();
    const query = `<query xmlns='jabber:iq:register'><username>${user}</username><password>${password}</password></query>`;
    const iq = `<iq xmlns='jabber:client' type='set' id='register'>${query}</iq>`;
    const answer = await client.exchange(iq, ({ name }) => name === 'iq');
    if (answer.attr('type') !== 'result') throw new Error(answer.raw);
    client.cut();
  }

  async metrics(): Promise<ReadonlyMap<string, number>> {
    const response = await fetch(`http://127.0.0.1:${this.server.port}/metrics`);
    const lines = (await response.text()).split('\n').filter((line) => line !== '' && !line.startsWith('#'));
    return new Map(
      lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ')))]),
    );
  }

  stop(signal?: NodeJS.Signals): Promise<number> {
    return this.server.stop(signal);
  }
}

/** Resolves when that process is gone. */
export async function ended(pid: number): Promise<void> {
  for (;;) {
    try {
      process.kill(pid, 0);
    } catch {
      return;
    }
    await once(AbortSignal.timeout(20), 'abort');
  }
}
