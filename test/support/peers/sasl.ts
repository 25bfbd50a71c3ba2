// The client's side of SASL PLAIN (RFC 4616) and SCRAM-SHA-1 (RFC 5802), as far as the tests log in with it.

import { createHash, createHmac, pbkdf2Sync, randomBytes, timingSafeEqual } from 'node:crypto';

export type Mechanism = 'PLAIN' | 'SCRAM-SHA-1';

export interface SaslClient {
  readonly initial: string;
  /** The answer to a challenge. */
  respond(challenge: string): string;
  /** Throws unless the server proved that it knows the password too (SCRAM). */
  verify(success: string): void;
}

/** A client of the mechanism; what it says and hears is not yet base64. */
export function saslClient(mechanism: Mechanism, user: string, password: string): SaslClient {
  if (mechanism === 'PLAIN') return { initial: `\0${user}\0${password}`, respond: () => '', verify: () => {} };
  const bare = `n=${user},r=${randomBytes(18).toString('base64url')}`;
  let expected: Buffer = Buffer.alloc(0);
  return {
    initial: `n,,${bare}`,
    respond: (challenge) => {
      const [nonce, salt, iterations] = ['r', 's', 'i'].map((name) => field(challenge, name));
      const salted = pbkdf2Sync(password, Buffer.from(salt, 'base64'), Number(iterations), 20, 'sha1');
      const bound = `c=biws,r=${nonce}`;
      const message = `${bare},${challenge},${bound}`;
      const key = hmac(salted, 'Client Key');
      const signature = hmac(createHash('sha1').update(key).digest(), message);
      expected = hmac(hmac(salted, 'Server Key'), message);
      return `${bound},p=${Buffer.from(key.map((byte, at) => byte ^ signature[at])).toString('base64')}`;
    },
    verify: (success) => {
      const proof = Buffer.from(field(success, 'v'), 'base64');
      if (proof.length !== expected.length || !timingSafeEqual(proof, expected)) throw new Error('wrong server proof');
    },
  };
}

function hmac(key: Buffer, text: string): Buffer {
  return createHmac('sha1', key).update(text).digest();
}

function field(message: string, name: string): string {
  const found = message.split(',').find((each) => each.startsWith(`${name}=`));
  if (!found) throw new Error(`no ${name}= in ${message}`);
  return found.slice(2);
}
