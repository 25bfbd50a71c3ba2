// A circuit breaker for each host and port: one that could not be connected to several times in a row is left alone for a
// second, then one dial probes it. Only connecting counts: what goes wrong after that may be the fault of one domain of many.

import { Unreachable, unreachable } from './unreachable.js';

/** Failures in a row after which a target is left alone. */
const ENOUGH = 5;
/** How long, in milliseconds; also how long a probe may take before another is made. */
const REST = 1000;
/** Targets that are remembered; the one that failed first makes room. */
const REMEMBERED = 1000;

interface Trouble {
  failures: number;
  /** When it may be tried again. */
  until: number;
  last: Unreachable;
}

export class Breaker {
  readonly #troubles = new Map<string, Trouble>();

  constructor(
    /** Milliseconds that never go back. */
    readonly now: () => number = () => performance.now(),
  ) {}

  /** Dials, or rejects at once with the failure before. `dial` rejects with any error; a dial given up proves nothing. */
  async guard<T>(target: string, dial: () => Promise<T>): Promise<T> {
    this.#check(target);
    try {
      const connected = await dial();
      this.#troubles.delete(target);
      return connected;
    } catch (error) {
      const failure = unreachable(error);
      if (failure.reason !== 'closed') this.#note(target, failure);
      throw failure;
    }
  }

  #check(target: string): void {
    const trouble = this.#troubles.get(target);
    if (trouble === undefined || trouble.failures < ENOUGH) return;
    const { last, until } = trouble;
    if (this.now() < until) throw new Unreachable(last.reason, `${last.message}, as a moment ago`, last.option);
    // This one is the probe.
    trouble.until = this.now() + REST;
  }

  #note(target: string, last: Unreachable): void {
    const failures = (this.#troubles.get(target)?.failures ?? 0) + 1;
    this.#troubles.delete(target);
    this.#troubles.set(target, { failures, until: this.now() + REST, last });
    if (this.#troubles.size <= REMEMBERED) return;
    for (const oldest of this.#troubles.keys()) {
      this.#troubles.delete(oldest);
      return;
    }
  }
}
