// Last activity (XEP-0012): for how long the host has been up, and when an account was last used, for those who see its
// presence. A client tells for itself how long it has been idle; who may ask it is seen to here.

import type { IqRequest } from '../core/hooks.js';
import type { Host } from '../core/host.js';
import type { Module } from '../core/module.js';
import { Part } from '../core/parts.js';
import type { Routed } from '../core/routed.js';
import type { Session } from '../core/session.js';
import type { Json, KeyValueStore } from '../storage/store.js';
import { StanzaError } from '../xmpp/errors.js';
import { escapeText } from '../xmpp/escape.js';
import { NS } from '../xmpp/ns.js';
import type { Stanza } from '../xmpp/stanza.js';
import { isShown, ROSTERS, type Rosters } from './rosters.js';
import { fetched } from './store-error.js';

const LAST = 'jabber:iq:last';
/** Bytes of a status that are kept. */
const LONGEST = 1024;

/** When accounts were last used. */
export interface LastUse {
  /** Milliseconds since 1970 at which its last session ended; undefined: there was none. */
  ended(username: string): Promise<number | undefined>;
}
export const LAST_USE = new Part<LastUse>('last use');

const BEGAN = new Part<number>('when it began');

export const last: Module = {
  name: 'last',
  about: 'Tells contacts when an account was last used, and how long the server has been up.',
  specifications: [{ id: 'XEP-0012', name: 'Last Activity', version: '2.0' }],
  needs: ['roster'],
  load(host) {
    const { hooks } = host;
    const activity = new Activity(host, host.use(ROSTERS), host.open('last', 'keyvalue'));
    const began = host.keep(BEGAN, () => host.now());
    host.provide(LAST_USE, activity);
    hooks.iq('get', 'host', LAST, 'query', () => answer(host.now() - began));
    hooks.iq('get', 'account', LAST, 'query', (request) => activity.asked(request));
    hooks.on('iq/full', (routed) => activity.guard(routed));
    hooks.on('pre-presence/self', (routed) => activity.leaving(routed), 100);
    hooks.on('session-closed', ({ session }) => activity.left(session));
    hooks.on('account-deleted', ({ username, waits }) => void waits.push(activity.forget(username)));
    for (const where of ['disco/host', 'disco/account'] as const) {
      hooks.on(where, ({ features }) => void features.add(LAST));
    }
  },
};

/** Nearly all requests between clients are of others: no tree is made for them. A reference could hide the name. */
const mayAsk = ({ raw }: Stanza): boolean => raw.includes(LAST) || raw.includes('&#');

class Activity implements LastUse {
  /** The words that a client said with its unavailable presence. */
  readonly #words = new WeakMap<Session, string>();

  constructor(
    readonly host: Host,
    readonly rosters: Rosters,
    readonly store: KeyValueStore,
  ) {}

  /** Section 3. */
  async asked(request: IqRequest): Promise<string> {
    if (!(await fetched(isShown(this.rosters, request)))) throw forbidden();
    const { local } = request.to;
    if (this.host.sessions.of(local).length > 0) return answer(0);
    const kept = await fetched(this.store.get(local));
    if (kept === undefined) throw new StanzaError('cancel', 'service-unavailable');
    const { at, status } = kept as { at: number; status?: string };
    return answer(Date.now() - at, status);
  }

  /** Section 4: a client is not asked by those who do not see it. */
  guard({ type, stanza, own, from, to }: Routed): void {
    if (type !== 'get' || own || !mayAsk(stanza)) return;
    if (!stanza.tree.getChildElements().some((child) => child.getNS() === LAST)) return;
    const roster = this.rosters.get(to.local);
    if (!roster?.get(from.bare.toString()).from) throw forbidden();
  }

  async ended(username: string): Promise<number | undefined> {
    return ((await this.store.get(username)) as { at: number } | undefined)?.at;
  }

  leaving({ type, stanza, session }: Routed): void {
    if (session === undefined) return;
    const status = type === 'unavailable' ? stanza.tree.getChildText('status', NS.client) : null;
    if (status === null || Buffer.byteLength(status) > LONGEST) this.#words.delete(session);
    else this.#words.set(session, status);
  }

  left(session: Session): void {
    const { local } = session.jid;
    if (session.anonymous || this.host.sessions.of(local).length > 0) return;
    const kept: Json = { at: Date.now(), status: this.#words.get(session) };
    this.store.set(local, kept).catch((error) => this.host.log.warn('last_activity_lost', { error }));
  }

  forget(username: string): Promise<void> {
    return this.store.set(username, undefined);
  }
}

const forbidden = () => new StanzaError('auth', 'forbidden');

function answer(milliseconds: number, status?: string): string {
  const tag = `<query xmlns='${LAST}' seconds='${Math.max(0, Math.floor(milliseconds / 1000))}'`;
  return status === undefined ? `${tag}/>` : `${tag}>${escapeText(status)}</query>`;
}
