// How busy a client may be (XEP-0124 sections 11, 12 and 14.3): pure rules over the times of its requests.

/** What a rule sees of a new request. */
export interface Arrival {
  readonly rid: number;
  /** It carries nothing and asks for nothing. */
  readonly empty: boolean;
  /** It pauses or terminates. */
  readonly leaving: boolean;
  /** New requests without an answer whose connections stand, this one among them. */
  readonly unanswered: number;
}

// A connection is slower one time than another: a client that keeps to the interval may seem to be early by this much.
const JITTER = 250;
const REPEATS = 10;

export class Activity {
  #newest = 0;
  #newestAt = Number.NEGATIVE_INFINITY;
  #newestEmpty = false;
  #newestLeaving = false;
  #silent = false;
  #repeated = 0;
  #repeats = 0;
  #repeatsSince = 0;

  /** `interval`: the `polling` attribute in milliseconds, 0 when there is none. */
  constructor(
    readonly requests: number,
    readonly interval: number,
    readonly polling: boolean,
  ) {}

  /** Takes note of a new request; true when it breaks the rules. */
  offends(arrival: Arrival, now: number): boolean {
    const { rid, leaving, unanswered } = arrival;
    // Section 11 looks at the last by rid, whatever overtook whatever.
    const more = rid > this.#newest ? leaving : this.#newestLeaving;
    const many = unanswered > this.requests + (more ? 1 : 0);
    const hasty = !leaving && rid > this.#newest && this.#hasty(arrival, now);
    if (rid > this.#newest) {
      this.#newest = rid;
      this.#newestAt = now;
      this.#newestEmpty = arrival.empty && !leaving;
      this.#newestLeaving = leaving;
      this.#silent = false;
    }
    return many || hasty;
  }

  #hasty(arrival: Arrival, now: number): boolean {
    if (!arrival.empty || now - this.#newestAt >= this.interval - JITTER) return false;
    if (!this.polling) return arrival.unanswered === this.requests;
    return arrival.rid === this.#newest + 1 && this.#newestEmpty && this.#silent;
  }

  /** The request with this rid was answered. */
  answered(rid: number, payload: boolean): void {
    if (rid === this.#newest) this.#silent = !payload;
  }

  /** Takes note of a repeat; true when there are too many of one rid in a short time. */
  repeats(rid: number, now: number): boolean {
    if (rid !== this.#repeated || now - this.#repeatsSince > this.interval) {
      this.#repeated = rid;
      this.#repeats = 0;
      this.#repeatsSince = now;
    }
    return ++this.#repeats > REPEATS && this.interval > 0;
  }
}
