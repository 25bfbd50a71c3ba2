// HT-SHA-256 (draft-schmaus-kitten-sasl-ht): a secret token proves itself by one hash, and the server by another; with the
// hash bound to the channel (-EXPR, tls-exporter) or not (-NONE). Where tokens are kept is not known here.

import { isUtf8 } from 'node:buffer';
import { digest, hmac } from './derivation.js';
import {
  type Exchange,
  malformed,
  type Setting,
  type Step,
  same,
  success,
  unauthorized,
  usernameOf,
} from './mechanism.js';

/** The strongest first. */
export const TOKEN_MECHANISMS = ['HT-SHA-256-EXPR', 'HT-SHA-256-NONE'] as const;
export type TokenMechanism = (typeof TOKEN_MECHANISMS)[number];

const HASH = 'sha-256';
const SIZE = 32;
const INITIATOR = Buffer.from('Initiator');
const RESPONDER = Buffer.from('Responder');
const NOTHING = Buffer.alloc(0);

/** What a server keeps of a token. Only the key of a hash that is bound to the channel could be used by a thief. */
export type TokenKeys =
  | { readonly key: Buffer }
  /** A hash of what the client says, and what it is told. */
  | { readonly stored: Buffer; readonly answer: Buffer };

/** A token that was proven. */
export interface Proven {
  readonly answer: Buffer;
  /** Takes it as used now; rejects with SaslError when it may not be. */
  spend(): Promise<void>;
}

/** Judges what a client says; undefined: it knows no such token. */
export type Judge = (username: string, proof: Buffer) => Promise<Proven | undefined>;

export class HashedToken implements Exchange {
  readonly #setting: Setting;
  readonly #judge: Judge;

  constructor(setting: Setting, judge: Judge) {
    this.#setting = setting;
    this.#judge = judge;
  }

  async respond(data: Buffer): Promise<Step> {
    const { authcid, proof } = read(data);
    const username = usernameOf(authcid, this.#setting.domain);
    this.#setting.admit?.(username);
    const proven = await this.#judge(username, proof);
    // In any case: who guessed many times at once must not see which of them was right.
    this.#setting.admit?.(username);
    if (proven === undefined) throw unauthorized();
    await proven.spend();
    return success(username, { data: proven.answer });
  }
}

function read(data: Buffer): { authcid: string; proof: Buffer } {
  const end = data.indexOf(0);
  const name = data.subarray(0, Math.max(end, 0));
  const proof = data.subarray(end + 1);
  if (end < 1 || !isUtf8(name) || proof.length !== SIZE) throw malformed('not the message of a hashed token');
  return { authcid: name.toString(), proof };
}

export function keysOf(token: string, mechanism: TokenMechanism): TokenKeys {
  const key = Buffer.from(token);
  if (mechanism === 'HT-SHA-256-EXPR') return { key };
  return { stored: digest(HASH, hmac(HASH, key, INITIATOR)), answer: hmac(HASH, key, RESPONDER) };
}

/** What a client is told whose proof is right; undefined: it is wrong. `binding`: of its channel. */
export function answerTo(keys: TokenKeys, proof: Buffer, binding: Buffer = NOTHING): Buffer | undefined {
  if ('stored' in keys) return same(digest(HASH, proof), keys.stored) ? keys.answer : undefined;
  const right = same(proof, hmac(HASH, keys.key, Buffer.concat([INITIATOR, binding])));
  return right ? hmac(HASH, keys.key, Buffer.concat([RESPONDER, binding])) : undefined;
}
