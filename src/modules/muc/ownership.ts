// What only owners do: configure and destroy a room (XEP-0045 sections 10.1, 10.2 and 10.9).

import { DONE, type IqAnswer, type IqRequest } from '../../core/hooks.js';
import type { ComponentHost } from '../../core/host.js';
import type { Element } from '../../xmpp/element.js';
import { attribute } from '../../xmpp/escape.js';
import { JID } from '../../xmpp/jid.js';
import { DATA } from '../data-form.js';
import type { Administration } from './administration.js';
import { statusXml } from './announcement.js';
import { submitted } from './forms.js';
import { textXml } from './invitation.js';
import { badRequest, forbidden, itemNotFound, notAcceptable, OWNER } from './names.js';
import type { MucOptions } from './options.js';
import { type Affiliation, initialRole } from './privileges.js';
import { readReason } from './reason.js';
import type { Room } from './room.js';
import { changedConfig, configForm, LISTS, ROOM_CONFIG, type RoomConfig } from './room-config.js';
import type { RoomStore } from './room-store.js';

/** Longest name, description or password of a room. */
const TEXT_BYTES = 1024;

export class Ownership {
  constructor(
    readonly host: ComponentHost,
    readonly options: MucOptions,
    readonly store: RoomStore,
    readonly administration: Administration,
    /** Takes a room out of the service. */
    readonly forget: (room: Room) => Promise<void>,
  ) {}

  get(room: Room, { from }: IqRequest): IqAnswer {
    this.#checkOwner(room, from);
    return `<query xmlns='${OWNER}'>${configForm(room.config, room.name, room.locked)}</query>`;
  }

  async set(room: Room, { from, payload }: IqRequest): Promise<IqAnswer> {
    this.#checkOwner(room, from);
    room.pace.take(this.host, from.bare.toString(), this.options);
    const destroy = payload.getChild('destroy', OWNER);
    const form = payload.getChild('x', DATA);
    if (destroy !== undefined) await this.#destroy(room, destroy);
    else if (form?.attrs.type === 'cancel') await this.#cancel(room);
    else await this.#configure(room, from, form);
    return DONE;
  }

  #checkOwner(room: Room, from: JID): void {
    if (room.affiliation(from.bare.toString()) !== 'owner') throw forbidden();
  }

  async #configure(room: Room, from: JID, form: Element | undefined): Promise<void> {
    const said = submitted(form, ROOM_CONFIG);
    if (said === undefined) throw badRequest('no room configuration');
    const limits = { textBytes: TEXT_BYTES, history: this.options.max_history };
    if (LISTS.some(([name]) => said.has(name))) {
      // What cannot be so is refused before anybody stands otherwise.
      await this.#affiliate(room, from, said, changedConfig(room.config, said, limits));
      if (room.closed) throw itemNotFound('the room is destroyed');
    }
    const before = room.config;
    const wasArchived = room.archived;
    const config = changedConfig(before, said, limits);
    room.config = config;
    try {
      if (config.persistent) await this.store.whole(room);
      else if (before.persistent) await this.store.remove(room.name);
    } catch (error) {
      room.config = before;
      throw error;
    }
    room.locked = false;
    this.#tell(room, before, config, wasArchived);
    if (!config.persistent && room.occupants.size === 0) room.empty(room);
  }

  /**
   * Sections 10.5 and 10.8: the form has full lists. It shows them only while the room is made, for clients send back all
   * that a form shows: who was made an admin meanwhile would be one no more. Who fills it in stays an owner.
   */
  async #affiliate(room: Room, from: JID, said: ReadonlyMap<string, string>, config: RoomConfig): Promise<void> {
    const lists = LISTS.filter(([name]) => said.has(name));
    const others = room.config.membersOnly || config.membersOnly ? 'member' : 'none';
    await this.administration.affiliate(room, from, () => {
      const wanted = new Map<string, Affiliation>();
      for (const [, is] of lists)
        for (const [bare, affiliation] of room.affiliations) if (affiliation === is) wanted.set(bare, others);
      for (const [name, affiliation] of lists)
        for (const bare of addressesIn(said.get(name) ?? '')) wanted.set(bare, affiliation);
      wanted.delete(from.bare.toString());
      const changes = [...wanted].filter(([bare, affiliation]) => room.affiliation(bare) !== affiliation);
      // Others hear of each of them.
      if (changes.length > 0) room.pace.take(this.host, from.bare.toString(), this.options, changes.length);
      return changes.map(([bare, affiliation]) => ({ bare, affiliation }));
    });
  }

  /** Section 10.2.1, and who has no place in it any more. */
  #tell(room: Room, before: RoomConfig, config: RoomConfig, wasArchived: boolean): void {
    const { nonAnonymous, membersOnly, moderated, archived } = config;
    const codes: number[] = nonAnonymous === before.nonAnonymous ? [] : [nonAnonymous ? 172 : 173];
    if (room.archived !== wasArchived) codes.push(room.archived ? 170 : 171);
    if (JSON.stringify({ ...before, nonAnonymous, archived }) !== JSON.stringify(config)) codes.push(104);
    if (codes.length > 0) room.notify(statusXml(codes));
    for (const occupant of [...room.occupants.values()]) {
      const affiliation = room.affiliation(occupant.bare);
      if (affiliation !== 'none') continue;
      if (membersOnly) room.remove(occupant, { codes: [322] });
      else if (moderated !== before.moderated && occupant.role !== 'moderator') {
        occupant.role = initialRole(affiliation, moderated);
        room.announce(occupant);
      }
    }
    for (const occupant of [...room.occupants.values()])
      if (occupant.seen !== room.shows(occupant)) room.announce(occupant);
  }

  /** Section 10.1.3: a room that was to be configured first is not wanted after all. */
  async #cancel(room: Room): Promise<void> {
    if (room.locked) await this.#destroy(room, undefined);
  }

  /** Section 10.9. */
  async #destroy(room: Room, said: Element | undefined): Promise<void> {
    const more = destroyXml(said, readReason(this.host, this.options, said, OWNER));
    await this.forget(room);
    room.affiliations.clear();
    room.dissolve({ more });
  }
}

/** One a line. Throws StanzaError. */
function addressesIn(text: string): string[] {
  const lines = text.split('\n').map((line) => line.trim());
  return lines.filter((line) => line !== '').map((line) => JID.parse(line).bare.toString());
}

function destroyXml(said: Element | undefined, reason: string | undefined): string {
  const jid = said?.attrs.jid;
  const alternate = jid === undefined ? undefined : JID.parse(jid).toString();
  const password = said?.getChildText('password', OWNER) ?? undefined;
  if (password !== undefined && Buffer.byteLength(password) > TEXT_BYTES)
    throw notAcceptable('the password is too long');
  return `<destroy${attribute('jid', alternate)}>${textXml('password', password)}${textXml('reason', reason)}</destroy>`;
}
