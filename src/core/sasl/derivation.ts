// From a password to SCRAM keys (RFC 5802 section 3). PBKDF2 is the one expensive thing in a login: it runs beside the
// event loop, a few at a time, and only so many may wait.

import { createHash, createHmac, pbkdf2 } from 'node:crypto';
import { promisify } from 'node:util';
import { prepareOpaque } from '../../xmpp/precis.js';
import { SaslError } from './errors.js';
import type { Hash, ScramKeys } from './mechanism.js';

const pbkdf2Async = promisify(pbkdf2);

const DIGEST = { 'sha-1': 'sha1', 'sha-256': 'sha256', 'sha-512': 'sha512' } as const;

const SIZE = { 'sha-1': 20, 'sha-256': 32, 'sha-512': 64 } as const;

/** Bytes of its digests. */
export const sizeOf = (hash: Hash): number => SIZE[hash];

export const hmac = (hash: Hash, key: Buffer, text: string | Buffer): Buffer =>
  createHmac(DIGEST[hash], key).update(text).digest();

export const digest = (hash: Hash, data: Buffer): Buffer => createHash(DIGEST[hash]).update(data).digest();

/** A password as it is hashed (OpaqueString, RFC 8265 section 4); undefined when it is not allowed. */
export function preparePassword(password: string): string | undefined {
  return password.length > LONGEST ? undefined : prepareOpaque(password);
}

const LONGEST = 1023;

/** One for a server; all its hosts share it. */
export class Derivation {
  readonly #most: number;
  readonly #queue: number;
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  constructor({ most = 4, queue = 256 }: { readonly most?: number; readonly queue?: number } = {}) {
    this.#most = most;
    this.#queue = queue;
  }

  /** The password has to be prepared. Rejects with temporary-auth-failure when too many wait. */
  async keys(hash: Hash, password: string, salt: Buffer, iterations: number): Promise<ScramKeys> {
    const salted = await this.#turn(() => pbkdf2Async(password, salt, iterations, sizeOf(hash), DIGEST[hash]));
    const storedKey = digest(hash, hmac(hash, salted, 'Client Key'));
    return { salt, iterations, storedKey, serverKey: hmac(hash, salted, 'Server Key') };
  }

  async #turn<T>(work: () => Promise<T>): Promise<T> {
    if (this.#running < this.#most) this.#running++;
    else await this.#wait();
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#running--;
      else next();
    }
  }

  #wait(): Promise<void> {
    if (this.#waiting.length >= this.#queue) throw new SaslError('temporary-auth-failure', 'too many logins at once');
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
    });
  }
}
