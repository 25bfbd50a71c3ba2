// Waiting for what only other events can bring about, without looking at the clock: whoever waits looks again after each.

/** Those who wait to hear that something happened. */
export class News {
  #waiting: (() => void)[] = [];

  /** Wakes everyone. */
  tell(): void {
    for (const wake of this.#waiting.splice(0)) wake();
  }

  /** Resolves with true at the next event, with false when none came within the time in ms, if one is given. */
  next(ms?: number): Promise<boolean> {
    return new Promise((resolve) => {
      const timer = ms === undefined ? undefined : setTimeout(() => resolve(false), Math.max(ms, 0));
      this.#waiting.push(() => {
        clearTimeout(timer);
        resolve(true);
      });
    });
  }

  /** Resolves with what is found now or after an event, or with undefined when the time in ms is over. */
  async until<T>(look: () => T | undefined, ms?: number): Promise<T | undefined> {
    const deadline = ms === undefined ? undefined : Date.now() + ms;
    for (;;) {
      const found = look();
      if (found !== undefined || !(await this.next(deadline && deadline - Date.now()))) return found;
    }
  }

  /** Resolves once it holds. */
  async when(holds: () => boolean): Promise<void> {
    while (!holds()) await this.next();
  }
}
