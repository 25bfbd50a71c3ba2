// The archives of rooms (XEP-0313): what was said in them, for whoever may enter at the time of the question. Who said it is
// kept as the room's last word in each message, and shown to those only who may know. Private messages are not in here.

import type { IqAnswer, IqRequest } from '../../core/hooks.js';
import type { ComponentHost } from '../../core/host.js';
import { Routed } from '../../core/routed.js';
import type { Added, ArchiveItem } from '../../storage/store.js';
import { attribute } from '../../xmpp/escape.js';
import type { JID } from '../../xmpp/jid.js';
import type { Stanza } from '../../xmpp/stanza.js';
import { type Archive, find, finXml, metadataXml, type Peers, resultStanzas } from '../mam/answer.js';
import { Archives } from '../mam/archives.js';
import { FORM_XML, readQuestion } from '../mam/question.js';
import { identified } from '../stanza-id.js';
import { itemXml, userXml } from './announcement.js';
import { changesSubject, keptStanza, type Said } from './history.js';
import { forbidden, itemNotFound, tooMany, USER } from './names.js';
import type { Occupant } from './occupant.js';
import type { MucOptions } from './options.js';
import { isAtLeast } from './privileges.js';
import type { Room } from './room.js';

export class RoomArchive {
  readonly #archives: Archives;
  #asked = 0;

  constructor(
    readonly host: ComponentHost,
    readonly options: MucOptions,
  ) {
    const { archive_max_age: max_age, archive_max_items: max_items } = options;
    const store = host.open('room_archive', 'history');
    this.#archives = new Archives(host, store, { max_age, max_items }, 'muc.archive_max_items');
  }

  /** What an occupant said to all; `stanza` has no `to`. */
  append(room: Room, stanza: Stanza, { bare, shown, role }: Occupant): Added {
    const item = itemXml({ affiliation: room.affiliation(bare), role, jid: shown.address });
    return this.#archives.add(room.name, bare, Date.now(), stanza.ending(userXml(item)));
  }

  /** The last messages of a room, oldest first, as they were said. */
  async last(name: string, room: string, limit: number): Promise<Said[]> {
    const { store, since: start } = this.#archives;
    const { items } = await store.query(name, { limit, backwards: true, start });
    const said = items.map((item) => ({ ...item, stanza: keptStanza(masked(item).stanza) }));
    return said
      .filter(({ stanza }) => !changesSubject(stanza))
      .map(({ stanza, id, at }) => ({ stanza: identified(stanza, room, id), at }));
  }

  form(room: Room, { from }: IqRequest): IqAnswer {
    return isOpen(room, from) ? FORM_XML : undefined;
  }

  /** Sends the messages; resolves to what ends them. */
  async query(room: Room, request: IqRequest): Promise<IqAnswer> {
    const { from, payload } = request;
    if (!isOpen(room, from)) return undefined;
    room.pace.take(this.host, from.bare.toString(), this.options);
    const question = readQuestion(payload);
    const sees = seesAddresses(room, from);
    if (question.with !== undefined && !isIn(room, question.with) && !sees) throw forbidden('who is who is hidden');
    return await this.#inTurn(async () => {
      await this.#archives.settled(room.name);
      const found = await find(this.#archiveOf(room), question);
      const shown = sees ? found : { ...found, items: found.items.map(masked) };
      this.#send(room, request, resultStanzas(shown, question, { from: room.address, to: from.toString() }));
      return finXml(found);
    });
  }

  async metadata(room: Room, { from }: IqRequest): Promise<IqAnswer> {
    if (!isOpen(room, from)) return undefined;
    room.pace.take(this.host, from.bare.toString(), this.options);
    return await this.#inTurn(async () => {
      await this.#archives.settled(room.name);
      return await metadataXml(this.#archiveOf(room));
    });
  }

  remove(name: string): Promise<void> {
    return this.#archives.remove(name);
  }

  /** Looks at all archives for what is too old, or too much. */
  sweep(): Promise<void> {
    return this.#archives.sweep();
  }

  unfinished(): Promise<unknown>[] {
    return this.#archives.unfinished();
  }

  stop(): void {
    this.#archives.stop();
  }

  async #inTurn<T>(work: () => Promise<T>): Promise<T> {
    if (this.#asked >= this.options.max_queries) {
      this.host.limited('muc.max_queries');
      throw tooMany('too many queries wait for their answers');
    }
    this.#asked++;
    try {
      return await work();
    } finally {
      this.#asked--;
    }
  }

  #archiveOf(room: Room): Archive {
    const { store, since } = this.#archives;
    const { archive_page: page, archive_max_page: maxPage } = this.options;
    const limited = () => this.host.limited('muc.archive_max_page');
    return { store, key: room.name, page, maxPage, since, limited, peers: peersOf(room) };
  }

  #send(room: Room, { session, from }: IqRequest, stanzas: readonly Stanza[]): void {
    let hasRoom = true;
    for (const stanza of stanzas) {
      if (session === undefined) this.host.send(new Routed(stanza, 'message', undefined, room.jid, from));
      else hasRoom = session.send(stanza) && hasRoom;
    }
    // What its client sends next waits until it has taken these.
    if (session !== undefined && !hasRoom) session.stream?.hold(session.drained());
  }
}

/** XEP-0313 section 5.1.2: who may enter may read. False: there is no archive. */
function isOpen(room: Room, from: JID): boolean {
  const affiliation = room.affiliation(from.bare.toString());
  const { membersOnly, password } = room.config;
  if (room.locked && affiliation !== 'owner') throw itemNotFound('the room is not ready yet');
  const mayEnter = affiliation === 'none' ? !membersOnly && password === '' : affiliation !== 'outcast';
  if (!mayEnter && room.occupantAt(from) === undefined) throw forbidden('this archive is for those who may enter');
  return room.archived;
}

function seesAddresses(room: Room, from: JID): boolean {
  if (room.config.nonAnonymous || room.occupantAt(from)?.role === 'moderator') return true;
  return isAtLeast(room.affiliation(from.bare.toString()), 'admin');
}

const isIn = ({ jid }: Room, address: JID): boolean => address.bare.equals(jid);

/** By real addresses, or by those in the room. */
const peersOf = (room: Room): Peers => ({
  key: (peer) => (isIn(room, peer) ? undefined : peer.bare.toString()),
  test: (peer) => {
    if (peer.isBare) return undefined;
    const full = peer.toString();
    if (isIn(room, peer)) return ({ stanza }) => keptStanza(stanza).from === full;
    const jid = attribute('jid', full);
    return ({ stanza }) => stanza.slice(stanza.lastIndexOf(ITEM)).includes(jid);
  },
});

/** Where the room's own word begins: it is the last of this kind. */
const ITEM = `<x xmlns='${USER}'>`;
const ITEM_END = '</x>';

/** Without who said it. */
function masked(item: ArchiveItem): ArchiveItem {
  const { stanza } = item;
  const at = stanza.lastIndexOf(ITEM);
  if (at < 0) return item;
  const end = stanza.indexOf(ITEM_END, at) + ITEM_END.length;
  return { ...item, stanza: stanza.slice(0, at) + stanza.slice(end) };
}
