// Accounts that are no more, for who has to go through very much to forget one: all who have gone since are forgotten
// together, for guests of an anonymous domain come and go all the time.

interface Pass {
  readonly gone: Set<string>;
  readonly done: Promise<void>;
}

export class Departures {
  #next: Pass | undefined;
  #last: Promise<unknown> = Promise.resolve();

  /** `forget`: by their bare addresses; never two at a time. */
  constructor(readonly forget: (gone: ReadonlySet<string>) => Promise<void>) {}

  /** Resolves when it is forgotten. `bare`: its address. */
  left(bare: string): Promise<void> {
    this.#next ??= this.#begin();
    this.#next.gone.add(bare);
    return this.#next.done;
  }

  /** When the one before is over. */
  #begin(): Pass {
    const gone = new Set<string>();
    const done = this.#last.then(() => {
      this.#next = undefined;
      return this.forget(gone);
    });
    this.#last = done.catch(() => {});
    return { gone, done };
  }
}
