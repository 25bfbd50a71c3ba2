import { describe, expect, test } from 'vitest';
import { forClient, offersStarttls } from '../../src/proxy/features.js';
import { Stanza } from '../../src/xmpp/stanza.js';

const features = (xml: string) =>
  Stanza.from(`<stream:features xmlns:stream='http://etherx.jabber.org/streams'>${xml}</stream:features>`);
const shown = (xml: string) => forClient(features(xml), 1000).tree;
const TLS = `<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls>`;
const BIND = `<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>`;
const limits = (inner: string) => `<limits xmlns='urn:xmpp:stream-limits:0'>${inner}</limits>`;

describe('what a client is shown of the features (0206 section 4, RFC 7395 3.9)', () => {
  test('neither STARTTLS nor compression, and all else', () => {
    const compression = `<compression xmlns='http://jabber.org/features/compress'><method>zlib</method></compression>`;
    const children = shown(`${TLS}${BIND}${compression}`).getChildElements();
    expect(children.map((child) => child.getName())).toEqual(['bind']);
    expect(offersStarttls(features(TLS))).toBe(true);
    expect(offersStarttls(features(`${BIND}<x xmlns='starttls'/>`))).toBe(false);
  });

  test('features with nothing to hide pass as the bytes they are', () => {
    const plain = features(BIND);
    expect(forClient(plain, 1000)).toBe(plain);
  });
});

describe('limits that are told (XEP-0478)', () => {
  const told = (inner: string) => shown(limits(inner)).getChild('limits')?.getChildText('max-bytes');

  test('XEP-0478: a larger max-bytes than ours is lowered to it', () => {
    expect(told('<max-bytes>262144</max-bytes>')).toBe('1000');
  });

  test.each([
    ['<max-bytes>1000</max-bytes>', '1000'],
    ['<max-bytes>500</max-bytes><idle-seconds>30</idle-seconds>', '500'],
    ['<idle-seconds>30</idle-seconds>', '1000'],
    ['<max-bytes>many</max-bytes>', '1000'],
  ])('%s becomes %s', (inner, expected) => {
    expect(told(inner)).toBe(expected);
  });

  test('the namespace of what is added is right, whatever the prefix', () => {
    const root = shown(`<l:limits xmlns:l='urn:xmpp:stream-limits:0'/>`);
    const bytes = root.getChildElements()[0].getChildElements()[0];
    expect([bytes.getName(), bytes.getNS(), bytes.getText()]).toEqual([
      'max-bytes',
      'urn:xmpp:stream-limits:0',
      '1000',
    ]);
  });

  test('a server that tells none is not spoken for', () => {
    expect(shown(BIND).getChild('limits')).toBeUndefined();
  });
});
