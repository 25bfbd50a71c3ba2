// The stream header (RFC 6120 section 4.7), and how it is written on a TCP stream. RFC 7395 and XEP-0206 write it into
// elements of their own; that is theirs.

import { attribute } from './escape.js';
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

/** `<?xml?><stream:stream>` with `contentNs` as its default namespace; `extra` never overrides what it says itself. */
export function writeHeader(header: StreamHeader, contentNs: string = NS.client): Buffer {
  return Buffer.from(`<?xml version='1.0'?>${writeStreamTag(header, contentNs)}`);
}

/** The same without the XML declaration. */
export function writeStreamTag(header: StreamHeader, contentNs: string, quote = "'"): string {
  const { from, to, id, version, lang, extra } = header;
  const own = (name: string, value: string | undefined) => attribute(name, value, quote);
  let text = quote === "'" && contentNs === NS.client ? CLIENT_STREAM : ownStream(contentNs, quote);
  text += `${own('from', from)}${own('to', to)}`;
  text += `${own('id', id)}${own('version', version)}${own('xml:lang', lang)}`;
  if (extra !== undefined) for (const [name, value] of extra) if (!OWN.has(name)) text += own(name, value);
  return `${text}>`;
}

const ownStream = (contentNs: string, quote: string) =>
  `<stream:stream${attribute('xmlns', contentNs, quote)}${attribute('xmlns:stream', NS.stream, quote)}`;
const CLIENT_STREAM = ownStream(NS.client, "'");

const OWN: ReadonlySet<string> = new Set(['xmlns', 'xmlns:stream', 'from', 'to', 'id', 'version', 'xml:lang']);

/** What a header says, be it a stream's start tag or an `<open/>`; what it does not say is absent. */
export function readHeader(tag: Pick<StartTag, 'attr'>): StreamHeader {
  const to = tag.attr('to');
  const from = tag.attr('from');
  const id = tag.attr('id');
  const version = tag.attr('version');
  const lang = tag.attr('xml:lang');
  const header: { -readonly [K in keyof StreamHeader]: StreamHeader[K] } = {};
  if (to !== undefined) header.to = to;
  if (from !== undefined) header.from = from;
  if (id !== undefined) header.id = id;
  if (version !== undefined) header.version = version;
  if (lang !== undefined) header.lang = lang;
  return header;
}
