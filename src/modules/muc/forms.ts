// Forms as rooms read them.

import type { Element } from '../../xmpp/element.js';
import { filled } from '../data-form.js';

/** What was filled in, by name: the values of each field, on lines of their own; undefined when this is no such form. */
export function submitted(form: Element | undefined, formType: string): Map<string, string> | undefined {
  if (form?.attrs.type !== 'submit') return undefined;
  const said = new Map([...filled(form)].map(([name, values]) => [name, values.join('\n')]));
  const kind = said.get('FORM_TYPE');
  return kind === formType || (kind === undefined && said.size === 0) ? said : undefined;
}
