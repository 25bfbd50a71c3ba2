// What occupants say to all (XEP-0045 section 7.4), the subject (section 8.1), and private messages (section 7.5).

import type { ComponentHost } from '../../core/host.js';
import { Routed } from '../../core/routed.js';
import type { JID } from '../../xmpp/jid.js';
import { NS } from '../../xmpp/ns.js';
import type { Stanza } from '../../xmpp/stanza.js';
import { isLasting } from '../mam/archivable.js';
import { occupantIdXml, userXml } from './announcement.js';
import { appended, purged } from './bytes.js';
import { changesSubject } from './history.js';
import { badRequest, forbidden, itemNotFound, notAcceptable } from './names.js';
import type { Occupant } from './occupant.js';
import type { MucOptions } from './options.js';
import { countOf } from './pace.js';
import { ROLES } from './privileges.js';
import type { Room } from './room.js';
import type { RoomStore } from './room-store.js';

/** What a change of the subject may have besides, in bytes: all of it is shown to whoever enters. */
const SUBJECT_REST = 2048;

export class Speaking {
  constructor(
    readonly host: ComponentHost,
    readonly options: MucOptions,
    readonly store: RoomStore,
  ) {}

  /** To all. */
  groupchat(room: Room, routed: Routed): void {
    const { from, stanza } = routed;
    const occupant = this.speaker(room, from, countOf(stanza));
    const isSubject = changesSubject(stanza);
    if (isSubject) this.#checkSubject(room, occupant, stanza);
    else if (occupant.role === 'visitor') throw forbidden('no voice');
    const said = appended(
      purged(stanza, room.address).with({ from: occupant.jid.toString(), to: undefined }),
      occupantIdXml(occupant.id),
    );
    // Before anybody hears it: who enters meanwhile hears it once.
    const isLong = isSubject || isLasting(stanza);
    room.broadcast(isLong ? this.#kept(room, routed, said, occupant, isSubject) : said, occupant.jid);
  }

  /** To one; `room.occupants` are known by the nickname. */
  privately(room: Room, { from, to, stanza, type }: Routed): void {
    const occupant = this.speaker(room, from, countOf(stanza));
    if (type === 'groupchat') throw badRequest('what is for all is for the room');
    const receiver = room.occupants.get(to.resource);
    if (receiver === undefined) throw itemNotFound();
    if (!mayWrite(room, occupant)) throw forbidden('no private messages');
    const said = appended(
      purged(stanza, room.address).with({ from: occupant.jid.toString(), to: undefined }),
      occupantIdXml(occupant.id) + userXml(''),
    );
    for (const { address, jid } of receiver.visits.values())
      this.host.send(new Routed(said.with({ to: address }), 'message', type, occupant.jid, jid));
  }

  /** Who says this. Throws StanzaError for who is not here, and who says too much. */
  speaker(room: Room, from: JID, count = 1): Occupant {
    const occupant = room.occupantAt(from);
    if (occupant === undefined) throw notAcceptable('you are not in this room');
    room.pace.take(this.host, occupant.bare, this.options, count);
    return occupant;
  }

  #checkSubject(room: Room, { role }: Occupant, stanza: Stanza): void {
    if (role !== 'moderator' && !(room.config.changeSubject && role === 'participant')) throw forbidden();
    const { max_subject_bytes: most } = this.options;
    const subjects = stanza.tree.getChildren('subject', NS.client).map((each) => Buffer.byteLength(each.getText()));
    if (subjects.every((each) => each <= most) && stanza.raw.length <= most + SUBJECT_REST) return;
    this.host.limited('muc.max_subject_bytes');
    throw notAcceptable('the subject is too long');
  }

  /** With its id. Everybody hears it at once; only the acknowledgement to its sender waits until it is there. */
  #kept(room: Room, { session }: Routed, stanza: Stanza, who: Occupant, isSubject: boolean): Stanza {
    const at = Date.now();
    const { config, history } = room;
    const most = isSubject || !stanza.raw.includes('<body') ? 0 : Math.min(config.history, this.options.max_history);
    const said = this.store.said(room, stanza, { who, at, shown: most });
    const works = [said.done];
    if (most > 0) history.add({ stanza: said.stanza, at }, most, this.options.max_history_bytes);
    if (isSubject) {
      room.subject = { stanza: said.stanza, at };
      works.push(this.store.subject(room));
    }
    for (const work of works) {
      const kept = work?.catch((error) => this.host.log.error('room_not_kept', { error }));
      if (kept !== undefined) session?.keeps(kept);
    }
    return said.stanza;
  }
}

function mayWrite({ config }: Room, { role }: Occupant): boolean {
  if (config.allowPm === 'none') return false;
  const least = config.allowPm === 'anyone' ? 'visitor' : config.allowPm === 'moderators' ? 'moderator' : 'participant';
  return ROLES.indexOf(role) >= ROLES.indexOf(least);
}
