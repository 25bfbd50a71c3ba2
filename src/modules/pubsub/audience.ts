// Who hears of an account's nodes without having subscribed (XEP-0163 sections 4.3 and 4.4): its own clients, and those of
// contacts that see its presence, when they are there and want to. Whoever comes hears the last item of each such node.

import { setImmediate as turn } from 'node:timers/promises';
import type { PepOptions } from '../../config/modules.js';
import type { Host } from '../../core/host.js';
import { Part } from '../../core/parts.js';
import type { Routed } from '../../core/routed.js';
import type { Session } from '../../core/session.js';
import type { JID } from '../../xmpp/jid.js';
import type { Rosters } from '../rosters.js';
import type { Engine } from './engine.js';
import { type Caps, capsOf, Interests, sameCaps, type Wanted } from './interests.js';
import type { Node } from './node.js';
import type { Tree } from './trees.js';

/** A client of a contact on another host, whose presence came. */
interface Guest {
  readonly jid: JID;
  readonly caps: Caps;
}

/** Clients of one contact that are remembered. */
const MOST_CLIENTS = 20;
/** Contacts that are told before others have their turn. */
const AT_ONCE = 50;

const INTERESTS = new Part<Interests>('what clients want to hear of');
const GUESTS = new Part<Map<string, readonly Guest[]>>('clients of contacts elsewhere');
const GREETED = new Part<WeakMap<Session, Caps>>('clients that were told what is there');

export class Audience {
  readonly #interests: Interests;
  /** By account and contact. */
  readonly #guests: Map<string, readonly Guest[]>;
  /** What clients said of themselves when they were told the last items. */
  readonly #greeted: WeakMap<Session, Caps>;

  constructor(
    readonly host: Host,
    readonly engine: Engine,
    readonly rosters: Rosters,
    readonly limits: PepOptions,
  ) {
    this.#interests = host.keep(INTERESTS, () => new Interests(host));
    this.#interests.most = limits.max_kinds;
    this.#guests = host.keep(GUESTS, () => new Map());
    this.#greeted = host.keep(GREETED, () => new WeakMap());
  }

  listen(): void {
    const { hooks } = this.host;
    hooks.on('iq/bare', (routed) => this.#interests.answered(routed), 100);
    hooks.on('session-available', ({ session }) => this.#came(session));
    hooks.on('session-unavailable', ({ session }) => void this.#greeted.delete(session));
    for (const to of ['bare', 'full'] as const) hooks.on(`presence/${to}`, (routed) => this.#heard(routed), 50);
    hooks.on('account-deleted', ({ username }) => this.#forget(`${username}@`));
  }

  /** Tells those who want to hear of this node. */
  async tell(tree: Tree, node: Node, tell: (jid: JID) => unknown): Promise<void> {
    const account = this.engine.face.address(tree.owner);
    const offer = (jid: JID, caps: Caps | undefined) => this.#offer(node, account, jid, caps, tell);
    this.#toSessions(tree.owner, offer);
    const roster = this.rosters.get(tree.owner) ?? (await this.rosters.load(tree.owner));
    let count = 0;
    for (const [address, { from }] of [...roster.items]) {
      // Who has subscribed was told.
      if (!from || node.record.subscriptions.get(address) !== undefined) continue;
      if (++count % AT_ONCE === 0) await turn();
      const contact = this.host.addresses.read(address);
      if (!(await this.engine.works.access.mayRead(tree, node, contact))) continue;
      if (contact.domain === this.host.domain) this.#toSessions(contact.local, offer);
      else this.#toGuests(tree.owner, contact, offer);
    }
  }

  #toSessions(username: string, offer: (jid: JID, caps: Caps | undefined) => void): void {
    for (const { jid, presence } of this.host.sessions.of(username)) if (presence) offer(jid, capsOf(presence));
  }

  #toGuests(username: string, contact: JID, offer: (jid: JID, caps: Caps) => void): void {
    for (const { jid, caps } of this.#guests.get(keyOf(username, contact)) ?? []) offer(jid, caps);
  }

  /** A client that is being asked hears the last item when it has answered, if the node has one to tell then. */
  #offer(node: Node, account: JID, jid: JID, caps: Caps | undefined, tell: (jid: JID) => unknown): void {
    if (caps === undefined) return;
    const wanted = this.#interests.known(caps, jid);
    const hear = (nodes: Wanted) => void (nodes.has(node.name) && tell(jid));
    if (wanted !== undefined) hear(wanted);
    else if (!isTold(node)) this.#interests.ask(caps, jid, account, hear);
  }

  /** One of our clients is there, or is another than before. */
  #came(session: Session): void {
    const caps = session.presence && capsOf(session.presence);
    if (caps === undefined || sameCaps(caps, this.#greeted.get(session))) return;
    this.#greeted.set(session, caps);
    const { jid } = session;
    this.#interests.ask(caps, jid, jid.bare, (wanted) => {
      if (wanted.size > 0 && session.presence !== undefined) this.#soon(() => this.#greet(jid, wanted));
    });
  }

  /** What its own account has published, and its contacts here. */
  async #greet(jid: JID, wanted: Wanted): Promise<void> {
    await this.#last(jid.local, jid, wanted);
    const roster = this.rosters.get(jid.local) ?? (await this.rosters.load(jid.local));
    for (const [address, { to }] of [...roster.items]) {
      const contact = this.host.addresses.read(address);
      if (to && contact.domain === this.host.domain && contact.local !== '')
        await this.#last(contact.local, jid, wanted);
    }
  }

  async #last(owner: string, jid: JID, wanted: Wanted): Promise<void> {
    const { trees, works, face } = this.engine;
    const tree = await trees.load(owner);
    const nodes = [...tree.nodes.values()].filter((node) => isTold(node) && wanted.has(node.name));
    if (nodes.length === 0 || !(await face.sees(owner, jid))) return;
    for (const node of nodes) {
      if (!(await works.access.mayRead(tree, node, jid))) continue;
      const item = await node.last();
      if (item !== undefined) void works.later(tree, () => works.notifications.last(tree, node, item, jid));
    }
  }

  /** Presence of a client on another host. */
  #heard({ from, to, type, stanza }: Routed): void {
    if (from.domain === this.host.domain || from.resource === '') return;
    const key = keyOf(to.local, from);
    const there = this.#guests.get(key) ?? [];
    if (type === 'unavailable') {
      this.#remember(
        key,
        there.filter(({ jid }) => !jid.equals(from)),
      );
    }
    const caps = type === undefined ? capsOf(stanza) : undefined;
    if (caps === undefined || there.some((guest) => guest.jid.equals(from) && sameCaps(caps, guest.caps))) return;
    this.#soon(async () => {
      if (!(await this.engine.face.sees(to.local, from))) return;
      const now = (this.#guests.get(key) ?? []).filter(({ jid }) => !jid.equals(from));
      this.#remember(key, [...now, { jid: from, caps }].slice(-MOST_CLIENTS));
      this.#interests.ask(caps, from, to.bare, (wanted) => this.#soon(() => this.#last(to.local, from, wanted)));
    });
  }

  #remember(key: string, guests: readonly Guest[]): void {
    this.#guests.delete(key);
    if (guests.length > 0) this.#guests.set(key, guests);
    for (const oldest of this.#guests.keys()) {
      if (this.#guests.size <= this.limits.max_contacts) return;
      this.host.limited('pep.max_contacts');
      this.#guests.delete(oldest);
    }
  }

  #forget(prefix: string): void {
    for (const key of this.#guests.keys()) if (key.startsWith(prefix)) this.#guests.delete(key);
  }

  #soon(work: () => Promise<unknown>): void {
    work().catch((error) => this.host.log.error('pubsub_failed', { error }));
  }
}

const isTold = (node: Node): boolean => node.config.send_last_published_item === 'on_sub_and_presence';
const keyOf = (username: string, jid: JID): string => `${username}@ ${jid.bare}`;
