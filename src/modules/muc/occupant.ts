// Somebody in a room, under one nickname, with one client or several of one account.

import type { JID } from '../../xmpp/jid.js';
import type { Stanza } from '../../xmpp/stanza.js';
import type { Copies } from '../copies.js';
import type { Role } from './privileges.js';

/** One client. */
export interface Visit {
  readonly jid: JID;
  /** The same as text. */
  readonly address: string;
  /** The same as an attribute of what it is sent. */
  readonly to: Buffer;
  /** Tells the clients of one occupant apart in the ids of requests. */
  readonly serial: number;
  /** Without what only the room says, and without addresses. */
  presence: Stanza;
}

export class Occupant {
  readonly visits = new Map<string, Visit>();
  /** The client whose presence the others see. */
  shown: Visit;
  /** The others know that he is here. */
  seen = false;
  /** How others see him, made when somebody looks: with his address, and without; forgotten when it changes. */
  readonly looks: { whole?: Copies; masked?: Copies } = {};

  constructor(
    /** In the room. */
    public jid: JID,
    /** Of the account, as text. */
    readonly bare: string,
    /** XEP-0421. */
    readonly id: string,
    public role: Role,
    first: Visit,
  ) {
    this.shown = first;
    this.visits.set(first.address, first);
  }

  /** He does not look as before. */
  changed(): void {
    this.looks.whole = undefined;
    this.looks.masked = undefined;
  }

  get nick(): string {
    return this.jid.resource;
  }

  /** One of its clients is gone; false: it was the last one. */
  without(visit: Visit): boolean {
    this.visits.delete(visit.address);
    const [other] = this.visits.values();
    if (other === undefined) return false;
    if (this.shown === visit) this.shown = other;
    return true;
  }
}
