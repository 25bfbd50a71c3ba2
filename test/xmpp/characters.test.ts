import { expect, test } from 'vitest';
import { StreamError } from '../../src/xmpp/errors.js';
import { scanStanza } from '../../src/xmpp/scanner.js';

// XML 1.0 fifth edition, by production; written down again here, as regular expressions.
const CHAR = /^[\t\n\r\u0020-\ud7ff\ue000-\ufffd]$/;
const NAME_START =
  /^[A-Z_a-z\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u02ff\u0370-\u037d\u037f-\u1fff\u200c-\u200d\u2070-\u218f\u2c00-\u2fef\u3001-\ud7ff\uf900-\ufdcf\ufdf0-\ufffd]$/;
const NAME_ONLY = /^[-.0-9\u00b7\u203f\u2040]$/;

function isName(code: number): boolean {
  const char = String.fromCharCode(code);
  return NAME_START.test(char) || NAME_ONLY.test(char) || (code >= 0x300 && code <= 0x36f);
}

/** The bytes of a code point; of a surrogate what an encoder that knows no better writes. */
function utf8(code: number): Buffer {
  if (code < 0xd800 || code > 0xdfff) return Buffer.from(String.fromCodePoint(code));
  return Buffer.from([0xe0 | (code >> 12), 0x80 | ((code >> 6) & 0x3f), 0x80 | (code & 0x3f)]);
}

function taken(...parts: Array<string | Buffer>): boolean {
  try {
    scanStanza(Buffer.concat(parts.map((part) => Buffer.from(part as string))));
    return true;
  } catch (error) {
    if (error instanceof StreamError) return false;
    throw error;
  }
}

/** The code points of the BMP for which the two disagree. */
function disagreements(asked: (code: number) => boolean, expected: (code: number) => boolean): string[] {
  const found: string[] = [];
  for (let code = 0; code <= 0xffff; code++) if (asked(code) !== expected(code)) found.push(code.toString(16));
  return found;
}

const isChar = (code: number) => CHAR.test(String.fromCharCode(code));

test('production 2: text takes exactly the characters of XML', () => {
  const markup = new Set([0x26, 0x3c]);
  expect(
    disagreements(
      (code) => taken('<a>', utf8(code), '</a>'),
      (code) => isChar(code) && !markup.has(code),
    ),
  ).toEqual([]);
});

test('production 10: attribute values take exactly the characters of XML', () => {
  const markup = new Set([0x26, 0x27, 0x3c]);
  expect(
    disagreements(
      (code) => taken("<a b='", utf8(code), "'/>"),
      (code) => isChar(code) && !markup.has(code),
    ),
  ).toEqual([]);
});

test('production 20: CDATA sections take exactly the characters of XML', () => {
  expect(disagreements((code) => taken('<a><![CDATA[', utf8(code), ']]></a>'), isChar)).toEqual([]);
});

test('production 66: references to exactly the characters of XML are taken, in both bases', () => {
  expect(disagreements((code) => taken(`<a>&#${code};</a>`), isChar)).toEqual([]);
  expect(disagreements((code) => taken(`<a b='&#x${code.toString(16)};'/>`), isChar)).toEqual([]);
});

test('production 4: names of elements and attributes start with exactly the name start characters', () => {
  const start = (code: number) => NAME_START.test(String.fromCharCode(code));
  expect(disagreements((code) => taken('<', utf8(code), '/>'), start)).toEqual([]);
  expect(disagreements((code) => taken('<a xmlns:p="u" p:', utf8(code), '=""/>'), start)).toEqual([]);
});

test('production 4a: names go on with exactly the name characters', () => {
  const end = new Set([0x20, 0x09, 0x0a, 0x0d, 0x2f]); // these end a name: <a b/> is wrong, <a /> and <a//> are not asked
  const asked = (code: number) => taken('<a', utf8(code), 'b/>');
  expect(disagreements((code) => !end.has(code) && code !== 0x3a && code !== 0x3e && asked(code), isName)).toEqual([]);
});

test('beyond the BMP: names up to U+EFFFF, text and references up to U+10FFFF', () => {
  for (const code of [0x10000, 0x10400, 0xeffff]) expect(taken('<', utf8(code), '/>')).toBe(true);
  for (const code of [0xf0000, 0x10ffff]) expect(taken('<', utf8(code), '/>')).toBe(false);
  for (const code of [0x10000, 0x1f600, 0x1fffe, 0x10ffff]) {
    expect(taken('<a>', utf8(code), `&#${code};</a>`)).toBe(true);
  }
  expect(taken('<a>&#1114112;</a>')).toBe(false);
  expect(taken('<a>&#x110000;</a>')).toBe(false);
  expect(taken('<a>&#99999999999999999999999999;</a>')).toBe(false);
  expect(taken(`<a>&#${'0'.repeat(100)}65;</a>`)).toBe(true);
});

test('11.6 bytes that are not UTF-8 are refused wherever they stand', () => {
  const bad = [
    [0x80],
    [0xc3],
    [0xc3, 0x28],
    [0xc0, 0x80],
    [0xe0, 0x80, 0x80],
    [0xed, 0xa0, 0x80],
    [0xf0, 0x80, 0x80, 0x80],
  ];
  bad.push([0xf4, 0x90, 0x80, 0x80], [0xf8, 0x88, 0x80, 0x80, 0x80], [0xfe], [0xff], [0xe2, 0x82], [0xc1, 0xbf]);
  for (const bytes of bad.map((each) => Buffer.from(each))) {
    for (const [before, after] of [
      ['<a>', '</a>'],
      ["<a b='", "'/>"],
      ['<a', '/>'],
      ['<a b', "=''/>"],
      ['<a><![CDATA[', ']]></a>'],
    ]) {
      expect(taken(before, bytes, after), `${before}${bytes.toString('hex')}${after}`).toBe(false);
    }
  }
});
