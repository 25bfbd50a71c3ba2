// The two PRECIS profiles that JIDs use (RFC 8265) on the string classes of RFC 8264. The Unicode version is the engine's.

const LETTER_DIGIT = /^[\p{Ll}\p{Lu}\p{Lo}\p{Nd}\p{Lm}\p{Mn}\p{Mc}]$/u;
/** Further categories of the FreeformClass: other letters and digits, spaces, symbols, punctuation. */
const FREEFORM =
  /^[\p{Lt}\p{Nl}\p{No}\p{Me}\p{Zs}\p{Sm}\p{Sc}\p{Sk}\p{So}\p{Pc}\p{Pd}\p{Ps}\p{Pe}\p{Pi}\p{Pf}\p{Po}]$/u;
/** Exceptions of RFC 5892 section 2.6 that are valid, and that are not. */
const VALID = new Set([0xdf, 0x3c2, 0x6fd, 0x6fe, 0xf0b, 0x3007]);
const INVALID = new Set([0x640, 0x7fa, 0x302e, 0x302f, 0x3031, 0x3032, 0x3033, 0x3034, 0x3035, 0x303b]);
const IGNORABLE = /^(?:\p{Default_Ignorable_Code_Point}|\p{Noncharacter_Code_Point})$/u;
const FULL_OR_HALF_WIDTH = /[\u3000\uff01-\uffef]/g;
const VIRAMA = /[\u094d\u09cd\u0a4d\u0acd\u0b4d\u0bcd\u0c4d\u0ccd\u0d4d\u0dca\u0e3a\u0f84\u1039\u103a\u1714\u17d2]$/;

const oldHangulJamo = (code: number) =>
  (code >= 0x1100 && code <= 0x11ff) || (code >= 0xa960 && code <= 0xa97c) || (code >= 0xd7b0 && code <= 0xd7fb);

/** Rules for code points that depend on what stands around them (RFC 5892 appendix A); undefined: no such code point. */
function inContext(text: string, at: number, code: number): boolean | undefined {
  const before = text.slice(0, at);
  const after = text.slice(at + 1);
  if (code === 0xb7) return before.endsWith('l') && after.startsWith('l');
  if (code === 0x375) return /^\p{Script=Greek}/u.test(after);
  if (code === 0x5f3 || code === 0x5f4) return /\p{Script=Hebrew}$/u.test(before);
  if (code === 0x30fb) return /[\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Han}]/u.test(text);
  if (code >= 0x660 && code <= 0x669) return !/[\u06f0-\u06f9]/.test(text);
  if (code >= 0x6f0 && code <= 0x6f9) return !/[\u0660-\u0669]/.test(text);
  if (code === 0x200c || code === 0x200d) return VIRAMA.test(before);
  return undefined;
}

/** RFC 8264 section 8, for one code point of a string. */
function allowed(text: string, at: number, char: string, freeform: boolean): boolean {
  const code = char.codePointAt(0) ?? 0;
  if (code >= 0x21 && code <= 0x7e) return true;
  if (VALID.has(code)) return true;
  if (INVALID.has(code)) return false;
  const context = inContext(text, at, code);
  if (context !== undefined) return context;
  if (oldHangulJamo(code) || IGNORABLE.test(char)) return false;
  if (freeform) return LETTER_DIGIT.test(char) || FREEFORM.test(char) || char.normalize('NFKC') !== char;
  return char.normalize('NFKC') === char && LETTER_DIGIT.test(char);
}

function inClass(text: string, freeform: boolean): boolean {
  let at = 0;
  for (const char of text) {
    if (!allowed(text, at, char, freeform)) return false;
    at += char.length;
  }
  return text !== '';
}

const RTL = /[\p{Script=Hebrew}\p{Script=Arabic}\p{Script=Syriac}\p{Script=Thaana}\p{Script=Nko}]/u;

/** The Bidi Rule (RFC 5893 section 2) as far as scripts tell it: right-to-left text holds no left-to-right letters. */
function oneDirection(text: string): boolean {
  if (!RTL.test(text)) return true;
  if (
    /^[\p{Nd}\p{Mn}]/u.test(text) ||
    /[\p{Script=Latin}\p{Script=Greek}\p{Script=Cyrillic}\p{Script=Han}]/u.test(text)
  ) {
    return false;
  }
  return /[\p{L}\p{Nd}]\p{Mn}*$/u.test(text);
}

/** UsernameCaseMapped (RFC 8265 section 3.3): the prepared string, or nothing when it is not allowed. */
export function prepareUsername(text: string): string | undefined {
  const mapped = text.replace(FULL_OR_HALF_WIDTH, (char) => char.normalize('NFKC'));
  const prepared = mapped.toLowerCase().normalize('NFC');
  return inClass(prepared, false) && oneDirection(prepared) ? prepared : undefined;
}

/** OpaqueString (RFC 8265 section 4.2): the prepared string, or nothing when it is not allowed. */
export function prepareOpaque(text: string): string | undefined {
  const prepared = text.replace(/\p{Zs}/gu, ' ').normalize('NFC');
  return inClass(prepared, true) ? prepared : undefined;
}
