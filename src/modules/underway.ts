// Kept messages that are on their way to clients: until a client has them they stay where they are kept, but no other
// client gets them. What a session leaves of them when it ends is known, so that it is not kept a second time.

import { Part } from '../core/parts.js';
import type { Session } from '../core/session.js';
import type { Stanza } from '../xmpp/stanza.js';

/** Tells what is still kept of what a session left undelivered. */
export const STILL_KEPT = new Part<Pick<Underway, 'isKept'>>('messages that are still kept');

/** Messages that were sent to a client together, by their ids. */
export class Batch {
  readonly stanzas = new Map<string, Stanza>();
  /** Its client has them. */
  arrived = false;

  constructor(readonly session: Session) {}
}

export class Underway {
  /** By account and id. */
  readonly #accounts = new Map<string, Map<string, Batch>>();
  /** Of sessions that are over, as bytes: a transport may give back others that are the same. */
  readonly #left = new WeakMap<Session, ReadonlySet<string>>();

  has(username: string, id: string): boolean {
    return this.#accounts.get(username)?.has(id) ?? false;
  }

  add(batch: Batch, id: string, stanza: Stanza): void {
    const { local } = batch.session.jid;
    const batches = this.#accounts.get(local) ?? new Map<string, Batch>();
    this.#accounts.set(local, batches.set(id, batch));
    batch.stanzas.set(id, stanza);
  }

  remove({ session: { jid }, stanzas }: Batch): void {
    const batches = this.#accounts.get(jid.local);
    for (const id of stanzas.keys()) batches?.delete(id);
    if (batches?.size === 0) this.#accounts.delete(jid.local);
  }

  /** It is over. True: its client does not have all that was on its way to it. */
  closed(session: Session): boolean {
    const batches = new Set(this.#accounts.get(session.jid.local)?.values());
    const left = [...batches].filter((batch) => batch.session === session && !batch.arrived);
    if (left.length === 0) return false;
    for (const batch of left) this.remove(batch);
    this.#left.set(session, new Set(left.flatMap(({ stanzas }) => [...stanzas.values()].map(bytesOf))));
    return true;
  }

  /** Whether this, which a session that is over did not deliver, need not be kept again. */
  isKept(session: Session, stanza: Stanza): boolean {
    return this.#left.get(session)?.has(bytesOf(stanza)) ?? false;
  }
}

const bytesOf = ({ raw }: Stanza): string => raw.toString('latin1');
