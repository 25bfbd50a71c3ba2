// A circuit breaker for each host and port: one that could not be connected to several times in a row is left alone for a
// second, then one dial probes it. Only connecting counts: what goes wrong after that may be the fault of one domain of many.

import { Unreachable } from './unreachable.js';

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

  /** Throws the failure before where it is to be left alone; otherwise it is to be dialled. A dial given up proves nothing. */
  check(target: string): void {
    const trouble = this.#troubles.get(target);
    if (trouble === undefined || trouble.failures < ENOUGH) return;
    const { last, until } = trouble;
    if (this.now() < until) throw new Unreachable(last.reason, `${last.message}, as a moment ago`, last.option);
    // This one is the probe.
    trouble.until = this.now() + REST;
  }

  connected(target: string): void {
    this.#troubles.delete(target);
  }

  failed(target: string, last: Unreachable): void {
    if (last.reason === 'closed') return;
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
