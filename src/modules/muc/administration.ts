// Requests of moderators, admins and owners about roles and affiliations (XEP-0045 sections 8, 9 and 10): lists, and changes
// to them. A request is done as a whole or not at all.

import { DONE, type IqAnswer, type IqRequest } from '../../core/hooks.js';
import type { ComponentHost } from '../../core/host.js';
import type { Element } from '../../xmpp/element.js';
import { JID } from '../../xmpp/jid.js';
import { itemXml } from './announcement.js';
import { invitationXml, standingXml } from './invitation.js';
import { ADMIN, badRequest, conflict, forbidden, itemNotFound, tooMany } from './names.js';
import type { Occupant } from './occupant.js';
import type { MucOptions } from './options.js';
import {
  type Affiliation,
  affiliationOf,
  checkAffiliation,
  checkRole,
  isAtLeast,
  type Role,
  roleOf,
} from './privileges.js';
import { readReason } from './reason.js';
import type { Room } from './room.js';
import type { RoomStore } from './room-store.js';

interface RoleChange {
  readonly occupant: Occupant;
  readonly role: Role;
  readonly reason?: string;
}

export interface AffiliationChange {
  readonly bare: string;
  readonly affiliation: Affiliation;
  /** '': none is reserved any more. */
  readonly nick?: string;
  readonly reason?: string;
}

export class Administration {
  constructor(
    readonly host: ComponentHost,
    readonly options: MucOptions,
    readonly store: RoomStore,
  ) {}

  /** A list. */
  get(room: Room, { from, payload }: IqRequest): IqAnswer {
    const [item] = payload.getChildren('item', ADMIN);
    const affiliation = affiliationOf(item?.attrs.affiliation);
    const role = roleOf(item?.attrs.role);
    if (affiliation !== undefined && affiliation !== 'none') return this.#affiliated(room, from, affiliation);
    if (role !== undefined && role !== 'none') return this.#inRole(room, from, role);
    throw badRequest('which list?');
  }

  async set(room: Room, request: IqRequest): Promise<IqAnswer> {
    const items = request.payload.getChildren('item', ADMIN);
    if (items.length === 0) throw badRequest('no item');
    // Others hear of each of them.
    room.pace.take(this.host, request.from.bare.toString(), this.options, items.length);
    const isRoles = items.every(({ attrs }) => attrs.role !== undefined && attrs.affiliation === undefined);
    const isAffiliations = items.every(({ attrs }) => attrs.affiliation !== undefined && attrs.role === undefined);
    if (isRoles) this.#roles(room, request, items);
    else if (isAffiliations) await this.#affiliations(room, request, items);
    else throw badRequest('either roles or affiliations');
    return DONE;
  }

  /** Sections 7.11, 9.2, 9.5, 10.5 and 10.8; members of a room that is not anonymous may see who else is one. */
  #affiliated(room: Room, from: JID, affiliation: Affiliation): string {
    const own = room.affiliation(from.bare.toString());
    if (!isAtLeast(own, 'admin') && (affiliation === 'outcast' || !mayList(room, from, own))) throw forbidden();
    const items = [...room.affiliations].filter(([, each]) => each === affiliation);
    return queryXml(items.map(([jid]) => itemXml({ affiliation, jid, nick: room.nicks.get(jid) })));
  }

  /** Sections 8.5 and 9.8. */
  #inRole(room: Room, from: JID, role: Role): string {
    const own = room.affiliation(from.bare.toString());
    if (room.occupantAt(from)?.role !== 'moderator' && !isAtLeast(own, 'admin')) throw forbidden();
    const occupants = [...room.occupants.values()].filter((each) => each.role === role);
    return queryXml(
      occupants.map(({ nick, bare, shown }) =>
        itemXml({ affiliation: room.affiliation(bare), role, nick, jid: shown.address }),
      ),
    );
  }

  #roles(room: Room, { from }: IqRequest, items: readonly Element[]): void {
    const bare = from.bare.toString();
    const here = room.occupantAt(from);
    const actor = { role: here?.role ?? ('none' as Role), affiliation: room.affiliation(bare) };
    const changes = items.map((item) => this.#roleChange(room, actor, item));
    // Who has been sent away is not to be shown again.
    if (new Set(changes.map(({ occupant }) => occupant)).size < items.length) throw badRequest('an occupant twice');
    for (const { occupant, role, reason } of changes) {
      const said = { actor: here?.nick, reason };
      if (role === 'none') room.remove(occupant, { ...said, codes: [307] });
      else if (role !== occupant.role) {
        occupant.role = role;
        room.announce(occupant, said);
      }
    }
  }

  #roleChange(room: Room, actor: { role: Role; affiliation: Affiliation }, item: Element): RoleChange {
    const role = roleOf(item.attrs.role);
    if (role === undefined || item.attrs.nick === undefined) throw badRequest('a nickname and a role');
    if (actor.role !== 'moderator') throw forbidden();
    const occupant = room.occupants.get(room.jid.withResource(item.attrs.nick).resource);
    if (occupant === undefined) throw itemNotFound();
    checkRole(actor, { role: occupant.role, affiliation: room.affiliation(occupant.bare) }, role);
    return { occupant, role, reason: this.#reason(item) };
  }

  async #affiliations(room: Room, { from }: IqRequest, items: readonly Element[]): Promise<void> {
    await this.affiliate(room, from, () => items.map((item) => this.#wanted(room, item)));
  }

  /** All that is wanted when it is its turn, or nothing. Throws StanzaError. */
  async affiliate(room: Room, from: JID, wish: () => readonly AffiliationChange[]): Promise<void> {
    await this.store.standings(room, () => {
      const wanted = new Map(wish().map((each) => [each.bare, each]));
      this.#checkAll(room, from.bare.toString(), wanted);
      const standings = [...wanted.values()].map(
        (each) => [each.bare, { ...each, nick: this.#nick(room, each) }] as const,
      );
      return { standings, done: () => this.#changed(room, from, wanted.values()) };
    });
  }

  #changed(room: Room, from: JID, changes: Iterable<AffiliationChange>): void {
    const actor = room.occupantAt(from)?.nick;
    for (const change of changes) {
      const before = room.affiliation(change.bare);
      const nick = this.#nick(room, change);
      if (nick !== undefined) room.nicks.set(change.bare, nick);
      else room.nicks.delete(change.bare);
      room.affiliate(change.bare, change.affiliation, { actor, reason: change.reason });
      this.#write(room, from, change, before);
    }
  }

  /** To who is not here: an invitation where only members are let in (section 9.5), else that he stands otherwise (17.1). */
  #write(room: Room, from: JID, { bare, affiliation, reason }: AffiliationChange, before: Affiliation): void {
    if (before === affiliation || room.occupantsOf(bare).length > 0) return;
    const to = this.host.addresses.read(bare);
    const inviter = room.config.nonAnonymous
      ? from.bare.toString()
      : (room.occupantAt(from)?.jid ?? room.jid).toString();
    const isInvited = room.config.membersOnly && before === 'none' && isAtLeast(affiliation, 'member');
    room.tell(to, isInvited ? invitationXml(room, { from: inviter, reason }) : standingXml(affiliation, reason));
  }

  #reason(item: Element): string | undefined {
    return readReason(this.host, this.options, item, ADMIN);
  }

  /** The nickname that is reserved for him then. */
  #nick(room: Room, { bare, affiliation, nick }: AffiliationChange): string | undefined {
    return isAtLeast(affiliation, 'member') ? (nick ?? room.nicks.get(bare)) || undefined : undefined;
  }

  #wanted(room: Room, item: Element): AffiliationChange {
    const { jid, nick, affiliation: said } = item.attrs;
    const affiliation = affiliationOf(said);
    if (affiliation === undefined) throw badRequest('no such affiliation');
    const bare = jid === undefined ? room.occupants.get(nick ?? '')?.bare : JID.parse(jid).bare.toString();
    if (bare === undefined) throw jid === undefined && nick === undefined ? badRequest('whose?') : itemNotFound();
    const reason = this.#reason(item);
    if (jid === undefined || nick === undefined) return { bare, affiliation, reason };
    if (nick === '') return { bare, affiliation, nick, reason };
    const reserved = room.jid.withResource(nick).resource;
    if (Buffer.byteLength(reserved) > this.options.max_nick_bytes) throw badRequest('the nickname is too long');
    if (room.isTaken(reserved, bare)) throw conflict('somebody else has this nickname');
    return { bare, affiliation, nick: reserved, reason };
  }

  #checkAll(room: Room, actor: string, wanted: ReadonlyMap<string, AffiliationChange>): void {
    const own = room.affiliation(actor);
    for (const { bare, affiliation } of wanted.values())
      checkAffiliation(own, room.affiliation(bare), affiliation, bare === actor);
    const after = new Map(room.affiliations);
    for (const { bare, affiliation } of wanted.values()) {
      if (affiliation === 'none') after.delete(bare);
      else after.set(bare, affiliation);
    }
    // Section 10.4: somebody has to own it.
    if (![...after.values()].includes('owner')) throw conflict('a room has an owner');
    if (after.size > this.options.max_affiliations && after.size > room.affiliations.size) {
      this.host.limited('muc.max_affiliations');
      throw tooMany(`a room knows ${this.options.max_affiliations} users at most`);
    }
  }
}

/** Who sees addresses here, and is a member or in a role that may. */
function mayList(room: Room, from: JID, own: Affiliation): boolean {
  const { nonAnonymous, listRoles } = room.config;
  const role = room.occupantAt(from)?.role;
  const isListed = role !== undefined && listRoles.includes(role);
  return nonAnonymous ? isListed || isAtLeast(own, 'member') : isListed && role === 'moderator';
}

const queryXml = (items: readonly string[]): string => `<query xmlns='${ADMIN}'>${items.join('')}</query>`;
