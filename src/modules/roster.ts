// Contacts (RFC 6121 section 2): clients get, set and remove them, and all interested resources are told. What sets
// subscriptions is in subscriptions.ts; a removed contact loses them through it.

import type { ModuleOptions } from '../config/modules.js';
import { DONE, type IqRequest } from '../core/hooks.js';
import type { Host } from '../core/host.js';
import type { Module } from '../core/module.js';
import { Part } from '../core/parts.js';
import type { Session } from '../core/session.js';
import type { Element } from '../xmpp/element.js';
import { StanzaError } from '../xmpp/errors.js';
import { attribute, escapeText } from '../xmpp/escape.js';
import { JID } from '../xmpp/jid.js';
import { NS } from '../xmpp/ns.js';
import { Stanza } from '../xmpp/stanza.js';
import { type Decision, ROSTERS, type Roster, type RosterChange, type RosterItem, Rosters } from './rosters.js';
import { stanzaErrorOf } from './store-error.js';
import { subscriptionOf } from './subscription-states.js';

const ROSTER = 'jabber:iq:roster';
const VERSIONING = "<ver xmlns='urn:xmpp:features:rosterver'/>";
const PRE_APPROVAL = "<sub xmlns='urn:xmpp:features:pre-approval'/>";
const LONGEST = 1023;
/** Bytes of the groups of one contact. */
const MOST_GROUPS = 8192;

/** Tells the interested resources of an account what changed in its roster (section 2.1.6). */
export interface RosterPush {
  (roster: Roster, changes: readonly RosterChange[]): void;
  /** The resources that asked for the roster. */
  interested(username: string): Session[];
  /** Throws StanzaError when there is no room for one contact more. */
  makeRoom(roster: Roster): void;
}
export const ROSTER_PUSH = new Part<RosterPush>('roster push');

/** Ends the subscriptions with a contact that is being removed (section 2.5.2); the presence module does. */
export type ContactRemoved = (username: string, jid: string, before: RosterItem) => Promise<void>;
export const CONTACT_REMOVED = new Part<ContactRemoved>('contact removed');

const READ = new Part<WeakMap<Session, Roster>>('rosters that were read for sessions');
const INTERESTED = new Part<WeakSet<Session>>('sessions that asked for the roster');

export const roster: Module<ModuleOptions['roster']> = {
  name: 'roster',
  about: 'Keeps the contacts of each account and tells its clients of changes.',
  specifications: [
    { id: 'RFC 6121', name: 'XMPP IM, section 2' },
    { id: 'XEP-0237', name: 'Roster Versioning', version: '1.3' },
  ],
  needs: ['bind'],
  load(host, options) {
    const rosters = host.keep(ROSTERS, () => new Rosters(host.open('roster', 'map')));
    host.provide(ROSTERS, rosters);
    const { hooks } = host;
    const contacts = new Contacts(host, rosters, options);
    host.provide(ROSTER_PUSH, contacts.push);
    hooks.on('stream-features', ({ stream, features }) => {
      if (stream.identity !== undefined && stream.session === undefined) features.push(VERSIONING, PRE_APPROVAL);
    });
    const read = host.keep(READ, () => new WeakMap());
    hooks.on('session-binding', ({ session, waits }) => {
      waits.push(rosters.load(session.jid.local).then((roster) => read.set(session, roster)));
    });
    hooks.on('session-created', ({ session }) => {
      const roster = read.get(session);
      if (roster !== undefined) rosters.use(roster);
    });
    // Who is there already, where it was not loaded before.
    for (const session of host.sessions) {
      const failed = (error: unknown) => host.log.error('binding_failed', { error });
      rosters.load(session.jid.local).then((roster) => session.over || rosters.use(roster), failed);
    }
    hooks.on('session-closed', ({ session }) => {
      if (host.sessions.of(session.jid.local).length === 0) rosters.release(session.jid.local);
    });
    hooks.on('account-deleted', ({ username, waits }) => void waits.push(contacts.deleted(username)), -100);
    hooks.iq('get', 'own', ROSTER, 'query', (request) => contacts.get(request));
    hooks.iq('set', 'own', ROSTER, 'query', (request) => contacts.set(request));
    // Section 2.3.3: whose roster it is not.
    for (const type of ['get', 'set'] as const) {
      hooks.iq(type, 'account', ROSTER, 'query', () => {
        throw new StanzaError('auth', 'forbidden');
      });
    }
  },
};

class Contacts {
  readonly push: RosterPush;
  readonly #interested: WeakSet<Session>;
  #pushes = 0;

  constructor(
    readonly host: Host,
    readonly rosters: Rosters,
    readonly options: ModuleOptions['roster'],
  ) {
    this.#interested = host.keep(INTERESTED, () => new WeakSet());
    this.push = Object.assign((roster: Roster, changes: readonly RosterChange[]) => this.#push(roster, changes), {
      interested: (username: string) => host.sessions.of(username).filter((session) => this.#interested.has(session)),
      makeRoom: (roster: Roster) => this.#makeRoom(roster),
    });
  }

  /** Section 2.1.3, and 2.6.2 for a client that knows a version. */
  async get({ session, from, payload }: IqRequest) {
    const roster = await this.rosters.load(from.local);
    if (session !== undefined) this.#interested.add(session);
    const { ver } = payload.attrs;
    if (ver !== undefined && ver !== '' && ver === roster.version) return DONE;
    return rosterXml(roster, versionOf(ver, roster));
  }

  /** Sections 2.3 to 2.5. */
  set({ session, from, payload }: IqRequest): Promise<typeof DONE> {
    const asked = readItem(payload);
    const { local } = from;
    const work = async () => {
      const roster = await this.rosters.load(local);
      let arrived: Promise<unknown> | undefined;
      await roster.change(
        () => this.#decided(roster, asked),
        (changes) => {
          arrived = this.#done(roster, changes);
        },
      );
      await arrived;
      return DONE;
    };
    const done = this.rosters.between(from.bare.toString(), asked.jid, work).catch((error) => {
      throw stanzaErrorOf(error);
    });
    // What the client sends next may build on it.
    session?.stream?.hold(done.catch(() => {}));
    return done as Promise<typeof DONE>;
  }

  #decided(roster: Roster, { jid, remove, name, groups }: AskedItem): Decision {
    const before = roster.items.get(jid);
    if (remove) {
      if (!before?.listed) throw new StanzaError('modify', 'item-not-found');
      return new Map([[jid, undefined]]);
    }
    if (!before?.listed) this.#makeRoom(roster);
    return new Map([[jid, { ...roster.get(jid), listed: true, name, groups }]]);
  }

  #makeRoom({ items }: Roster): void {
    if (items.size < this.options.max_items) return;
    this.host.limited('roster.max_items');
    throw new StanzaError('wait', 'resource-constraint', 'the roster is full');
  }

  /** Settled when who was removed knows. */
  async #done(roster: Roster, changes: readonly RosterChange[]): Promise<void> {
    this.push(roster, changes);
    const removed = this.host.find(CONTACT_REMOVED);
    for (const { jid, before, after } of changes) if (before && !after) await removed?.(roster.username, jid, before);
  }

  /** The account is no more: its contacts see its subscriptions end (XEP-0077 section 3.2). */
  async deleted(username: string): Promise<void> {
    const removed = this.host.find(CONTACT_REMOVED);
    const account = `${username}@${this.host.domain}`;
    try {
      const { items } = await this.rosters.load(username);
      for (const [jid, item] of [...items]) {
        await this.rosters.between(account, jid, async () => removed?.(username, jid, item));
      }
    } finally {
      await this.rosters.remove(username);
    }
  }

  #push(roster: Roster, changes: readonly RosterChange[]): void {
    const sessions = this.push.interested(roster.username);
    if (sessions.length === 0) return;
    for (const { jid, before, after } of changes) {
      const written = after?.listed ? itemXml(jid, after) : before?.listed ? removedXml(jid) : undefined;
      if (written === undefined) continue;
      const query = `<query xmlns='${ROSTER}' ver='${roster.version}'>${written}</query>`;
      for (const session of sessions) {
        const to = attribute('to', session.address);
        const iq = `<iq xmlns='${NS.client}' type='set' id='push${++this.#pushes}'${to}>${query}</iq>`;
        session.send(new Stanza(Buffer.from(iq), NS.client));
      }
    }
  }
}

const removedXml = (jid: string): string => `<item${attribute('jid', jid)} subscription='remove'/>`;

const versionOf = (asked: string | undefined, roster: Roster): string =>
  asked === undefined ? '' : attribute('ver', roster.version);

interface AskedItem {
  readonly jid: string;
  readonly remove: boolean;
  readonly name: string | undefined;
  readonly groups: readonly string[];
}

/** Section 2.3.3. */
function readItem(query: Element): AskedItem {
  const items = query.getChildElements();
  const [item] = items;
  if (items.length !== 1 || !item.is('item', ROSTER)) throw new StanzaError('modify', 'bad-request', 'one item');
  const { jid, name, subscription } = item.attrs;
  if (jid === undefined) throw new StanzaError('modify', 'bad-request', 'an item without a jid');
  const remove = subscription === 'remove';
  return { jid: bareOf(jid), remove, name: remove ? undefined : fitting(name, 'name'), groups: groupsOf(item) };
}

/** Other values of `subscription` are the server's to set: they are passed over (section 2.1.2.5). */
function bareOf(jid: string): string {
  return JID.parse(jid).bare.toString();
}

function groupsOf(item: Element): string[] {
  const groups = item.getChildren('group', ROSTER).map((group) => fitting(group.getText(), 'group') ?? '');
  fitting(groups.join(''), 'list of groups', MOST_GROUPS);
  if (groups.includes('')) throw new StanzaError('modify', 'not-acceptable', 'a group without a name');
  if (new Set(groups).size < groups.length) throw new StanzaError('modify', 'bad-request', 'a group twice');
  return groups;
}

function fitting(text: string | undefined, what: string, longest = LONGEST): string | undefined {
  if (text !== undefined && Buffer.byteLength(text) > longest)
    throw new StanzaError('modify', 'not-acceptable', `the ${what} is too long`);
  return text;
}

/** All that is shown of it; `more`: attributes. */
export function rosterXml({ items }: Pick<Roster, 'items'>, more = ''): string {
  const listed = [...items].filter(([, item]) => item.listed).map(([jid, item]) => itemXml(jid, item));
  return `<query xmlns='${ROSTER}'${more}>${listed.join('')}</query>`;
}

function itemXml(jid: string, item: RosterItem): string {
  const { name, groups, ask, approved } = item;
  const attributes =
    attribute('jid', jid) +
    attribute('name', name) +
    attribute('subscription', subscriptionOf(item)) +
    attribute('ask', ask ? 'subscribe' : undefined) +
    attribute('approved', approved ? 'true' : undefined);
  const inside = groups.map((group) => `<group>${escapeText(group)}</group>`).join('');
  return inside === '' ? `<item${attributes}/>` : `<item${attributes}>${inside}</item>`;
}
