import { expect, test } from 'vitest';
import { StreamError } from '../../src/xmpp/errors.js';
import { scanStanza } from '../../src/xmpp/scanner.js';
import { decode, expatAccepts, saxesReads } from '../support/oracles.js';

// XML 1.0, production 2; written down again here, as a regular expression.
const CHAR = /^[\t\n\r\u0020-\ud7ff\ue000-\ufffd]$/;

/** Whether libexpat and saxes both take this document. */
function bothTake(...parts: Array<string | Buffer>): boolean {
  const bytes = Buffer.concat(parts.map((part) => Buffer.from(part as string)));
  const text = decode(bytes);
  return text !== undefined && expatAccepts(bytes) && saxesReads(text) !== undefined;
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

const COLON = 0x3a;
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

test('production 4: names of elements and attributes start with exactly what libexpat and saxes both let them start with', () => {
  const start = (code: number) => code !== COLON && bothTake('<', utf8(code), '/>');
  expect(disagreements((code) => taken('<', utf8(code), '/>'), start)).toEqual([]);
  expect(disagreements((code) => taken('<a ', utf8(code), '=""/>'), start)).toEqual([]);
  expect(disagreements((code) => taken('<a xmlns:p="u" p:', utf8(code), '=""/>'), start)).toEqual([]);
});

test('production 4a: names go on with exactly what libexpat and saxes both let them go on with', () => {
  const asked = (code: number) => code !== COLON && taken('<a', utf8(code), 'b/>');
  expect(disagreements(asked, (code) => code !== COLON && bothTake('<a', utf8(code), 'b/>'))).toEqual([]);
});

test('beyond the BMP there are no names for libexpat; text and references go up to U+10FFFF', () => {
  for (const code of [0x10000, 0x10400, 0x20000, 0xeffff, 0xf0000, 0x10ffff]) {
    expect(taken('<', utf8(code), '/>')).toBe(false);
    expect(bothTake('<', utf8(code), '/>')).toBe(false);
  }
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
