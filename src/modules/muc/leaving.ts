// An account is no more: it has nothing to do with any room, for whoever has its address next is somebody else; only who was
// banned stays so. A room that it owned alone is its admins' from then on. Where there are none it stays for its members and
// for who is in it, and goes where there is nobody.

import { Breather } from '../../core/breather.js';
import { isAtLeast } from './privileges.js';
import type { Room } from './room.js';
import type { Change, RoomStore, Standing } from './room-store.js';
import type { Rooms } from './rooms.js';

/** `bare`: its address. */
export async function leave(rooms: Rooms, store: RoomStore, bare: string): Promise<void> {
  await rooms.loading;
  const breather = new Breather();
  for (const room of [...rooms]) {
    if (!room.closed && knows(room, bare)) await leaveOne(rooms, store, room, bare);
    await breather.breathe();
  }
}

const knows = ({ affiliations, nicks, requests }: Room, bare: string): boolean =>
  affiliations.has(bare) || nicks.has(bare) || requests.has(bare);

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
