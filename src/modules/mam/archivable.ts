// Which messages belong into an archive: what people write to each other, and what says something about that later on.
// Typing does not, nor what its sender does not want to be kept (XEP-0334).

import type { Routed } from '../../core/routed.js';
import { NS } from '../../xmpp/ns.js';
import type { Child, Stanza } from '../../xmpp/stanza.js';

const HINTS = 'urn:xmpp:hints';
const PASSING = new Set<string | undefined>(['groupchat', 'headline', 'error']);

/** Elements that are worth keeping without a body, as `name namespace`. */
const PAYLOADS = new Set([
  'received urn:xmpp:receipts',
  'received urn:xmpp:chat-markers:0',
  'displayed urn:xmpp:chat-markers:0',
  'acknowledged urn:xmpp:chat-markers:0',
  'reactions urn:xmpp:reactions:0',
  'retract urn:xmpp:message-retract:0',
  'retract urn:xmpp:message-retract:1',
  'apply-to urn:xmpp:fasten:0',
  'encrypted eu.siacs.conversations.axolotl',
  'encrypted urn:xmpp:omemo:1',
  'encrypted urn:xmpp:omemo:2',
  'openpgp urn:xmpp:openpgp:0',
  'x jabber:x:encrypted',
  'x jabber:x:conference',
  'x jabber:x:oob',
]);

/** In a user's archive (XEP-0313 section 5.1.1). */
export function isArchivable({ type, stanza }: Routed): boolean {
  return type === 'chat' ? isLasting(stanza) : !PASSING.has(type) && isLasting(stanza);
}

/** Whatever its type: whether it says something that is worth keeping, and is to be kept. */
export function isLasting(stanza: Stanza): boolean {
  if (stanza.isPlain) return true;
  const { children } = stanza;
  return hinted(children) ?? says(stanza, children);
}

/** What its sender says about that; undefined: nothing. */
function hinted(children: readonly Child[]): boolean | undefined {
  const hints = new Set<string>();
  for (const { name, ns } of children) if (ns === HINTS) hints.add(name);
  if (hints.has('no-store') || hints.has('no-permanent-store')) return false;
  return hints.has('store') ? true : undefined;
}

const MUC_USER = 'http://jabber.org/protocol/muc#user';

function says(stanza: Stanza, children: readonly Child[]): boolean {
  return children.some(({ name, ns }) => {
    if (name === 'body' && ns === NS.client) return true;
    return PAYLOADS.has(`${name} ${ns}`) || (name === 'x' && ns === MUC_USER && invites(stanza));
  });
}

/** By way of a room (XEP-0045 section 7.8.2). What its sender asked the room for says nothing to anybody later on. */
function invites({ tree }: Stanza): boolean {
  return tree.getChildren('x', MUC_USER).some((child) => child.getChild('invite', MUC_USER)?.attrs.from !== undefined);
}
