// What is gathered to be written as one frame, and who waits for that.

import type { Added, StoreError } from '../store.js';
import type { Book } from './book.js';
import type { Ground } from './files.js';
import { Frame } from './frame.js';
import type { HistoryIds, IdNumbers } from './ids.js';

export class Gathering {
  readonly frame: Frame;
  readonly done: Promise<void>;
  readonly books: Book[] = [];
  /** What counts of it, with its places. */
  bytes = 0;
  /** It is durable, or lost. */
  over = false;
  timer: NodeJS.Timeout | undefined;
  resolve: () => void = () => {};
  reject: (error: StoreError) => void = () => {};

  constructor(
    memory: Buffer,
    readonly ground: Ground,
    readonly ids: HistoryIds,
  ) {
    this.frame = new Frame(memory);
    this.done = new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
    this.done.catch(() => {});
  }
}

/** What was added, as long as others may have the same. */
export class Entry implements Added, IdNumbers {
  readonly time: number;
  readonly number: number;
  readonly low: number;
  readonly high: number;

  /** `item`: where the item is in the frame. */
  constructor(
    readonly gathering: Gathering,
    readonly item: number,
    readonly before: number,
  ) {
    const { ids } = gathering;
    this.time = ids.time;
    this.number = ids.number;
    this.low = ids.low;
    this.high = ids.high;
  }

  get id(): string {
    return this.idBytes.toString('latin1');
  }

  get idBytes(): Buffer {
    return this.gathering.ids.text(this);
  }

  get done(): Promise<void> {
    return this.gathering.done;
  }
}

/** Where an item is that another history has already, when it is in this frame, and near. */
export function sharedIn(gathering: Gathering, same: Added | undefined): number | undefined {
  if (!(same instanceof Entry) || same.gathering !== gathering) return undefined;
  return gathering.frame.reaches(same.item) ? same.item : undefined;
}
