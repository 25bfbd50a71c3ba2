// How SASL data stands in XML (RFC 6120 section 6.4): base64 (RFC 4648 section 4), nothing but its alphabet, padded, and
// with no bits set that do not count.

import { SaslError } from './errors.js';

/** Undefined for what is not strictly base64. */
export function fromBase64(text: string): Buffer | undefined {
  const data = Buffer.from(text, 'base64');
  return data.toString('base64') === text ? data : undefined;
}

/** Of a `<response/>`; throws incorrect-encoding. */
export function responseData(text: string): Buffer {
  const data = fromBase64(text);
  if (data === undefined) throw new SaslError('incorrect-encoding');
  return data;
}

/** Of an `<auth/>`: undefined when there is no initial response, and `=` for an empty one. Throws incorrect-encoding. */
export function initialData(text: string): Buffer | undefined {
  if (text === '') return undefined;
  return text === '=' ? Buffer.alloc(0) : responseData(text);
}

/** What `<challenge/>` and `<success/>` say; an empty challenge is an empty element. */
export const toText = (data: Buffer): string => data.toString('base64');
