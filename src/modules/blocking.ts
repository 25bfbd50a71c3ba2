// Blocked addresses (XEP-0191): to them an account looks as if it were away, and nothing goes to them by mistake. The
// account itself and its server cannot be blocked.

import type { ModuleOptions } from '../config/modules.js';
import type { DONE, IqRequest } from '../core/hooks.js';
import type { Host } from '../core/host.js';
import type { Module } from '../core/module.js';
import { Part } from '../core/parts.js';
import type { Routed } from '../core/routed.js';
import type { Session } from '../core/session.js';
import { StanzaError } from '../xmpp/errors.js';
import { attribute } from '../xmpp/escape.js';
import { JID } from '../xmpp/jid.js';
import { NS } from '../xmpp/ns.js';
import { Stanza } from '../xmpp/stanza.js';
import { type BlockList, BlockLists, matches } from './block-lists.js';
import { BLOCKS } from './blocks.js';
import { SHOWN } from './presence.js';
import { ROSTERS } from './rosters.js';
import { fetched, stanzaErrorOf, stored } from './store-error.js';
import { isSubscriptionType } from './subscription-states.js';

const BLOCKING = 'urn:xmpp:blocking';
const MUC_USER = 'http://jabber.org/protocol/muc#user';

const LISTS = new Part<BlockLists>('block lists');
const INFORMED = new Part<WeakSet<Session>>('sessions that know the block list');

export const blocking: Module<ModuleOptions['blocking']> = {
  name: 'blocking',
  about: 'Lets an account block addresses.',
  specifications: [{ id: 'XEP-0191', name: 'Blocking Command', version: '1.3' }],
  needs: ['roster', 'presence'],
  load(host, { max_items }) {
    const { hooks } = host;
    const lists = host.keep(LISTS, () => new BlockLists(host.open('blocking', 'map')));
    host.provide(BLOCKS, lists);
    const gate = new Gate(host, lists);
    const commands = new Commands(host, lists, max_items);
    hooks.on('session-binding', ({ session, waits }) => void waits.push(lists.load(session.jid.local)));
    hooks.on('session-created', ({ session }) => lists.use(session.jid.local));
    hooks.on('session-closed', ({ session: { jid } }) => {
      if (host.sessions.of(jid.local).length === 0) lists.release(jid.local);
    });
    hooks.on('stopping', ({ waits }) => void waits.push(...lists.reading));
    hooks.on('account-deleted', ({ username, waits }) => void waits.push(lists.remove(username)), -100);
    for (const kind of ['message', 'presence', 'iq'] as const) {
      for (const to of ['full', 'bare'] as const) hooks.on(`${kind}/${to}`, (routed) => gate.comes(routed), 200);
      for (const to of ['full', 'bare', 'host'] as const)
        hooks.on(`pre-${kind}/${to}`, (routed) => gate.goes(routed), 200);
    }
    hooks.iq('get', 'own', BLOCKING, 'blocklist', (request) => commands.list(request));
    hooks.iq('set', 'own', BLOCKING, 'block', (request) => commands.block(request));
    hooks.iq('set', 'own', BLOCKING, 'unblock', (request) => commands.unblock(request));
    hooks.on('disco/host', ({ features }) => void features.add(BLOCKING));
  },
};

/** What is let through. */
class Gate {
  constructor(
    readonly host: Host,
    readonly lists: BlockLists,
  ) {}

  /** Section 3.2: for an account. True: nothing more is to be done with it. */
  comes(routed: Routed): boolean {
    const { own, from, to, kind, type } = routed;
    if (own) return false;
    const list = this.lists.known(to.local);
    if (list === undefined) {
      // Presence for those who are away goes nowhere.
      if (kind === 'presence' && !isSubscriptionType(type) && type !== 'probe') return false;
      this.#later(routed);
      return true;
    }
    return matches(list, from) && !this.#isHost(from) && turnedAway(routed);
  }

  /** Section 3.2: from a client of ours. */
  goes({ own, session, to }: Routed): void {
    const list = session && this.lists.known(session.jid.local);
    if (list === undefined || own || !matches(list, to) || this.#isHost(to)) return;
    throw new StanzaError('cancel', 'not-acceptable', undefined, { name: 'blocked', ns: `${BLOCKING}:errors` });
  }

  #isHost({ local, domain }: JID): boolean {
    return local === '' && domain === this.host.domain;
  }

  /** Comes again when the list is read. */
  #later(routed: Routed): void {
    const failed = (thrown: unknown) => {
      const error = stanzaErrorOf(thrown);
      if (!(error instanceof StanzaError)) this.host.log.error('blocking_failed', { error });
      this.host.refuse(routed, error instanceof StanzaError ? error : unavailable());
    };
    routed.later(this.lists.load(routed.to.local).then(() => this.host.send(routed), failed));
  }
}

const unavailable = () => new StanzaError('cancel', 'service-unavailable');

/** As if nobody were there. A room that got an error back would take its occupant for gone. */
function turnedAway({ kind, type, stanza }: Routed): true {
  const isRequest = kind === 'iq' && (type === 'get' || type === 'set');
  const isWritten = kind === 'message' && type !== 'groupchat' && type !== 'headline' && type !== 'error';
  const isOfRoom = isWritten && stanza.raw.includes(MUC_USER) && stanza.tree.getChild('x', MUC_USER) !== undefined;
  if (isRequest || (isWritten && !isOfRoom)) throw unavailable();
  return true;
}

class Commands {
  /** Clients that know the list, and are told of changes. */
  readonly #informed: WeakSet<Session>;
  #pushes = 0;

  constructor(
    readonly host: Host,
    readonly lists: BlockLists,
    readonly maxItems: number,
  ) {
    this.#informed = host.keep(INFORMED, () => new WeakSet());
  }

  /** Section 3.1. */
  async list({ from, session }: IqRequest): Promise<string> {
    const list = await fetched(this.lists.load(from.local));
    if (session !== undefined) this.#informed.add(session);
    return `<blocklist xmlns='${BLOCKING}'>${itemsXml([...list])}</blocklist>`;
  }

  /** Section 3.2: those who saw the account see it leave while they still may. */
  block(request: IqRequest): Promise<typeof DONE> {
    const asked = itemsOf(request);
    if (asked.length === 0) throw new StanzaError('modify', 'bad-request', 'nobody to block');
    const { local } = request.from;
    let add: string[] = [];
    const work = this.lists.change(
      local,
      (list) => {
        add = asked.filter((jid) => !list.has(jid));
        this.#makeRoom(list, add.length);
        return { add };
      },
      (apply) => {
        if (add.length === 0) return;
        this.#hide(local, add);
        apply();
        this.#push(local, `<block xmlns='${BLOCKING}'>${itemsXml(add)}</block>`);
      },
    );
    return stored(request, work);
  }

  /** Sections 3.3 and 3.4: all, when nobody is named. */
  unblock(request: IqRequest): Promise<typeof DONE> {
    const asked = itemsOf(request);
    const { local } = request.from;
    let remove: string[] = [];
    const work = this.lists.change(
      local,
      (list) => {
        remove = asked.length === 0 ? [...list] : asked.filter((jid) => list.has(jid));
        return { remove };
      },
      (apply) => {
        if (remove.length === 0) return;
        apply();
        for (const contact of this.#contactsAt(local, remove)) this.host.use(SHOWN).show(local, contact);
        this.#push(local, `<unblock xmlns='${BLOCKING}'>${asked.length === 0 ? '' : itemsXml(remove)}</unblock>`);
      },
    );
    return stored(request, work);
  }

  #makeRoom({ size }: BlockList, more: number): void {
    if (more === 0 || size + more <= this.maxItems) return;
    this.host.limited('blocking.max_items');
    throw new StanzaError('wait', 'resource-constraint', `at most ${this.maxItems} addresses are blocked`);
  }

  #hide(username: string, blocked: readonly string[]): void {
    const shown = this.host.use(SHOWN);
    const set = new Set(blocked);
    shown.hideDirected(username, (jid) => matches(set, jid));
    for (const contact of this.#contactsAt(username, blocked)) shown.hide(username, contact);
  }

  /** Those that get the account's presence, at these addresses. */
  #contactsAt(username: string, addresses: readonly string[]): JID[] {
    const roster = this.host.use(ROSTERS).get(username);
    if (roster === undefined) return [];
    const contacts = new Map<string, JID>();
    for (const address of addresses) {
      const jid = this.host.addresses.read(address);
      if (roster.get(jid.bare.toString()).from) contacts.set(address, jid);
      if (jid.local !== '' || !jid.isBare) continue;
      for (const [contact, { from }] of roster.items) {
        const at = this.host.addresses.read(contact);
        if (from && at.domain === jid.domain) contacts.set(contact, at);
      }
    }
    return [...contacts.values()];
  }

  #push(username: string, payload: string): void {
    for (const session of this.host.sessions.of(username)) {
      if (!this.#informed.has(session)) continue;
      const to = attribute('to', session.address);
      const iq = `<iq xmlns='${NS.client}' type='set' id='block${++this.#pushes}'${to}>${payload}</iq>`;
      session.send(new Stanza(Buffer.from(iq), NS.client));
    }
  }
}

/** Addresses that are named, prepared, each once. */
function itemsOf({ payload }: IqRequest): string[] {
  const jids = payload.getChildren('item', BLOCKING).map(({ attrs: { jid } }) => {
    if (jid === undefined) throw new StanzaError('modify', 'bad-request', 'an item without a jid');
    return JID.parse(jid).toString();
  });
  return [...new Set(jids)];
}

const itemsXml = (jids: readonly string[]): string => jids.map((jid) => `<item${attribute('jid', jid)}/>`).join('');
