// Whether there is such an account is not to be learnt by trying to log in: neither by what is said, nor by how much work
// is done before it is. What that work takes in time is measured by bench/strangers.ts.

import { beforeEach, describe, expect, test } from 'vitest';
import { Accounts } from '../../../src/core/accounts.js';
import { Derivation } from '../../../src/core/sasl/derivation.js';
import { SaslError } from '../../../src/core/sasl/errors.js';
import { HASHES, type Hash, type ScramKeys, type Step } from '../../../src/core/sasl/mechanism.js';
import { Mechanisms } from '../../../src/core/sasl/mechanisms.js';
import { MemoryDriver } from '../../../src/storage/memory.js';
import type { KeyValueStore } from '../../../src/storage/store.js';
import { ScramClient } from '../../support/scram.js';

const EXPORTED = Buffer.alloc(32, 7);
const tls = { version: 'TLSv1.3', exporter: () => EXPORTED };
const mechanisms = new Mechanisms(
  'example.test',
  { secure: true, remoteAddress: '192.0.2.1', tls },
  { anonymous: false },
);

/** What was done, one line each; of the store, whether and how much was found. */
let done: string[];
let store: KeyValueStore;
let accounts: Accounts;

class Counted extends Derivation {
  override keys(hash: Hash, password: string, salt: Buffer, iterations: number): Promise<ScramKeys> {
    done.push(`pbkdf2 ${hash} ${password.length} ${salt.length} ${iterations}`);
    return super.keys(hash, password, salt, iterations);
  }
}

function counted(below: KeyValueStore): KeyValueStore {
  const asked = <A extends unknown[], R>(what: string, method: (...given: A) => Promise<R>) => {
    return async (...given: A): Promise<R> => {
      const found = await method(...given);
      done.push(`${what} ${JSON.stringify(found)?.length ?? 'nothing'}`);
      return found;
    };
  };
  return {
    get: asked('get', (key) => below.get(key)),
    set: asked('set', (key, value) => below.set(key, value)),
    update: asked('update', (key, change) => below.update(key, change)),
    keys: () => below.keys(),
  };
}

beforeEach(async () => {
  done = [];
  store = counted(new MemoryDriver().open('example.test', 'accounts', 'keyvalue'));
  accounts = new Accounts(store, new Counted());
  await accounts.create('friend', 'pencil');
  // The first of all who ask makes what is asked for.
  await accounts.verify('nobody', 'pencil');
});

/** All that is said, and done, in an attempt. */
async function attempt(name: string, messages: (said: string) => string | Promise<string>, step = '') {
  done = [];
  const said: string[] = [];
  const exchange = mechanisms.begin(name, { accounts });
  try {
    for (let heard = step; ; ) {
      const answer: Step = await exchange.respond(Buffer.from(await messages(heard)));
      heard = answer.data?.toString() ?? '';
      said.push(`${answer.kind} ${heard}`);
    }
  } catch (error) {
    if (!(error instanceof SaslError)) throw error;
    said.push(`${error.condition} ${error.text}`);
  }
  return { said, done: [...done].sort() };
}

const plain = (user: string, password: string) => attempt('PLAIN', () => `\0${user}\0${password}`);

function scram(user: string, hash: Hash, plus: boolean) {
  const binding = plus ? { gs2Header: 'p=tls-exporter,,', binding: EXPORTED } : {};
  const client = new ScramClient({ hash, user, password: 'ink', nonce: 'abc', ...binding });
  const name = `SCRAM-${hash.toUpperCase()}${plus ? '-PLUS' : ''}`;
  return attempt(name, (heard) => (heard === '' ? client.first : client.final(heard.replace('challenge ', ''))));
}

/** The same text with all that is random in it taken out. */
const shape = (text: string): string => text.replace(/(?<=[rs]=)[^,]+/g, (value) => `${value.length} characters`);

describe('a stranger is treated as a friend with a wrong password', () => {
  test('by PLAIN: the same work, and the same answer', async () => {
    const [friend, stranger] = [await plain('friend', 'ink'), await plain('nobody', 'ink')];
    expect(stranger).toEqual(friend);
    expect(stranger.said).toEqual(['not-authorized undefined']);
    expect(stranger.done.filter((line) => line.startsWith('get'))).toHaveLength(2);
    expect(stranger.done.filter((line) => line.startsWith('pbkdf2'))).toHaveLength(1);
  });

  test('by PLAIN with a password that nobody has', async () => {
    expect(await plain('nobody', 'i\tnk')).toEqual(await plain('friend', 'i\tnk'));
  });

  test.each(HASHES.flatMap((hash) => [[hash, false] as const, [hash, true] as const]))(
    'by SCRAM (%s, with channel binding: %s): the same work, and answers of the same shape',
    async (hash, plus) => {
      const [friend, stranger] = [await scram('friend', hash, plus), await scram('nobody', hash, plus)];
      expect(stranger.said.map(shape)).toEqual(friend.said.map(shape));
      expect(stranger.done).toEqual(friend.done);
      expect(stranger.said[1]).toBe('not-authorized undefined');
      expect(stranger.done).toHaveLength(2);
    },
  );

  test('by what does not change: salts, whichever way and whenever one asks, and after a restart', async () => {
    const saltOf = async (user: string, hash: Hash) => /s=([^,]+)/.exec((await scram(user, hash, false)).said[0])?.[1];
    for (const user of ['friend', 'nobody']) {
      for (const hash of HASHES) {
        const salt = await saltOf(user, hash);
        expect(await saltOf(user, hash)).toBe(salt);
        accounts = new Accounts(store, new Counted());
        expect(await saltOf(user, hash)).toBe(salt);
      }
    }
  });

  test('by salts that differ from each other: of accounts, and of hashes', async () => {
    const salts = new Set<string | undefined>();
    for (const user of ['friend', 'nobody', 'nobody else']) {
      for (const hash of HASHES) salts.add((await accounts.credentials(user, hash)).salt.toString('hex'));
    }
    expect(salts.size).toBe(9);
  });
});
