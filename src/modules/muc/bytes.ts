// Changes to stanzas whose bytes are kept as they came.

import type { Element } from '../../xmpp/element.js';
import { JID } from '../../xmpp/jid.js';
import { Stanza } from '../../xmpp/stanza.js';
import { DELAY } from '../delay.js';
import { MUC, OCCUPANT_ID, STANZA_ID, USER } from './names.js';

/** The stanza with more XML at its end. */
export function appended(stanza: Stanza, xml: string): Stanza {
  const { raw, closed } = stanza;
  const { start, end, name } = stanza.content;
  if (closed) return new Stanza(Buffer.concat([raw.subarray(0, start - 2), Buffer.from(`>${xml}</${name}>`)]));
  return new Stanza(Buffer.concat([raw.subarray(0, end), Buffer.from(xml), raw.subarray(end)]));
}

const OURS = ['occupant-id', MUC, DELAY, STANZA_ID, '&#'];

/** Without what only the room says; all of each, however it is written. The same stanza when there is none. */
export function purged(stanza: Stanza, room: string): Stanza {
  // With a reference in it a namespace looks otherwise.
  if (!OURS.some((each) => stanza.raw.includes(each))) return stanza;
  const isForged = (child: Element) => isOurs(child, room);
  if (!stanza.tree.getChildElements().some(isForged)) return stanza;
  const copy = Stanza.from(stanza.tree).tree;
  for (const child of copy.getChildElements().filter(isForged)) copy.remove(child);
  return Stanza.from(copy);
}

function isOurs(child: Element, room: string): boolean {
  const ns = child.getNS();
  if (ns === DELAY) return isRoom(child.attrs.from, room);
  if (ns === STANZA_ID) return isRoom(child.attrs.by, room);
  return ns === OCCUPANT_ID || ns === USER || ns === MUC;
}

function isRoom(address: string | undefined, room: string): boolean {
  try {
    return address !== undefined && JID.parse(address).bare.toString() === room;
  } catch {
    return false;
  }
}
