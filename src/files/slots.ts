// Places that were promised, by the tokens of those who may fill them. Each is filled once, and goes when its time is over.

import { randomBytes } from 'node:crypto';
import type { Slot, Wish } from './registry.js';

/** `busy`: its upload is on its way; `done`: its file is there. */
type State = 'open' | 'busy' | 'done';

export interface Promised extends Slot {
  /** Milliseconds since 1970. */
  deadline: number;
  state: State;
  /** Its file is being recorded. */
  recording: Promise<unknown> | undefined;
}

export interface SlotOptions {
  /** Seconds from the promise of a slot to the beginning of its upload. */
  readonly slot_timeout: number;
  /** Bytes per second that an upload must bring on the average. */
  readonly min_rate: number;
}

/** What every upload may take at least; and how long one that is over may take to say so. Milliseconds. */
const PATIENCE = 30_000;
const RANDOM = 20;

export class Slots {
  readonly #slots = new Map<string, Promised>();
  readonly #options: SlotOptions;

  constructor(options: SlotOptions) {
    this.#options = options;
  }

  add(wish: Wish, now: number): Promised {
    const { slot_timeout, min_rate } = this.#options;
    const slot: Promised = {
      ...wish,
      id: randomBytes(RANDOM).toString('hex'),
      token: randomBytes(RANDOM).toString('hex'),
      within: PATIENCE + Math.ceil((wish.size / min_rate) * 1000),
      deadline: now + slot_timeout * 1000,
      state: 'open',
      recording: undefined,
      get isOpen() {
        return this.state === 'open';
      },
    };
    this.#slots.set(slot.token, slot);
    return slot;
  }

  get(token: string): Promised | undefined {
    return this.#slots.get(token);
  }

  /** Its upload begins: it has the time that this takes. */
  begin(slot: Promised, now: number): void {
    slot.state = 'busy';
    slot.deadline = Math.max(slot.deadline, now + slot.within + PATIENCE);
  }

  of(owner: string): Promised[] {
    return [...this.#slots.values()].filter((slot) => slot.owner === owner);
  }

  remove({ token }: Slot): void {
    this.#slots.delete(token);
  }

  /** Those whose time is over. */
  due(now: number): Promised[] {
    return [...this.#slots.values()].filter(({ deadline, recording }) => deadline <= now && recording === undefined);
  }

  /** What is being recorded. */
  get recordings(): Promise<unknown>[] {
    return [...this.#slots.values()].flatMap(({ recording }) => recording ?? []);
  }
}
