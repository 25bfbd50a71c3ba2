// Presence (RFC 6121 section 4): of a client's to its contacts, its other resources and whom it is directed to, and what
// comes for an account. Subscriptions (section 3) decide who gets it; they are in subscriptions.ts.

import type { ModuleOptions } from '../config/modules.js';
import type { Host } from '../core/host.js';
import type { Module } from '../core/module.js';
import { Part } from '../core/parts.js';
import { Routed } from '../core/routed.js';
import type { Session } from '../core/session.js';
import { Turns } from '../core/turns.js';
import { StanzaError } from '../xmpp/errors.js';
import { attribute } from '../xmpp/escape.js';
import type { JID } from '../xmpp/jid.js';
import { NS } from '../xmpp/ns.js';
import { Stanza } from '../xmpp/stanza.js';
import { BLOCKS } from './blocks.js';
import { addressing, toAttribute } from './copies.js';
import { CONTACT_REMOVED, ROSTER_PUSH } from './roster.js';
import { ROSTERS, type Rosters } from './rosters.js';
import { isSubscriptionType } from './subscription-states.js';
import { type PresenceOf, refusing, Subscriptions } from './subscriptions.js';

/** Who gets to see an account, for modules that decide about it. */
export interface ShownPresence extends PresenceOf {
  /** Addresses that one of its clients had shown itself to, and that match, get to see it leave. */
  hideDirected(username: string, matches: (jid: JID) => boolean): void;
}
export const SHOWN = new Part<ShownPresence>('shown presence');

const INCOMING = new Part<Turns>('what comes for accounts');
const DIRECTED = new Part<WeakMap<Session, Set<string>>>('directed presence');
const CHANGES = new Part<{ count: number }>('changes of presence');

export const presence: Module<ModuleOptions['presence']> = {
  name: 'presence',
  about: 'Tells contacts who is there, and keeps their subscriptions.',
  specifications: [{ id: 'RFC 6121', name: 'XMPP IM, sections 3, 4 and 8.5' }],
  needs: ['roster'],
  load(host, { max_directed, max_requests, max_request_bytes }) {
    const rosters = host.use(ROSTERS);
    const shown = new Presence(host, rosters, max_directed);
    // What comes for an account stays in order while a store is waited for.
    const incoming = host.keep(INCOMING, () => new Turns());
    const take = (routed: Routed, work: () => Promise<unknown>) =>
      routed.later(incoming.take(routed.to.local, work).catch(refusing(host, routed)));
    host.provide(SHOWN, shown);
    const most = { requests: max_requests, bytes: max_request_bytes };
    const subscriptions = new Subscriptions(host, rosters, host.use(ROSTER_PUSH), shown, most);
    host.provide(CONTACT_REMOVED, (username, jid, before) => subscriptions.removed(username, jid, before));
    const { hooks } = host;
    hooks.on('pre-presence/self', (routed) => shown.changed(routed));
    for (const to of ['bare', 'full', 'host'] as const) {
      hooks.on(`pre-presence/${to}`, (routed) => {
        const { type, session } = routed;
        if (!isSubscriptionType(type)) return shown.directed(routed);
        const sent = subscriptions.sends(routed, type).catch(refusing(host, routed));
        session?.stream?.hold(sent);
        return true;
      });
    }
    for (const to of ['bare', 'full'] as const) {
      hooks.on(`presence/${to}`, (routed) => {
        const { type } = routed;
        if (isSubscriptionType(type)) take(routed, () => subscriptions.receives(routed, type));
        else if (incoming.busy(routed.to.local)) take(routed, async () => shown.received(routed));
        else return shown.received(routed);
        return true;
      });
    }
    hooks.on('presence/host', () => true);
    hooks.on('session-available', ({ session, initial }) => void (initial && subscriptions.remind(session)));
    hooks.on('session-unavailable', ({ session }) => shown.left(session));
    hooks.on('session-closed', ({ session }) => shown.closed(session));
  },
};

const TYPES = new Set([undefined, 'unavailable', 'probe', 'error']);

class Presence implements ShownPresence {
  /** Whom a session showed itself to, besides its contacts (section 4.6). */
  readonly #directed: WeakMap<Session, Set<string>>;
  readonly #changes: { count: number };

  constructor(
    readonly host: Host,
    readonly rosters: Rosters,
    readonly maxDirected: number,
  ) {
    this.#directed = host.keep(DIRECTED, () => new WeakMap());
    this.#changes = host.keep(CHANGES, () => ({ count: 0 }));
  }

  // What a client sends.

  /** Sections 4.2, 4.4 and 4.5: to everybody who may see it. */
  changed({ stanza, type, session }: Routed): boolean {
    if (session === undefined) return true;
    if (type === 'unavailable') this.#leave(session, stanza);
    else if (type === undefined) this.#enter(session, stanza);
    else throw new StanzaError('modify', 'bad-request', 'presence of this type is for somebody');
    return true;
  }

  #enter(session: Session, stanza: Stanza): void {
    const priority = priorityOf(stanza);
    const initial = session.presence === undefined;
    session.presence = stanza;
    session.priority = priority;
    session.activity = ++this.#changes.count;
    this.#broadcast(session, stanza, undefined);
    this.#toOwn(session, stanza, true);
    if (initial) this.#look(session);
    this.host.tell('session-available', { session, initial });
    // Modules have read it; it may lie there for days.
    if (session.presence === stanza) session.presence = stanza.lasting;
  }

  #leave(session: Session, stanza: Stanza): void {
    if (session.presence === undefined) return void this.#hide(session, stanza, false);
    session.presence = undefined;
    this.host.tell('session-unavailable', { session });
    this.#gone(session, stanza);
  }

  /** Its client said nothing: the session ended. */
  left(session: Session): void {
    if (session.over) this.#gone(session, unavailable(session));
  }

  /** Section 4.5.2: contacts, the other resources, and whom it had shown itself to. */
  #gone(session: Session, stanza: Stanza): void {
    this.#broadcast(session, stanza, 'unavailable');
    this.#toOwn(session, stanza, false);
    this.#hide(session, stanza, true);
  }

  /** It is over, and may have shown itself to some without ever being available to all (section 4.6.1). */
  closed(session: Session): void {
    this.#hide(session, unavailable(session), false);
  }

  /** `told`: its contacts know already. */
  #hide(session: Session, stanza: Stanza, told: boolean): void {
    const roster = this.rosters.get(session.jid.local);
    for (const address of this.#directed.get(session) ?? []) {
      const to = this.host.addresses.read(address);
      if (!told || !roster?.items.get(to.bare.toString())?.from) this.#show(stanza, 'unavailable', session.jid, to);
    }
    this.#directed.delete(session);
  }

  /** Section 4.6: presence to one address. False: it goes its way. */
  directed({ type, to, session }: Routed): boolean {
    if (!TYPES.has(type)) throw new StanzaError('modify', 'bad-request', 'no type of presence');
    if (session === undefined || type === 'probe' || type === 'error') return false;
    const address = to.toString();
    const directed = this.#directed.get(session) ?? new Set();
    if (type === 'unavailable') directed.delete(address);
    else if (directed.size >= this.maxDirected && !directed.has(address)) {
      this.host.limited('presence.max_directed');
      throw new StanzaError('wait', 'resource-constraint', 'presence is directed to too many');
    } else this.#directed.set(session, directed.add(address));
    return false;
  }

  // What comes for an account.

  received(routed: Routed): boolean {
    const { type, to, stanza } = routed;
    if (type === 'probe') {
      this.#probed(routed);
      return true;
    }
    // Section 8.5.2.1.2 and 8.5.3.1.
    if (to.resource !== '') this.host.sessions.find(to)?.send(stanza);
    else if (type !== 'error') {
      for (const session of this.host.sessions.of(to.local)) if (session.presence !== undefined) session.send(stanza);
    }
    return true;
  }

  /** Section 4.3.2. */
  #probed(routed: Routed): void {
    const { from, to } = routed;
    const there = this.rosters.get(to.local);
    if (there !== undefined) {
      this.#answer(from, to, routed.own || there.get(from.bare.toString()).from);
      return;
    }
    // Nobody learns whether there is such an account: who has none has an empty roster.
    const answered = async () => {
      const roster = await this.rosters.load(to.local);
      this.#answer(from, to, roster.get(from.bare.toString()).from);
    };
    answered().catch((error) => this.host.log.error('probe_failed', { error }));
  }

  #answer(from: JID, to: JID, allowed: boolean): void {
    if (!allowed) {
      this.#say('unsubscribed', to.bare, from);
      return;
    }
    const sessions = this.host.sessions.of(to.local).filter((session) => session.presence !== undefined);
    const asked = to.resource === '' ? sessions : sessions.filter(({ jid }) => jid.resource === to.resource);
    for (const session of asked) if (session.presence) this.#show(session.presence, undefined, session.jid, from);
    if (asked.length === 0) this.#say('unavailable', to, from);
  }

  // What follows from subscriptions.

  show(username: string, contact: JID): void {
    for (const { presence, jid } of this.host.sessions.of(username))
      if (presence !== undefined) this.#show(presence, undefined, jid, contact);
  }

  hide(username: string, contact: JID): void {
    for (const session of this.host.sessions.of(username)) {
      if (session.presence === undefined) continue;
      this.#show(unavailable(session), 'unavailable', session.jid, contact);
      // It was the last that the contact hears of it.
      for (const address of this.#directed.get(session) ?? []) {
        const to = this.host.addresses.read(address);
        if ((contact.isBare ? to.bare : to).equals(contact)) this.#directed.get(session)?.delete(address);
      }
    }
  }

  hideDirected(username: string, matches: (jid: JID) => boolean): void {
    for (const session of this.host.sessions.of(username)) {
      const directed = this.#directed.get(session);
      for (const to of [...(directed ?? [])].map((address) => this.host.addresses.read(address)).filter(matches)) {
        directed?.delete(to.toString());
        this.#show(unavailable(session), 'unavailable', session.jid, to);
      }
    }
  }

  // Sending.

  /** To the contacts that are subscribed to it. */
  #broadcast({ jid }: Session, stanza: Stanza, type: string | undefined): void {
    const roster = this.rosters.get(jid.local);
    if (roster === undefined) return;
    const blocked = this.host.find(BLOCKS)?.blocking(jid.local);
    const copies = addressing(stanza);
    for (const [address, item] of roster.items) {
      if (!item.from) continue;
      const to = this.host.addresses.read(address);
      if (blocked === undefined || !blocked(to)) this.#send(copies(toAttribute(to.toString())), type, jid, to);
    }
  }

  #toOwn(session: Session, stanza: Stanza, itself: boolean): void {
    for (const other of this.host.sessions.of(session.jid.local)) {
      if (other.presence === undefined || (other === session && !itself)) continue;
      other.send(stanza.with({ to: other.address }));
    }
  }

  /** Section 4.2.2: what it is to see of its contacts and of its other resources. */
  #look(session: Session): void {
    const { jid } = session;
    for (const other of this.host.sessions.of(jid.local)) {
      if (other !== session && other.presence) session.send(other.presence.with({ to: session.address }));
    }
    for (const [address, item] of this.rosters.get(jid.local)?.items ?? []) {
      if (item.to) this.#say('probe', jid, this.host.addresses.read(address));
    }
  }

  #show(stanza: Stanza, type: string | undefined, from: JID, to: JID): void {
    if (this.host.find(BLOCKS)?.blocked(from.local, to)) return;
    this.#send(stanza.with({ to: to.toString() }), type, from, to);
  }

  #send(stanza: Stanza, type: string | undefined, from: JID, to: JID): void {
    this.host.send(new Routed(stanza, 'presence', type, from, to));
  }

  #say(type: 'probe' | 'unavailable' | 'unsubscribed', from: JID, to: JID): void {
    this.#show(typed(type, from), type, from, to);
  }
}

const typed = (type: string, from: JID): Stanza =>
  new Stanza(
    Buffer.from(`<presence xmlns='${NS.client}' type='${type}'${attribute('from', from.toString())}/>`),
    NS.client,
  );

const unavailable = ({ jid }: Session): Stanza => typed('unavailable', jid);

/** Section 4.7.2.3. */
function priorityOf({ tree }: Stanza): number {
  const said = tree.getChildren('priority', NS.client);
  if (said.length === 0) return 0;
  const text = said[0].getText().trim();
  const priority = /^[+-]?\d{1,3}$/.test(text) ? Number(text) : Number.NaN;
  if (said.length > 1 || !(priority >= -128 && priority <= 127)) {
    throw new StanzaError('modify', 'bad-request', 'priority is from -128 to 127');
  }
  return priority;
}
