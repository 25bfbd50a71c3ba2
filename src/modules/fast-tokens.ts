// The tokens of clients (XEP-0484), as they are kept: of each client of an account the one it uses and the one it was given
// last (section 5.1). A token belongs to the password that its client had proven when it got it: with another one it is
// worth nothing, however that was changed. Work for one account is done in turns.

import { createHash, randomBytes } from 'node:crypto';
import type { Accounts } from '../core/accounts.js';
import { digest } from '../core/sasl/derivation.js';
import { SaslError } from '../core/sasl/errors.js';
import { answerTo, keysOf, type Proven, type TokenKeys, type TokenMechanism } from '../core/sasl/hashed-token.js';
import { unauthorized } from '../core/sasl/mechanism.js';
import { Turns } from '../core/turns.js';
import type { Json, MapStore } from '../storage/store.js';

const DAY = 86_400_000;

/** Bytes of chance in a token. */
const SIZE = 32;

export interface TokenLimits {
  /** How long a token is taken. */
  readonly days: number;
  /** Clients of one account that have one. */
  readonly max_clients: number;
}

/** What a client says of the token that it uses. */
export interface Use {
  readonly username: string;
  /** Of the client. */
  readonly agent: string;
  readonly mechanism: TokenMechanism;
  readonly proof: Buffer;
  /** Of its channel, where the mechanism is bound to that. */
  readonly binding: Buffer | undefined;
  /** How often it was used, as the client counts. */
  readonly count: number | undefined;
  /** It is to be the last time. */
  readonly invalidate: boolean;
  /** Told when it is used, with the milliseconds since 1970 at which it expires. */
  used(expires: number): void;
}

export interface NewToken {
  readonly token: string;
  readonly expires: Date;
}

/** A token as it is kept; binary data in base64. */
interface Kept {
  readonly id: string;
  readonly mechanism: string;
  readonly expires: number;
  /** A hash of what is kept of the password. */
  readonly password: string;
  readonly count?: number;
  readonly keys: Readonly<Record<string, string>>;
}

/** Of one client. */
interface Slots {
  readonly used: number;
  readonly fresh?: Kept;
  readonly current?: Kept;
}

export class Tokens {
  readonly #turns = new Turns();

  constructor(
    readonly store: MapStore,
    readonly accounts: Pick<Accounts, 'credentials'>,
    readonly limits: TokenLimits,
    /** Told when a client loses its token because others have some. */
    readonly limited: () => void,
  ) {}

  /** Whether there is such an account, client or token or not: the same reads. */
  async judge(use: Use): Promise<Proven | undefined> {
    const { username, agent, mechanism, proof, binding } = use;
    const [slots, password] = await Promise.all([this.store.get(username, fieldOf(agent)), this.#password(username)]);
    const { fresh, current } = slotsOf(slots);
    for (const token of [fresh ?? NONE, current ?? NONE]) {
      const answer = answerTo(keysIn(token), proof, binding);
      if (answer === undefined || token.mechanism !== mechanism) continue;
      return { answer, spend: () => this.#spend(use, token.id, password) };
    }
    return undefined;
  }

  /** A token for a client that has logged in; undefined: its account is gone. Takes the place of one it never used. */
  issue(username: string, agent: string, mechanism: TokenMechanism): Promise<NewToken | undefined> {
    return this.#turns.take(username, async () => {
      const password = await this.#password(username);
      if (password === undefined) return undefined;
      const now = Date.now();
      const token = randomBytes(SIZE).toString('base64url');
      const expires = now + this.limits.days * DAY;
      const fresh = { id: randomBytes(9).toString('base64url'), mechanism, expires, password };
      const all = await this.store.all(username);
      const field = fieldOf(agent);
      const { current } = slotsOf(all.get(field));
      all.delete(field);
      const slots = { used: now, fresh: { ...fresh, keys: written(keysOf(token, mechanism)) }, current };
      await this.store.change(username, [...this.#overdue(all, password, now), [field, json(slots)]]);
      return { token, expires: new Date(expires) };
    });
  }

  remove(username: string): Promise<void> {
    return this.#turns.take(username, () => this.store.remove(username));
  }

  #spend(use: Use, id: string, password: string | undefined): Promise<void> {
    const { username, agent, count, invalidate } = use;
    return this.#turns.take(username, async () => {
      await this.store.update(username, fieldOf(agent), (there) => {
        const { fresh, current } = slotsOf(there);
        const token = [fresh, current].find((each) => each?.id === id);
        if (token === undefined || isReplayed(token, count)) throw unauthorized();
        if (token.expires <= Date.now() || token.password !== password) throw new SaslError('credentials-expired');
        use.used(token.expires);
        if (invalidate) return undefined;
        // Section 3.5: those that were given before it are worth nothing any more.
        const left = token === current && fresh !== undefined ? { fresh } : {};
        return json({ used: Date.now(), ...left, current: { ...token, count: count ?? token.count } });
      });
    });
  }

  /** Fields of others that are worth nothing any more, and of those not used for longest where there are too many. */
  #overdue(others: Map<string, Json>, password: string, now: number): [string, undefined][] {
    const alive = (token?: Kept) => token !== undefined && token.expires > now && token.password === password;
    const slots = [...others].map(([field, said]) => ({ field, ...slotsOf(said) }));
    const dead = slots.filter(({ fresh, current }) => !alive(fresh) && !alive(current));
    const living = slots.filter((each) => !dead.includes(each)).sort((a, b) => a.used - b.used);
    const surplus = living.slice(0, Math.max(0, living.length + 1 - this.limits.max_clients));
    if (surplus.length > 0) this.limited();
    return [...dead, ...surplus].map(({ field }) => [field, undefined]);
  }

  async #password(username: string): Promise<string | undefined> {
    const { known, storedKey } = await this.accounts.credentials(username, 'sha-256');
    const password = digest('sha-256', storedKey).toString('base64');
    return known ? password : undefined;
  }
}

/** Section 3.4. Who has begun to count goes on. */
function isReplayed({ count: last }: Kept, count: number | undefined): boolean {
  return last !== undefined && (count === undefined || count <= last);
}

/** Clients choose their ids: what is kept has a length of ours. */
const fieldOf = (agent: string) => createHash('sha256').update(agent).digest('base64url');

/** In for a token that is not there: nobody knows what it is a hash of. */
const NONE: Kept = { id: '', mechanism: '', expires: 0, password: '', keys: { stored: '', answer: '' } };

const slotsOf = (said: Json | undefined): Slots => (said as unknown as Slots | undefined) ?? { used: 0 };
const json = (slots: Slots): Json => slots as unknown as Json;

const written = (keys: TokenKeys): Record<string, string> =>
  Object.fromEntries(Object.entries(keys).map(([name, data]: [string, Buffer]) => [name, data.toString('base64')]));

function keysIn({ keys: { key, stored = '', answer = '' } }: Kept): TokenKeys {
  const data = (text: string) => Buffer.from(text, 'base64');
  return key === undefined ? { stored: data(stored), answer: data(answer) } : { key: data(key) };
}
