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
}

/** Who is told the outcome, once, unless it is given up before. */
export interface Dialled {
  /** Without Nagle's delay and with keep-alive. */
  connected(socket: LendingSocket, address: string): void;
  /** The first failure of all. */
  unconnected(failure: Unreachable): void;
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

/** One address that is being tried. */
interface Trial {
  readonly socket: LendingSocket;
  readonly address: string;
  /** When it has had its time. */
  readonly timer: NodeJS.Timeout;
}

/** Nothing is dialled before `next`. */
export class Dial implements Dialler {
  readonly #addresses: string[];
  readonly #port: number;
  readonly #options: DialOptions;
  readonly #dialled: Dialled;
  #open: Trial[] = [];
  #timer: NodeJS.Timeout | undefined;
  #failure: Unreachable | undefined;
  #over = false;

  constructor(addresses: readonly string[], port: number, options: DialOptions, dialled: Dialled) {
    this.#addresses = interleave(addresses);
    this.#port = port;
    this.#options = options;
    this.#dialled = dialled;
  }

  next(): void {
    clearTimeout(this.#timer);
    const address = this.#addresses.shift();
    if (address !== undefined) this.#try(address);
    else if (this.#open.length === 0) this.#lose(this.#failure ?? new Unreachable('dns', 'no address to dial'));
  }

  connected(socket: LendingSocket): void {
    const trial = this.#forget(socket);
    this.abort();
    this.#dialled.connected(socket, trial?.address ?? '');
  }

  failed(socket: LendingSocket, error: Error): void {
    this.#forget(socket);
    socket.destroy();
    this.#failure ??= unreachable(error);
    this.next();
  }

  /** Gives up. */
  abort(): void {
    this.#over = true;
    clearTimeout(this.#timer);
    for (const { socket } of this.#open) {
      this.#forget(socket);
      socket.destroy();
    }
  }

  #try(address: string): void {
    const socket = new LendingSocket();
    socket.dialler = this;
    const timer = setTimeout(() => this.failed(socket, late(address)), this.#options.timeout);
    this.#open = [...this.#open, { socket, address, timer }];
    socket.setNoDelay(true).setKeepAlive(true, KEEP_ALIVE);
    socket.connect({ host: address, port: this.#port });
    if (this.#addresses.length > 0) this.#timer = setTimeout(() => this.next(), this.#options.stagger ?? STAGGER);
  }

  #forget(socket: LendingSocket): Trial | undefined {
    const trial = this.#open.find((one) => one.socket === socket);
    clearTimeout(trial?.timer);
    this.#open = this.#open.filter((one) => one !== trial);
    socket.dialler = undefined;
    return trial;
  }

  #lose(failure: Unreachable): void {
    if (this.#over) return;
    this.abort();
    this.#dialled.unconnected(failure);
  }
}

const late = (host: string) =>
  new Unreachable('timeout', `no connection to ${host} within the time of connect_timeout`, 'connect_timeout');
