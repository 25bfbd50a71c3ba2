// What is for a component that is away, for a bounded time and within a bounded number of bytes.

import { StanzaError } from '../xmpp/errors.js';
import type { Routed } from './routed.js';
import type { Router } from './router.js';

export interface QueueOptions {
  /** Seconds; 0: nothing waits. */
  readonly queue: number;
  readonly queue_bytes: number;
}

interface Deps {
  readonly router: Router;
  now(): number;
  limited(limit: string): void;
}

export class Queue {
  #items: { readonly routed: Routed; readonly until: number }[] = [];
  #bytes = 0;

  constructor(
    readonly options: QueueOptions,
    readonly deps: Deps,
  ) {}

  /** Bytes that wait. */
  get bytes(): number {
    return this.#bytes;
  }

  /** False: it is not to wait, or there is no room. */
  add(routed: Routed): boolean {
    const { queue, queue_bytes } = this.options;
    if (queue === 0) return false;
    const { length } = routed.stanza.raw;
    if (this.#bytes + length > queue_bytes) {
      this.deps.limited('queue_bytes');
      return false;
    }
    this.#bytes += length;
    this.#items.push({ routed, until: this.deps.now() + queue * 1000 });
    return true;
  }

  /** All, in their order; none is left. */
  take(): Routed[] {
    const all = this.#items.map(({ routed }) => routed);
    this.#items = [];
    this.#bytes = 0;
    return all;
  }

  /** Those whose time is over go back to their senders. */
  sweep(now: number): void {
    let late = 0;
    while (late < this.#items.length && this.#items[late].until <= now) late++;
    if (late === 0) return;
    for (const { routed } of this.#items.splice(0, late)) {
      this.#bytes -= routed.stanza.raw.length;
      this.#refuse(routed);
    }
  }

  clear(): void {
    for (const routed of this.take()) this.#refuse(routed);
  }

  #refuse(routed: Routed): void {
    this.deps.router.refuse(routed, new StanzaError('wait', 'remote-server-timeout'));
  }
}
