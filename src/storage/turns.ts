// One after the other, by name: who comes later waits until those of the same name before it are through.

export class Turns {
  readonly #last = new Map<string, Promise<unknown>>();

  /** Somebody of that name is not through. */
  busy(name: string): boolean {
    return this.#last.has(name);
  }

  /** Does the work when its turn has come; the work of others is no concern, even when it failed. */
  take<T>(name: string, work: () => Promise<T>): Promise<T> {
    const before = this.#last.get(name);
    const turn = before === undefined ? work() : before.then(work, work);
    this.#last.set(name, turn);
    const through = () => {
      if (this.#last.get(name) === turn) this.#last.delete(name);
    };
    turn.then(through, through);
    return turn;
  }
}
