import { createHash, randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Accounts } from '../../../src/core/accounts.js';
import { Derivation } from '../../../src/core/sasl/derivation.js';
import { SaslError } from '../../../src/core/sasl/errors.js';
import { type CredentialSource, HASHES, type Hash, type Setting, type Step } from '../../../src/core/sasl/mechanism.js';
import { type Bindings, Scram } from '../../../src/core/sasl/scram.js';
import { MemoryDriver } from '../../../src/storage/memory.js';
import { ScramClient } from '../../support/scram.js';

const derivation = new Derivation();
const BINDING = randomBytes(32);
const hashOf = (binding: Buffer) => createHash('sha256').update(binding).digest();
const NONE: Bindings = new Map();
/** It, and something else of the other type. */
const by = (binding?: Buffer): Bindings =>
  binding === undefined
    ? NONE
    : new Map([
        ['tls-exporter', binding],
        ['tls-server-end-point', hashOf(binding)],
      ]);

const accounts = new Accounts(new MemoryDriver().open('example.test', 'accounts', 'keyvalue'), derivation);
await accounts.create('user', 'pencil');
await accounts.create('a,b', 'pa=ss,word');

const setting = (source: CredentialSource = accounts): Setting => ({
  domain: 'example.test',
  client: { secure: true, remoteAddress: '192.0.2.1' },
  accounts: source,
});

/** Keys of a published example, which has fewer iterations than we would store. */
function published(hash: Hash, salt: string): CredentialSource {
  return {
    exists: async () => true,
    verify: async () => false,
    credentials: async () => ({
      ...(await derivation.keys(hash, 'pencil', Buffer.from(salt, 'base64'), 4096)),
      known: true,
    }),
  };
}

const said = (step: Step): string => String(step.data);
const say = async (scram: Scram, text: string | Buffer): Promise<Step> => scram.respond(Buffer.from(text));

/** How it ends when the client says these, in which the challenge's parts can be put. */
async function condition(attempt: Promise<unknown>): Promise<string> {
  try {
    await attempt;
    return 'success';
  } catch (error) {
    if (!(error instanceof SaslError)) throw error;
    return error.condition;
  }
}

test('RFC 5802 section 5: the example of SHA-1', async () => {
  const options = { hash: 'sha-1', plus: false, bindings: NONE, nonce: '3rfcNHYJY1ZVvWVs7j' } as const;
  const scram = new Scram(setting(published('sha-1', 'QSXCR+Q6sek8bf92')), options);
  expect(said(await say(scram, 'n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL'))).toBe(
    'r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096',
  );
  const final = 'c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=';
  expect(said(await say(scram, final))).toBe('v=rmF9pqV8S7suAoZWja4dJRkFsKQ=');
});

test('RFC 7677 section 3: the example of SHA-256', async () => {
  const options = {
    hash: 'sha-256',
    plus: false,
    bindings: NONE,
    nonce: '%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0',
  } as const;
  const scram = new Scram(setting(published('sha-256', 'W22ZaJ0SNY7soEsUEjb6gQ==')), options);
  expect(said(await say(scram, 'n,,n=user,r=rOprNGfwEbeRWgbNEkqO'))).toBe(
    'r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096',
  );
  const final =
    'c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=';
  expect(said(await say(scram, final))).toBe('v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=');
});

test.each(HASHES.flatMap((hash) => [false, true].map((plus) => ({ hash, plus }))))(
  '$hash, channel binding $plus: the right password, and no other',
  async ({ hash, plus }) => {
    const channel = plus ? { gs2Header: 'p=tls-exporter,,', binding: BINDING } : {};
    const attempt = async (user: string, password: string) => {
      const client = new ScramClient({ hash, user, password, nonce: 'abc', ...channel });
      const scram = new Scram(setting(), { hash, plus, bindings: by(BINDING) });
      const challenge = said(await say(scram, client.first));
      expect(Number(/i=(\d+)/.exec(challenge)?.[1])).toBeGreaterThanOrEqual(10_000);
      const step = await say(scram, client.final(challenge));
      expect(said(step)).toBe(client.verifier);
      return step;
    };
    expect(await attempt('user', 'pencil')).toMatchObject({ kind: 'success', username: 'user', anonymous: false });
    expect(await attempt('USER', 'pencil')).toMatchObject({ username: 'user' });
    expect(await attempt('a=2Cb', 'pa=ss,word')).toMatchObject({ username: 'a,b' });
    expect(await condition(attempt('user', 'Pencil'))).toBe('not-authorized');
    expect(await condition(attempt('nobody', 'pencil'))).toBe('not-authorized');
  },
);

interface Play {
  readonly plus?: boolean;
  readonly binding?: Buffer;
  readonly gs2Header?: string;
  /** What the client takes its channel for. */
  readonly channel?: Buffer;
  readonly user?: string;
  readonly first?: (text: string) => string | Buffer;
  readonly final?: (text: string) => string | Buffer;
}

/** A whole attempt with the right password, and something of it spoiled. */
async function play(play: Play): Promise<string> {
  const { plus = false, binding, gs2Header = 'n,,', channel, user = 'user' } = play;
  const client = new ScramClient({
    hash: 'sha-256',
    user,
    password: 'pencil',
    nonce: 'fyko+d2lbbFgONRv9',
    gs2Header,
    binding: channel,
  });
  const scram = new Scram(setting(), { hash: 'sha-256', plus, bindings: by(binding) });
  const attempt = async () => {
    const challenge = said(await say(scram, play.first?.(client.first) ?? client.first));
    const final = client.final(challenge);
    return say(scram, play.final?.(final) ?? final);
  };
  return condition(attempt());
}

test.each<[string, string, Play]>([
  ['nothing is wrong', 'success', {}],
  ['the client could bind, and we cannot', 'success', { gs2Header: 'y,,' }],
  ['the client could bind, we can: somebody hid it', 'not-authorized', { gs2Header: 'y,,', binding: BINDING }],
  ['the client cannot bind, we can', 'success', { binding: BINDING }],
  ['binding without -PLUS', 'malformed-request', { gs2Header: 'p=tls-exporter,,', binding: BINDING, channel: BINDING }],
  ['bound', 'success', { plus: true, gs2Header: 'p=tls-exporter,,', binding: BINDING, channel: BINDING }],
  [
    'bound to another channel',
    'not-authorized',
    { plus: true, gs2Header: 'p=tls-exporter,,', binding: BINDING, channel: randomBytes(32) },
  ],
  [
    'another type of binding',
    'malformed-request',
    { plus: true, gs2Header: 'p=tls-unique,,', binding: BINDING, channel: BINDING },
  ],
  [
    'bound to the certificate',
    'success',
    { plus: true, gs2Header: 'p=tls-server-end-point,,', binding: BINDING, channel: hashOf(BINDING) },
  ],
  [
    'bound to another certificate',
    'not-authorized',
    { plus: true, gs2Header: 'p=tls-server-end-point,,', binding: BINDING, channel: BINDING },
  ],
  ['-PLUS without binding', 'malformed-request', { plus: true, gs2Header: 'n,,', binding: BINDING }],
  ['-PLUS that says it cannot', 'malformed-request', { plus: true, gs2Header: 'y,,', binding: BINDING }],
  ['authzid of the user itself', 'success', { gs2Header: 'n,a=user@example.test,' }],
  ['authzid of the user itself, unprepared', 'success', { gs2Header: 'n,a=User@EXAMPLE.test,' }],
  ['authzid of another user', 'invalid-authzid', { gs2Header: 'n,a=other@example.test,' }],
  ['authzid at another domain', 'invalid-authzid', { gs2Header: 'n,a=user@other.test,' }],
  ['authzid with a resource', 'invalid-authzid', { gs2Header: 'n,a=user@example.test/x,' }],
  ['authzid that is no JID', 'invalid-authzid', { gs2Header: 'n,a=user,' }],
  ['an empty name', 'malformed-request', { user: '' }],
  ['a name with a bare equals sign', 'malformed-request', { user: 'us=er' }],
  ['a name that cannot be', 'not-authorized', { user: 'us er' }],
  ['an extension that must be understood', 'malformed-request', { first: (text) => text.replace('n=', 'm=x,n=') }],
  ['no nonce', 'malformed-request', { first: (text) => text.replace(/,r=.*/, ',r=') }],
  ['another nonce', 'not-authorized', { final: (text) => text.replace(/r=fy/, 'r=fx') }],
  [
    'a nonce of the client alone',
    'not-authorized',
    { final: (text) => text.replace(/r=[^,]*/, 'r=fyko+d2lbbFgONRv9') },
  ],
  ['another GS2 header', 'not-authorized', { final: (text) => text.replace('c=biws', 'c=eSws') }],
  ['no base64 of the header', 'malformed-request', { final: (text) => text.replace('c=biws', 'c=biw') }],
  ['no proof', 'malformed-request', { final: (text) => text.replace(/,p=.*/, '') }],
  ['an empty proof', 'malformed-request', { final: (text) => text.replace(/,p=.*/, ',p=') }],
  ['a short proof', 'malformed-request', { final: (text) => text.replace(/,p=.*/, ',p=AAAA') }],
  ['something behind the proof', 'malformed-request', { final: (text) => `${text},x=y` }],
  ['nothing', 'malformed-request', { first: () => '' }],
  ['no UTF-8', 'malformed-request', { first: (text) => Buffer.concat([Buffer.from(text), Buffer.from([0xff])]) }],
  ['a NUL', 'malformed-request', { first: (text) => `${text}\0` }],
])('%s: %s', async (_, outcome, attempt) => {
  expect(await play(attempt)).toBe(outcome);
});

/** A byte less, more, or another one. */
function spoiled(text: string, at: number, byte: number, how: 'cut' | 'insert' | 'change'): Buffer {
  const data = Buffer.from(text);
  const place = at % data.length;
  const middle = how === 'cut' ? Buffer.alloc(0) : Buffer.from([byte]);
  return Buffer.concat([data.subarray(0, place), middle, data.subarray(how === 'insert' ? place : place + 1)]);
}

test('whatever is changed in a message of an honest client, the attempt fails with a defined condition', async () => {
  const change = fc.record({
    message: fc.constantFrom('first', 'final'),
    at: fc.nat(),
    byte: fc.oneof(fc.integer({ min: 0, max: 255 }), fc.constantFrom(...Buffer.from(',=anry+/ A\0'))),
    how: fc.constantFrom('cut', 'insert', 'change' as const),
  });
  await fc.assert(
    fc.asyncProperty(change, fc.boolean(), async ({ message, at, byte, how }, plus) => {
      const channel = plus ? { plus, gs2Header: 'p=tls-exporter,,', binding: BINDING, channel: BINDING } : {};
      let changed = false;
      const spoil = (text: string) => {
        const data = spoiled(text, at, byte, how);
        changed = data.toString('latin1') !== text;
        return data;
      };
      const outcome = await play({ ...channel, [message]: spoil });
      if (changed) expect(outcome).toMatch(/^(malformed-request|not-authorized|invalid-authzid)$/);
      else expect(outcome).toBe('success');
    }),
    { numRuns: 300 },
  );
});

test('whatever is said, nothing but a SaslError is thrown', async () => {
  const scramish = fc.stringMatching(/^[nyp=,am rc0-9A-Za-z+/]{0,40}$/);
  await fc.assert(
    fc.asyncProperty(fc.oneof(scramish, fc.string({ unit: 'binary' })), scramish, async (first, final) => {
      const scram = new Scram(setting(), { hash: 'sha-1', plus: false, bindings: NONE });
      const attempt = async () => say(scram, said(await say(scram, first)) && final);
      expect(await condition(attempt())).not.toBe('success');
    }),
  );
});

test('who has no account gets the same salt each time, another for each hash, and fails as with a wrong password', async () => {
  const salt = async (user: string, hash: Hash) => {
    const scram = new Scram(setting(), { hash, plus: false, bindings: NONE });
    return /s=([^,]*),i=(\d+)$/.exec(said(await say(scram, `n,,n=${user},r=abc`)))?.slice(1);
  };
  const [first = ''] = (await salt('nobody', 'sha-256')) ?? [];
  expect(await salt('nobody', 'sha-256')).toEqual([first, '10000']);
  expect(await salt('Nobody', 'sha-256')).toEqual([first, '10000']);
  expect(await salt('nobody2', 'sha-256')).not.toEqual([first, '10000']);
  expect(await salt('nobody', 'sha-1')).not.toEqual([first, '10000']);
  const known = (await salt('user', 'sha-256')) ?? [];
  expect([known[0].length, known[1]]).toEqual([first.length, '10000']);
  expect(await play({ user: 'nobody' })).toBe('not-authorized');
});

test('each attempt has a nonce of its own', async () => {
  const nonce = async () => {
    const scram = new Scram(setting(), { hash: 'sha-1', plus: false, bindings: NONE });
    return /^r=([^,]*)/.exec(said(await say(scram, 'n,,n=user,r=abc')))?.[1] ?? '';
  };
  const [one, other] = [await nonce(), await nonce()];
  expect(one).not.toBe(other);
  expect(one.length).toBeGreaterThan(20);
});

test('who may not try is refused before the keys are read, and again before success', async () => {
  const asked: string[] = [];
  const admit = (username: string) => {
    asked.push(username);
    if (asked.length === 2) throw new SaslError('temporary-auth-failure');
  };
  const client = new ScramClient({ hash: 'sha-256', user: 'user', password: 'pencil', nonce: 'abc' });
  const scram = new Scram({ ...setting(), admit }, { hash: 'sha-256', plus: false, bindings: NONE });
  const final = client.final(said(await say(scram, client.first)));
  expect(await condition(say(scram, final))).toBe('temporary-auth-failure');
  expect(asked).toEqual(['user', 'user']);
});
