// Who is there: the sessions of a host, by account and resource. A contract, for a session may be on another node.

import type { JID } from '../xmpp/jid.js';
import type { Session } from './session.js';

/** What the rest of the core asks. */
export interface SessionTable {
  readonly size: number;
  /** The sessions of an account, oldest first; empty when it has none. */
  of(username: string): readonly Session[];
  find(jid: JID): Session | undefined;
  [Symbol.iterator](): Iterator<Session>;
}

const NOBODY: readonly Session[] = Object.freeze([]);

/** Sessions in this process. */
export class LocalSessions implements SessionTable {
  // A few an account: lists are copied, never changed, so that whoever walks one may end sessions on the way.
  readonly #users = new Map<string, readonly Session[]>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  of(username: string): readonly Session[] {
    return this.#users.get(username) ?? NOBODY;
  }

  find(jid: JID): Session | undefined {
    const sessions = this.#users.get(jid.local);
    if (sessions === undefined) return undefined;
    for (const session of sessions) if (session.jid.resource === jid.resource) return session;
    return undefined;
  }

  add(session: Session): void {
    const { local } = session.jid;
    this.#users.set(local, [...this.of(local), session]);
    this.#size++;
  }

  remove(session: Session): void {
    const { local } = session.jid;
    const left = this.of(local).filter((each) => each !== session);
    if (left.length === this.of(local).length) return;
    this.#size--;
    if (left.length > 0) this.#users.set(local, left);
    else this.#users.delete(local);
  }

  *[Symbol.iterator](): Iterator<Session> {
    for (const sessions of [...this.#users.values()]) yield* sessions;
  }
}
