// Which messages are copied (XEP-0280 section 6): those that people write to each other, and what goes with them.

import type { Stanza } from '../xmpp/stanza.js';

export type Direction = 'sent' | 'received';

const CARBONS = 'urn:xmpp:carbons:2';
const HINTS = 'urn:xmpp:hints';
const MUC_USER = 'http://jabber.org/protocol/muc#user';
const INVITATION = 'jabber:x:conference';

/** Receipts, typing, markers. */
const IM = new Set<string | undefined>([
  'urn:xmpp:receipts',
  'http://jabber.org/protocol/chatstates',
  'urn:xmpp:chat-markers:0',
]);

/** Not for errors: they are what the message that they answer was. */
export function isEligible({ type, tree }: Stanza, direction: Direction): boolean {
  if (type === 'groupchat' || type === 'headline' || type === 'error') return false;
  if (tree.getChild('private', CARBONS) || tree.getChild('no-copy', HINTS)) return false;
  const room = tree.getChild('x', MUC_USER);
  if (room?.getChild('invite', MUC_USER) || tree.getChild('x', INVITATION)) return true;
  // A room sends what is private in it to all resources that are there.
  if (room !== undefined) return direction === 'sent';
  if (type === 'chat') return true;
  return tree.getChildElements().some((child) => child.is('body') || IM.has(child.getNS()));
}
