// Rooms (XEP-0045): a component where whoever is in a room hears what is said in it. This file says which stanza is for whom;
// the rules are in the files beside it, named by what one does: entering, speaking, administration, ownership, mediation,
// registration, exchange, discovery, room-archive. No room is fully anonymous.

import type { IqAnswer, IqRequest } from '../../core/hooks.js';
import { DONE } from '../../core/hooks.js';
import type { ComponentHost } from '../../core/host.js';
import { checkIq } from '../../core/iq.js';
import type { ComponentModule } from '../../core/module.js';
import type { Routed } from '../../core/routed.js';
import { StanzaError } from '../../xmpp/errors.js';
import { MAM } from '../mam/question.js';
import { stanzaErrorOf } from '../store-error.js';
import { Administration } from './administration.js';
import { strayed } from './announcement.js';
import { occupantItems, roomInfo, roomItems, serviceInfo, UNIQUE, uniqueName } from './discovery.js';
import { Entering, notAdmitted } from './entering.js';
import { Exchange } from './exchange.js';
import { Leaving } from './leaving.js';
import { Mediation } from './mediation.js';
import { ADMIN, INFO, ITEMS, itemNotFound, MUC, OWNER, REGISTER } from './names.js';
import type { MucOptions, RoomsOptions } from './options.js';
import { Ownership } from './ownership.js';
import { Pace } from './pace.js';
import { Registration } from './registration.js';
import type { Room } from './room.js';
import { RoomArchive } from './room-archive.js';
import { RoomStore } from './room-store.js';
import { Rooms } from './rooms.js';
import { Speaking } from './speaking.js';

const PING = 'urn:xmpp:ping';
/** How often all archives are looked at for what is too old; milliseconds. */
const HOUR = 3_600_000;

export const muc: ComponentModule<RoomsOptions> = {
  name: 'muc',
  about: 'Rooms that many talk in.',
  specifications: [
    { id: 'XEP-0045', name: 'Multi-User Chat', version: '1.35.5' },
    { id: 'XEP-0307', name: 'Unique Room Names for Multi-User Chat', version: '0.1' },
    { id: 'XEP-0410', name: 'MUC Self-Ping', version: '1.1.0' },
    { id: 'XEP-0313', name: 'Message Archive Management', version: '1.1.3' },
    { id: 'XEP-0359', name: 'Unique and Stable Stanza IDs', version: '0.7.0' },
    { id: 'XEP-0421', name: 'Occupant identifiers', version: '1.0.1' },
  ],
  load(host, { name, muc: options }) {
    const { hooks } = host;
    const chat = new MultiUserChat(host, { name, muc: options });
    const { rooms } = chat;
    hooks.on('presence/full', (routed) => chat.later(routed, () => chat.presence(routed)));
    hooks.on('presence/bare', (routed) => chat.later(routed, () => chat.withoutNick(routed)));
    hooks.on('presence/host', () => true);
    hooks.on('message/bare', (routed) => chat.later(routed, () => chat.message(routed)));
    hooks.on('message/full', (routed) => chat.later(routed, () => chat.privately(routed)));
    hooks.on('message/host', ({ type }) => type === 'error');
    hooks.on('iq/full', (routed) => chat.later(routed, () => chat.iq(routed)));
    hooks.iq('get', 'host', INFO, 'query', (request) => serviceInfo(request, name));
    hooks.iq('get', 'host', ITEMS, 'query', (request) => chat.after(() => chat.list(request)));
    hooks.iq('get', 'host', UNIQUE, 'unique', uniqueName);
    hooks.iq('get', 'host', PING, 'ping', () => DONE);
    const room = (
      type: 'get' | 'set',
      ns: string,
      take: (room: Room, request: IqRequest) => IqAnswer | Promise<IqAnswer>,
      element = 'query',
    ) => hooks.iq(type, 'account', ns, element, (request) => chat.asked(request, take));
    room('get', INFO, (there, request) => roomInfo(request, there));
    room('get', ITEMS, (there, request) => occupantItems(request, there));
    room('get', ADMIN, (there, request) => chat.administration.get(there, request));
    room('set', ADMIN, (there, request) => chat.administration.set(there, request));
    room('get', OWNER, (there, request) => chat.ownership.get(there, request));
    room('set', OWNER, (there, request) => chat.ownership.set(there, request));
    room('get', REGISTER, (there, request) => chat.registration.get(there, request));
    room('set', REGISTER, (there, request) => chat.registration.set(there, request));
    room('get', MAM, (there, request) => chat.archive.form(there, request));
    room('set', MAM, (there, request) => chat.archive.query(there, request));
    room('get', MAM, (there, request) => chat.archive.metadata(there, request), 'metadata');
    const sweeping = setInterval(() => {
      chat.archive.sweep().catch((error) => host.log.error('archive_sweep_failed', { error }));
    }, HOUR);
    sweeping.unref();
    const read = (metric: string, help: string, value: () => number) =>
      host.metrics.read(metric, help, ['host'], () => [[{ host: host.domain }, value()]]);
    const unread = [
      read('rooms', 'Rooms that are there.', () => rooms.size),
      read('room_occupants', 'Occupants of all rooms.', () => rooms.occupants),
    ];
    hooks.on('user-deleted', ({ jid, waits }) => void waits.push(chat.leaving.left(jid.bare.toString())));
    hooks.on('component-down', () => chat.unreachable());
    hooks.on('stopping', ({ waits }) => void waits.push(...chat.unfinished()));
    return () => {
      clearInterval(sweeping);
      for (const each of unread) each();
      chat.stop();
    };
  },
};

/** What an error means that says that somebody is not there. */
const GONE = new Set([
  'gone',
  'item-not-found',
  'recipient-unavailable',
  'redirect',
  'remote-server-not-found',
  'remote-server-timeout',
  'service-unavailable',
]);

class MultiUserChat {
  readonly rooms: Rooms;
  readonly archive: RoomArchive;
  readonly administration: Administration;
  readonly ownership: Ownership;
  readonly registration: Registration;
  readonly leaving: Leaving;
  readonly #store: RoomStore;
  readonly #entering: Entering;
  readonly #speaking: Speaking;
  readonly #mediation: Mediation;
  readonly #exchange: Exchange;
  /** Of who asks which rooms there are. */
  readonly #lists = new Pace();
  readonly options: MucOptions;

  constructor(
    readonly host: ComponentHost,
    { muc: options }: RoomsOptions,
  ) {
    this.options = options;
    this.archive = new RoomArchive(host, options);
    const store = new RoomStore(host, this.archive);
    this.#store = store;
    this.rooms = new Rooms(host, options, store);
    this.registration = new Registration(host, options, store);
    this.leaving = new Leaving(this.rooms, store);
    this.#entering = new Entering(host, options, this.registration);
    this.#speaking = new Speaking(host, options, store);
    this.#mediation = new Mediation(host, options, store, this.#speaking, this.registration);
    this.#exchange = new Exchange(host, options);
    this.administration = new Administration(host, options, store);
    this.ownership = new Ownership(host, options, store, this.administration, (room) => this.rooms.forget(room));
  }

  /** Now, or as soon as the rooms that were kept are here, in the order of what came. */
  later(routed: Routed, work: () => void): true {
    const { loading } = this.rooms;
    if (loading === undefined) work();
    else routed.later(loading.then(work).catch((error) => this.#refuse(routed, error)));
    return true;
  }

  async after<T>(work: () => T): Promise<T> {
    await this.rooms.loading;
    return work();
  }

  /** All rooms are looked at for it. */
  list(request: IqRequest): string {
    this.#lists.take(this.host, request.from.bare.toString(), this.options);
    return roomItems(request, this.rooms);
  }

  presence(routed: Routed): void {
    const { type, from, to } = routed;
    const room = this.rooms.get(to.local);
    if (type === undefined) this.#admit(room, routed);
    else if (room === undefined) return;
    else if (type === 'unavailable') this.#entering.unavailable(room, routed);
    else if (type === 'error') this.#entering.lost(room, from);
  }

  /** Section 7.2.1. */
  withoutNick({ type, from, to }: Routed): void {
    const room = this.rooms.get(to.local);
    if (type === undefined) throw new StanzaError('modify', 'jid-malformed', 'a room is entered with a nickname');
    if (type === 'error' && room !== undefined) this.#entering.lost(room, from);
  }

  message(routed: Routed): void {
    const room = this.#room(routed);
    const { type } = routed;
    if (type === 'error') this.#failed(room, routed);
    else if (type === 'groupchat') this.#speaking.groupchat(room, routed);
    else if (!this.#mediation.take(room, routed)) throw new StanzaError('cancel', 'service-unavailable');
  }

  privately(routed: Routed): void {
    const room = this.#room(routed);
    if (routed.type === 'error') this.#failed(room, routed);
    else this.#speaking.privately(room, routed);
  }

  iq(routed: Routed): void {
    checkIq(routed);
    this.#exchange.take(this.#room(routed), routed);
  }

  /** A request to a room: what its client sends next waits for it. */
  async asked(
    request: IqRequest,
    take: (room: Room, request: IqRequest) => IqAnswer | Promise<IqAnswer>,
  ): Promise<IqAnswer> {
    const answer = this.after(() => take(this.#room(request), request)).catch((error) => {
      throw stanzaErrorOf(error);
    });
    request.later(answer.catch(() => {}));
    return answer;
  }

  /** What is not kept yet. */
  unfinished(): Promise<unknown>[] {
    return this.#store.unfinished();
  }

  /** The server that this is a component of is gone, and who came from there. */
  unreachable(): void {
    for (const room of [...this.rooms]) {
      room.dissolve({ codes: [332] });
      room.empty(room);
    }
  }

  /** Section 18: whoever is here learns that the service goes. */
  stop(): void {
    this.archive.stop();
    for (const room of this.rooms.clear()) room.dissolve({ codes: [332] });
  }

  #admit(room: Room | undefined, routed: Routed): void {
    try {
      this.#present(room, routed);
    } catch (error) {
      if (!(error instanceof StanzaError)) throw error;
      this.host.send(notAdmitted(routed, error));
    }
  }

  #present(known: Room | undefined, routed: Routed): void {
    const { stanza, from, to } = routed;
    // Section 7.2.18: it is no request to enter, but of somebody who takes himself to be here.
    const asks = stanza.raw.includes(MUC) && stanza.tree.getChild('x', MUC) !== undefined;
    if (!asks && known?.occupantAt(from) === undefined) return void this.host.send(strayed(to, from));
    const room = known ?? this.rooms.create(routed);
    try {
      this.#entering.present(room, routed, known === undefined);
    } catch (error) {
      if (known === undefined) room.empty(room);
      throw error;
    }
  }

  #failed(room: Room, { from, stanza }: Routed): void {
    const said = stanza.tree.getChild('error')?.getChildElements() ?? [];
    if (said.some((each) => GONE.has(each.getName()))) this.#entering.lost(room, from);
  }

  #room({ to }: Routed): Room {
    const room = this.rooms.get(to.local);
    if (room === undefined) throw itemNotFound('there is no such room');
    return room;
  }

  #refuse(routed: Routed, thrown: unknown): void {
    if (!(thrown instanceof StanzaError)) this.host.log.error('rooms_failed', { error: thrown });
    this.host.refuse(
      routed,
      thrown instanceof StanzaError ? thrown : new StanzaError('cancel', 'internal-server-error'),
    );
  }
}
