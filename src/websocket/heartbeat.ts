// Whether the client is still there: a ping now and then, and what counts as an answer. It owns no timer; one sweep
// over all streams asks.

/** What a heartbeat needs of a WebSocket. */
export interface Beating {
  /** Bytes that were written and that the client has not taken yet. */
  readonly backlog: number;
  ping(): void;
}

/** Milliseconds. */
export interface Rhythm {
  /** 0: no pings. */
  readonly pingInterval: number;
  readonly pingTimeout: number;
}

export class Heartbeat {
  readonly #carrier: Beating;
  readonly #rhythm: Rhythm;
  #next: number;
  #sent = 0;
  #heard = false;
  #backlog = 0;

  constructor(carrier: Beating, rhythm: Rhythm, now: number) {
    this.#carrier = carrier;
    this.#rhythm = rhythm;
    this.#next = rhythm.pingInterval === 0 ? Number.POSITIVE_INFINITY : now + rhythm.pingInterval;
  }

  /** Something came from the client, or it took what was written. */
  heard(): void {
    this.#heard = true;
  }

  /** A pong came: the round trip where a ping is out. */
  ponged(now: number): number | undefined {
    const took = this.#sent === 0 ? undefined : now - this.#sent;
    this.#sent = 0;
    return took;
  }

  /** False once a ping stayed without any sign of life for too long. `deaf`: we do not read what the client sends. */
  sweep(now: number, deaf: boolean): boolean {
    if (this.#sent === 0) {
      if (now >= this.#next) this.#ping(now);
      return true;
    }
    if (this.#heard || deaf || this.#carrier.backlog < this.#backlog) this.#sent = 0;
    return this.#sent === 0 || now - this.#sent < this.#rhythm.pingTimeout;
  }

  #ping(now: number): void {
    this.#sent = now;
    this.#next = now + this.#rhythm.pingInterval;
    this.#heard = false;
    this.#backlog = this.#carrier.backlog;
    this.#carrier.ping();
  }
}
