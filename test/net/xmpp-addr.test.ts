import { X509Certificate } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { xmppAddresses } from '../../src/net/xmpp-addr.js';
import { CertificateAuthority, type CertificateOptions } from '../support/certs.js';
import { Chance } from '../support/random-xml.js';

/** One DER element of these parts. */
function der(tag: number, ...parts: Array<Buffer | string>): Buffer {
  const content = Buffer.concat(parts.map((part) => Buffer.from(part as string)));
  return Buffer.concat([Buffer.from([tag]), lengthOf(content.length), content]);
}

function lengthOf(length: number): Buffer {
  if (length < 0x80) return Buffer.from([length]);
  return length < 0x100 ? Buffer.from([0x81, length]) : Buffer.from([0x82, length >> 8, length & 0xff]);
}

const XMPP_ADDR = der(0x06, Buffer.from('2b06010505070805', 'hex'));
const SRV_NAME = der(0x06, Buffer.from('2b06010505070807', 'hex'));
const SUBJECT_ALT_NAME = der(0x06, Buffer.from('551d11', 'hex'));
const KEY_USAGE = der(0x06, Buffer.from('551d0f', 'hex'));

const otherName = (id: Buffer, ...value: Buffer[]) => der(0xa0, id, ...value.map((one) => der(0xa0, one)));
const address = (text: string | Buffer) => otherName(XMPP_ADDR, der(0x0c, text));
const altNames = (...names: Buffer[]) => der(0x30, SUBJECT_ALT_NAME, der(0x04, der(0x30, ...names)));
const usage = der(0x30, KEY_USAGE, der(0x01, Buffer.from([0xff])), der(0x04, 'x'));
const certificate = (...parts: Buffer[]) =>
  der(0x30, der(0x30, der(0x02, 'serial'), ...parts), der(0x30), der(0x03, ''));
const withExtensions = (...extensions: Buffer[]) => certificate(der(0xa3, der(0x30, ...extensions)));
const named = (...names: Buffer[]) => xmppAddresses(withExtensions(usage, altNames(...names)));

describe('certificates that openssl made', () => {
  let ca: CertificateAuthority;
  beforeAll(() => {
    ca = new CertificateAuthority();
  });
  afterAll(() => ca?.remove());

  const addresses = (options: CertificateOptions) => xmppAddresses(new X509Certificate(ca.make(options).cert).raw);

  test('have the addresses that they were issued to, in their order, among names of other kinds', () => {
    const list = ['romeo@example.com', 'j\u00fcrgen@b\u00fccher.example', 'example.net'];
    expect(addresses({ names: ['DNS:example.com', 'email:romeo@example.org'], addresses: list })).toEqual(list);
  });

  test('have none without an alternative name, or with others only', () => {
    expect(addresses({})).toEqual([]);
    expect(addresses({ names: ['DNS:example.com', 'IP:127.0.0.1'] })).toEqual([]);
    expect(addresses({ commonName: 'romeo@example.com' })).toEqual([]);
  });

  test('give no address when the end is missing', () => {
    const { raw } = new X509Certificate(ca.issueClient('romeo@example.com').cert);
    for (let end = 0; end < raw.length; end++) expect(xmppAddresses(raw.subarray(0, end))).toEqual([]);
  });

  test('give no second address, and throw nothing, when a byte is another', () => {
    const { raw } = new X509Certificate(ca.issueClient('romeo@example.com').cert);
    const chance = new Chance(7);
    for (let at = 0; at < raw.length; at++) {
      const changed = Buffer.from(raw);
      changed[at] ^= 1 << chance.below(8);
      expect(xmppAddresses(changed).length).toBeLessThan(2);
    }
  });
});

describe('RFC 5280 section 4.2.1.6: alternative names', () => {
  test('those of type id-on-xmppAddr are read, others passed over', () => {
    const email = der(0x81, 'romeo@example.org');
    expect(named(email, address('a@b'), otherName(SRV_NAME, der(0x16, '_x.b')), address('c@d'))).toEqual([
      'a@b',
      'c@d',
    ]);
  });

  test('there are none in a certificate without extensions, or without this one', () => {
    expect(xmppAddresses(certificate())).toEqual([]);
    expect(xmppAddresses(withExtensions(usage))).toEqual([]);
  });

  test.each<[string, Buffer[]]>([
    ['of another string type', [otherName(XMPP_ADDR, der(0x16, 'a@b'))]],
    ['empty', [address('')]],
    ['longer than a JID', [address('a'.repeat(3072))]],
    ['not UTF-8', [address(Buffer.from([0x61, 0xff]))]],
    ['with no value', [otherName(XMPP_ADDR)]],
    ['with two values', [otherName(XMPP_ADDR, der(0x0c, 'a@b'), der(0x0c, 'c@d'))]],
    ['with two strings in its value', [der(0xa0, XMPP_ADDR, der(0xa0, der(0x0c, 'a@b'), der(0x0c, 'c@d')))]],
    ['of no type', [der(0xa0, der(0x0c, 'a@b'), der(0xa0, der(0x0c, 'a@b')))]],
    ['one of too many', Array.from({ length: 65 }, () => address('a@b'))],
  ])('an address that is %s spoils all of them', (_, names) => {
    expect(named(address('right@example.com'), ...names)).toEqual([]);
  });

  test('two such extensions, or two lists of extensions, are none', () => {
    const list = altNames(address('a@b'));
    expect(xmppAddresses(withExtensions(list))).toEqual(['a@b']);
    expect(xmppAddresses(withExtensions(list, list))).toEqual([]);
    expect(xmppAddresses(certificate(der(0xa3, der(0x30, list)), der(0xa3, der(0x30, list))))).toEqual([]);
  });
});

describe('X.690: DER and no other BER', () => {
  const inner = der(0x30, der(0xa3, der(0x30, altNames(address('a@b')))));
  const outer = (length: number[]) => xmppAddresses(Buffer.concat([Buffer.from([0x30, ...length]), inner]));

  test('a length in its shortest form is read', () => {
    expect(outer([inner.length])).toEqual(['a@b']);
  });

  test.each<[string, number[]]>([
    ['in more bytes than it takes', [0x81, inner.length]],
    ['with a zero before it', [0x82, 0, inner.length]],
    ['that is indefinite', [0x80]],
    ['of five bytes', [0x85, 0, 0, 0, 0, inner.length]],
    ['beyond the end', [inner.length + 1]],
    ['before the end', [inner.length - 1]],
  ])('a length %s is not', (_, length) => {
    expect(outer(length)).toEqual([]);
  });

  test('a tag of several bytes is not', () => {
    expect(named(address('a@b'), der(0x9f, Buffer.from([1])))).toEqual([]);
  });

  test('bytes that look random give no address and throw nothing', () => {
    const chance = new Chance(11);
    for (let i = 0; i < 20_000; i++) {
      const bytes = Buffer.from(Array.from({ length: chance.below(64) }, () => chance.below(256)));
      expect(xmppAddresses(chance.once(2) ? bytes : certificate(bytes))).toEqual([]);
    }
  });
});
