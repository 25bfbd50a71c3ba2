// Messages at a given rate, and how long each took: every session has its times, and what it could not say in time
// because it still waited counts from when it should have been said, so a server that stalls is not asked less.

/** Milliseconds below which so many of the trips were. */
export interface Percentiles {
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
}

interface Paced {
  /** When its next trip is to begin. */
  due: number;
  left: number;
  busy: boolean;
}

export class Pace<T extends { turn(): void }> {
  readonly #sessions = new Map<T, Paced>();
  readonly #took: number[] = [];
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
      this.#sessions.set(session, { due: begin + (this.#interval * i) / sessions.length, left: trips, busy: false });
    }
  }

  async run(): Promise<Percentiles> {
    await new Promise<void>((resolve) => {
      this.#done = resolve;
      this.#timer = setInterval(() => this.#look(), 1);
    });
    clearInterval(this.#timer);
    const sorted = this.#took.sort((a, b) => a - b);
    const at = (part: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Number.NaN;
    return { p50: at(0.5), p99: at(0.99), p999: at(0.999) };
  }

  /** A trip is over. */
  turned(session: T): void {
    const paced = this.#sessions.get(session);
    if (paced === undefined) return;
    const now = performance.now();
    this.#took.push(now - paced.due);
    paced.due += this.#interval;
    paced.left--;
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
    paced.busy = true;
    session.turn();
  }
}
