// Messages at a given rate, and how long each took: every session has its times, and what it could not say in time
// because it still waited counts from when it should have been said, so a server that stalls is not asked less.

/** Milliseconds, one for each trip: how long it took, and how much of that was this process, which began it late. */
export interface Trips {
  readonly took: number[];
  readonly late: number[];
}

interface Paced {
  /** When its next trip is to begin. */
  due: number;
  left: number;
  /** When it had its last answer. */
  free: number;
  busy: boolean;
}

export class Pace<T extends { turn(): void }> {
  readonly #sessions = new Map<T, Paced>();
  readonly #took: number[] = [];
  readonly #late: number[] = [];
  readonly #interval: number;
  readonly #total: number;
  #timer: NodeJS.Timeout | undefined;
  #done: (() => void) | undefined;

  /** `rate`: trips a second of all sessions together; `trips` each. */
  constructor(sessions: readonly T[], rate: number, trips: number) {
    this.#interval = (1000 * sessions.length) / rate;
    this.#total = sessions.length * trips;
    const begin = performance.now() + 10;
    for (const [i, session] of sessions.entries()) {
      const due = begin + (this.#interval * i) / sessions.length;
      this.#sessions.set(session, { due, left: trips, free: due, busy: false });
    }
  }

  async run(): Promise<Trips> {
    await new Promise<void>((resolve) => {
      this.#done = resolve;
      this.#timer = setInterval(() => this.#look(), 1);
    });
    clearInterval(this.#timer);
    return { took: this.#took, late: this.#late };
  }

  /** A trip is over. */
  turned(session: T): void {
    const paced = this.#sessions.get(session);
    if (paced === undefined) return;
    const now = performance.now();
    this.#took.push(now - paced.due);
    paced.due += this.#interval;
    paced.left--;
    paced.free = now;
    paced.busy = false;
    if (this.#took.length === this.#total) this.#done?.();
    else this.#next(session, paced, now);
  }

  #look(): void {
    const now = performance.now();
    for (const [session, paced] of this.#sessions) this.#next(session, paced, now);
  }

  #next(session: T, paced: Paced, now: number): void {
    if (paced.busy || paced.left === 0 || paced.due > now) return;
    this.#late.push(now - Math.max(paced.due, paced.free));
    paced.busy = true;
    session.turn();
  }
}
