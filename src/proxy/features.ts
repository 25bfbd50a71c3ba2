// What a client is shown of a server's `<stream:features/>`: not what negotiates a connection (STARTTLS, compression: XEP-0206
// section 4, RFC 7395 section 3.9), and no larger stanzas than its own connection takes (XEP-0478). Mechanism lists are left
// alone, -PLUS included: leaving one out makes SCRAM fail as if attacked (RFC 5802 section 6, XEP-0474).

import { type Element, parseElement } from '../xmpp/element.js';
import { NS } from '../xmpp/ns.js';
import { Stanza } from '../xmpp/stanza.js';

const HIDDEN: readonly (readonly [name: string, ns: string])[] = [
  ['starttls', NS.tls],
  ['compression', NS.compressFeature],
];
const LIMITS = 'urn:xmpp:stream-limits:0';
// Names cannot be written in references: without these bytes there is nothing to change.
const STARTTLS = Buffer.from('starttls');
const HINTS = [...HIDDEN.map(([name]) => Buffer.from(name)), Buffer.from('limits')];

/** Whether these features offer STARTTLS. */
export const offersStarttls = (features: Stanza): boolean =>
  features.raw.includes(STARTTLS) && features.tree.getChild('starttls', NS.tls) !== undefined;

/** The features as a client is shown them that can send stanzas of so many bytes. */
export function forClient(features: Stanza, most: number): Stanza {
  if (!HINTS.some((hint) => features.raw.includes(hint))) return features;
  const root = parseElement(features.raw.toString());
  for (const [name, ns] of HIDDEN) for (const child of root.getChildren(name, ns)) root.remove(child);
  lower(root.getChild('limits', LIMITS), most);
  return Stanza.from(root);
}

/** A server that tells no limit may have none: then ours is told. */
function lower(limits: Element | undefined, most: number): void {
  if (limits === undefined) return;
  const told = limits.getChild('max-bytes', LIMITS) ?? limits.c(limits.name.replace('limits', 'max-bytes'));
  const bytes = Number(told.getText() || Number.POSITIVE_INFINITY);
  if (!(bytes <= most)) told.children = [String(most)];
}
