// Time and turns for engines that own none.

interface Flusher {
  flush(): void;
}

/**
 * A clock that never goes back, and a shared turn: what is asked for while sockets are read runs once all that are
 * readable have been read. Answering each at once instead costs up to half as much again under load (a peer is woken for
 * every write, and reading and writing take turns in the processor's caches), and saves no time when there is none.
 */
export class Tick {
  #waiting: Flusher[] = [];

  /** `failed` is told what a flush threw; the others are flushed all the same. */
  constructor(readonly failed: (error: unknown, flusher: Flusher) => void) {}

  now(): number {
    return performance.now();
  }

  soon(flusher: Flusher): void {
    if (this.#waiting.push(flusher) === 1) setImmediate(this.#run);
  }

  readonly #run = () => {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const each of waiting) {
      try {
        each.flush();
      } catch (error) {
        this.failed(error, each);
      }
    }
  };
}
