// Time and turns for engines that own none.

/** A clock that never goes back, and one shared turn: what is asked for while bytes are read runs once they are read. */
export class Tick {
  #waiting: { flush(): void }[] = [];

  now(): number {
    return performance.now();
  }

  soon(flush: { flush(): void }): void {
    if (this.#waiting.push(flush) === 1) process.nextTick(this.#run);
  }

  readonly #run = () => {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const each of waiting) each.flush();
  };
}
