// Presence as a room writes it (XEP-0045 section 7.1): the payload of the occupant's client, and what the room says of him.

import { Routed } from '../../core/routed.js';
import { attribute, escapeText } from '../../xmpp/escape.js';
import type { JID } from '../../xmpp/jid.js';
import { NS } from '../../xmpp/ns.js';
import { Stanza } from '../../xmpp/stanza.js';
import { appended } from './bytes.js';
import { OCCUPANT_ID, USER } from './names.js';
import type { Affiliation, Role } from './privileges.js';

/** What a presence says besides who and where. */
export interface Announcement {
  /** Status codes for everybody. */
  readonly codes?: readonly number[];
  /** Further ones for the occupant himself, besides 110. */
  readonly own?: readonly number[];
  /** The nickname he has from now on. */
  readonly nick?: string;
  /** Nickname of who did this to him. */
  readonly actor?: string;
  readonly reason?: string;
  /** More XML in `<x/>`. */
  readonly more?: string;
}

export interface Item {
  readonly affiliation: Affiliation;
  readonly role?: Role;
  readonly jid?: string;
  readonly nick?: string;
  readonly actor?: string;
  readonly reason?: string;
}

export function itemXml({ affiliation, role, jid, nick, actor, reason }: Item): string {
  const attributes = [
    attribute('affiliation', affiliation),
    attribute('role', role),
    attribute('jid', jid),
    attribute('nick', nick),
  ].join('');
  const by = actor === undefined ? '' : `<actor${attribute('nick', actor)}/>`;
  const why = reason === undefined || reason === '' ? '' : `<reason>${escapeText(reason)}</reason>`;
  return by + why === '' ? `<item${attributes}/>` : `<item${attributes}>${by}${why}</item>`;
}

export const statusXml = (codes: readonly number[]): string => codes.map((code) => `<status code='${code}'/>`).join('');

export const occupantIdXml = (id: string): string => `<occupant-id xmlns='${OCCUPANT_ID}'${attribute('id', id)}/>`;

/** `<x/>` of the room. */
export const userXml = (inside: string): string =>
  inside === '' ? `<x xmlns='${USER}'/>` : `<x xmlns='${USER}'>${inside}</x>`;

/** The presence with what the room says in it, from an occupant. */
export const announced = (stanza: Stanza, from: string, id: string, inside: string): Stanza =>
  appended(stanza.with({ from, to: undefined, id: undefined }), occupantIdXml(id) + userXml(inside));

/** Section 7.2.18: to who is not in a room, and takes himself to be. */
export function strayed(room: JID, client: JID): Routed {
  const addresses = attribute('from', room.toString()) + attribute('to', client.toString());
  const item = itemXml({ affiliation: 'none', role: 'none', reason: 'You are not in the room.' });
  const inside = userXml(item + statusXml([110, 307, 333]));
  const xml = `<presence xmlns='${NS.client}' type='unavailable'${addresses}>${inside}</presence>`;
  return new Routed(new Stanza(Buffer.from(xml), NS.client), 'presence', 'unavailable', room, client);
}

export const UNAVAILABLE = `<presence xmlns='${NS.client}' type='unavailable'/>`;
export const gone = (): Stanza => new Stanza(Buffer.from(UNAVAILABLE), NS.client);
