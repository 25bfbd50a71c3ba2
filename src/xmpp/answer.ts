// The error that answers a stanza (RFC 6120 section 8.3).

import type { Element } from './element.js';
import type { ApplicationCondition, StanzaError } from './errors.js';
import { attribute, escapeAttribute, escapeText } from './escape.js';
import { NS } from './ns.js';
import { Stanza } from './stanza.js';

/**
 * The stanza that tells the sender of `stanza` of an error: addresses swapped, type error, id and language kept.
 * `payload`: with what was sent in front of the error, as section 8.3.1 allows.
 */
export function errorAnswer(stanza: Stanza, error: StanzaError, payload = false): Stanza {
  const { from, to } = stanza;
  const turned = stanza.with({ from: to, to: from, type: 'error' });
  const { start, end, name } = turned.content;
  const raw = turned.raw;
  const open = turned.closed ? Buffer.concat([raw.subarray(0, start - 2), Buffer.from('>')]) : raw.subarray(0, start);
  const sent = payload ? raw.subarray(start, end) : Buffer.from(error.payload ?? '');
  return new Stanza(Buffer.concat([open, sent, Buffer.from(`${written(error, stanza, name)}</${name}>`)]));
}

/** In the namespace of the stanza, whichever that will be: links change it. */
function written({ type, condition, text, application, location }: StanzaError, { ns }: Stanza, name: string): string {
  const said = text === undefined ? '' : `<text xmlns='${NS.stanzas}' xml:lang='en'>${escapeText(text)}</text>`;
  const more = application === undefined ? '' : applied(application);
  const where = location === undefined ? '/>' : `>${escapeText(location)}</${condition}>`;
  const inside = `<${condition} xmlns='${NS.stanzas}'${where}${said}${more}`;
  const xmlns = name.includes(':') ? ` xmlns='${escapeAttribute(ns)}'` : '';
  return `<error${xmlns} type='${type}'>${inside}</error>`;
}

function applied({ name, ns, attrs = {}, children = {} }: ApplicationCondition): string {
  const more = Object.entries(attrs).map(([key, value]) => attribute(key, value));
  const inside = Object.entries(children).map(([child, text]) => `<${child}>${escapeText(text)}</${child}>`);
  const start = `<${name}${attribute('xmlns', ns)}${more.join('')}`;
  return inside.length === 0 ? `${start}/>` : `${start}>${inside.join('')}</${name}>`;
}

/** The result that answers an iq (section 8.2.3), in the client's namespace, with this payload in it. */
export function resultAnswer(request: Stanza, payload?: Element | string): Stanza {
  const { from, to, id } = request;
  const tag = `<iq xmlns='${NS.client}' type='result'${attribute('id', id)}${attribute('from', to)}${attribute('to', from)}`;
  return new Stanza(Buffer.from(payload === undefined ? `${tag}/>` : `${tag}>${payload}</iq>`), NS.client);
}
