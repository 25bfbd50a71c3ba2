// What a room says to somebody who is not in it: that he is invited (XEP-0045 sections 7.8 and 9.5), in the room's own words
// and in those of XEP-0249, and that he stands otherwise to it (section 17.1).

import { attribute, escapeText } from '../../xmpp/escape.js';
import { itemXml, statusXml, userXml } from './announcement.js';
import { CONFERENCE } from './names.js';
import type { Affiliation } from './privileges.js';
import type { Room } from './room.js';

export interface Invitation {
  /** Who invites. */
  readonly from: string;
  readonly reason?: string;
  /** More XML. */
  readonly more?: string;
}

export function invitationXml({ config, address }: Room, { from, reason, more = '' }: Invitation): string {
  const inside = [
    `<invite${attribute('from', from)}>${textXml('reason', reason)}${more}</invite>`,
    textXml('password', config.password),
  ].join('');
  const direct = [
    attribute('jid', address),
    attribute('reason', reason),
    attribute('password', config.password || undefined),
  ].join('');
  return `${userXml(inside)}<x xmlns='${CONFERENCE}'${direct}/>`;
}

/** To who is not here. */
export const standingXml = (affiliation: Affiliation, reason?: string): string =>
  userXml(itemXml({ affiliation, role: 'none', reason }) + statusXml([101]));

export const textXml = (name: string, text: string | undefined): string =>
  text === undefined || text === '' ? '' : `<${name}>${escapeText(text)}</${name}>`;
