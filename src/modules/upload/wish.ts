// What a client says of the file that it wants to upload (XEP-0363 sections 4 and 5): read, and refused where it is no file
// that anybody could have.

import { MediaTypes, mediaType, UNKNOWN_TYPE } from '../../files/media-type.js';
import type { Wish } from '../../files/registry.js';
import type { Element } from '../../xmpp/element.js';
import { StanzaError } from '../../xmpp/errors.js';

export const UPLOAD = 'urn:xmpp:http:upload:0';
export const PURPOSE = 'urn:xmpp:http:upload:purpose:0';

export type Purpose = 'message' | 'ephemeral' | 'profile' | 'permanent';

/** What file systems take, and what a URL and a header can carry. */
const LONGEST_NAME = 255;

// Separators of paths, controls, what turns the direction of writing so that an ending looks like another one, and halves
// of characters.
const BAD_NAME = /[/\\\p{Cc}\p{Cs}\u2028\u2029\u202a-\u202e\u2066-\u2069]/u;

const SIZE = /^\d{1,15}$/;
/** XEP-0082. */
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/;

/** Which files are taken, as options say. */
export interface Terms {
  readonly types: readonly string[];
  /** Bytes. */
  readonly largest: number;
  readonly purposes: readonly Purpose[];
}

/** Throws StanzaError. */
export function readWish(request: Element, owner: string, { types, largest, purposes }: Terms): Wish {
  const { filename: name, size: said, 'content-type': typed } = request.attrs;
  if (name === undefined || said === undefined || !SIZE.test(said))
    throw new StanzaError('modify', 'bad-request', 'a file has a name and a size');
  if (isBadName(name)) throw new StanzaError('modify', 'not-acceptable', 'not a name of a file');
  const type = typed === undefined || typed === '' ? UNKNOWN_TYPE : mediaType(typed);
  if (type === undefined) throw new StanzaError('modify', 'bad-request', 'not a type of a file');
  if (!new MediaTypes(types).has(type)) throw new StanzaError('modify', 'not-acceptable', `no files of type ${type}`);
  const size = Number(said);
  if (size > largest) throw tooLarge(largest);
  return { owner, name, type, typed: Boolean(typed), size, before: readPurpose(request, purposes) };
}

function isBadName(name: string): boolean {
  return /^\.{0,2}$/.test(name.trim()) || Buffer.byteLength(name) > LONGEST_NAME || BAD_NAME.test(name);
}

function tooLarge(largest: number): StanzaError {
  return new StanzaError('modify', 'not-acceptable', `File too large. The maximum file size is ${largest} bytes`, {
    name: 'file-too-large',
    ns: UPLOAD,
    children: { 'max-file-size': String(largest) },
  });
}

/** Section 6: until when the file may be there at most. */
function readPurpose(request: Element, purposes: readonly Purpose[]): number | undefined {
  const purpose = request.getChildElements().find((child) => child.getNS() === PURPOSE);
  if (purpose === undefined) return undefined;
  const name = purpose.getName();
  if (!purposes.some((each) => each === name))
    throw new StanzaError('cancel', 'feature-not-implemented', 'files are not kept for this purpose');
  if (name !== 'ephemeral') return undefined;
  const before = purpose.attrs['expire-before'] ?? '';
  const time = TIME.test(before) ? Date.parse(before) : Number.NaN;
  if (Number.isNaN(time)) throw new StanzaError('modify', 'bad-request', 'expire-before is a time');
  return time;
}
