// Messages for accounts that are away (XEP-0160), kept until a client of theirs has them, as far as its session can know:
// nothing is lost when the client, or this process, ends in between. While they are on their way to one client no other
// gets them, unless that one ends without having them. Work for one account is done in turns: clients that come at once
// share its messages, and what is sent to it meanwhile comes behind those that were kept.

import type { ModuleOptions } from '../config/modules.js';
import type { Host } from '../core/host.js';
import type { Module } from '../core/module.js';
import { Part } from '../core/parts.js';
import type { Routed } from '../core/routed.js';
import type { Session } from '../core/session.js';
import { Turns } from '../core/turns.js';
import type { ArchiveItem, ArchiveStore } from '../storage/store.js';
import { StanzaError } from '../xmpp/errors.js';
import { NS } from '../xmpp/ns.js';
import { Stanza } from '../xmpp/stanza.js';
import { delayed, isDelayed } from './delay.js';
import { isIdentified } from './stanza-id.js';
import { stanzaErrorOf } from './store-error.js';
import { Batch, STILL_KEPT, Underway } from './underway.js';

const HINTS = 'urn:xmpp:hints';
const CHAT_STATES = 'http://jabber.org/protocol/chatstates';
/** Messages that are read at a time. */
const PAGE = 50;

const MESSAGES = new Part<OfflineMessages>('messages for who is away');

export const offline: Module<ModuleOptions['offline']> = {
  name: 'offline',
  about: 'Keeps messages for accounts that are away.',
  specifications: [
    { id: 'XEP-0160', name: 'Best Practices for Handling Offline Messages', version: '1.0.1' },
    { id: 'XEP-0203', name: 'Delayed Delivery', version: '2.0' },
    { id: 'XEP-0334', name: 'Message Processing Hints', version: '1.0.0' },
  ],
  needs: ['message'],
  load(host, { max_messages }) {
    const { hooks } = host;
    const messages = host.keep(
      MESSAGES,
      () => new OfflineMessages(host, host.open('offline', 'archive'), max_messages),
    );
    messages.maxMessages = max_messages;
    host.provide(STILL_KEPT, messages.underway);
    hooks.on('message/offline', (routed) => messages.take(routed));
    // Before anybody else has seen it: it comes again.
    for (const to of ['full', 'bare'] as const) hooks.on(`message/${to}`, (routed) => messages.after(routed), 1000);
    hooks.on('session-available', ({ session }) => messages.available(session));
    hooks.on('session-unavailable', ({ session }) => messages.unavailable(session));
    hooks.on('session-closed', ({ session }) => messages.closed(session));
    hooks.on('stopping', ({ waits }) => void waits.push(...messages.unfinished()));
    hooks.on('account-deleted', ({ username, waits }) => void waits.push(messages.remove(username)));
    hooks.on('disco/host', ({ features }) => void features.add('msgoffline'));
  },
};

/** What becomes of a message that nobody takes now. */
export type Worth = 'keep' | 'drop' | 'refuse';

/** Section 3: typing is not kept, nor what its sender does not want to be kept; he learns so when it says something. */
export function worthOf({ type, tree }: Stanza): Worth {
  if (type === 'groupchat' || type === 'headline' || type === 'error') return 'refuse';
  if (tree.getChild('no-store', HINTS) !== undefined) return tree.getChild('body') === undefined ? 'drop' : 'refuse';
  const said = tree.getChildElements().filter((child) => child.getNS() !== HINTS && !child.is('thread'));
  if (said.length === 0) return 'refuse';
  return said.every((child) => child.getNS() === CHAT_STATES) ? 'drop' : 'keep';
}

class OfflineMessages {
  readonly underway = new Underway();
  readonly #turns = new Turns();
  /** Sessions that had their messages. */
  readonly #served = new WeakSet<Session>();
  /** How many sessions of an account are just getting them. */
  readonly #serving = new Map<string, number>();
  /** It waited, and goes on. */
  #passing: Routed | undefined;

  constructor(
    readonly host: Host,
    readonly store: ArchiveStore,
    public maxMessages: number,
  ) {}

  // What comes for accounts.

  take(routed: Routed): boolean {
    const worth = worthOf(routed.stanza);
    if (worth !== 'keep') return worth === 'drop';
    const at = Date.now();
    const turn = this.#turns.take(routed.to.local, () => this.#keep(routed, at));
    // Its sender is not told that it was taken before it is kept.
    routed.later(turn.catch((error) => this.#refuse(routed, error)));
    return true;
  }

  /** True: it waits for the messages that were kept before it. */
  after(routed: Routed): boolean {
    const { local } = routed.to;
    if (this.#serving.size === 0 || routed === this.#passing || !this.#serving.has(local)) return false;
    routed.later(this.#turns.take(local, async () => this.#pass(routed)));
    return true;
  }

  #pass(routed: Routed): void {
    this.#passing = routed;
    this.host.send(routed);
    this.#passing = undefined;
  }

  async #keep({ stanza, from, to, archived }: Routed, at: number): Promise<void> {
    const { local } = to;
    if (!(await this.host.accounts.exists(local))) throw new StanzaError('cancel', 'service-unavailable');
    if ((await this.store.size(local)) >= this.maxMessages) {
      this.host.limited('offline.max_messages');
      // Its receiver finds it in the archive, once it is there; or it was put there before.
      await archived;
      if (isIdentified(stanza, to.bare.toString())) return;
      throw new StanzaError('cancel', 'service-unavailable', 'too many messages wait for this account');
    }
    await this.store.append(local, { at, with: from.bare.toString(), stanza: stanza.raw.toString() });
  }

  #refuse(routed: Routed, thrown: unknown): void {
    const error = stanzaErrorOf(thrown);
    if (!(error instanceof StanzaError)) this.host.log.error('offline_failed', { error });
    this.host.refuse(routed, error instanceof StanzaError ? error : new StanzaError('cancel', 'internal-server-error'));
  }

  // Clients that come.

  available(session: Session): void {
    if (!takesMessages(session)) this.#served.delete(session);
    else if (!this.#served.has(session)) {
      this.#served.add(session);
      this.#serve(session);
    }
  }

  unavailable(session: Session): void {
    this.#served.delete(session);
  }

  /** What was on its way to it goes to another, ahead of what else it left. */
  closed(session: Session): void {
    if (!this.underway.closed(session)) return;
    for (const other of this.host.sessions.of(session.jid.local)) if (takesMessages(other)) this.#serve(other);
  }

  unfinished(): Promise<unknown>[] {
    const work = this.#turns.unfinished();
    return work === undefined ? [] : [work];
  }

  remove(username: string): Promise<unknown> {
    return this.#turns.take(username, () => this.store.delete(username));
  }

  /** With what is kept behind the message of this id. */
  #serve(session: Session, after?: string): void {
    const { local } = session.jid;
    this.#serving.set(local, (this.#serving.get(local) ?? 0) + 1);
    this.#turns
      .take(local, () => this.#deliver(session, after))
      .catch((error) => this.host.log.error('offline_failed', { error }))
      .finally(() => {
        const left = (this.#serving.get(local) ?? 1) - 1;
        if (left > 0) this.#serving.set(local, left);
        else this.#serving.delete(local);
      });
  }

  /** As much as the client takes now; the rest when there is room. */
  async #deliver(session: Session, after?: string): Promise<void> {
    const { local } = session.jid;
    let range = after === undefined ? {} : { after };
    while (takesMessages(session)) {
      const { items, complete } = await this.store.query(local, { limit: PAGE, ...range });
      const { last, room } = this.#send(session, items);
      if (complete && last === items.at(-1)) return;
      if (last !== undefined) range = { after: last.id };
      if (room) continue;
      void session.drained().then(() => this.#serve(session, last?.id));
      return;
    }
  }

  /** Resolves to the last that need not be looked at again. */
  #send(session: Session, items: readonly ArchiveItem[]): { last: ArchiveItem | undefined; room: boolean } {
    const batch = new Batch(session);
    let last: ArchiveItem | undefined;
    let room = true;
    for (const item of items) {
      if (!room || !takesMessages(session)) break;
      last = item;
      if (this.underway.has(session.jid.local, item.id)) continue;
      const stanza = this.#dated(item);
      this.underway.add(batch, item.id, stanza);
      room = session.send(stanza);
    }
    if (batch.stanzas.size > 0) session.reached(() => this.#arrived(batch));
    return { last, room };
  }

  /** It need not be kept any longer; unless its session was over before. */
  #arrived(batch: Batch): void {
    const { session, stanzas } = batch;
    if (session.over) return;
    batch.arrived = true;
    const { local } = session.jid;
    this.#turns
      .take(local, () => this.store.delete(local, { ids: [...stanzas.keys()] }))
      .catch((error) => this.host.log.error('offline_failed', { error }))
      .finally(() => this.underway.remove(batch));
  }

  #dated({ stanza: text, at }: ArchiveItem): Stanza {
    const { domain } = this.host;
    const stanza = new Stanza(Buffer.from(text), NS.client);
    return isDelayed(stanza, domain) ? stanza : delayed(stanza, domain, at);
  }
}

const takesMessages = ({ over, presence, priority }: Session): boolean =>
  !over && presence !== undefined && priority >= 0;
