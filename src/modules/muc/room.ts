// One room (XEP-0045): who is in it, how they stand to it, and how they hear of each other. It checks nothing: what may be
// done is decided where it is asked for (entering, speaking, administration, ownership).

import { createHmac } from 'node:crypto';
import type { ComponentHost } from '../../core/host.js';
import { Routed } from '../../core/routed.js';
import { attribute } from '../../xmpp/escape.js';
import type { JID } from '../../xmpp/jid.js';
import { NS } from '../../xmpp/ns.js';
import { Stanza } from '../../xmpp/stanza.js';
import { addressing, type Copies } from '../copies.js';
import { type Announcement, announced, gone, itemXml, statusXml, userXml } from './announcement.js';
import { History, type Said } from './history.js';
import type { Occupant, Visit } from './occupant.js';
import { Pace } from './pace.js';
import { type Affiliation, initialRole, isAtLeast, type Role } from './privileges.js';
import type { RoomConfig } from './room-config.js';
import type { RoomRecord } from './room-record.js';

export class Room {
  readonly address: string;
  config: RoomConfig;
  /** Its owner has not said yet what it is to be like; nobody else gets in. */
  locked = false;
  /** It is gone. */
  closed = false;
  readonly affiliations: Map<string, Affiliation>;
  readonly nicks: Map<string, string>;
  readonly requests: Map<string, string>;
  readonly secret: string;
  readonly history: History;
  subject: Said | undefined;
  readonly occupants = new Map<string, Occupant>();
  readonly pace = new Pace();
  readonly #byClient = new Map<string, Occupant>();
  #serial = 0;

  constructor(
    readonly jid: JID,
    readonly host: Pick<ComponentHost, 'send'>,
    record: RoomRecord,
    /** Told when the last one has left. */
    readonly empty: (room: Room) => void,
  ) {
    this.address = jid.toString();
    this.config = record.config;
    this.affiliations = record.affiliations;
    this.nicks = record.nicks;
    this.requests = record.requests;
    this.secret = record.secret;
    this.subject = record.subject;
    this.history = new History(this.address, record.history);
  }

  get name(): string {
    return this.jid.local;
  }

  /** What is said goes into an archive: of a room that goes with its last occupant nothing is to be left. */
  get archived(): boolean {
    return this.config.archived && this.config.persistent && !this.closed;
  }

  /** Of a bare JID. */
  affiliation(bare: string): Affiliation {
    return this.affiliations.get(bare) ?? 'none';
  }

  /** Whose client this full JID is. */
  occupantAt(client: JID): Occupant | undefined {
    return this.#byClient.get(client.toString());
  }

  occupantsOf(bare: string): Occupant[] {
    return [...this.occupants.values()].filter((each) => each.bare === bare);
  }

  /** Whoever else has this nickname, or reserved it. */
  isTaken(nick: string, bare: string): boolean {
    const there = this.occupants.get(nick);
    if (there !== undefined && there.bare !== bare) return true;
    for (const [owner, reserved] of this.nicks) if (reserved === nick && owner !== bare) return true;
    return false;
  }

  /** XEP-0421: the same for an account in this room, and in no other. */
  occupantId(bare: string): string {
    return createHmac('sha256', this.secret).update(bare).digest('base64url');
  }

  nextSerial(): number {
    return ++this.#serial;
  }

  add(occupant: Occupant): void {
    this.occupants.set(occupant.nick, occupant);
    for (const address of occupant.visits.keys()) this.#byClient.set(address, occupant);
  }

  rename(occupant: Occupant, jid: JID): void {
    this.occupants.delete(occupant.nick);
    occupant.jid = jid;
    this.occupants.set(jid.resource, occupant);
  }

  /** One client leaves; the others hear of it when it was the occupant's last. */
  leave(occupant: Occupant, visit: Visit, stanza: Stanza, said: Announcement = {}): void {
    this.#byClient.delete(visit.address);
    const wasShown = occupant.shown === visit;
    if (occupant.without(visit)) {
      const inside = this.#inside(occupant, said, 'none', true, true);
      const last = announced(stanza, occupant.jid.toString(), occupant.id, inside);
      this.#show(visit, addressing(last), 'unavailable', occupant.jid);
      if (wasShown) this.announce(occupant);
      return;
    }
    occupant.visits.set(visit.address, visit);
    this.remove(occupant, said, stanza);
  }

  /** An occupant is not here any more, by his will or another's. */
  remove(occupant: Occupant, said: Announcement = {}, stanza: Stanza = gone()): void {
    this.occupants.delete(occupant.nick);
    for (const address of occupant.visits.keys()) this.#byClient.delete(address);
    this.#tell(occupant, stanza, 'unavailable', said, this.#viewers(occupant), 'none');
    if (this.occupants.size === 0) this.empty(this);
  }

  /** Nobody is here any more; each is told so of himself alone. */
  dissolve(said: Announcement): void {
    const all = [...this.occupants.values()];
    this.occupants.clear();
    this.#byClient.clear();
    for (const occupant of all) this.#tell(occupant, gone(), 'unavailable', said, [occupant], 'none');
  }

  /** Section 7.6: he is somebody else from now on. */
  renamed(occupant: Occupant, jid: JID): void {
    this.#tell(
      occupant,
      gone(),
      'unavailable',
      { codes: [303], nick: jid.resource },
      this.#viewers(occupant),
      occupant.role,
    );
    this.rename(occupant, jid);
    this.announce(occupant);
  }

  /** Everybody sees how he is now; he himself last. */
  announce(occupant: Occupant, said: Announcement = {}): void {
    occupant.changed();
    const { seen, role, shown } = occupant;
    occupant.seen = this.shows(occupant);
    // He is in a role from now on in which nobody is shown to the others.
    if (seen && !occupant.seen)
      this.#tell(occupant, gone(), 'unavailable', {}, this.#others(occupant).slice(0, -1), role);
    this.#tell(occupant, shown.presence, undefined, said, this.#viewers(occupant), role);
  }

  /** Whether who is in this role is shown to the others. */
  shows({ role }: Occupant): boolean {
    return this.config.shownRoles.includes(role);
  }

  /** One client gets to see who is here. */
  look(visit: Visit, self: Occupant): void {
    const sees = this.#sees(self);
    for (const occupant of this.occupants.values())
      if (occupant !== self && occupant.seen) this.#show(visit, this.#look(occupant, sees), undefined, occupant.jid);
  }

  #look(occupant: Occupant, sees: boolean): Copies {
    const { looks } = occupant;
    const known = sees ? looks.whole : looks.masked;
    if (known !== undefined) return known;
    const inside = this.#inside(occupant, {}, occupant.role, sees, false);
    const copies = addressing(announced(occupant.shown.presence, occupant.jid.toString(), occupant.id, inside));
    looks[sees ? 'whole' : 'masked'] = copies;
    return copies;
  }

  /** To every client that is here; only its `to` is written for each. */
  broadcast(stanza: Stanza, from: JID, to: Iterable<Occupant> = [...this.occupants.values()]): void {
    const copy = addressing(stanza);
    for (const { visits } of to) {
      for (const visit of visits.values()) {
        this.host.send(new Routed(copy(visit.to), 'message', 'groupchat', from, visit.jid));
      }
    }
  }

  /** A message of the room itself (section 10.2.1) with this in its `<x/>`. */
  notify(inside: string, to?: Iterable<Occupant>): void {
    const xml = `<message xmlns='${NS.client}' type='groupchat'${attribute('from', this.address)}>${userXml(inside)}</message>`;
    this.broadcast(new Stanza(Buffer.from(xml), NS.client), this.jid, to);
  }

  /** A message of the room to somebody, here or elsewhere. */
  tell(to: JID, inside: string): void {
    const xml = `<message xmlns='${NS.client}'${attribute('from', this.address)}${attribute('to', to.toString())}>${inside}</message>`;
    this.host.send(new Routed(new Stanza(Buffer.from(xml), NS.client), 'message', undefined, this.jid, to));
  }

  moderators(): Occupant[] {
    return [...this.occupants.values()].filter(({ role }) => role === 'moderator');
  }

  /** Somebody stands otherwise to the room from now on; whoever is here sees it (sections 9 and 10). */
  affiliate(bare: string, affiliation: Affiliation, said: Announcement = {}): void {
    const before = this.affiliation(bare);
    if (affiliation === 'none') this.affiliations.delete(bare);
    else this.affiliations.set(bare, affiliation);
    if (!isAtLeast(affiliation, 'member')) this.nicks.delete(bare);
    this.requests.delete(bare);
    const here = this.occupantsOf(bare);
    for (const occupant of here) this.#stands(occupant, before, affiliation, said);
    if (here.length > 0 || before === affiliation) return;
    const to = this.config.nonAnonymous ? undefined : this.moderators();
    this.notify(itemXml({ affiliation, jid: bare, role: 'none', reason: said.reason }), to);
  }

  #stands(occupant: Occupant, before: Affiliation, now: Affiliation, said: Announcement): void {
    if (now === 'outcast') return void this.remove(occupant, { ...said, codes: [301] });
    if (now === 'none' && this.config.membersOnly) return void this.remove(occupant, { ...said, codes: [321] });
    const granted = occupant.role === 'moderator' && !isAtLeast(before, 'admin');
    if (before !== now && !granted) occupant.role = initialRole(now, this.config.moderated);
    this.announce(occupant, said);
  }

  #show({ to, jid }: Visit, copies: Copies, type: string | undefined, from: JID): void {
    this.host.send(new Routed(copies(to), 'presence', type, from, jid));
  }

  /** All, the occupant himself last. */
  #others(occupant: Occupant): Occupant[] {
    return [...[...this.occupants.values()].filter((each) => each !== occupant), occupant];
  }

  /** Those who hear of him, he himself last. */
  #viewers(occupant: Occupant): Occupant[] {
    return occupant.seen ? this.#others(occupant) : [occupant];
  }

  #sees({ role }: Occupant): boolean {
    return this.config.nonAnonymous || role === 'moderator';
  }

  #tell(
    occupant: Occupant,
    stanza: Stanza,
    type: string | undefined,
    said: Announcement,
    to: readonly Occupant[],
    role: Role,
  ): void {
    const made = new Map<string, Copies>();
    const from = occupant.jid;
    for (const receiver of to) {
      const self = receiver === occupant;
      const key = self ? 'self' : this.#sees(receiver) ? 'whole' : 'masked';
      let whole = made.get(key);
      if (whole === undefined) {
        const inside = this.#inside(occupant, said, role, key !== 'masked', self);
        whole = addressing(announced(stanza, from.toString(), occupant.id, inside));
        made.set(key, whole);
      }
      for (const visit of receiver.visits.values()) this.#show(visit, whole, type, from);
    }
  }

  #inside(occupant: Occupant, said: Announcement, role: Role, sees: boolean, self: boolean): string {
    const { codes = [], own = [], more = '', nick, actor, reason } = said;
    const jid = sees ? occupant.shown.address : undefined;
    const item = itemXml({ affiliation: this.affiliation(occupant.bare), role, jid, nick, actor, reason });
    return item + more + statusXml(self ? [...codes, ...own, 110] : codes);
  }
}
