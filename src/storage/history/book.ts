// A history as memory knows it while something is added to it.

import { under } from '../records.js';
import type { Gathering } from './gathering.js';
import { hashOf } from './places.js';
import type { Recently } from './recent.js';

/** A history in sum, as far as the database has its places. */
export interface Sum {
  readonly items: number;
  /** By how much the time in an id may be later than its item's. */
  readonly late: number;
  /** The order of the last one, as in keys; '' without one. */
  readonly last: string;
}

export class Book implements Recently {
  last = -1;
  /** How many were added. */
  added = 0;
  /** Of what the database does not have; rather too much. */
  late = 0;
  /** The last frame that something was added to, and where its name is in there. */
  open: Gathering | undefined;
  named = -1;
  /** The last peer, as it is written, and its hash. */
  #peer: string | undefined;
  peer: Buffer | undefined;
  hash = 0;
  /** What the database has, once it was read. */
  sum: Sum | undefined;

  constructor(
    readonly store: string,
    readonly key: string,
    readonly name: Buffer,
  ) {}

  /** Whom it has something of now: mostly whom it had something of before. */
  meet(peer: string | undefined): void {
    if (peer === this.#peer) return;
    this.#peer = peer;
    this.peer = peer === undefined ? undefined : Buffer.from(peer);
    this.hash = hashOf(peer);
  }
}

/** Those of a store, by key. */
export class Books {
  readonly #books = new Map<string, Book>();

  constructor(readonly store: string) {}

  get all(): Iterable<Book> {
    return this.#books.values();
  }

  /** The one that is known. */
  find(key: string): Book | undefined {
    return this.#books.get(key);
  }

  of(key: string): Book {
    let book = this.#books.get(key);
    if (book === undefined) {
      book = new Book(this.store, key, Buffer.from(under(this.store, key)));
      this.#books.set(key, book);
    }
    return book;
  }

  forget({ key }: Book): void {
    this.#books.delete(key);
  }
}
