// The rooms of a service: they are made by whoever enters first, and go with the last one, unless they are persistent.

import type { ComponentHost } from '../../core/host.js';
import type { Routed } from '../../core/routed.js';
import { StanzaError } from '../../xmpp/errors.js';
import type { JID } from '../../xmpp/jid.js';
import { MUC, tooMany } from './names.js';
import type { MucOptions } from './options.js';
import { Pace } from './pace.js';
import { Room } from './room.js';
import { newRecord, type RoomRecord } from './room-record.js';
import type { RoomStore } from './room-store.js';

export class Rooms {
  readonly #rooms = new Map<string, Room>();
  /** Of who makes rooms. */
  readonly #pace = new Pace();
  /** Resolves when persistent rooms are here, rejects when they could not be read; undefined: they are here. */
  loading: Promise<void> | undefined;

  constructor(
    readonly host: ComponentHost,
    readonly options: MucOptions,
    readonly store: RoomStore,
  ) {
    this.loading = this.#load().then(
      () => {
        this.loading = undefined;
      },
      (error) => {
        host.log.error('rooms_not_loaded', { error });
        // Nobody is to make a room that is there already.
        throw new StanzaError('wait', 'internal-server-error', 'the rooms could not be read');
      },
    );
    this.loading.catch(() => {});
  }

  get size(): number {
    return this.#rooms.size;
  }

  get occupants(): number {
    let count = 0;
    for (const room of this.#rooms.values()) count += room.occupants.size;
    return count;
  }

  [Symbol.iterator](): Iterator<Room> {
    return this.#rooms.values();
  }

  get(name: string): Room | undefined {
    return this.#rooms.get(name);
  }

  /** Section 10.1: who asks for a room in the words of the specification configures it first. */
  create({ from, to, stanza }: Routed): Room {
    const owner = from.bare.toString();
    this.#pace.take(this.host, owner, this.options);
    this.#checkPlace(owner);
    const room = this.#add(to.bare, newRecord(owner, this.options.archive));
    room.locked = stanza.tree.getChild('x', MUC) !== undefined;
    return room;
  }

  /** It is no more; what was kept of it goes too. */
  async forget(room: Room): Promise<void> {
    if (room.closed) throw new StanzaError('cancel', 'item-not-found');
    room.closed = true;
    try {
      if (room.config.persistent) await this.store.remove(room.name);
    } catch (error) {
      room.closed = false;
      throw error;
    }
    this.#drop(room);
  }

  /** None is here any more. */
  clear(): Room[] {
    const all = [...this.#rooms.values()];
    for (const room of all) this.#drop(room);
    return all;
  }

  #drop(room: Room): void {
    room.closed = true;
    if (this.#rooms.get(room.name) === room) this.#rooms.delete(room.name);
  }

  #add(jid: JID, record: RoomRecord): Room {
    const room = new Room(jid, this.host, record, (empty) => {
      if (!empty.config.persistent) this.#drop(empty);
    });
    this.#rooms.set(room.name, room);
    return room;
  }

  #checkPlace(owner: string): void {
    const { max_rooms, max_rooms_per_owner } = this.options;
    if (this.#rooms.size >= max_rooms) {
      this.host.limited('muc.max_rooms');
      throw tooMany('there are too many rooms');
    }
    let owned = 0;
    for (const room of this.#rooms.values()) if (room.affiliation(owner) === 'owner') owned++;
    if (owned < max_rooms_per_owner) return;
    this.host.limited('muc.max_rooms_per_owner');
    throw tooMany('you own too many rooms');
  }

  async #load(): Promise<void> {
    for await (const [name, record] of this.store.all(this.options.max_history))
      this.#add(this.host.addresses.read(`${name}@${this.host.domain}`), record);
  }
}
