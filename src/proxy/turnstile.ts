// So many at the same time: after a server's restart all of its clients come back at once, and it would be dialled by all.

/** Lets as many in as are allowed for each name; the others wait in line, one name not for another. */
export class Turnstile {
  readonly #lines = new Map<string, { inside: number; readonly waiting: (() => void)[] }>();

  constructor(readonly allowed: () => number) {}

  /** Undefined: in, at once. Whoever is in must leave, also if its business is gone when its turn comes. */
  enter(name: string): Promise<void> | undefined {
    const line = this.#lines.get(name) ?? { inside: 0, waiting: [] };
    this.#lines.set(name, line);
    if (line.inside >= this.allowed()) return new Promise((resolve) => line.waiting.push(resolve));
    line.inside++;
    return undefined;
  }

  leave(name: string): void {
    const line = this.#lines.get(name);
    if (line === undefined) return;
    const next = line.waiting.shift();
    if (next !== undefined) next();
    else if (--line.inside === 0) this.#lines.delete(name);
  }
}
