// One change to records while it is being made up: what it has read, and what it will write.

import { cost } from './records.js';

/** A text to be written in the place of another; undefined is no record. */
export interface Write {
  readonly key: string;
  readonly text: string | undefined;
  readonly was?: string | undefined;
  /** Its bytes are counted elsewhere. */
  readonly free?: true;
  /** What it takes the place of was not read: `was` says nothing. */
  readonly unread?: true;
}

/** Reads records as they will be when all changes before this one are made. */
type Read = (keys: readonly string[]) => Promise<readonly (string | undefined)[]>;

export class Draft {
  readonly #seen = new Map<string, string | undefined>();
  readonly #texts = new Map<string, string | undefined>();
  readonly #read: Read;

  constructor(read: Read) {
    this.#read = read;
  }

  async get(key: string): Promise<string | undefined> {
    if (!this.#seen.has(key)) await this.#look([key]);
    return this.#seen.get(key);
  }

  set(key: string, text: string | undefined): void {
    this.#texts.set(key, text);
  }

  /** Writes a record that there was none of. */
  add(key: string, text: string | undefined): void {
    this.#seen.set(key, undefined);
    this.#texts.set(key, text);
  }

  /** Removes a record that was read already. */
  remove(key: string, text: string): void {
    this.#seen.set(key, text);
    this.#texts.set(key, undefined);
  }

  async writes(): Promise<readonly Write[]> {
    await this.#look([...this.#texts.keys()].filter((key) => !this.#seen.has(key)));
    return [...this.#texts].map(([key, text]) => ({ key, text, was: this.#seen.get(key) }));
  }

  async #look(keys: readonly string[]): Promise<void> {
    if (keys.length === 0) return;
    const texts = await this.#read(keys);
    for (const [index, key] of keys.entries()) this.#seen.set(key, texts[index]);
  }
}

/** How many bytes more there are after these writes. */
export function growth(writes: readonly Write[]): number {
  return writes.reduce((sum, { key, text, was, free }) => (free ? sum : sum + cost(key, text) - cost(key, was)), 0);
}
