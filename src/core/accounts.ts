// The accounts of one host. Of a password only salted SCRAM keys are kept (RFC 5802 section 3), of which no password can be
// read; who asks for an account that is not there gets keys all the same. One that is disabled keeps all that belongs to
// it, and lets nobody in. It knows nothing of sessions, and a new password ends none.

import { randomBytes } from 'node:crypto';
import { type Json, type KeyValueStore, StoreError } from '../storage/store.js';
import { Breather } from './breather.js';
import { type Derivation, hmac, preparePassword } from './sasl/derivation.js';
import { type CredentialSource, type Credentials, HASHES, type Hash, type ScramKeys, same } from './sasl/mechanism.js';
import { Turns } from './turns.js';

/** Rounds of PBKDF2. RFC 5802 asks for 4096 at least, which has become too few. */
export const ITERATIONS = 10_000;

const SALT = 16;
const SECRET_SIZE = 32;

/** What PLAIN is checked against. */
const PLAIN: Hash = 'sha-256';

// Beside the accounts are kept, under names with a slash, which no localpart has: the secret that made-up salts come
// from, and the record of an account that nobody has. Nothing is ever kept under the third.
const SECRET = '/secret';
const DECOY = '/decoy';
const NOTHING = '/nothing';

export type AccountReason = 'exists' | 'unknown' | 'password';

/** What was asked for cannot be done: the account is there already, is not there, or the password is not allowed. */
export class AccountError extends Error {
  override readonly name = 'AccountError';

  constructor(readonly reason: AccountReason) {
    super(reason);
  }
}

/** What an account is to who wants to log in; undefined: there is none. */
export type Standing = 'enabled' | 'disabled' | undefined;

type Listener = (username: string) => void | Promise<void>;

/** Usernames are prepared localparts throughout. Methods reject with StoreError when the store cannot be used. */
export class Accounts implements CredentialSource {
  readonly #store: KeyValueStore;
  readonly #derivation: Derivation;
  readonly #iterations: number;
  readonly #turns = new Turns();
  readonly #deleted: Listener[] = [];
  readonly #disabled: ((username: string) => void)[] = [];
  #secret: Buffer | undefined;

  constructor(store: KeyValueStore, derivation: Derivation, iterations = ITERATIONS) {
    if (iterations < ITERATIONS) throw new RangeError(`fewer than ${ITERATIONS} iterations`);
    this.#store = store;
    this.#derivation = derivation;
    this.#iterations = iterations;
  }

  /** Rejects with AccountError `exists` or `password`. */
  async create(username: string, password: string): Promise<void> {
    if (await this.exists(username)) throw new AccountError('exists');
    const record = await this.#record(password);
    await this.#turns.take(username, async () => {
      if (await this.exists(username)) throw new AccountError('exists');
      // The process may have ended while an account of this name was being deleted: its data is not for this one.
      const [failure] = await this.#clear(username);
      if (failure !== undefined) throw failure;
      await this.#store.update(username, () => record);
    });
  }

  /** Rejects with AccountError `unknown` or `password`. */
  async setPassword(username: string, password: string): Promise<void> {
    if (!(await this.exists(username))) throw new AccountError('unknown');
    const record = await this.#record(password);
    await this.#store.update(username, (there) => {
      if (there === undefined) throw new AccountError('unknown');
      return isDisabled(there) ? { ...record, disabled: true } : record;
    });
  }

  /** Nobody logs in to it any more, and who has is gone when this resolves. Rejects with AccountError `unknown`. */
  async disable(username: string): Promise<void> {
    await this.#mark(username, true);
    for (const listener of [...this.#disabled]) listener(username);
  }

  /** As it was before `disable`. Rejects with AccountError `unknown`. */
  async enable(username: string): Promise<void> {
    await this.#mark(username, undefined);
  }

  async #mark(username: string, disabled: true | undefined): Promise<void> {
    await this.#store.update(username, (there) => {
      if (there === undefined) throw new AccountError('unknown');
      return { ...(there as Members), disabled };
    });
  }

  /**
   * Rejects with AccountError `unknown`. `gone` is called when it is deleted, before those who wanted to know are told;
   * resolves when they all have done what they do.
   */
  delete(username: string, gone: () => void = () => {}): Promise<void> {
    return this.#turns.take(username, async () => {
      await this.#store.update(username, (there) => {
        if (there === undefined) throw new AccountError('unknown');
        return undefined;
      });
      gone();
      const failed = await this.#clear(username);
      if (failed.length > 0)
        throw new AggregateError(failed, 'the account is deleted, but not all that belonged to it');
    });
  }

  /** Has everything go that belongs to an account; what could not. */
  async #clear(username: string): Promise<unknown[]> {
    const done = await Promise.allSettled(this.#deleted.map(async (listener) => listener(username)));
    return done.flatMap((each) => (each.status === 'rejected' ? [each.reason] : []));
  }

  /** Calls back after an account was deleted, and before one is made; returns what undoes that. */
  onDelete(listener: Listener): () => void {
    this.#deleted.push(listener);
    return () => void this.#deleted.splice(this.#deleted.indexOf(listener), 1);
  }

  /** Calls back when an account was disabled; returns what undoes that. */
  onDisable(listener: (username: string) => void): () => void {
    this.#disabled.push(listener);
    return () => void this.#disabled.splice(this.#disabled.indexOf(listener), 1);
  }

  async exists(username: string): Promise<boolean> {
    return (await this.#store.get(username)) !== undefined;
  }

  async standing(username: string): Promise<Standing> {
    const record = await this.#store.get(username);
    return record === undefined ? undefined : isDisabled(record) ? 'disabled' : 'enabled';
  }

  async *usernames(): AsyncIterable<string> {
    for await (const key of this.#store.keys()) if (!key.startsWith('/')) yield key;
  }

  /** Those that are disabled; each account is read for it. */
  async *disabled(): AsyncIterable<string> {
    const breather = new Breather();
    for await (const username of this.usernames()) {
      if ((await this.standing(username)) === 'disabled') yield username;
      await breather.breathe();
    }
  }

  /** Whether there is such an account or not: one read that finds something, one that does not, and the same work. */
  async credentials(username: string, hash: Hash): Promise<Credentials> {
    const secret = this.#secret ?? (await this.#prepare());
    const found = await this.#store.get(username);
    const decoy = await this.#store.get(found === undefined ? DECOY : NOTHING);
    const salt = hmac(hash, secret, username).subarray(0, SALT);
    const keys = keysFrom(found ?? decoy, hash);
    return found === undefined ? { ...keys, salt, known: false } : { ...keys, known: true };
  }

  async verify(username: string, password: string): Promise<boolean> {
    const prepared = preparePassword(password);
    if (prepared === undefined) return false;
    const { salt, iterations, storedKey, known } = await this.credentials(username, PLAIN);
    const keys = await this.#derivation.keys(PLAIN, prepared, salt, iterations);
    return same(keys.storedKey, storedKey) && known;
  }

  async #record(password: string): Promise<Members> {
    const prepared = preparePassword(password);
    if (prepared === undefined) throw new AccountError('password');
    const entries = HASHES.map(async (hash): Promise<[Hash, Json]> => {
      const keys = await this.#derivation.keys(hash, prepared, randomBytes(SALT), this.#iterations);
      return [hash, kept(keys)];
    });
    return { scram: Object.fromEntries(await Promise.all(entries)) };
  }

  /** Kept, so that an account that is not there has the same salt after a restart too. */
  async #prepare(): Promise<Buffer> {
    if ((await this.#store.get(DECOY)) === undefined) {
      await this.#store.set(DECOY, await this.#record(randomBytes(SECRET_SIZE).toString('base64')));
    }
    const fresh = randomBytes(SECRET_SIZE).toString('base64');
    const secret = await this.#store.update(SECRET, (there) => there ?? fresh);
    this.#secret = Buffer.from(String(secret), 'base64');
    return this.#secret;
  }
}

function kept({ salt, iterations, storedKey, serverKey }: ScramKeys): Json {
  const text = (data: Buffer) => data.toString('base64');
  return { salt: text(salt), iterations, stored: text(storedKey), server: text(serverKey) };
}

type Members = Readonly<Record<string, Json | undefined>>;

const member = (value: Json | undefined, name: string): Json | undefined =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Members)[name] : undefined;

const isDisabled = (record: Json): boolean => member(record, 'disabled') === true;

function keysFrom(record: Json | undefined, hash: Hash): ScramKeys {
  const keys = member(member(record, 'scram'), hash);
  const iterations = member(keys, 'iterations');
  const [salt, stored, server] = ['salt', 'stored', 'server'].map((name) => member(keys, name));
  if (typeof iterations !== 'number' || typeof salt !== 'string') throw unreadable();
  if (typeof stored !== 'string' || typeof server !== 'string') throw unreadable();
  const data = (text: string) => Buffer.from(text, 'base64');
  return { salt: data(salt), iterations, storedKey: data(stored), serverKey: data(server) };
}

const unreadable = () => new StoreError('failed', 'the keys of an account cannot be read');
