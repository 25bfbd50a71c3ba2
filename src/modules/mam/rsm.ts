// Result set management (XEP-0059): which page of a result a client wants, and what it is told about the one it gets.

import type { Element } from '../../xmpp/element.js';
import { StanzaError } from '../../xmpp/errors.js';
import { attribute, escapeText } from '../../xmpp/escape.js';

export const RSM = 'http://jabber.org/protocol/rsm';

export interface PageRequest {
  readonly max: number | undefined;
  readonly after: string | undefined;
  /** '': the last page. */
  readonly before: string | undefined;
}

/** Of the element that a `set` is in. Throws StanzaError. */
export function readPage(query: Element): PageRequest {
  const set = query.getChild('set', RSM);
  if (set?.getChild('index', RSM)) throw new StanzaError('cancel', 'feature-not-implemented', 'pages have no index');
  const text = (name: string) => set?.getChild(name, RSM)?.getText().trim();
  const after = text('after');
  if (after === '') throw new StanzaError('modify', 'bad-request', 'after nothing');
  return { max: readMax(text('max')), after, before: text('before') };
}

function readMax(max: string | undefined): number | undefined {
  if (max === undefined) return undefined;
  if (!/^\d{1,10}$/.test(max)) throw new StanzaError('modify', 'bad-request', 'max is no number');
  return Number(max);
}

/** The `set` that answers: ids of the first and last item, and how many there are in all, where that is known. */
export function pageXml(ids: readonly string[], count: number | undefined): string {
  const [first, last] = [ids.at(0), ids.at(-1)];
  const edges =
    first === undefined || last === undefined
      ? ''
      : `<first>${escapeText(first)}</first><last>${escapeText(last)}</last>`;
  return `<set${attribute('xmlns', RSM)}>${edges}${count === undefined ? '' : `<count>${count}</count>`}</set>`;
}
