// Data forms (XEP-0004) as far as publish-subscribe needs them.

import type { Element } from '../../xmpp/element.js';
import { attribute, escapeText } from '../../xmpp/escape.js';

export const DATA = 'jabber:x:data';

export interface FormField {
  readonly name: string;
  readonly type:
    | 'text-single'
    | 'text-multi'
    | 'boolean'
    | 'list-single'
    | 'list-multi'
    | 'jid-single'
    | 'jid-multi'
    | 'hidden';
  readonly label?: string;
  readonly values: readonly string[];
  /** What can be chosen. */
  readonly options?: readonly string[];
}

/** What was filled in, by the names of the fields. */
export type Filled = ReadonlyMap<string, readonly string[]>;

/** The form of this type (XEP-0068). */
export function formXml(type: 'form' | 'result' | 'submit', formType: string, fields: readonly FormField[]): string {
  const hidden: FormField = { name: 'FORM_TYPE', type: 'hidden', values: [formType] };
  return `<x xmlns='${DATA}' type='${type}'>${[hidden, ...fields].map(fieldXml).join('')}</x>`;
}

function fieldXml({ name, type, label, values, options = [] }: FormField): string {
  const chosen = values.map((value) => `<value>${escapeText(value)}</value>`);
  const choices = options.map((value) => `<option><value>${escapeText(value)}</value></option>`);
  const tag = `<field${attribute('var', name)} type='${type}'${attribute('label', label)}>`;
  return `${tag}${[...chosen, ...choices].join('')}</field>`;
}

/** The form in an element; undefined when there is none. */
export const formIn = (element: Element | undefined): Element | undefined => element?.getChild('x', DATA);

export function filled(form: Element): Filled {
  const fields = form.getChildren('field', DATA).map((field) => {
    const values = field.getChildren('value', DATA).map((value) => value.getText());
    return [field.attrs.var ?? '', values] as const;
  });
  return new Map(fields);
}
