// Result sets (XEP-0059): a part of a list of ids.

import type { Element } from '../../xmpp/element.js';
import { StanzaError } from '../../xmpp/errors.js';
import { escapeText } from '../../xmpp/escape.js';

export const RSM = 'http://jabber.org/protocol/rsm';

export interface Page {
  readonly ids: readonly string[];
  /** What is said about it; '' when no page was asked for. */
  readonly set: string;
  /** It ends where it was to end: what is left of it when it is too large is its end. */
  readonly backwards: boolean;
}

/**
 * The part that the `set` in a request asks for, but no more than `limit`. Throws StanzaError item-not-found for an id that
 * is not there.
 */
export function page(all: readonly string[], request: Element, limit = Number.POSITIVE_INFINITY): Page {
  const set = request.getChild('set', RSM);
  if (set === undefined) {
    const ids = all.slice(0, limit);
    return { ids, set: ids.length < all.length ? setXml(all, ids) : '', backwards: false };
  }
  const [after, before] = [set.getChildText('after', RSM), set.getChildText('before', RSM)];
  const most = Math.min(mostOf(set.getChildText('max', RSM)) ?? all.length, limit);
  const start = after === null ? 0 : at(all, after) + 1;
  const end = before === null || before === '' ? all.length : at(all, before);
  const range = all.slice(start, end);
  const backwards = set.getChild('before', RSM) !== undefined;
  const ids = backwards ? range.slice(Math.max(0, range.length - most)) : range.slice(0, most);
  return { ids, set: setXml(all, ids), backwards };
}

function at(all: readonly string[], id: string): number {
  const index = all.indexOf(id);
  if (index < 0) throw new StanzaError('cancel', 'item-not-found');
  return index;
}

function mostOf(text: string | null): number | undefined {
  if (text === null) return undefined;
  if (!/^\d{1,9}$/.test(text)) throw new StanzaError('modify', 'bad-request', 'max is a number');
  return Number(text);
}

/** What is said about a part of them. */
export function setXml(all: readonly string[], ids: readonly string[]): string {
  const [first, last] = [ids[0], ids.at(-1)];
  const ends =
    first === undefined || last === undefined
      ? ''
      : `<first index='${all.indexOf(first)}'>${escapeText(first)}</first><last>${escapeText(last)}</last>`;
  return `<set xmlns='${RSM}'>${ends}<count>${all.length}</count></set>`;
}
