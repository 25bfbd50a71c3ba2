// The verification string of entity capabilities (XEP-0115 section 5.1): what an entity says of itself, as one short hash.

import { createHash } from 'node:crypto';
import type { DiscoEvent } from '../core/hooks.js';
import type { Element } from '../xmpp/element.js';
import { DATA } from './data-form.js';

export interface DiscoInfo extends Pick<DiscoEvent, 'features' | 'extensions'> {
  readonly identities: readonly { category: string; type: string; lang?: string; name?: string }[];
}

/** The text that is hashed. */
export function described({ identities, features, extensions }: DiscoInfo): string {
  const named = identities.map(({ category, type, lang = '', name = '' }) => `${category}/${type}/${lang}/${name}`);
  const forms = extensions.map(form).filter((each) => each !== undefined);
  const sorted = forms.sort((a, b) => byOctets(a.type, b.type)).map(({ text }) => text);
  return [...terminated(named), ...terminated([...features]), ...sorted].join('');
}

export const verification = (text: string): string => createHash('sha1').update(text).digest('base64');

/** One data form (XEP-0128); undefined for what does not count. */
function form(extension: Element): { readonly type: string; readonly text: string } | undefined {
  if (!extension.is('x', DATA)) return undefined;
  const fields = extension.getChildren('field', DATA).map((field) => ({
    name: field.attrs.var ?? '',
    values: field.getChildren('value', DATA).map((value) => value.getText()),
  }));
  const type = fields.find(({ name }) => name === 'FORM_TYPE')?.values[0];
  if (type === undefined) return undefined;
  const others = fields.filter(({ name }) => name !== 'FORM_TYPE').sort((a, b) => byOctets(a.name, b.name));
  const text = others.map(({ name, values }) => `${name}<${terminated(values).join('')}`).join('');
  return { type, text: `${type}<${text}` };
}

/** Sorted, each with its end. */
const terminated = (texts: readonly string[]): string[] => [...texts].sort(byOctets).map((text) => `${text}<`);

/** The collation i;octet of RFC 4790. */
const byOctets = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b));
