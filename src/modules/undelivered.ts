// What was on its way to a client that is gone. Messages look for another way, to the account's other resources or to
// where they are kept, unless they are there still; other senders learn that it was not received (XEP-0206 section 7). Nothing goes round in circles:
// what is sent again is for the account, and an error is never answered.

import type { UndeliveredEvent } from '../core/hooks.js';
import type { Host } from '../core/host.js';
import { Routed } from '../core/routed.js';
import type { Session } from '../core/session.js';
import { bounce } from '../xmpp/bounce.js';
import { NS } from '../xmpp/ns.js';
import type { Stanza } from '../xmpp/stanza.js';
import { STILL_KEPT } from './underway.js';

/** Types of messages that are for one resource, or for now. */
const PASSING = new Set<string | undefined>(['error', 'groupchat', 'headline']);

export function undelivered(host: Host): (event: UndeliveredEvent) => void {
  return ({ session, stanzas }) => {
    const kept = host.find(STILL_KEPT);
    for (const stanza of stanzas) {
      const { kind, type, ns } = stanza;
      if (kind === undefined || ns !== NS.client || kept?.isKept(session, stanza)) continue;
      if (kind === 'message' && !PASSING.has(type)) again(host, session, stanza);
      else if (kind !== 'message' || type !== 'headline') back(host, stanza);
    }
  };
}

function back(host: Host, stanza: Stanza): void {
  const answer = stanza.from === undefined ? undefined : bounce(stanza);
  if (answer !== undefined) host.route(answer);
}

/** To the account. What its own server says to one resource (carbons, results of a query) is for that alone. */
function again(host: Host, session: Session, stanza: Stanza): void {
  const { from, to, type } = stanza;
  if (from === undefined || from === session.bareAddress) return;
  const forAll = to === undefined || host.addresses.read(to).isBare;
  if (forAll && haveIt(host, session)) return;
  host.send(new Routed(stanza, 'message', type, host.addresses.read(from), session.jid.bare));
}

/**
 * What is for the account went to all that were most available then: others have it who were so before this session was.
 * Who may have come later counts for nothing: better twice than never.
 */
function haveIt(host: Host, gone: Session): boolean {
  const others = host.sessions.of(gone.jid.local);
  return others.some(
    ({ presence, priority, activity }) =>
      presence !== undefined && priority >= Math.max(0, gone.priority) && activity < gone.activity,
  );
}
