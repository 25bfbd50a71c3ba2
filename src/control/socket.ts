// The control socket: how commands of the same machine reach the server while it holds the lock of its database. It lies
// in the folder of the storage, for the server's own user only, and takes one request a connection.

import { chmod, mkdtemp, rename, rm } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import type { Log } from '../log.js';
import { type AccountsOf, type Announce, type Answer, carryOut } from './accounts.js';
import { lineFrom, requestFrom, written } from './lines.js';

/** Where it lies, in the folder of the storage. */
export const controlPath = (folder: string): string => join(folder, 'control.sock');

const MOST_CONNECTIONS = 8;

/** Milliseconds for a request to arrive, and for its answer to be taken. */
const PATIENCE = 10_000;

/** Who is asked. */
export interface Asked {
  readonly accountsOf: AccountsOf;
  readonly announce: Announce;
}

export class ControlSocket {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #asked: Asked;
  readonly #log: Log;
  readonly #path: string;

  private constructor(path: string, asked: Asked, log: Log) {
    this.#path = path;
    this.#asked = asked;
    this.#log = log;
    this.#server = createServer((socket) => void this.#serve(socket));
    this.#server.maxConnections = MOST_CONNECTIONS;
  }

  /**
   * Listens in that folder, whose database the caller has locked: a socket that is there already is of a server that is
   * gone. Undefined, and logged, when it cannot be had: the server does without.
   */
  static async open(folder: string, asked: Asked, log: Log): Promise<ControlSocket | undefined> {
    const control = new ControlSocket(controlPath(folder), asked, log);
    try {
      await control.#listen(folder);
      return control;
    } catch (error) {
      log.warn('control_unavailable', { path: controlPath(folder), error });
      await control.close();
      return undefined;
    }
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    if (!this.#server.listening) return;
    await rm(this.#path, { force: true });
    await new Promise((resolve) => this.#server.close(resolve));
  }

  /** Made where nobody else can look, and put into its place once nobody else may connect. */
  async #listen(folder: string): Promise<void> {
    const hidden = await mkdtemp(join(folder, 'ctl-'));
    try {
      const path = join(hidden, 's');
      await new Promise<void>((resolve, reject) => {
        this.#server.once('error', reject).listen(path, resolve);
      });
      await chmod(path, 0o600);
      await rename(path, this.#path);
    } finally {
      await rm(hidden, { recursive: true, force: true });
    }
  }

  async #serve(socket: Socket): Promise<void> {
    this.#sockets.add(socket);
    socket.setTimeout(PATIENCE, () => socket.destroy());
    socket.on('close', () => this.#sockets.delete(socket));
    socket.on('error', () => {});
    const line = await lineFrom(socket).catch(() => undefined);
    if (line === undefined) socket.destroy();
    else socket.end(written(await this.#answer(line)));
  }

  async #answer(line: string): Promise<Answer> {
    const request = requestFrom(line);
    if (request === undefined) return { outcome: 'malformed' };
    if ('domain' in request) return this.#asked.announce(request);
    const answer = await carryOut(request, this.#asked.accountsOf);
    this.#log.info('account_command', { command: request.command, account: request.jid, outcome: answer.outcome });
    return answer;
  }
}
