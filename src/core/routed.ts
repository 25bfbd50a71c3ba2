// A stanza on its way, with what everybody asks about it read once.

import type { JID } from '../xmpp/jid.js';
import type { Kind, Stanza } from '../xmpp/stanza.js';
import type { Session } from './session.js';

/** `to` is never missing: a stanza without it is for the sender's own account (RFC 6120 section 10.3). */
export class Routed {
  #works: Promise<unknown>[] | undefined;
  /** The id under which its sender's archive has it (XEP-0313), for copies to the sender's own clients: made when asked for. */
  sentAs: { readonly id: string } | undefined;
  /** It is being put into the archive of whom it is for; settles when it is there, or could not be. */
  archived: Promise<unknown> | undefined;

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

  /**
   * It is not where it was to go before this is settled, which must not reject. Until then nothing further of its sender is
   * looked at, nor acknowledged.
   */
  later(work: Promise<unknown>): void {
    this.session?.stream?.hold(work);
    this.#works ??= [];
    this.#works.push(work);
  }

  /** Resolves when it is where it was to go, or was refused. */
  async arrived(): Promise<void> {
    const works = this.#works ?? [];
    // Some bring others.
    for (let i = 0; i < works.length; i++) await works[i];
  }

  /** The same with other bytes. */
  carrying(stanza: Stanza): Routed {
    return new Routed(stanza, this.kind, this.type, this.from, this.to, this.session);
  }
}
