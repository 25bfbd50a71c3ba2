// An account is no more: it has nothing to do with any room, for whoever has its address next is somebody else; only who was
// banned stays so. A room that it owned alone is its admins' from then on. Where there are none it stays for its members and
// for who is in it, and goes where there is nobody.

import { Breather } from '../../core/breather.js';
import { Departures } from '../../core/departures.js';
import { isAtLeast } from './privileges.js';
import type { Room } from './room.js';
import type { Change, RoomStore, Standing } from './room-store.js';
import type { Rooms } from './rooms.js';

/** Goes through all rooms for all who have gone since it did so last. */
export class Leaving {
  readonly #departures = new Departures((gone) => this.#pass(gone));

  constructor(
    readonly rooms: Rooms,
    readonly store: RoomStore,
  ) {}

  /** `bare`: its address. */
  left(bare: string): Promise<void> {
    return this.#departures.left(bare);
  }

  async #pass(gone: ReadonlySet<string>): Promise<void> {
    await this.rooms.loading;
    const breather = new Breather();
    for (const room of [...this.rooms]) {
      for (const bare of known(room, gone)) if (!room.closed) await leaveOne(this.rooms, this.store, room, bare);
      await breather.breathe();
    }
  }
}

/** Those whom a room knows. */
function known({ affiliations, nicks, requests }: Room, gone: ReadonlySet<string>): string[] {
  if (gone.size <= affiliations.size + requests.size)
    return [...gone].filter((bare) => affiliations.has(bare) || nicks.has(bare) || requests.has(bare));
  return [...new Set([...affiliations.keys(), ...nicks.keys(), ...requests.keys()])].filter((bare) => gone.has(bare));
}

async function leaveOne(rooms: Rooms, store: RoomStore, room: Room, bare: string): Promise<void> {
  const wasOwner = room.affiliation(bare) === 'owner';
  await store.standings(room, () => without(room, bare));
  if (wasOwner && isDeserted(room, bare) && !room.closed) await rooms.forget(room);
}

function without(room: Room, bare: string): Change {
  const now = room.affiliation(bare);
  const affiliation = now === 'outcast' ? now : 'none';
  const heirs = now === 'owner' ? heirsOf(room, bare) : [];
  const inherited = heirs.map((heir): [string, Standing] => [
    heir,
    { affiliation: 'owner', nick: room.nicks.get(heir) },
  ]);
  return {
    standings: [...inherited, [bare, { affiliation }]],
    done: () => {
      for (const heir of heirs) room.affiliate(heir, 'owner');
      room.nicks.delete(bare);
      room.affiliate(bare, affiliation);
    },
  };
}

/** Admins, where nobody else is an owner. */
function heirsOf({ affiliations }: Room, bare: string): string[] {
  const having = (wanted: 'owner' | 'admin') =>
    [...affiliations].flatMap(([other, is]) => (is === wanted && other !== bare ? [other] : []));
  return having('owner').length > 0 ? [] : having('admin');
}

/** Nobody else has anything to do with it. */
function isDeserted({ affiliations, occupants }: Room, bare: string): boolean {
  for (const is of affiliations.values()) if (isAtLeast(is, 'member')) return false;
  for (const occupant of occupants.values()) if (occupant.bare !== bare) return false;
  return true;
}
