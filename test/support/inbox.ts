// What arrived and nobody took yet, in order, and those who wait for it.

import { News } from './news.js';

/** A queue that is awaited; it fails whoever waits when its source ends. */
export class Inbox<T> {
  #items: T[] = [];
  #news = new News();
  #ended: Error | undefined;

  push(item: T): void {
    this.#items.push(item);
    this.#news.tell();
  }

  /** Nothing comes any more: `take` rejects once nothing that fits is left. */
  end(reason: string): void {
    this.#ended ??= new Error(reason);
    this.#news.tell();
  }

  get ended(): string | undefined {
    return this.#ended?.message;
  }

  /** Everything that waits, without taking it. */
  get items(): readonly T[] {
    return this.#items;
  }

  /** The first item that fits; those before it stay. */
  async take(fits: (item: T) => boolean, what: string, ms = 15_000): Promise<T> {
    const deadline = Date.now() + ms;
    for (;;) {
      const at = this.#items.findIndex(fits);
      if (at >= 0) return this.#items.splice(at, 1)[0];
      if (this.#ended || !(await this.#news.next(deadline - Date.now()))) {
        const why = this.#ended?.message ?? `${ms} ms are over`;
        throw new Error(`${what} did not come: ${why}; others did: ${this.#items.map(String).join(' ')}`);
      }
    }
  }
}
