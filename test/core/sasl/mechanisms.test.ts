import { createRequire } from 'node:module';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Accounts } from '../../../src/core/accounts.js';
import { fromBase64, initialData, responseData } from '../../../src/core/sasl/base64.js';
import { Derivation } from '../../../src/core/sasl/derivation.js';
import { SaslError } from '../../../src/core/sasl/errors.js';
import type { Step } from '../../../src/core/sasl/mechanism.js';
import { Mechanisms } from '../../../src/core/sasl/mechanisms.js';
import { MemoryDriver } from '../../../src/storage/memory.js';
import type { ClientCertificate, Tls } from '../../../src/stream/end.js';
import { authenticate, type Stream } from '../../support/sasl.js';
import { parseXml as parse } from '../../support/xml.js';

const accounts = new Accounts(new MemoryDriver().open('example.test', 'accounts', 'keyvalue'), new Derivation());
await accounts.create('user', 'pencil');
await accounts.create('other', 'Käse');

interface Client {
  readonly secure: boolean;
  readonly remoteAddress: string;
  readonly tls?: Tls;
}

const remote: Client = { secure: true, remoteAddress: '192.0.2.1' };
const local: Client = { secure: false, remoteAddress: '127.0.0.1' };
const clear: Client = { secure: false, remoteAddress: '192.0.2.1' };

const overTls = (certificate?: ClientCertificate, exported?: Buffer): Client => ({
  ...remote,
  tls: { version: 'TLSv1.3', exporter: () => exported, certificate },
});
const certificate = (...addresses: string[]): ClientCertificate => ({ fingerprint: '00', addresses });

const mechanisms = (client: Client, anonymous = false) => new Mechanisms('example.test', client, { anonymous });

async function attempt(client: Client, name: string, text: string | Buffer): Promise<Step | string> {
  try {
    return await mechanisms(client).begin(name, { accounts }).respond(Buffer.from(text));
  } catch (error) {
    if (!(error instanceof SaslError)) throw error;
    return error.condition;
  }
}

const SCRAM = ['SCRAM-SHA-512', 'SCRAM-SHA-256', 'SCRAM-SHA-1'];
const PLUS = SCRAM.map((name) => `${name}-PLUS`);

describe('what is offered', () => {
  test.each<[string, Client, boolean, string[]]>([
    ['over an encrypted connection', remote, false, [...SCRAM, 'PLAIN']],
    ['within this machine', local, false, [...SCRAM, 'PLAIN']],
    ['in the clear', clear, false, SCRAM],
    ['to anybody', clear, true, [...SCRAM, 'ANONYMOUS']],
    ['over TLS of our own', overTls(undefined, Buffer.alloc(32)), false, [...PLUS, ...SCRAM, 'PLAIN']],
    ['over TLS that exports nothing', overTls(), false, [...SCRAM, 'PLAIN']],
    ['with a certificate', overTls(certificate('a@example.test')), false, ['EXTERNAL', ...SCRAM, 'PLAIN']],
    ['with a certificate of elsewhere', overTls(certificate('a@other.test')), false, [...SCRAM, 'PLAIN']],
  ])('%s', (_, client, anonymous, names) => {
    expect(mechanisms(client, anonymous).names).toEqual(names);
  });

  test('what is not offered cannot be used', () => {
    const begin = (client: Client, name: string) => () => mechanisms(client).begin(name, { accounts });
    expect(begin(remote, 'ANONYMOUS')).toThrow('invalid-mechanism');
    expect(begin(remote, 'EXTERNAL')).toThrow('invalid-mechanism');
    expect(begin(remote, 'SCRAM-SHA-1-PLUS')).toThrow('invalid-mechanism');
    expect(begin(remote, 'DIGEST-MD5')).toThrow('invalid-mechanism');
    expect(begin(remote, 'plain')).toThrow('invalid-mechanism');
    expect(begin(clear, 'PLAIN')).toThrow('encryption-required');
  });
});

describe('PLAIN', () => {
  test.each<[string, string | Buffer, string]>([
    ['a wrong password', '\0user\0Pencil', 'not-authorized'],
    ['no account', '\0nobody\0pencil', 'not-authorized'],
    ['a name that cannot be', '\0us er\0pencil', 'not-authorized'],
    ['an empty password', '\0user\0', 'not-authorized'],
    ['a password nobody may have', '\0user\0pen\x07cil', 'not-authorized'],
    ['no name', '\0\0pencil', 'malformed-request'],
    ['too few parts', 'user\0pencil', 'malformed-request'],
    ['too many parts', '\0user\0pencil\0', 'malformed-request'],
    ['nothing', '', 'malformed-request'],
    ['no UTF-8', Buffer.from('\0user\0pencil\xff', 'latin1'), 'malformed-request'],
    ['to act for another', 'other@example.test\0user\0pencil', 'invalid-authzid'],
    ['to act for the host', 'example.test\0user\0pencil', 'invalid-authzid'],
    ['to act for a resource', 'user@example.test/x\0user\0pencil', 'invalid-authzid'],
  ])('%s fails', async (_, message, condition) => {
    expect(await attempt(remote, 'PLAIN', message)).toBe(condition);
  });

  test('the right password succeeds, for oneself, however it is written', async () => {
    const user = { kind: 'success', username: 'user', anonymous: false };
    expect(await attempt(remote, 'PLAIN', '\0user\0pencil')).toEqual(user);
    expect(await attempt(local, 'PLAIN', 'user@example.test\0User\0pencil')).toEqual(user);
    // OpaqueString: composed and decomposed are the same, small and capital letters are not.
    expect(await attempt(remote, 'PLAIN', '\0other\0Ka\u0308se')).toMatchObject({ username: 'other' });
    expect(await attempt(remote, 'PLAIN', '\0other\0käse')).toBe('not-authorized');
  });

  test('whatever is said, it is a success for who knows the password or a defined failure', async () => {
    const part = fc.oneof(fc.constantFrom('', 'user', 'pencil', 'user@example.test'), fc.string({ maxLength: 4 }));
    await fc.assert(
      fc.asyncProperty(fc.array(part, { maxLength: 4 }), async (parts) => {
        const outcome = await attempt(remote, 'PLAIN', parts.join('\0'));
        if (typeof outcome === 'string')
          expect(outcome).toMatch(/^(not-authorized|malformed-request|invalid-authzid)$/);
        else expect([parts[1], parts[2]]).toEqual(['user', 'pencil']);
      }),
      { numRuns: 100 },
    );
  });
});

describe('EXTERNAL', () => {
  const one = overTls(certificate('User@example.test', 'user@example.test', 'user@other.test', 'example.test', '@@'));
  const two = overTls(certificate('user@example.test', 'other@example.test'));

  test.each<[string, Client, string, string]>([
    ['the only address', one, '', 'user'],
    ['the only address, asked for', one, 'USER@example.test', 'user'],
    ['one of two', two, 'other@example.test', 'other'],
  ])('%s', async (_, client, authzid, username) => {
    expect(await attempt(client, 'EXTERNAL', authzid)).toEqual({ kind: 'success', username, anonymous: false });
  });

  test.each<[string, Client, string | Buffer, string]>([
    ['none of two', two, '', 'invalid-authzid'],
    ['another than was certified', one, 'other@example.test', 'invalid-authzid'],
    ['one certified for another domain', one, 'user@other.test', 'invalid-authzid'],
    ['a full JID', one, 'user@example.test/x', 'invalid-authzid'],
    ['no JID', one, 'user', 'invalid-authzid'],
    ['no UTF-8', one, Buffer.from([0xff]), 'malformed-request'],
    ['no account', overTls(certificate('nobody@example.test')), '', 'not-authorized'],
  ])('%s fails', async (_, client, authzid, condition) => {
    expect(await attempt(client, 'EXTERNAL', authzid)).toBe(condition);
  });
});

test('ANONYMOUS: everybody gets a name of their own, whatever the trace', async () => {
  const name = async (trace: string) => {
    const step = await mechanisms(clear, true).begin('ANONYMOUS', { accounts }).respond(Buffer.from(trace));
    return step.kind === 'success' && step.anonymous ? step.username : undefined;
  };
  const names = [await name(''), await name('romeo@example.net'), await name('\0')];
  expect(new Set(names).size).toBe(3);
  for (const each of names) expect(each).toMatch(/^[0-9a-f-]{36}$/);
});

describe('RFC 6120 section 6.4: base64', () => {
  test('an initial response is there, empty, or not there', () => {
    expect(initialData('')).toBeUndefined();
    expect(initialData('=')).toEqual(Buffer.alloc(0));
    expect(initialData('biws')?.toString()).toBe('n,,');
    expect(responseData('')).toEqual(Buffer.alloc(0));
  });

  test.each(['biw', 'bi=s', 'biws=', 'b', 'biws\n', ' biws', 'bi-_', 'b===', '==', 'QQ', 'QR=='])(
    '%j is refused',
    (text) => {
      expect(() => responseData(text)).toThrow('incorrect-encoding');
      expect(() => initialData(text)).toThrow('incorrect-encoding');
    },
  );

  test('what is taken is what somebody encoded', () => {
    fc.assert(
      fc.property(fc.base64String(), fc.uint8Array(), (text, bytes) => {
        const data = Buffer.from(bytes);
        expect(fromBase64(data.toString('base64'))).toEqual(data);
        expect(fromBase64(text)?.toString('base64') ?? text).toBe(text);
      }),
    );
  });
});

describe('clients of others and of the tests', () => {
  /** The server's side as XML, without a server. */
  function stream(client: Client, anonymous: boolean): Stream {
    const offer = mechanisms(client, anonymous);
    let exchange = offer.begin('SCRAM-SHA-1', { accounts });
    const ns = "xmlns='urn:ietf:params:xml:ns:xmpp-sasl'";
    return {
      features: async () =>
        parse(
          `<features><mechanisms ${ns}>${offer.names.map((name) => `<mechanism>${name}</mechanism>`).join('')}</mechanisms></features>`,
        ),
      restart: () => Promise.reject(new Error('not here')),
      async exchange(xml) {
        const element = parse(xml);
        const name = element.attr('mechanism');
        if (name !== undefined) exchange = offer.begin(name, { accounts });
        const { kind, data = '' } = await exchange.respond(responseData(element.text));
        return parse(`<${kind} ${ns}>${data.toString('base64')}</${kind}>`);
      },
    };
  }

  const login = async (credentials: Parameters<typeof authenticate>[1]) => {
    const over = stream(remote, true);
    await authenticate(over, credentials, await over.features());
  };

  test.each(['SCRAM-SHA-256', 'SCRAM-SHA-1', 'PLAIN'])('the client of the tests logs in with %s', async (mechanism) => {
    await login({ user: 'user', password: 'pencil', mechanism });
    await expect(login({ user: 'user', password: 'pen', mechanism })).rejects.toThrow('not-authorized');
  });

  test('the client of the tests logs in with ANONYMOUS', () => login({}));

  test('the mechanisms of xmpp.js log in', async () => {
    const require = createRequire(import.meta.url);
    for (const [name, module] of [
      ['SCRAM-SHA-1', 'sasl-scram-sha-1'],
      ['PLAIN', 'sasl-plain'],
    ]) {
      const mechanism = new (require(module))();
      const credentials = { username: 'user', password: 'pencil', host: 'example.test' };
      const exchange = mechanisms(remote).begin(name, { accounts });
      let step = await exchange.respond(Buffer.from(await mechanism.response(credentials)));
      while (step.kind === 'challenge') {
        mechanism.challenge(String(step.data));
        step = await exchange.respond(Buffer.from(await mechanism.response(credentials)));
      }
      expect(step).toMatchObject({ username: 'user' });
    }
  });
});
