// The body of a request that is too large to be held: read as fast as whoever takes it, within a time. How it ends is told
// to who reads it; the request itself stays as it is, so that it can be answered.

import type { IncomingMessage } from 'node:http';
import { BodyError } from '../files/folder.js';

/** Without a byte for so long it is over; milliseconds. */
const SILENCE = 30_000;

type Ending = BodyError | 'end' | undefined;

export class IncomingBody implements AsyncIterable<Buffer> {
  readonly #message: IncomingMessage;
  readonly #chunks: Buffer[] = [];
  readonly #timers: NodeJS.Timeout[];
  #ending: Ending;
  #wake: () => void = () => {};

  /** `within`: milliseconds that it may take. */
  constructor(message: IncomingMessage, within: number) {
    this.#message = message;
    const slow = () => this.#end(new BodyError('slow'));
    this.#timers = [setTimeout(slow, SILENCE), setTimeout(slow, Math.min(within, LONGEST))];
    message.on('data', this.#take).on('end', this.#whole).on('close', this.#cut).on('error', this.#cut);
    message.pause();
  }

  /** Why it came to no good end. */
  get failure(): BodyError | undefined {
    return this.#ending === 'end' ? undefined : this.#ending;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Buffer> {
    try {
      for (;;) {
        if (this.failure !== undefined) throw this.failure;
        const chunk = this.#chunks.shift();
        if (chunk !== undefined) yield chunk;
        else if (this.#ending === 'end') return;
        else await this.#more();
      }
    } finally {
      this.release();
    }
  }

  /** Leaves the request alone, read or not. */
  release(): void {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#message.off('data', this.#take).off('end', this.#whole).off('close', this.#cut).off('error', this.#cut);
  }

  #more(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
      this.#timers[0].refresh();
      this.#message.resume();
    });
  }

  readonly #take = (chunk: Buffer): void => {
    this.#message.pause();
    this.#chunks.push(chunk);
    this.#wake();
  };

  readonly #whole = (): void => this.#end('end');

  readonly #cut = (): void => this.#end(new BodyError('cut'));

  #end(ending: Ending): void {
    this.#ending ??= ending;
    this.#wake();
  }
}

/** What a timer takes at most. */
const LONGEST = 2 ** 31 - 1;

/** Reads on and throws away, so that an answer is not lost with the connection: so many bytes, and no longer than a moment. */
export function discard(message: IncomingMessage, most: number): Promise<void> {
  if (message.complete || message.destroyed) return Promise.resolve();
  return new Promise((resolve) => {
    let left = most;
    const timer = setTimeout(done, A_MOMENT);
    function done(): void {
      clearTimeout(timer);
      message.off('data', read).off('end', done).off('close', done);
      resolve();
    }
    function read(chunk: Buffer): void {
      left -= chunk.length;
      if (left < 0) done();
    }
    message.on('data', read).on('end', done).on('close', done).resume();
  });
}

const A_MOMENT = 2000;
