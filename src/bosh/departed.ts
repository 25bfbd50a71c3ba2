// Sessions that are over, for as long as their clients may still ask (they learn why), and never more than a number of
// them, nor of the bytes of their last answers: whoever asks later gets what any unknown sid gets.

import type { BoshResponse } from './held.js';
import type { Aftermath } from './termination.js';

interface Departed extends Aftermath {
  readonly until: number;
}

const MOST = 10_000;
const MOST_BYTES = 16_777_216;

export class DepartedSessions {
  readonly #departed = new Map<string, Departed>();
  #bytes = 0;

  add(sid: string, after: Aftermath, until: number): void {
    this.#departed.set(sid, { ...after, until });
    this.#bytes += sizeOf(after);
    while (this.#departed.size > MOST || this.#bytes > MOST_BYTES) this.#dropOldest();
  }

  /** The answer to a request of such a session: the same as before if it is a repeat of the last one. */
  answer(sid: string, rid: number | undefined, checksum: number): BoshResponse | undefined {
    const departed = this.#departed.get(sid);
    if (!departed) return undefined;
    const { last, response } = departed;
    return last && last.rid === rid && last.checksum === checksum ? last.response : response;
  }

  /** Forgets those whose time has passed. */
  sweep(now: number): void {
    for (const [sid, departed] of this.#departed) {
      if (departed.until > now) break;
      this.#drop(sid, departed);
    }
  }

  #dropOldest(): void {
    for (const [sid, departed] of this.#departed) {
      this.#drop(sid, departed);
      return;
    }
  }

  #drop(sid: string, departed: Departed): void {
    this.#departed.delete(sid);
    this.#bytes -= sizeOf(departed);
  }
}

const sizeOf = ({ last }: Aftermath): number => last?.response.body.length ?? 0;
