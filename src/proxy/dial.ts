// A TCP connection to whichever of several addresses answers first (RFC 8305): one is tried after another, the next as
// soon as one failed or 250 ms passed, and the first that connects wins.

import { isIPv6 } from 'node:net';
import { type Dialler, LendingSocket } from '../tcp/socket.js';
import { Unreachable, unreachable } from './unreachable.js';

export interface DialOptions {
  /** For each address, in milliseconds. */
  readonly timeout: number;
  /** Between two attempts, in milliseconds. */
  readonly stagger?: number;
  readonly signal: AbortSignal;
}

const STAGGER = 250;
const KEEP_ALIVE = 30_000;

/** The addresses of both families in turn, IPv6 first, otherwise in their order. */
export function interleave(addresses: readonly string[]): string[] {
  if (addresses.length < 2) return [...addresses];
  const six = addresses.filter((address) => isIPv6(address));
  const four = addresses.filter((address) => !isIPv6(address));
  const turns = Array.from({ length: Math.max(six.length, four.length) }, (_, i) => [six[i], four[i]]);
  return turns.flat().filter((address) => address !== undefined);
}

/** Resolves to a connected socket without Nagle's delay and with keep-alive; rejects with the first `Unreachable`. */
export function dial(addresses: readonly string[], port: number, options: DialOptions): Promise<LendingSocket> {
  return new Promise((resolve, reject) => {
    const race = new Race(interleave(addresses), port, options, resolve, reject);
    race.next();
  });
}

class Race implements Dialler {
  /** The attempts under way, and when each has had its time. */
  readonly #open = new Map<LendingSocket, NodeJS.Timeout>();
  #timer: NodeJS.Timeout | undefined;
  #failure: Unreachable | undefined;
  #over = false;

  constructor(
    readonly addresses: string[],
    readonly port: number,
    readonly options: DialOptions,
    readonly resolve: (socket: LendingSocket) => void,
    readonly reject: (error: Unreachable) => void,
  ) {
    options.signal.addEventListener('abort', this.#aborted);
  }

  next(): void {
    clearTimeout(this.#timer);
    const host = this.addresses.shift();
    if (host !== undefined) this.#attempt(host);
    else if (this.#open.size === 0) this.#lose(this.#failure ?? new Unreachable('dns', 'no address to dial'));
  }

  connected(socket: LendingSocket): void {
    this.#forget(socket);
    this.#end();
    this.resolve(socket);
  }

  failed(socket: LendingSocket, error: Error): void {
    this.#forget(socket);
    socket.destroy();
    this.#failure ??= unreachable(error);
    this.next();
  }

  #attempt(host: string): void {
    const socket = new LendingSocket();
    socket.dialler = this;
    this.#open.set(
      socket,
      setTimeout(() => this.failed(socket, late(host)), this.options.timeout),
    );
    socket.setNoDelay(true).setKeepAlive(true, KEEP_ALIVE);
    socket.connect({ host, port: this.port });
    if (this.addresses.length > 0) this.#timer = setTimeout(() => this.next(), this.options.stagger ?? STAGGER);
  }

  #forget(socket: LendingSocket): void {
    clearTimeout(this.#open.get(socket));
    this.#open.delete(socket);
    socket.dialler = undefined;
  }

  #lose(error: Unreachable): void {
    if (this.#over) return;
    this.#end();
    this.reject(error);
  }

  readonly #aborted = (): void => this.#lose(new Unreachable('closed', 'given up'));

  #end(): void {
    this.#over = true;
    clearTimeout(this.#timer);
    this.options.signal.removeEventListener('abort', this.#aborted);
    for (const socket of this.#open.keys()) {
      this.#forget(socket);
      socket.destroy();
    }
  }
}

const late = (host: string) =>
  new Unreachable('timeout', `no connection to ${host} within the time of connect_timeout`, 'connect_timeout');
