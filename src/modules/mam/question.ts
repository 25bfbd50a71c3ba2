// What a client asks an archive (XEP-0313 section 4): the form that filters, and the page that is wanted.

import type { Element } from '../../xmpp/element.js';
import { StanzaError } from '../../xmpp/errors.js';
import { JID } from '../../xmpp/jid.js';
import { DATA, formIn, saidIn } from '../data-form.js';
import { type PageRequest, readPage } from './rsm.js';

export const MAM = 'urn:xmpp:mam:2';

/** What is not said does not limit. */
export interface Question {
  readonly queryid: string | undefined;
  readonly with: JID | undefined;
  /** Milliseconds since 1970, both included. */
  readonly start: number | undefined;
  readonly end: number | undefined;
  /** Ids that have to be there. */
  readonly afterId: string | undefined;
  readonly beforeId: string | undefined;
  readonly ids: readonly string[] | undefined;
  readonly page: PageRequest;
  /** The last message of the page comes first. */
  readonly flipped: boolean;
}

/** Each is looked for. */
const MOST_IDS = 1000;

const FIELDS = new Set(['FORM_TYPE', 'with', 'start', 'end', 'before-id', 'after-id', 'ids']);

/**
 * Reads a `query`. Throws StanzaError: bad-request; feature-not-implemented for a field that is not known; policy-violation
 * for too many ids.
 */
export function readQuestion(query: Element): Question {
  const fields = readForm(formIn(query));
  const one = (name: string) => fields.get(name)?.find((value) => value !== '');
  const peer = one('with');
  const ids = fields.get('ids')?.filter((id) => id !== '');
  if (ids !== undefined && ids.length > MOST_IDS)
    throw new StanzaError('modify', 'policy-violation', `at most ${MOST_IDS} ids at once`);
  return {
    queryid: query.attrs.queryid,
    with: peer === undefined ? undefined : readAddress(peer),
    start: readTime(one('start')),
    end: readTime(one('end')),
    afterId: one('after-id'),
    beforeId: one('before-id'),
    ids: ids !== undefined && ids.length > 0 ? ids : undefined,
    page: readPage(query),
    flipped: query.getChild('flip-page', MAM) !== undefined,
  };
}

/** Values by the name of their field. */
function readForm(form: Element | undefined): ReadonlyMap<string, readonly string[]> {
  if (form === undefined) return new Map();
  const fields = new Map(saidIn(form).map(([name, values]) => [name, values.map((value) => value.trim())]));
  if (form.attrs.type !== 'submit' || fields.get('FORM_TYPE')?.[0] !== MAM)
    throw new StanzaError('modify', 'bad-request', `a form of the type ${MAM}, submitted`);
  for (const name of fields.keys()) {
    if (!FIELDS.has(name)) throw new StanzaError('cancel', 'feature-not-implemented', 'the form has an unknown field');
  }
  return fields;
}

function readAddress(text: string): JID {
  try {
    return JID.parse(text);
  } catch {
    throw new StanzaError('modify', 'bad-request', 'with is no address');
  }
}

const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)$/;

/** XEP-0082 section 3.2. */
function readTime(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const time = TIME.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(time)) throw new StanzaError('modify', 'bad-request', 'no date and time');
  return time;
}

const OPEN = "<validate xmlns='http://jabber.org/protocol/xdata-validate' datatype='xs:string'><open/></validate>";

/** The answer to who asks which fields there are (section 4.1.5). */
export const FORM_XML = [
  `<query xmlns='${MAM}'><x xmlns='${DATA}' type='form'>`,
  `<field type='hidden' var='FORM_TYPE'><value>${MAM}</value></field>`,
  "<field type='jid-single' var='with'/>",
  ...['start', 'end', 'before-id', 'after-id'].map((name) => `<field type='text-single' var='${name}'/>`),
  `<field type='list-multi' var='ids'>${OPEN}</field></x></query>`,
].join('');
