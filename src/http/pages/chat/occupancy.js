// What a presence from a room means (XEP-0045 sections 7, 8 and 9): who has come, gone, or is called otherwise.

import { bare, resource } from './jid.js';
import { child, children, NS, text } from './xml.js';

const LEFT = {
  301: ['You were banned from this room', 'was banned'],
  307: ['You were removed from this room', 'was removed'],
  321: ['You are no longer a member of this room', 'is no longer a member'],
  322: ['This room is only for members now', 'is no member'],
  332: ['The room service has stopped', ''],
  333: ['The connection to this room was lost', ''],
};
const FOR_GOOD = [301, 321, 322];

/**
 * Writes it into the room. Returns what is more than that: `in` (and `made`, for a room that waits for its configuration), `out`
 * with a sentence (and `gone`, where it is no use to come back), or a `note` for all to read.
 */
export function apply(room, presence) {
  const nick = resource(presence.getAttribute('from') ?? '');
  const user = child(presence, 'x', NS.mucUser);
  const codes = user ? children(user, 'status').map((each) => Number(each.getAttribute('code'))) : [];
  const isOwn = codes.includes(110) || (room.state === 'in' && nick === room.nick);
  if (presence.getAttribute('type') === 'unavailable') return gone(room, { nick, user, codes, isOwn });
  if (nick === '') return undefined;
  const before = room.occupants.get(nick);
  room.occupants.set(nick, occupant(nick, user, presence, before));
  if (!isOwn) return undefined;
  room.nick = nick;
  room.state = 'in';
  return { in: true, made: codes.includes(201) };
}

function occupant(nick, user, presence, before) {
  const item = user && child(user, 'item');
  const photo = child(presence, 'x', NS.vcardUpdate);
  const avatar = photo ? text(photo, 'photo') : before?.avatar;
  return {
    nick,
    role: item?.getAttribute('role') ?? 'participant',
    affiliation: item?.getAttribute('affiliation') ?? 'none',
    jid: bare(item?.getAttribute('jid') ?? ''),
    show: text(presence, 'show'),
    avatar,
    image: avatar === before?.avatar ? before?.image : undefined,
  };
}

function gone(room, { nick, user, codes, isOwn }) {
  const item = user && child(user, 'item');
  const known = room.occupants.get(nick);
  room.occupants.delete(nick);
  const later = codes.includes(303) ? item?.getAttribute('nick') : undefined;
  if (later) {
    if (known) room.occupants.set(later, { ...known, nick: later });
    if (isOwn) room.nick = later;
    return { note: `${nick} is now called ${later}` };
  }
  const code = codes.includes(333) ? 333 : codes.find((each) => each in LEFT);
  const why = reason(item);
  if (!isOwn) return code && LEFT[code][1] ? { note: `${nick} ${LEFT[code][1]}${why}` } : undefined;
  const destroyed = user && child(user, 'destroy');
  const [sentence] = destroyed
    ? [`This room was closed${because(destroyed)}`]
    : (LEFT[code] ?? ['You have left this room']);
  return { out: `${sentence}${why}.`, gone: destroyed !== undefined || FOR_GOOD.includes(code) };
}

function reason(item) {
  const actor = item && child(item, 'actor');
  const by = actor?.getAttribute('nick');
  return `${by ? ` by ${by}` : ''}${item ? because(item) : ''}`;
}

function because(element) {
  const why = text(element, 'reason').trim();
  return why === '' ? '' : ` (${why.slice(0, 200)})`;
}
