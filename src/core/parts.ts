// What modules lend each other: values by typed keys, hung on a host. No module imports another's state; it asks the host.

/** A key; `T` is the type of what is kept under it. */
export class Part<T> {
  declare readonly value: T;
  constructor(readonly name: string) {}
}

/** What modules know of those who are there: it outlives that a module is loaded anew with other options. */
export class Kept {
  readonly #values = new Map<Part<unknown>, { owner: string; value: unknown; gone: () => void }>();

  get<T>(part: Part<T>, owner: string, make: () => T, gone: (value: T) => void = () => {}): T {
    const there = this.#values.get(part);
    if (there !== undefined) return there.value as T;
    const value = make();
    this.#values.set(part, { owner, value, gone: () => gone(value) });
    return value;
  }

  /** Forgets what was kept for modules that are not among these. */
  retain(loaded: { has(module: string): boolean }): void {
    for (const [part, { owner, gone }] of [...this.#values]) {
      if (loaded.has(owner)) continue;
      this.#values.delete(part);
      gone();
    }
  }
}

export class Parts {
  readonly #values = new Map<Part<unknown>, unknown>();

  /** What was provided; throws when nothing was: a module says in `needs` whose parts it uses. */
  use<T>(part: Part<T>): T {
    if (!this.#values.has(part)) throw new Error(`nothing provides ${part.name}`);
    return this.#values.get(part) as T;
  }

  find<T>(part: Part<T>): T | undefined {
    return this.#values.get(part) as T | undefined;
  }

  /** Returns its undo. */
  provide<T>(part: Part<T>, value: T): () => void {
    if (this.#values.has(part)) throw new Error(`${part.name} is provided already`);
    this.#values.set(part, value);
    return () => void this.#values.delete(part);
  }
}
