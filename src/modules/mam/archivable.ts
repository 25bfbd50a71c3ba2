// Which messages belong into an archive: what people write to each other, and what says something about that later on.
// Typing does not, nor what its sender does not want to be kept (XEP-0334).

import { NS } from '../../xmpp/ns.js';
import type { Stanza } from '../../xmpp/stanza.js';

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

/** In a user's archive (XEP-0313 section 5.1.1). Most messages need no tree for that. */
export function isArchivable(stanza: Stanza): boolean {
  return !PASSING.has(stanza.type) && isLasting(stanza);
}

/** Whatever its type: whether it says something that is worth keeping, and is to be kept. */
export function isLasting(stanza: Stanza): boolean {
  if (stanza.raw.includes(HINTS)) return hinted(stanza) ?? says(stanza);
  const { payload } = stanza;
  return payload !== undefined && ((payload.name === 'body' && payload.ns === NS.client) || says(stanza));
}

/** What its sender says about that; undefined: nothing. */
function hinted({ tree }: Stanza): boolean | undefined {
  if (tree.getChild('no-store', HINTS) || tree.getChild('no-permanent-store', HINTS)) return false;
  return tree.getChild('store', HINTS) === undefined ? undefined : true;
}

function says({ tree }: Stanza): boolean {
  return tree
    .getChildElements()
    .some(
      (child) => child.is('body', NS.client) || PAYLOADS.has(`${child.getName()} ${child.getNS()}`) || invites(child),
    );
}

type Child = ReturnType<Stanza['tree']['getChildElements']>[number];

const MUC_USER = 'http://jabber.org/protocol/muc#user';

function invites(child: Child): boolean {
  return child.is('x', MUC_USER) && child.getChild('invite', MUC_USER) !== undefined;
}
