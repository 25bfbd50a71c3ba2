// What stands around elements in a document: the byte order mark, the XML declaration (RFC 6120 sections 11.5, 11.6).

import { BANG, CLASS, QUESTION, SPACE } from './chars.js';
import { StreamError } from './errors.js';
import { malformed, restricted } from './limits.js';

const BOM = Buffer.from([0xef, 0xbb, 0xbf]);
const DECLARATION = Buffer.from('<?xml');
/** How nearly everybody writes it. */
const USUAL = [`<?xml version='1.0'?>`, `<?xml version="1.0"?>`].map((text) => Buffer.from(text));
/** A declaration that says all it can say, with white space to spare. */
const LONGEST = 256;

const PATTERN =
  /^<\?xml[ \t\r\n]+version[ \t\r\n]*=[ \t\r\n]*(?:"([^"<&]*)"|'([^'<&]*)')(?:[ \t\r\n]+encoding[ \t\r\n]*=[ \t\r\n]*(?:"([A-Za-z][A-Za-z0-9._-]*)"|'([A-Za-z][A-Za-z0-9._-]*)'))?(?:[ \t\r\n]+standalone[ \t\r\n]*=[ \t\r\n]*(?:"(?:yes|no)"|'(?:yes|no)'))?[ \t\r\n]*\?>$/;

/** Whether the bytes from `pos` to `end` begin with `word`; undefined when they end before that is known. */
function begins(buf: Buffer, pos: number, end: number, word: Buffer): boolean | undefined {
  for (let i = 0; i < word.length; i++) {
    if (pos + i >= end) return undefined;
    if (buf[pos + i] !== word[i]) return false;
  }
  return true;
}

/** Offset behind the byte order mark that may stand at `pos`, -1 when that cannot be known yet. */
export function behindMark(buf: Buffer, pos: number, end: number): number {
  const mark = begins(buf, pos, end, BOM);
  return mark === undefined ? -1 : mark ? pos + BOM.length : pos;
}

/** Offset behind the XML declaration that may stand at `pos`, -1 when that cannot be known yet. */
export function behindDeclaration(buf: Buffer, pos: number, end: number): number {
  const declared = begins(buf, pos, end, DECLARATION);
  if (declared === false) return pos;
  for (const usual of USUAL) if (begins(buf, pos, end, usual) === true) return pos + usual.length;
  const behind = pos + DECLARATION.length;
  if (declared === undefined || behind >= end) return -1;
  if ((CLASS[buf[behind]] & SPACE) === 0) throw restricted('a processing instruction');
  const most = Math.min(end, pos + LONGEST);
  const close = buf.toString('latin1', behind, most).indexOf('?>');
  if (close < 0 && most < pos + LONGEST) return -1;
  if (close < 0) throw malformed('an XML declaration without an end');
  checkDeclaration(buf.toString('latin1', pos, behind + close + 2));
  return behind + close + 2;
}

function checkDeclaration(text: string): void {
  const found = PATTERN.exec(text);
  if (found === null) throw malformed('not an XML declaration');
  if ((found[1] ?? found[2]) !== '1.0') throw malformed('not XML 1.0');
  const encoding = found[3] ?? found[4] ?? 'UTF-8';
  if (encoding.toUpperCase() !== 'UTF-8') throw new StreamError('unsupported-encoding', 'not UTF-8');
}

/** Throws for what must not stand outside of elements; `next` is the byte behind a `<`. */
export function refuseMarkup(next: number): void {
  if (next === QUESTION) throw restricted('a processing instruction');
  if (next === BANG) throw restricted('a comment or a declaration');
}
