// Two ends of a wire in one process, over a real local socket.

import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Tick } from '../../src/tick.js';
import { News } from './news.js';

export const turn = new Tick((error) => {
  throw error;
});

/** Two sockets that are each other's other end. */
export async function socketPair(): Promise<[Socket, Socket]> {
  const path = join(tmpdir(), `wire-${randomBytes(6).toString('hex')}`);
  const server = createServer().listen(path);
  await once(server, 'listening');
  const one = connect(path);
  const [[other]] = await Promise.all([once(server, 'connection'), once(one, 'connect')]);
  server.close();
  rmSync(path, { force: true });
  return [one, other as Socket];
}

/** What an end of a wire hears. */
export class Heard {
  readonly frames: { readonly kind: number; readonly number: number; readonly text: string }[] = [];
  drains = 0;
  gones: (Error | undefined)[] = [];
  readonly #news = new News();

  heard(kind: number, number: number, payload: Buffer): void {
    this.frames.push({ kind, number, text: payload.toString() });
    this.#news.tell();
  }

  drained(): void {
    this.drains++;
    this.#news.tell();
  }

  gone(error?: Error): void {
    this.gones.push(error);
    this.#news.tell();
  }

  when(holds: () => boolean): Promise<void> {
    return this.#news.when(holds);
  }
}
