// Requests between occupants (XEP-0045 section 17.4), which know each other by their addresses in the room only, and pings of
// oneself (XEP-0410). An id that is passed on says which of the asker's clients the answer is for, and whose answer; nothing
// is kept.

import type { ComponentHost } from '../../core/host.js';
import { Routed } from '../../core/routed.js';
import { resultAnswer } from '../../xmpp/answer.js';
import { StanzaError } from '../../xmpp/errors.js';
import type { JID } from '../../xmpp/jid.js';
import { visitOf } from './entering.js';
import { badRequest, INFO, ITEMS, itemNotFound, notAcceptable } from './names.js';
import type { Occupant, Visit } from './occupant.js';
import type { MucOptions } from './options.js';
import type { Room } from './room.js';

const PING = 'urn:xmpp:ping';
const VCARD = 'vcard-temp';
const PUBSUB = 'http://jabber.org/protocol/pubsub';
const LONGEST_ID = 1024;

export class Exchange {
  constructor(
    readonly host: ComponentHost,
    readonly options: MucOptions,
  ) {}

  /** Throws StanzaError, which nobody gets to see where it is an answer that is passed on. */
  take(room: Room, routed: Routed): void {
    const { type } = routed;
    if (type === 'get' || type === 'set') this.#request(room, routed);
    else this.#answer(room, routed);
  }

  #request(room: Room, routed: Routed): void {
    const { from, to, stanza, type } = routed;
    const asker = room.occupantAt(from);
    const { payload } = stanza;
    // Section 6.6.
    if (asker === undefined && (payload?.ns === INFO || payload?.ns === ITEMS)) throw badRequest('you are not here');
    if (asker === undefined) throw new StanzaError('cancel', 'not-acceptable', 'you are not in this room');
    if (payload?.ns === PING && asker.nick === to.resource) return void this.#pong(routed);
    const visit = visitOf(asker, from);
    room.pace.take(this.host, asker.bare, this.options);
    const asked = room.occupants.get(to.resource);
    if (asked === undefined) throw itemNotFound();
    const id = `${visit.serial}.${asked.shown.serial}.${stanza.id ?? ''}`;
    if (id.length > LONGEST_ID) throw notAcceptable('the id is too long');
    const receiver = ofAccount(type, payload?.ns) ? asked.shown.jid.bare : asked.shown.jid;
    this.#pass(routed, asker.jid, receiver, id);
  }

  #answer(room: Room, routed: Routed): void {
    const [, serial, askedSerial, id] = /^(\d+)\.(\d+)\.(.*)$/s.exec(routed.stanza.id ?? '') ?? [];
    const { from } = routed;
    const here = room.occupantAt(from);
    const answerers = here === undefined && from.isBare ? room.occupantsOf(from.toString()) : [here];
    const answerer = answerers.find((each) => each !== undefined && visitWith(each, Number(askedSerial)) !== undefined);
    const asker = room.occupants.get(routed.to.resource);
    const visit = asker && visitWith(asker, Number(serial));
    if (answerer !== undefined && visit !== undefined) this.#pass(routed, answerer.jid, visit.jid, id);
  }

  #pass({ stanza, type }: Routed, from: JID, to: JID, id: string): void {
    const passed = stanza.with({ from: from.toString(), to: to.toString(), id });
    this.host.send(new Routed(passed, 'iq', type, from, to));
  }

  #pong({ stanza, from, to }: Routed): void {
    this.host.send(new Routed(resultAnswer(stanza), 'iq', 'result', to, from));
  }
}

/** What is the account's: its vCard, and what it publishes (XEP-0163), such as an avatar. */
const ofAccount = (type: string | undefined, ns: string | undefined): boolean =>
  ns === VCARD || (ns === PUBSUB && type === 'get');

const visitWith = ({ visits }: Occupant, serial: number): Visit | undefined =>
  [...visits.values()].find((each) => each.serial === serial);
