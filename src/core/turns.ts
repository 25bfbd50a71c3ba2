// One after the other: work on the data of an account, in the order in which it was asked for.

export class Turns {
  readonly #last = new Map<string, Promise<unknown>>();

  /** Does this when all before it, of the same key, is done or has failed. */
  take<T>(key: string, work: () => Promise<T>): Promise<T> {
    const turn = (this.#last.get(key) ?? Promise.resolve()).then(work);
    const settled = turn.then(
      () => {},
      () => {},
    );
    this.#last.set(key, settled);
    void settled.then(() => void (this.#last.get(key) === settled && this.#last.delete(key)));
    return turn;
  }

  /** Resolves when all that was asked for until now is done; undefined: it is. */
  unfinished(): Promise<unknown> | undefined {
    return this.#last.size === 0 ? undefined : Promise.all(this.#last.values());
  }

  /** Some of it is not done. */
  busy(key: string): boolean {
    return this.#last.has(key);
  }
}
