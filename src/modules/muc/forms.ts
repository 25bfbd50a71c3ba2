// Data forms (XEP-0004), as far as rooms use them.

import type { Element } from '../../xmpp/element.js';
import { attribute, escapeText } from '../../xmpp/escape.js';

export const DATA = 'jabber:x:data';

export interface Field {
  readonly name: string;
  readonly type?:
    | 'hidden'
    | 'boolean'
    | 'text-single'
    | 'text-private'
    | 'list-single'
    | 'list-multi'
    | 'jid-single'
    | 'jid-multi';
  readonly label?: string;
  readonly value?: string | boolean | number | readonly string[];
  readonly options?: readonly (readonly [label: string, value: string])[];
}

/** `<x/>` with these fields, its FORM_TYPE in front. */
export function formXml(type: 'form' | 'result', formType: string, fields: readonly Field[], title?: string): string {
  const head = title === undefined ? '' : `<title>${escapeText(title)}</title>`;
  const all = [{ name: 'FORM_TYPE', type: 'hidden', value: formType } as const, ...fields].map(fieldXml);
  return `<x xmlns='${DATA}' type='${type}'>${head}${all.join('')}</x>`;
}

function fieldXml({ name, type, label, value, options = [] }: Field): string {
  const choices = options.map(
    ([text, each]) => `<option${attribute('label', text)}><value>${escapeText(each)}</value></option>`,
  );
  const said = valuesOf(value).map((each) => `<value>${escapeText(each)}</value>`);
  return `<field${attribute('var', name)}${attribute('type', type)}${attribute('label', label)}>${said.join('')}${choices.join('')}</field>`;
}

function valuesOf(value: Field['value']): readonly string[] {
  if (value === undefined) return [];
  if (typeof value === 'boolean') return [value ? '1' : '0'];
  return typeof value === 'object' ? value : [String(value)];
}

/** What was filled in, by name: the values of each field, on lines of their own; undefined when this is no such form. */
export function submitted(form: Element | undefined, formType: string): Map<string, string> | undefined {
  if (form?.attrs.type !== 'submit') return undefined;
  const fields = form.getChildren('field', DATA).map((field) => {
    const values = field.getChildren('value', DATA).map((value) => value.getText());
    return [field.attrs.var ?? '', values.join('\n')] as const;
  });
  const said = new Map(fields);
  const kind = said.get('FORM_TYPE');
  return kind === formType || (kind === undefined && fields.length === 0) ? said : undefined;
}

/** Undefined: neither. */
export const truth = (text: string | undefined): boolean | undefined =>
  text === '1' || text === 'true' ? true : text === '0' || text === 'false' ? false : undefined;
