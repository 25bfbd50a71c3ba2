// What occupants say to all (XEP-0045 section 7.4), the subject (section 8.1), and private messages (section 7.5).

import type { ComponentHost } from '../../core/host.js';
import { Routed } from '../../core/routed.js';
import type { JID } from '../../xmpp/jid.js';
import { NS } from '../../xmpp/ns.js';
import type { Stanza } from '../../xmpp/stanza.js';
import { occupantIdXml, userXml } from './announcement.js';
import { appended, purged } from './bytes.js';
import { visitOf } from './entering.js';
import { badRequest, forbidden, itemNotFound, notAcceptable } from './names.js';
import type { Occupant } from './occupant.js';
import type { MucOptions } from './options.js';
import { takePace } from './pace.js';
import { ROLES } from './privileges.js';
import type { Room } from './room.js';
import type { RoomStore } from './room-store.js';

const HINTS = 'urn:xmpp:hints';

export class Speaking {
  constructor(
    readonly host: ComponentHost,
    readonly options: MucOptions,
    readonly store: RoomStore,
  ) {}

  /** To all. */
  groupchat(room: Room, { from, stanza }: Routed): void {
    const occupant = this.speaker(room, from);
    const isSubject = changesSubject(stanza);
    if (isSubject) this.#checkSubject(room, occupant, stanza);
    else if (occupant.role === 'visitor') throw forbidden('no voice');
    const said = appended(
      purged(stanza, room.address).with({ from: occupant.jid.toString(), to: undefined }),
      occupantIdXml(occupant.id),
    );
    // Before anybody hears it: who enters meanwhile hears it once.
    if (isSubject) this.#subject(room, said);
    else if (isKept(stanza)) this.#keep(room, said);
    room.broadcast(said, occupant.jid);
  }

  /** To one; `room.occupants` are known by the nickname. */
  privately(room: Room, { from, to, stanza, type }: Routed): void {
    const occupant = this.speaker(room, from);
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
  speaker(room: Room, from: JID): Occupant {
    const occupant = room.occupantAt(from);
    if (occupant === undefined) throw notAcceptable('you are not in this room');
    takePace(this.host, visitOf(occupant, from), this.options);
    return occupant;
  }

  #checkSubject(room: Room, { role }: Occupant, stanza: Stanza): void {
    if (role !== 'moderator' && !(room.config.changeSubject && role === 'participant')) throw forbidden();
    const subjects = stanza.tree.getChildren('subject', NS.client).map((each) => Buffer.byteLength(each.getText()));
    if (subjects.every((each) => each <= this.options.max_subject_bytes)) return;
    this.host.limited('muc.max_subject_bytes');
    throw notAcceptable('the subject is too long');
  }

  #subject(room: Room, stanza: Stanza): void {
    room.subject = { stanza, at: Date.now() };
    this.store.subject(room);
  }

  #keep(room: Room, stanza: Stanza): void {
    const most = Math.min(room.config.history, this.options.max_history);
    if (most === 0) return;
    const said = { stanza, at: Date.now() };
    room.history.add(said, most, this.options.max_history_bytes);
    this.store.said(room, said, most);
  }
}

function changesSubject(stanza: Stanza): boolean {
  if (!stanza.raw.includes('subject')) return false;
  const { tree } = stanza;
  const has = (name: string) => tree.getChild(name, NS.client) !== undefined;
  return has('subject') && !has('body') && !has('thread');
}

/** Typing and the like is for who is here. */
const isKept = (stanza: Stanza): boolean =>
  stanza.raw.includes('<body') &&
  (!stanza.raw.includes(HINTS) || stanza.tree.getChild('no-store', HINTS) === undefined);

function mayWrite({ config }: Room, { role }: Occupant): boolean {
  if (config.allowPm === 'none') return false;
  const least = config.allowPm === 'anyone' ? 'visitor' : config.allowPm === 'moderators' ? 'moderator' : 'participant';
  return ROLES.indexOf(role) >= ROLES.indexOf(least);
}
