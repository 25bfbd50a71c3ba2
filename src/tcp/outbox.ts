// What waits to be written to one socket: the writes of one turn of the event loop leave as one. Where it is asked to, it
// remembers the stanzas until this machine has seen the last of them, so that they can be given back when a client is lost.

import type { Socket } from 'node:net';
import { Marks } from '../stream/marks.js';
import type { Stanza } from '../xmpp/stanza.js';

type Written = (error?: Error | null) => void;

// Above this, buffers are written side by side; below, one copy is cheaper than a vector (0.69 against 0.92 us a stanza).
const JOIN = 65536;

export class Outbox {
  #parts: Buffer[] = [];
  #size = 0;
  readonly #ledger: Ledger | undefined;

  /** `keeps`: stanzas are remembered until they left. */
  constructor(keeps: boolean) {
    if (keeps) this.#ledger = new Ledger();
  }

  /** Bytes that wait here. */
  get size(): number {
    return this.#size;
  }

  get isEmpty(): boolean {
    return this.#parts.length === 0;
  }

  push(bytes: Buffer, stanza?: Stanza): void {
    this.#parts.push(bytes);
    this.#size += bytes.length;
    if (stanza !== undefined) this.#ledger?.waiting.push(stanza);
  }

  /** Hands all that waits to the socket; false when that asks to wait. */
  flush(socket: Socket): boolean {
    const parts = this.#parts;
    const size = this.#size;
    this.#parts = [];
    this.#size = 0;
    const written = this.#ledger?.leaving();
    if (parts.length === 1) return socket.write(parts[0], written);
    return size <= JOIN ? socket.write(Buffer.concat(parts, size), written) : writeAll(socket, parts, written);
  }

  /** Drops what waits here. */
  clear(): void {
    this.#parts = [];
    this.#size = 0;
    if (this.#ledger !== undefined) this.#ledger.waiting = [];
  }

  /** Calls back when all that was pushed so far has left; not when it is not remembered. */
  reached(told: () => void): void {
    this.#ledger?.reached(told);
  }

  /** Writes that the socket has not finished. */
  get flying(): number {
    return this.#ledger?.flying.length ?? 0;
  }

  /** How many writes it has finished. */
  get landed(): number {
    return this.#ledger?.landed ?? 0;
  }

  /** The stanzas that did not leave this machine, oldest first. */
  get undelivered(): Stanza[] {
    return this.#ledger === undefined ? [] : [...this.#ledger.flying.flat(), ...this.#ledger.waiting];
  }
}

class Ledger {
  waiting: Stanza[] = [];
  /** The stanzas of each write that is not finished, oldest first. */
  flying: Stanza[][] = [];
  landed = 0;
  readonly #marks = new Marks();

  reached(told: () => void): void {
    const writes = this.flying.length + (this.waiting.length > 0 ? 1 : 0);
    if (writes === 0) told();
    else this.#marks.add(this.landed + writes, told);
  }

  leaving(): Written {
    // An array that is pushed to reserves room for 17.
    if (this.flying.length === 0) this.flying = [this.waiting];
    else this.flying.push(this.waiting);
    this.waiting = [];
    return this.#left;
  }

  // Writes finish in their order; one that failed stays what it is: not delivered.
  readonly #left: Written = (error) => {
    if (error) return;
    this.flying.shift();
    this.landed++;
    this.#marks.reach(this.landed);
  };
}

function writeAll(socket: Socket, parts: readonly Buffer[], written: Written | undefined): boolean {
  socket.cork();
  for (const bytes of parts.slice(0, -1)) socket.write(bytes);
  const go = socket.write(parts[parts.length - 1], written);
  socket.uncork();
  return go;
}
