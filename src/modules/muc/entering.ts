// How one gets into a room, changes one's nickname or presence, and leaves (XEP-0045 sections 7.1 to 7.6 and 7.14).

import type { ComponentHost } from '../../core/host.js';
import { Routed } from '../../core/routed.js';
import { errorAnswer } from '../../xmpp/answer.js';
import type { Element } from '../../xmpp/element.js';
import { StanzaError } from '../../xmpp/errors.js';
import { attribute } from '../../xmpp/escape.js';
import type { JID } from '../../xmpp/jid.js';
import { NS } from '../../xmpp/ns.js';
import { Stanza } from '../../xmpp/stanza.js';
import { toAttribute } from '../copies.js';
import { delayed } from '../delay.js';
import { gone } from './announcement.js';
import { purged } from './bytes.js';
import { conflict, forbidden, itemNotFound, MUC, notAcceptable } from './names.js';
import { Occupant, type Visit } from './occupant.js';
import type { MucOptions } from './options.js';
import { countOf } from './pace.js';
import { initialRole, isAtLeast } from './privileges.js';
import type { Registration } from './registration.js';
import type { Room } from './room.js';

export class Entering {
  constructor(
    readonly host: ComponentHost,
    readonly options: MucOptions,
    readonly registration: Registration,
  ) {}

  /** Available presence to an occupant's address. Throws StanzaError when it is not to be. */
  present(room: Room, routed: Routed, created: boolean): void {
    const { from, to, stanza } = routed;
    const occupant = room.occupantAt(from);
    const asked = stanza.raw.includes(MUC) ? stanza.tree.getChild('x', MUC) : undefined;
    room.pace.take(this.host, from.bare.toString(), this.options, countOf(stanza));
    this.#checkSize(stanza);
    if (occupant === undefined) return void this.#enter(room, routed, asked, created);
    const visit = visitOf(occupant, from);
    const presence = ofClient(stanza, room);
    if (occupant.nick !== to.resource) return void this.#rename(room, occupant, visit, to, presence);
    visit.presence = presence;
    occupant.shown = visit;
    if (asked === undefined) room.announce(occupant);
    else this.#welcome(room, occupant, visit, asked, []);
  }

  unavailable(room: Room, { from, stanza }: Routed): void {
    const occupant = room.occupantAt(from);
    if (occupant === undefined) return;
    const isLong = stanza.raw.length > this.options.max_presence_bytes;
    room.leave(occupant, visitOf(occupant, from), isLong ? gone() : ofClient(stanza, room));
  }

  /** What the room sent did not arrive: he is not there any more. */
  lost(room: Room, from: JID): void {
    const occupant = room.occupantAt(from);
    if (occupant === undefined) return;
    const visit = visitOf(occupant, from);
    room.leave(occupant, visit, gone(), { codes: [307, 333] });
  }

  /** Whoever enters later is sent it too. */
  #checkSize({ raw }: Stanza): void {
    if (raw.length <= this.options.max_presence_bytes) return;
    this.host.limited('muc.max_presence_bytes');
    throw notAcceptable('too much for presence');
  }

  #enter(room: Room, { from, to, stanza }: Routed, asked: Element | undefined, created: boolean): void {
    const bare = from.bare.toString();
    this.#checkEntry(room, bare, to.resource, asked);
    const visit: Visit = {
      jid: from,
      address: from.toString(),
      to: toAttribute(from.toString()),
      serial: room.nextSerial(),
      presence: ofClient(stanza, room),
    };
    const there = room.occupants.get(to.resource);
    if (there !== undefined) {
      there.visits.set(visit.address, visit);
      there.shown = visit;
    }
    const role = initialRole(room.affiliation(bare), room.config.moderated);
    const occupant = there ?? new Occupant(to, bare, room.occupantId(bare), role, visit);
    room.add(occupant);
    const codes = [
      ...(created ? [201] : []),
      ...(room.config.nonAnonymous ? [100] : []),
      ...(room.archived ? [170] : []),
      ...(isAsWritten(stanza, to) ? [] : [210]),
    ];
    this.#welcome(room, occupant, visit, asked, codes);
    // Section 9.9: what waits for an answer.
    if (isAtLeast(room.affiliation(bare), 'admin'))
      for (const form of this.registration.questions(room)) room.tell(from, form);
  }

  /** Section 7.2.2: others, himself, history, subject, in this order. */
  #welcome(room: Room, occupant: Occupant, visit: Visit, asked: Element | undefined, own: readonly number[]): void {
    room.look(visit, occupant);
    room.announce(occupant, { own });
    const wish = asked?.getChild('history', MUC);
    const most = Math.min(room.config.history, this.options.max_history);
    for (const message of room.history.wanted(wish, most, Date.now())) this.#toOne(room, message, visit);
    this.#toOne(room, subjectOf(room), visit);
  }

  #toOne(room: Room, stanza: Stanza, { address, jid }: Visit): void {
    const from = this.host.addresses.read(stanza.from ?? room.address);
    this.host.send(new Routed(stanza.with({ to: address }), 'message', 'groupchat', from, jid));
  }

  #checkEntry(room: Room, bare: string, nick: string, asked: Element | undefined): void {
    const affiliation = room.affiliation(bare);
    if (room.locked && affiliation !== 'owner') throw itemNotFound('the room is not ready yet');
    if (affiliation === 'outcast') throw forbidden('banned');
    if (room.config.membersOnly && affiliation === 'none') throw new StanzaError('auth', 'registration-required');
    const { password } = room.config;
    if (password !== '' && asked?.getChildText('password', MUC) !== password)
      throw new StanzaError('auth', 'not-authorized', 'this room has a password');
    this.#checkNick(room, bare, nick);
    if (!isAtLeast(affiliation, 'admin') && !room.occupants.has(nick)) this.#checkPlace(room);
    if ((room.occupants.get(nick)?.visits.size ?? 0) >= this.options.max_clients_per_occupant) {
      this.host.limited('muc.max_clients_per_occupant');
      throw conflict('too many clients have this nickname');
    }
  }

  /** Sections 7.2.8 and 7.6. */
  #checkNick(room: Room, bare: string, nick: string): void {
    if (Buffer.byteLength(nick) > this.options.max_nick_bytes) {
      this.host.limited('muc.max_nick_bytes');
      throw notAcceptable('the nickname is too long');
    }
    if (room.isTaken(nick, bare)) throw conflict('somebody else has this nickname');
  }

  /** Section 7.2.9. */
  #checkPlace(room: Room): void {
    const own = room.config.maxUsers;
    const { max_occupants: most } = this.options;
    if (room.occupants.size >= most) this.host.limited('muc.max_occupants');
    else if (own === 0 || room.occupants.size < own) return;
    throw new StanzaError('wait', 'service-unavailable', 'the room is full');
  }

  #rename(room: Room, occupant: Occupant, visit: Visit, to: JID, presence: Stanza): void {
    this.#checkNick(room, occupant.bare, to.resource);
    if (room.occupants.has(to.resource)) throw conflict('you have this nickname with another client');
    visit.presence = presence;
    occupant.shown = visit;
    room.renamed(occupant, to);
  }
}

/** As in section 7.2: clients know by the `<x/>` that it is entering that was refused. */
export function notAdmitted({ stanza, from, to }: Routed, error: StanzaError): Routed {
  const attributes = [attribute('id', stanza.id), attribute('from', stanza.from), attribute('to', stanza.to)].join('');
  const asked = Stanza.from(`<presence xmlns='${NS.client}'${attributes}><x xmlns='${MUC}'/></presence>`);
  return new Routed(errorAnswer(asked, error, true), 'presence', 'error', to, from);
}

export function visitOf(occupant: Occupant, client: JID): Visit {
  return occupant.visits.get(client.toString()) ?? occupant.shown;
}

/** Section 7.2.15. */
function subjectOf(room: Room): Stanza {
  const { subject, address } = room;
  if (subject !== undefined) return delayed(subject.stanza, address, subject.at);
  const xml = `<message xmlns='${NS.client}' type='groupchat'${attribute('from', address)}><subject/></message>`;
  return new Stanza(Buffer.from(xml), NS.client);
}

/** The payload of a client's presence, without addresses. */
const ofClient = (stanza: Stanza, room: Room): Stanza =>
  purged(stanza, room.address).with({ from: undefined, to: undefined });

/** The nickname was not changed by preparing it. */
const isAsWritten = ({ to = '' }: Stanza, { resource }: JID): boolean => to.slice(to.indexOf('/') + 1) === resource;
