// What a message says, the same whether it comes live, as a carbon or from an archive.

import { bare } from './jid.js';
import { child, children, NS, newId, text } from './xml.js';

/**
 * Id, text, time, link to a file, and the id in the archive of `keeper`, whose word alone counts there; undefined for a message
 * that says nothing.
 */
export function spoken(stanza, keeper) {
  const said = text(stanza, 'body');
  const oob = child(stanza, 'x', NS.outOfBand);
  const link = oob ? text(oob, 'url').trim() : '';
  if (said === '' && link === '') return undefined;
  return {
    id: stanza.getAttribute('id') ?? child(stanza, 'origin-id', NS.ids)?.getAttribute('id') ?? newId(),
    text: said || link,
    at: momentOf(stanza) ?? Date.now(),
    link: link || undefined,
    archived: archivedBy(stanza, keeper),
  };
}

/** The id that `keeper` has given it (XEP-0359). */
export function archivedBy(stanza, keeper) {
  const ids = children(stanza, 'stanza-id', NS.ids);
  return ids.find((each) => each.getAttribute('by') === keeper)?.getAttribute('id') ?? undefined;
}

/** When it was said, if it comes late (XEP-0203): in milliseconds, never in the future. */
export function momentOf(element) {
  const moment = Date.parse(child(element, 'delay', NS.delay)?.getAttribute('stamp') ?? '');
  return Number.isNaN(moment) ? undefined : Math.min(moment, Date.now());
}

/** Whether it is a message of a room, or passed on by one. */
export const isOfRoom = (stanza) =>
  stanza.getAttribute('type') === 'groupchat' || child(stanza, 'x', NS.mucUser) !== undefined;

/** Who sent it and who it is for, without resources. */
export const ends = (stanza) => [bare(stanza.getAttribute('from') ?? ''), bare(stanza.getAttribute('to') ?? '')];
