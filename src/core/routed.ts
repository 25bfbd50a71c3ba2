// A stanza on its way, with what everybody asks about it read once.

import type { JID } from '../xmpp/jid.js';
import type { Kind, Stanza } from '../xmpp/stanza.js';
import type { Session } from './session.js';

/** `to` is never missing: a stanza without it is for the sender's own account (RFC 6120 section 10.3). */
export class Routed {
  constructor(
    /** Stamped with the sender's address; its `to` is absent where the sender said none. */
    public stanza: Stanza,
    readonly kind: Kind,
    readonly type: string | undefined,
    readonly from: JID,
    readonly to: JID,
    /** The sender, when it is a client of ours. */
    readonly session?: Session,
  ) {}

  /** Sent by the account that it is addressed to. */
  get own(): boolean {
    const { from, to } = this;
    return from.local === to.local && from.domain === to.domain && from.local !== '';
  }

  /** The same with other bytes. */
  carrying(stanza: Stanza): Routed {
    return new Routed(stanza, this.kind, this.type, this.from, this.to, this.session);
  }
}
