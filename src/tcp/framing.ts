// How RFC 6120 writes a stream on a socket: header, errors, end (section 4).

import { type StreamCondition, StreamError } from '../xmpp/errors.js';
import { escapeAttribute, escapeText } from '../xmpp/escape.js';
import type { StreamHeader } from '../xmpp/header.js';
import { NS } from '../xmpp/ns.js';
import type { StartTag } from '../xmpp/scanner.js';
import type { Stanza } from '../xmpp/stanza.js';

export const STREAM_END = Buffer.from('</stream:stream>');

const attribute = (name: string, value: string | undefined): string =>
  value === undefined ? '' : ` ${name}='${escapeAttribute(value)}'`;

/** A stream header with `contentNs` as its default namespace. */
export function writeHeader(header: StreamHeader, contentNs: string): Buffer {
  let text = `<?xml version='1.0'?><stream:stream xmlns='${contentNs}' xmlns:stream='${NS.stream}'`;
  for (const name of ['from', 'to', 'id', 'version'] as const) text += attribute(name, header[name]);
  text += attribute('xml:lang', header.lang);
  for (const [name, value] of header.extra ?? []) text += attribute(name, value);
  return Buffer.from(`${text}>`);
}

/** What a header says. */
export function readHeader(tag: StartTag): StreamHeader {
  const said = [
    ['to', tag.attr('to')],
    ['from', tag.attr('from')],
    ['id', tag.attr('id')],
    ['version', tag.attr('version')],
    ['lang', tag.attr('xml:lang')],
  ];
  return Object.fromEntries(said.filter(([, value]) => value !== undefined));
}

/** `<stream:error/>` and the end of the stream (section 4.9.1.1). */
export function writeError(error: StreamError): Buffer {
  const text = error.text === undefined ? '' : `<text xmlns='${NS.streams}'>${escapeText(error.text)}</text>`;
  return Buffer.from(`<stream:error><${error.condition} xmlns='${NS.streams}'/>${text}</stream:error></stream:stream>`);
}

const CONDITIONS: ReadonlySet<string> = new Set<StreamCondition>([
  'bad-format',
  'bad-namespace-prefix',
  'conflict',
  'connection-timeout',
  'host-gone',
  'host-unknown',
  'improper-addressing',
  'internal-server-error',
  'invalid-from',
  'invalid-namespace',
  'invalid-xml',
  'not-authorized',
  'not-well-formed',
  'policy-violation',
  'remote-connection-failed',
  'reset',
  'resource-constraint',
  'restricted-xml',
  'see-other-host',
  'system-shutdown',
  'undefined-condition',
  'unsupported-encoding',
  'unsupported-feature',
  'unsupported-stanza-type',
  'unsupported-version',
]);
const isCondition = (name: string): name is StreamCondition => CONDITIONS.has(name);

/** The other side's `<stream:error/>`, which it carries as `element`. An unknown condition is undefined-condition. */
export function readError(element: Stanza): StreamError {
  const children = element.tree.getChildElements().filter((child) => child.getNS() === NS.streams);
  const condition = children.find((child) => isCondition(child.getName()))?.getName() ?? '';
  const text = children.find((child) => child.is('text'))?.getText();
  return new StreamError(isCondition(condition) ? condition : 'undefined-condition', text, { element });
}

const NAMES = ['message', 'presence', 'iq'].map((name) => Buffer.from(name));

/** Whether these bytes are a message, presence or iq without prefix: what need not be looked at. A few compares. */
export function isOrdinary(raw: Buffer): boolean {
  for (const name of NAMES) {
    if (raw[1] !== name[0]) continue;
    const end = name.length + 1;
    for (let i = 2; i < end; i++) if (raw[i] !== name[i - 1]) return false;
    return raw[end] <= 0x20 || raw[end] === 0x2f || raw[end] === 0x3e;
  }
  return false;
}
