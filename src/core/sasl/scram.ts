// SCRAM (RFC 5802; SHA-256 by RFC 7677, SHA-512 alike), with and without channel binding (-PLUS), by tls-exporter (RFC 9266)
// or tls-server-end-point (RFC 5929). Who has no account meets made-up keys and the same work, and fails like a wrong password.

import { randomBytes } from 'node:crypto';
import { digest, hmac, sizeOf } from './derivation.js';
import {
  type Challenge,
  type Credentials,
  challenge,
  checkAuthzid,
  type Exchange,
  type Hash,
  malformed,
  type Setting,
  type Step,
  type Success,
  same,
  success,
  unauthorized,
  usernameOf,
} from './mechanism.js';
import { type ClientFirst, readFinal, readFirst } from './scram-messages.js';

export interface ScramOptions {
  readonly hash: Hash;
  /** The -PLUS form. */
  readonly plus: boolean;
  /** What to bind to; where the -PLUS forms are offered to this client, there is something. */
  readonly bindings: Bindings;
  /** For tests: the server's part of the nonce. */
  readonly nonce?: string;
}

/** Channel binding data by its type. */
export type Bindings = ReadonlyMap<string, Buffer>;

/** What has to be remembered between the client's two messages. */
interface Begun {
  readonly username: string;
  readonly credentials: Credentials;
  readonly nonce: string;
  readonly channel: Buffer;
  /** client-first-message-bare and server-first-message. */
  readonly said: string;
}

export class Scram implements Exchange {
  readonly #setting: Setting;
  readonly #options: ScramOptions;
  #begun: Begun | undefined;

  constructor(setting: Setting, options: ScramOptions) {
    this.#setting = setting;
    this.#options = options;
  }

  respond(data: Buffer): Step | Promise<Step> {
    return this.#begun === undefined ? this.#begin(readFirst(data)) : this.#end(this.#begun, data);
  }

  async #begin(first: ClientFirst): Promise<Challenge> {
    const { domain, accounts } = this.#setting;
    const channel = this.#channel(first);
    const username = usernameOf(first.username, domain);
    checkAuthzid(first.authzid, username, domain);
    this.#setting.admit?.(username);
    const credentials = await accounts.credentials(username, this.#options.hash);
    const nonce = first.nonce + (this.#options.nonce ?? randomBytes(24).toString('base64'));
    const answer = `r=${nonce},s=${credentials.salt.toString('base64')},i=${credentials.iterations}`;
    this.#begun = { username, credentials, nonce, channel, said: `${first.bare},${answer}` };
    return challenge(Buffer.from(answer));
  }

  /** What the client's final message has to say of the channel (section 6). */
  #channel({ binding, gs2Header }: ClientFirst): Buffer {
    const { plus, bindings } = this.#options;
    const header = Buffer.from(gs2Header);
    if (plus) {
      if (typeof binding === 'string') throw malformed('a mechanism with channel binding, and no binding');
      const ours = bindings.get(binding.type);
      if (ours === undefined) throw malformed('channel binding of a type that was not offered');
      return Buffer.concat([header, ours]);
    }
    if (typeof binding !== 'string') throw malformed('channel binding needs a mechanism that ends in -PLUS');
    // The client saw no -PLUS among the mechanisms, and we had said it: somebody between us took it away.
    if (binding === 'y' && bindings.size > 0) throw unauthorized();
    return header;
  }

  #end({ username, credentials, nonce, channel, said }: Begun, data: Buffer): Success {
    const { hash } = this.#options;
    const final = readFinal(data);
    if (final.nonce !== nonce || !same(final.channel, channel)) throw unauthorized();
    if (final.proof.length !== sizeOf(hash)) throw malformed('a proof of the wrong length');
    const message = `${said},${final.withoutProof}`;
    const signature = hmac(hash, credentials.storedKey, message);
    const clientKey = Buffer.from(final.proof.map((byte, at) => byte ^ signature[at]));
    const verifier = hmac(hash, credentials.serverKey, message).toString('base64');
    const proven = same(digest(hash, clientKey), credentials.storedKey);
    // In any case: who guessed many times at once must not see which of them was right.
    this.#setting.admit?.(username);
    if (!proven || !credentials.known) throw unauthorized();
    return success(username, { data: Buffer.from(`v=${verifier}`) });
  }
}
