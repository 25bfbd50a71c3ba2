// HT-SHA-256 by itself: its messages, and what is kept of a token.

import { createHmac } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { SaslError } from '../../../src/core/sasl/errors.js';
import { answerTo, HashedToken, keysOf, TOKEN_MECHANISMS } from '../../../src/core/sasl/hashed-token.js';
import { type Setting, unauthorized } from '../../../src/core/sasl/mechanism.js';

const accounts = { credentials: async () => never(), verify: async () => never(), exists: async () => never() };
const client = { secure: true, remoteAddress: '198.51.100.7', tls: undefined };
const PROOF = Buffer.alloc(32, 7);
const message = (name: string, proof = PROOF) => Buffer.concat([Buffer.from(`${name}\0`), proof]);

function never(): never {
  throw new Error('a token needs no password');
}

const setting = (admit?: Setting['admit']): Setting => ({ domain: 'example.test', client, accounts, admit });

describe('keys', () => {
  const key = 'secret';
  const sum = (text: string, binding = '') => createHmac('sha256', key).update(text).update(binding).digest();

  test('the client is hashed as Initiator, the server as Responder', () => {
    expect(answerTo(keysOf(key, 'HT-SHA-256-NONE'), sum('Initiator'))).toEqual(sum('Responder'));
    const bound = keysOf(key, 'HT-SHA-256-EXPR');
    expect(answerTo(bound, sum('Initiator', 'tls'), Buffer.from('tls'))).toEqual(sum('Responder', 'tls'));
    expect(answerTo(bound, sum('Initiator', 'tls'), Buffer.from('other'))).toBeUndefined();
  });

  test('of a token that is not bound to a channel nothing is kept that would be taken', () => {
    for (const kept of Object.values(keysOf(key, 'HT-SHA-256-NONE'))) {
      expect(kept).not.toEqual(sum('Initiator'));
      expect(answerTo(keysOf(key, 'HT-SHA-256-NONE'), kept)).toBeUndefined();
    }
  });

  test('a proof that is not the right one is none', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), fc.constantFrom(...TOKEN_MECHANISMS), (bytes, mechanism) => {
        expect(answerTo(keysOf(key, mechanism), Buffer.from(bytes))).toBeUndefined();
      }),
    );
  });
});

describe('the exchange', () => {
  const nobody = () => new HashedToken(setting(), async () => undefined);

  test.each([
    ['nothing', Buffer.alloc(0)],
    ['no username', message('')],
    ['no proof', Buffer.from('user')],
    ['a proof that is too short', message('user', PROOF.subarray(1))],
    ['a username that is not UTF-8', Buffer.concat([Buffer.from([0xff, 0]), PROOF])],
  ])('%s is malformed', async (_, data) => {
    await expect(nobody().respond(data)).rejects.toMatchObject({ condition: 'malformed-request' });
  });

  test('whatever is said, it fails as SASL fails', async () => {
    const property = fc.asyncProperty(fc.uint8Array({ maxLength: 60 }), async (bytes) => {
      await expect(nobody().respond(Buffer.from(bytes))).rejects.toBeInstanceOf(SaslError);
    });
    await fc.assert(property);
  });

  test('it is admitted before it is judged and again before that is told, and spent after', async () => {
    const order: string[] = [];
    const judge = async (username: string) => {
      order.push(`judge ${username}`);
      return { answer: Buffer.from('answer'), spend: async () => void order.push('spend') };
    };
    const exchange = new HashedToken(
      setting((username) => void order.push(`admit ${username}`)),
      judge,
    );
    const step = await exchange.respond(message('User'));
    expect(step).toEqual({ kind: 'success', username: 'user', anonymous: false, data: Buffer.from('answer') });
    expect(order).toEqual(['admit user', 'judge user', 'admit user', 'spend']);
  });

  test('a right token is not spent by who is not admitted any more', async () => {
    let admitted = 0;
    let spent = 0;
    const admit = () => {
      if (++admitted === 2) throw new SaslError('temporary-auth-failure');
    };
    const spend = async () => void spent++;
    const exchange = new HashedToken(setting(admit), async () => ({ answer: PROOF, spend }));
    await expect(exchange.respond(message('user'))).rejects.toMatchObject({ condition: 'temporary-auth-failure' });
    expect(spent).toBe(0);
  });

  test('what cannot be spent lets nobody in', async () => {
    const spend = async () => {
      throw unauthorized();
    };
    const exchange = new HashedToken(setting(), async () => ({ answer: PROOF, spend }));
    await expect(exchange.respond(message('user'))).rejects.toMatchObject({ condition: 'not-authorized' });
  });
});
