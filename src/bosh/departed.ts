// Sessions that are over, for as long as their clients may still ask (they learn why), and never more than a number of
// them: whoever asks later gets what any unknown sid gets.

import type { BoshResponse } from './held.js';
import type { Aftermath } from './session.js';

interface Departed extends Aftermath {
  readonly until: number;
}

const MOST = 10_000;

export class DepartedSessions {
  readonly #departed = new Map<string, Departed>();

  add(sid: string, after: Aftermath, until: number): void {
    if (this.#departed.size >= MOST) this.#dropOldest();
    this.#departed.set(sid, { ...after, until });
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
    for (const [sid, { until }] of this.#departed) {
      if (until > now) break;
      this.#departed.delete(sid);
    }
  }

  #dropOldest(): void {
    for (const sid of this.#departed.keys()) {
      this.#departed.delete(sid);
      return;
    }
  }
}
