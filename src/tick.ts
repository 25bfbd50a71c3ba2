// Time and turns for engines that own none.

interface Flusher {
  flush(): void;
}

/** A clock that never goes back, and one shared turn: what is asked for while bytes are read runs once they are read. */
export class Tick {
  #waiting: Flusher[] = [];

  /** `failed` is told what a flush threw; the others are flushed all the same. */
  constructor(readonly failed: (error: unknown, flusher: Flusher) => void) {}

  now(): number {
    return performance.now();
  }

  soon(flusher: Flusher): void {
    if (this.#waiting.push(flusher) === 1) process.nextTick(this.#run);
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
