// The simple types of the httpbind schema (XEP-0124 section 22).

import { StreamError } from '../xmpp/errors.js';
import type { StartTag } from '../xmpp/scanner.js';

const DIGITS = /^[0-9]{1,9}$/;

/** A number of seconds or requests; larger than its type allows is the largest, anything else throws bad-format. */
export function readCount(tag: StartTag, name: string, most = 65535): number | undefined {
  const text = tag.attr(name);
  if (text === undefined) return undefined;
  if (!DIGITS.test(text)) throw new StreamError('bad-format', `${name} is not a number`);
  return Math.min(Number(text), most);
}

export const isTrue = (text: string | undefined) => text === 'true' || text === '1';
