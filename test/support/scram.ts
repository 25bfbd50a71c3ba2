// The client's side of SCRAM (RFC 5802), step by step, so that each message can be looked at and spoiled.

import { createHash, createHmac, pbkdf2Sync } from 'node:crypto';

export const DIGESTS = { 'sha-1': 'sha1', 'sha-256': 'sha256', 'sha-512': 'sha512' } as const;

export interface ScramClientOptions {
  readonly hash: keyof typeof DIGESTS;
  /** As it is written in the message. */
  readonly user: string;
  readonly password: string;
  readonly nonce: string;
  readonly gs2Header?: string;
  readonly binding?: Buffer;
}

export class ScramClient {
  readonly #options: ScramClientOptions;
  readonly first: string;
  readonly #bare: string;
  #serverKey: Buffer = Buffer.alloc(0);
  #message = '';

  constructor(options: ScramClientOptions) {
    this.#options = options;
    this.#bare = `n=${options.user},r=${options.nonce}`;
    this.first = `${options.gs2Header ?? 'n,,'}${this.#bare}`;
  }

  /** The final message, for what the server said first. */
  final(challenge: string): string {
    const { hash, password, gs2Header = 'n,,', binding = Buffer.alloc(0) } = this.#options;
    const said = new Map(challenge.split(',').map((part) => [part[0], part.slice(2)]));
    const size = createHash(DIGESTS[hash]).digest().length;
    const salt = Buffer.from(said.get('s') ?? '', 'base64');
    const salted = pbkdf2Sync(password, salt, Number(said.get('i')), size, DIGESTS[hash]);
    const channel = Buffer.concat([Buffer.from(gs2Header), binding]).toString('base64');
    const withoutProof = `c=${channel},r=${said.get('r')}`;
    this.#message = `${this.#bare},${challenge},${withoutProof}`;
    this.#serverKey = this.#hmac(salted, 'Server Key');
    const key = this.#hmac(salted, 'Client Key');
    const signature = this.#hmac(createHash(DIGESTS[hash]).update(key).digest(), this.#message);
    const proof = Buffer.from(key.map((byte, at) => byte ^ signature[at]));
    return `${withoutProof},p=${proof.toString('base64')}`;
  }

  /** What a server that knows the account says with success. */
  get verifier(): string {
    return `v=${this.#hmac(this.#serverKey, this.#message).toString('base64')}`;
  }

  #hmac(key: Buffer, text: string): Buffer {
    return createHmac(DIGESTS[this.#options.hash], key).update(text).digest();
  }
}
