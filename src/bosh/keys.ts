// Key sequences (XEP-0124 section 15): each key's SHA-1 is the key before it. Asked in rid order and once a rid, so that
// requests out of order and repeats leave the chain where it is.

import { createHash } from 'node:crypto';

export class KeyChain {
  #expected: string;

  /** `newkey` of the request that starts the chain. */
  constructor(newkey: string) {
    this.#expected = newkey.toLowerCase();
  }

  /** Whether `key` is the chain's next one, which it then becomes, or `newkey` in its place (section 15.6). */
  accept(key: string | undefined, newkey: string | undefined): boolean {
    if (key === undefined) return false;
    const digest = createHash('sha1').update(key).digest('hex');
    if (digest !== this.#expected) return false;
    this.#expected = (newkey ?? key).toLowerCase();
    return true;
  }
}
