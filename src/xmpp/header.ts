// The stream header (RFC 6120 section 4.7), and how it is written on a TCP stream. RFC 7395 and XEP-0206 write it into
// elements of their own; that is theirs.

import { escapeAttribute } from './escape.js';
import { NS } from './ns.js';
import type { StartTag } from './tag.js';

/** The attributes of a stream header. Absent means not said. */
export interface StreamHeader {
  readonly to?: string;
  readonly from?: string;
  readonly id?: string;
  readonly version?: string;
  readonly lang?: string;
  /** Further attributes for the header, name to unescaped value; from `stream_attrs`, names and sizes already checked. */
  readonly extra?: ReadonlyMap<string, string>;
}

const attribute = (name: string, value: string | undefined): string =>
  value === undefined ? '' : ` ${name}='${escapeAttribute(value)}'`;

/** `<?xml?><stream:stream>` with `contentNs` as its default namespace; `extra` never overrides what it says itself. */
export function writeHeader(header: StreamHeader, contentNs: string = NS.client): Buffer {
  const { from, to, id, version, lang } = header;
  const said = new Map(header.extra);
  for (const name of ['xmlns', 'xmlns:stream', 'from', 'to', 'id', 'version', 'xml:lang']) said.delete(name);
  let text = `<?xml version='1.0'?><stream:stream xmlns='${escapeAttribute(contentNs)}' xmlns:stream='${NS.stream}'`;
  text += attribute('from', from) + attribute('to', to) + attribute('id', id) + attribute('version', version);
  text += attribute('xml:lang', lang);
  for (const [name, value] of said) text += attribute(name, value);
  return Buffer.from(`${text}>`);
}

/** What a header says; what it does not say is absent. */
export function readHeader(tag: StartTag): StreamHeader {
  const {
    to,
    from,
    id,
    version,
    'xml:lang': lang,
  } = Object.fromEntries(['to', 'from', 'id', 'version', 'xml:lang'].map((name) => [name, tag.attr(name)]));
  const said = Object.entries({ to, from, id, version, lang }).filter(([, value]) => value !== undefined);
  return Object.fromEntries(said);
}
