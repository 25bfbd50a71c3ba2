// The requests of a session that are not answered yet, by rid: those that were processed and are held, then those that
// wait for a predecessor (XEP-0124 section 14.2).

import { payloadsOf, writeBody } from './body.js';
import type { Held } from './held.js';
import type { BoshRequest } from './request.js';
import type { BoshStream } from './stream.js';

// Apart, each stanza takes half a kilobyte besides its bytes; so many do not matter.
const FEW = 16;
const APART = 512;

/** A request that waits. */
export class Pending {
  /** What is left to process. */
  request: BoshRequest | undefined;
  readonly checksum: number;
  /** Its connection; undefined when that is gone. */
  held: Held | undefined;
  /** When it came, or was last repeated. */
  since: number;
  /** The stream it asked for: its answer names it (section 16.2). */
  added: BoshStream | undefined;
  /** A pause: its answer has no payload and is not kept (section 10). */
  pause = false;
  #packed: Buffer | undefined;

  constructor(
    readonly rid: number,
    checksum: number,
    held: Held,
    now: number,
    /** Highest rid that was answered when it came. */
    readonly behind: number,
    request?: BoshRequest,
  ) {
    this.request = request;
    this.checksum = checksum;
    this.held = held;
    this.since = now;
  }

  /** Its turn has not come yet: many small stanzas wait as one piece. */
  rest(): void {
    const { request } = this;
    if (request === undefined || request.stanzas.length <= FEW) return;
    this.#packed = writeBody('', request.stanzas);
    this.request = { ...request, stanzas: [] };
  }

  /** About how many bytes what is left to process takes. */
  get size(): number {
    const { request } = this;
    if (request === undefined) return 0;
    return this.#packed?.length ?? request.size + request.stanzas.length * APART;
  }

  /** Its turn has come: what is left to process, once. */
  take(): BoshRequest | undefined {
    const { request } = this;
    this.request = undefined;
    if (request === undefined || this.#packed === undefined) return request;
    const stanzas = payloadsOf(this.#packed);
    this.#packed = undefined;
    return { ...request, stanzas };
  }
}

export class Requests {
  // A few nearly always, 256 at most, so copied: an array that is pushed to reserves room for 17.
  #list: readonly Pending[] = [];

  /** The one with the lowest rid. */
  get head(): Pending | undefined {
    return this.#list[0];
  }

  get size(): number {
    return this.#list.length;
  }

  /** How many still have a connection. */
  get live(): number {
    let live = 0;
    for (const pending of this.#list) if (pending.held) live++;
    return live;
  }

  [Symbol.iterator](): IterableIterator<Pending> {
    return this.#list.values();
  }

  find(rid: number): Pending | undefined {
    for (const pending of this.#list) if (pending.rid === rid) return pending;
    return undefined;
  }

  holder(held: Held): Pending | undefined {
    for (const pending of this.#list) if (pending.held === held) return pending;
    return undefined;
  }

  add(pending: Pending): void {
    let at = this.#list.length;
    while (at > 0 && this.#list[at - 1].rid > pending.rid) at--;
    if (at === 0 && this.#list.length === 0) this.#list = [pending];
    else this.#list = [...this.#list.slice(0, at), pending, ...this.#list.slice(at)];
  }

  remove(pending: Pending): void {
    const at = this.#list.indexOf(pending);
    this.#list = at === 0 ? this.#list.slice(1) : [...this.#list.slice(0, at), ...this.#list.slice(at + 1)];
  }

  /** Whether more than `count` have not had their turn, and take more than `bytes`. */
  outgrow(count: number, bytes: number): boolean {
    let early = 0;
    let size = 0;
    for (const pending of this.#list) {
      if (pending.request === undefined) continue;
      early++;
      size += pending.size;
    }
    return early > count && size > bytes;
  }

  /** Whether one up to this rid has a connection. */
  liveUpTo(rid: number): boolean {
    for (const pending of this.#list) if (pending.rid <= rid && pending.held) return true;
    return false;
  }
}
