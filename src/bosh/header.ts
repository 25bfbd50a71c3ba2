// The stream header that a `<body/>` asks for (XEP-0206 sections 3 and 5), and `stream_attrs`, by which clients of
// node-xmpp-bosh add attributes to it.

import { readHeader, type StreamHeader } from '../xmpp/header.js';
import { NS } from '../xmpp/ns.js';
import type { StartTag } from '../xmpp/scanner.js';

/**
 * Reads it from a creation, an added stream or a restart. A restart stays with the domain its stream was opened for, and
 * with its version and language too where it does not say them again (its example in XEP-0206 section 5 has no version).
 */
export function headerOf(tag: StartTag, opened?: StreamHeader): StreamHeader {
  const { to, from, lang } = readHeader(tag);
  const extra = readExtra(tag.attr('stream_attrs'));
  return {
    to: opened?.to ?? extra.get('to') ?? to,
    from: extra.get('from') ?? from,
    version: extra.get('version') ?? tag.attrNS(NS.xbosh, 'version') ?? opened?.version,
    lang: extra.get('xml:lang') ?? lang ?? opened?.lang,
    ...remaining(extra),
  };
}

function remaining(extra: Map<string, string>): { extra?: ReadonlyMap<string, string> } {
  for (const name of ['to', 'from', 'version', 'xml:lang']) extra.delete(name);
  return extra.size > 0 ? { extra } : {};
}

const NAME = /^[A-Za-z_][\w.-]{0,63}$/;
const RESERVED = new Set(['xmlns', 'id']);
const MOST = { text: 8192, value: 1024, count: 16 };

/** The attributes in a JSON object of strings; whatever is not fit to be one is left out. */
export function readExtra(json: string | undefined): Map<string, string> {
  if (json === undefined || json.length > MOST.text) return new Map();
  const extra = new Map<string, string>();
  for (const [name, value] of Object.entries(parse(json))) {
    if (extra.size === MOST.count) break;
    if (typeof value !== 'string' || value.length > MOST.value) continue;
    if (name === 'xml:lang' || (NAME.test(name) && !RESERVED.has(name))) extra.set(name, value);
  }
  return extra;
}

function parse(json: string): object {
  try {
    const value: unknown = JSON.parse(json);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : {};
  } catch {
    return {};
  }
}

const ROUTE = /^[a-z][a-z0-9+.-]*:(\[[0-9a-f:.]+\]|[^:\s/]+):[0-9]{1,5}$/i;

/** The host in a `route` attribute, proto:host:port (XEP-0124 section 7.1). */
export const routeHost = (route: string | undefined) => ROUTE.exec(route ?? '')?.[1];
