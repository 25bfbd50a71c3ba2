// Which bytes and code points XML 1.0 allows where: productions 2 (Char), 3 (S), 4 and 4a (names). Tables and arithmetic, no state.

import { isFollowing, isLetter } from './name-chars.js';

/** Bits of CLASS. */
export const NAME_START = 1;
export const NAME = 2;
export const SPACE = 4;
/** A byte at which a text run has to be looked at: markup, a reference, `]`, a control character, a lead byte of U+FFFE. */
export const TEXT_STOP = 8;
/** The same for an attribute value, with both quotes. */
export const VALUE_STOP = 16;
/** A byte that no XML document holds. */
export const FORBIDDEN = 32;
/** An ASCII byte of a name, without the colon. */
export const ASCII_NAME = 64;

export const LT = 0x3c;
export const GT = 0x3e;
export const AMP = 0x26;
export const SLASH = 0x2f;
export const BANG = 0x21;
export const QUESTION = 0x3f;
export const EQUALS = 0x3d;
export const COLON = 0x3a;
export const SEMICOLON = 0x3b;
export const HASH = 0x23;
export const QUOT = 0x22;
export const APOS = 0x27;
export const BRACKET = 0x5d;
/** First of the three UTF-8 bytes of U+F000 to U+FFFF, so of the two noncharacters U+FFFE and U+FFFF. */
export const LEAD_EF = 0xef;

/** What each byte may be. Bytes from 0x80 count as name bytes here; `isName` judges the code points. */
export const CLASS: Uint8Array = classTable();

function classTable(): Uint8Array {
  const table = new Uint8Array(256);
  const mark = (chars: string, bits: number) => {
    for (const char of chars) table[char.charCodeAt(0)] |= bits;
  };
  for (let byte = 0; byte < 0x20; byte++) table[byte] = TEXT_STOP | VALUE_STOP | FORBIDDEN;
  for (const byte of [0x09, 0x0a, 0x0d, 0x20]) table[byte] = SPACE;
  for (let byte = 0x80; byte < 0x100; byte++) table[byte] = NAME_START | NAME;
  mark('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_', NAME_START | NAME | ASCII_NAME);
  mark('0123456789-.', NAME | ASCII_NAME);
  mark('<&]', TEXT_STOP);
  mark('<&"\'', VALUE_STOP);
  table[LEAD_EF] |= TEXT_STOP | VALUE_STOP;
  return table;
}

/** Production 2, Char. */
export function isChar(code: number): boolean {
  if (code < 0x20) return code === 0x09 || code === 0x0a || code === 0x0d;
  return code <= 0xd7ff || (code >= 0xe000 && code <= 0xfffd) || (code >= 0x10000 && code <= 0x10ffff);
}

/** Production 4, NameStartChar, without the colon and what the fourth edition did not have. */
export function isNameStart(code: number): boolean {
  return code < 0x80 ? (CLASS[code] & NAME_START) !== 0 : isLetter(code);
}

/** Production 4a, NameChar, likewise. */
export function isNameChar(code: number): boolean {
  if (code < 0x80) return (CLASS[code] & NAME) !== 0;
  return isLetter(code) || isFollowing(code);
}

/** Whether a string is an NCName (Namespaces in XML 1.0, production 4). */
export function isNCName(name: string): boolean {
  let first = true;
  for (const char of name) {
    const code = char.codePointAt(0) ?? 0;
    if (!(first ? isNameStart(code) : isNameChar(code))) return false;
    first = false;
  }
  return !first;
}
