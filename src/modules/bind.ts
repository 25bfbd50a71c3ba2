// Resource binding (RFC 6120 section 7) and the session request of its predecessor (RFC 3921 section 3), which old
// clients still send. Whoever binds a resource that is taken replaces the one who has it (section 7.7.2.2).

import { randomBytes } from 'node:crypto';
import type { C2s } from '../core/c2s.js';
import { DONE } from '../core/hooks.js';
import type { Host } from '../core/host.js';
import type { Module } from '../core/module.js';
import { Part } from '../core/parts.js';
import { Session } from '../core/session.js';
import { errorAnswer, resultAnswer } from '../xmpp/answer.js';
import { StanzaError, StreamError } from '../xmpp/errors.js';
import { escapeText } from '../xmpp/escape.js';
import type { JID } from '../xmpp/jid.js';
import { NS } from '../xmpp/ns.js';
import type { Stanza } from '../xmpp/stanza.js';

/**
 * Binds a resource of the stream's account; `resource`: as asked for, unprepared. `welcome` is called when it is bound, and
 * nobody knows of it yet. Throws StanzaError.
 */
export type Bind = (
  stream: C2s,
  resource: string | undefined,
  welcome?: (session: Session) => void,
) => Promise<Session>;
export const BIND = new Part<Bind>('bind');

const BIND_FEATURE = `<bind xmlns='${NS.bind}'/>`;
const SESSION_FEATURE = `<session xmlns='${NS.session}'><optional/></session>`;

export const bind: Module = {
  name: 'bind',
  about: 'Gives authenticated clients their address.',
  specifications: [
    { id: 'RFC 6120', name: 'XMPP Core, section 7' },
    { id: 'RFC 3921', name: 'XMPP IM, section 3' },
  ],
  load(host) {
    const binder = new Binder(host);
    host.provide(BIND, (stream, resource, welcome) => binder.bind(stream, resource, welcome));
    host.hooks.on('stream-features', ({ stream, features }) => {
      if (stream.identity !== undefined && stream.session === undefined) features.push(BIND_FEATURE, SESSION_FEATURE);
    });
    host.hooks.on('iq/unbound', ({ stream, stanza }) => binder.asked(stream, stanza));
    host.hooks.iq('set', 'own', NS.session, 'session', () => DONE);
    host.hooks.iq('set', 'host', NS.session, 'session', () => DONE);
    host.hooks.iq('set', 'own', NS.bind, 'bind', () => {
      throw new StanzaError('cancel', 'not-allowed', 'a stream has one resource');
    });
  },
};

/** Section 7.7.2.1. */
function fullJid(account: JID, resource: string): JID {
  try {
    return account.withResource(resource);
  } catch {
    throw new StanzaError('modify', 'bad-request', 'no resource');
  }
}

class Binder {
  constructor(readonly host: Host) {}

  /** True: it was one. */
  asked(stream: C2s, stanza: Stanza): boolean {
    const { payload } = stanza;
    if (stanza.type !== 'set' || payload?.ns !== NS.bind || payload.name !== 'bind') return false;
    const resource = stanza.tree.getChild('bind', NS.bind)?.getChildText('resource', NS.bind) || undefined;
    stream.hold(this.#answer(stream, stanza, resource));
    return true;
  }

  async #answer(stream: C2s, stanza: Stanza, resource: string | undefined): Promise<void> {
    try {
      const { address } = await this.bind(stream, resource);
      stream.send(resultAnswer(stanza, `<bind xmlns='${NS.bind}'><jid>${escapeText(address)}</jid></bind>`));
    } catch (error) {
      if (!(error instanceof StanzaError)) throw error;
      stream.send(errorAnswer(stanza, error));
    }
  }

  async bind(...[stream, resource, welcome]: Parameters<Bind>): Promise<Session> {
    const { identity } = stream;
    if (identity === undefined || stream.session !== undefined) throw new StanzaError('cancel', 'not-allowed');
    const jid = fullJid(identity.jid, resource ?? randomBytes(9).toString('base64url'));
    const session = new Session(jid, stream, identity.anonymous);
    const waits: Promise<unknown>[] = [];
    this.host.tell('session-binding', { session, waits });
    if (waits.length > 0) await this.#ready(waits);
    if (stream.gone) throw new StanzaError('cancel', 'not-allowed');
    this.#limit(jid);
    this.host.sessions.find(jid)?.end(new StreamError('conflict', 'another client bound the same resource'));
    stream.bound(session);
    welcome?.(session);
    this.host.add(session);
    return session;
  }

  /** Who is replaced makes room. */
  #limit(jid: JID): void {
    const { rates, sessions_per_user } = this.host.limits;
    const others = this.host.sessions.of(jid.local).filter((session) => !session.jid.equals(jid));
    if (!rates || others.length < sessions_per_user) return;
    this.host.limited('sessions_per_user');
    throw new StanzaError('wait', 'resource-constraint', 'too many resources of this account');
  }

  async #ready(waits: readonly Promise<unknown>[]): Promise<void> {
    try {
      await Promise.all(waits);
    } catch (error) {
      this.host.log.error('binding_failed', { error });
      throw new StanzaError('wait', 'internal-server-error', 'the data of this account cannot be read');
    }
  }
}
