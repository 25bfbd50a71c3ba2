// Escaping and unescaping of text and attribute values (XML 1.0 sections 2.4, 3.3.3 and 4.6).

import { isChar } from './chars.js';

const ENTITIES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&apos;',
  '\t': '&#9;',
  '\n': '&#10;',
  '\r': '&#13;',
};

const escaped = (char: string) => ESCAPES[char] ?? '\ufffd';

/** Character data for between tags. What XML cannot hold (controls, lone surrogates, U+FFFE, U+FFFF) becomes U+FFFD. */
export function escapeText(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  return text.replace(/[&<>\r]|[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]|\p{Cs}/gu, escaped);
}

/** An attribute value for either kind of quotes; read back by any parser it is the same string, white space included. */
export function escapeAttribute(value: string): string {
  if (isPlain(value)) return value;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  return value.replace(/[&<>"'\x00-\x1f\ufffe\uffff]|\p{Cs}/gu, escaped);
}

/** Printable ASCII with nothing to escape, which most values are. */
function isPlain(value: string): boolean {
  for (let i = 0; i < value.length; i++) {
    const code = value.charCodeAt(i);
    if (code < 0x20 || code > 0x7e || code === 0x22 || code === 0x26 || code === 0x27 || code === 0x3c || code === 0x3e)
      return false;
  }
  return true;
}

/** ` name='value'`, escaped, to be put into a tag; nothing when there is no value. */
export function attribute(name: string, value: string | number | boolean | undefined, quote = "'"): string {
  if (value === undefined) return '';
  return ` ${name}=${quote}${typeof value === 'string' ? escapeAttribute(value) : value}${quote}`;
}

function resolve(whole: string, name: string): string {
  if (name[0] !== '#') return ENTITIES[name] ?? whole;
  const code = name[1] === 'x' ? Number.parseInt(name.slice(2), 16) : Number.parseInt(name.slice(1), 10);
  return isChar(code) ? String.fromCodePoint(code) : whole;
}

const unescapeReferences = (text: string) =>
  text.includes('&') ? text.replace(/&(#x[0-9a-fA-F]+|#[0-9]+|[a-z]+);/g, resolve) : text;

/** The text that proven character data stands for: line ends normalised, references resolved. */
export function unescapeText(raw: string): string {
  return unescapeReferences(raw.includes('\r') ? raw.replace(/\r\n?/g, '\n') : raw);
}

/** The value that a proven attribute stands for: white space normalised (section 3.3.3), references resolved. */
export function unescapeAttribute(raw: string): string {
  return unescapeReferences(raw.replace(/\r\n|[\t\r\n]/g, ' '));
}
