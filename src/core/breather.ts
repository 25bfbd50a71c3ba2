// Work on very many things at once, without keeping everybody else waiting.

/** Asked after each of them; now and then others have their turn. */
export class Breather {
  #done = 0;

  constructor(readonly every = 100) {}

  /** What to wait for; undefined: nothing yet. */
  breathe(): Promise<void> | undefined {
    this.#done++;
    if (this.#done % this.every !== 0) return undefined;
    return new Promise((resolve) => {
      setImmediate(resolve);
    });
  }
}
