// One turn of the event loop, shared by all streams: what is pushed while bytes are read leaves once they are read.

import type { Turn } from './outbox.js';

export class TickTurn implements Turn {
  #waiting: { flush(): void }[] = [];
  readonly #run = () => {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const flush of waiting) flush.flush();
  };

  soon(flush: { flush(): void }): void {
    if (this.#waiting.push(flush) === 1) process.nextTick(this.#run);
  }
}
