// The cold paths of the scanner's tokens: names beyond ASCII, references, and what else stops a run of characters.

import { AMP, COLON, HASH, isChar, isNameChar, isNameStart, LEAD_EF, SEMICOLON } from './chars.js';
import { exceeded, malformed, restricted, type ScannerLimits } from './limits.js';

/** Throws unless the bytes, taken for a QName by their classes, are one by their code points too. */
export function checkName(bytes: Buffer, start: number, end: number): void {
  let first = true;
  for (let pos = start; pos < end; ) {
    const lead = bytes[pos];
    const length = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    const code = pos + length <= end ? codePoint(bytes, pos, length) : -1;
    if (code !== COLON && !(first ? isNameStart(code) : isNameChar(code))) throw malformed('not a name');
    first = code === COLON;
    pos += length;
  }
}

/** The code point of these bytes; -1 when they are not its one UTF-8 form. */
function codePoint(bytes: Buffer, pos: number, length: number): number {
  if (length === 1) return bytes[pos];
  let code = bytes[pos] & (0x7f >> length);
  for (let i = 1; i < length; i++) {
    if ((bytes[pos + i] & 0xc0) !== 0x80) return -1;
    code = (code << 6) | (bytes[pos + i] & 0x3f);
  }
  return code >= [0x80, 0x800, 0x10000][length - 2] ? code : -1;
}

const PREDEFINED = new Set(['amp', 'lt', 'gt', 'quot', 'apos']);

/** Offset behind one of the five predefined entities, 0 when it is not seen at once to be one. Makes no string. */
export function predefinedEnd(bytes: Buffer, pos: number, end: number): number {
  if (end - pos < 6) return 0;
  const first = bytes[pos + 1];
  if (bytes[pos + 3] === 0x3b) return bytes[pos + 2] === 0x74 && (first === 0x6c || first === 0x67) ? pos + 4 : 0; // lt gt
  const rest = (bytes[pos + 2] << 16) | (bytes[pos + 3] << 8) | bytes[pos + 4];
  if (first === 0x61 && rest === 0x6d703b) return pos + 5; // amp;
  if (bytes[pos + 5] !== 0x3b) return 0;
  return (first === 0x61 && rest === 0x706f73) || (first === 0x71 && rest === 0x756f74) ? pos + 6 : 0; // apos quot
}

/** Offset behind the reference that starts at `pos`, or -1 when it is not complete (productions 66 and 68). */
export function referenceEnd(bytes: Buffer, pos: number, end: number, limits: ScannerLimits): number {
  const most = Math.min(end, pos + 2 + limits.name);
  let close = pos + 1;
  while (close < most && isReferenceByte(bytes[close])) close++;
  if (close - pos > limits.name) throw exceeded(limits, 'name');
  if (close >= end) return -1;
  if (bytes[close] !== SEMICOLON || close === pos + 1) throw malformed('& without a reference');
  if (bytes[pos + 1] === HASH) checkCharacter(bytes, pos + 2, close);
  else checkEntity(bytes, pos + 1, close);
  return close + 1;
}

function isReferenceByte(byte: number): boolean {
  return byte === HASH || byte === COLON || byte >= 0x80 || isNameChar(byte);
}

function checkCharacter(bytes: Buffer, start: number, end: number): void {
  const digits = bytes.toString('latin1', start, end);
  const code = /^[0-9]+$/.test(digits) ? Number(digits) : /^x[0-9a-fA-F]+$/.test(digits) ? Number(`0${digits}`) : -1;
  if (!isChar(code)) throw malformed('not a character reference');
}

/** Only the predefined entities may be referenced (RFC 6120 section 11.1). */
function checkEntity(bytes: Buffer, start: number, end: number): void {
  const name = bytes.toString('latin1', start, end);
  if (PREDEFINED.has(name)) return;
  if (bytes[start] < 0x80 && bytes[start] !== COLON && !isNameStart(bytes[start]))
    throw malformed('& without a reference');
  throw restricted('a reference to an entity');
}

/** Offset behind what stops both text and values: a reference, or a character that has to be looked at; -1: not complete. */
export function specialEnd(bytes: Buffer, pos: number, end: number, limits: ScannerLimits): number {
  const byte = bytes[pos];
  if (byte === AMP) return predefinedEnd(bytes, pos, end) || referenceEnd(bytes, pos, end, limits);
  if (byte === LEAD_EF) return leadEnd(bytes, pos, end);
  throw malformed('a character that XML does not allow');
}

/** Offset behind a byte that may begin U+FFFE or U+FFFF, -1 when that cannot be known yet. */
export function leadEnd(bytes: Buffer, pos: number, end: number): number {
  if (pos + 2 >= end) return -1;
  if (bytes[pos + 1] === 0xbf && bytes[pos + 2] >= 0xbe) throw malformed('a character that XML does not allow');
  return pos + 1;
}
