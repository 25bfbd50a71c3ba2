// Connections on their way from the worker that took them to the one that has the session of their first request. Node
// passes them between parent and child alone, so they go by way of the primary process. What a connection had said until
// then goes with it, and nobody reads from it meanwhile. Whoever gives it away closes it for himself once it is written:
// then the message alone has it, and if nobody takes that, the system ends it and the client comes again.

import { existsSync } from 'node:fs';
import type { Handle } from '../net/handle.js';
import { ownerOf } from './owner.js';

/** Of one worker at a time. Node passes one after the other; with more it is quicker to have requests forwarded. */
const MOST_UNDERWAY = 256;

/** Writes a message that has a connection with it; `written` is called once, when it has left or never will. */
export type SendWith = (message: object, handle: Handle, written: () => void) => void;

export interface HandoverDeps {
  /** Of this process. */
  readonly number: number;
  /** Where the process with that number is reached. */
  path(number: number): string;
  readonly send: SendWith;
}

/** The connections that a worker gives away. */
export class Handover {
  /** How many there were. */
  all = 0;
  readonly #deps: HandoverDeps;
  #underway = 0;

  constructor(deps: HandoverDeps) {
    this.#deps = deps;
  }

  /** The process that is to have the connection of this request; undefined where it may stay. */
  ownerOf(body: Buffer): number | undefined {
    const owner = ownerOf(body);
    if (owner === undefined || owner === this.#deps.number || this.#underway >= MOST_UNDERWAY) return undefined;
    return existsSync(this.#deps.path(owner)) ? owner : undefined;
  }

  give(owner: number, handle: Handle, said: Buffer): void {
    this.all++;
    this.#underway++;
    this.#deps.send({ id: 0, ask: 'give', owner, said }, handle, () => {
      this.#underway--;
      handle.close();
    });
  }
}

/** Those that the primary process gives to one worker. */
export class Arrivals {
  readonly #underway = new Set<Handle>();
  readonly #send: SendWith;

  constructor(send: SendWith) {
    this.#send = send;
  }

  give(handle: Handle, said: Buffer): void {
    this.#underway.add(handle);
    this.#send({ id: 0, ask: 'take', said }, handle, () => {
      this.#underway.delete(handle);
      handle.close();
    });
  }

  /** The worker is gone: those that were not written to it end. */
  close(): void {
    for (const handle of this.#underway) handle.close();
  }
}
