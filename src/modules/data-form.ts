// Data forms (XEP-0004): how they are written, and what was filled in. What that means is for who asked.

import type { Element } from '../xmpp/element.js';
import { attribute, escapeText } from '../xmpp/escape.js';

export const DATA = 'jabber:x:data';

export interface Field {
  readonly name: string;
  readonly type?:
    | 'boolean'
    | 'hidden'
    | 'jid-multi'
    | 'jid-single'
    | 'list-multi'
    | 'list-single'
    | 'text-multi'
    | 'text-private'
    | 'text-single';
  readonly label?: string;
  readonly required?: boolean;
  readonly value?: string | boolean | number | readonly string[];
  /** What can be chosen, with the words for it where it has some. */
  readonly options?: readonly (string | readonly [value: string, label: string])[];
}

/** What stands in a form besides its fields. */
export interface Surroundings {
  readonly title?: string;
  readonly instructions?: string;
  /** XML behind the fields. */
  readonly more?: string;
}

/** The form of this type (XEP-0068) with these fields. */
export function formXml(
  type: 'form' | 'result' | 'submit',
  formType: string,
  fields: readonly Field[],
  { title, instructions, more = '' }: Surroundings = {},
): string {
  const head = textXml('title', title) + textXml('instructions', instructions);
  const all = [{ name: 'FORM_TYPE', type: 'hidden', value: formType } as const, ...fields].map(fieldXml);
  return `<x xmlns='${DATA}' type='${type}'>${head}${all.join('')}${more}</x>`;
}

const textXml = (name: string, text: string | undefined): string =>
  text === undefined ? '' : `<${name}>${escapeText(text)}</${name}>`;

function fieldXml({ name, type, label, required, value, options = [] }: Field): string {
  const must = required ? '<required/>' : '';
  const values = valuesOf(value).map((each) => `<value>${escapeText(each)}</value>`);
  const choices = options.map((option) => {
    const [each, words] = typeof option === 'string' ? [option] : option;
    return `<option${attribute('label', words)}><value>${escapeText(each)}</value></option>`;
  });
  const tag = `<field${attribute('var', name)}${attribute('type', type)}${attribute('label', label)}>`;
  return `${tag}${must}${values.join('')}${choices.join('')}</field>`;
}

function valuesOf(value: Field['value']): readonly string[] {
  if (value === undefined) return [];
  if (typeof value === 'boolean') return [value ? '1' : '0'];
  return typeof value === 'object' ? value : [String(value)];
}

/** The form in an element; undefined when there is none. */
export const formIn = (element: Element | undefined): Element | undefined => element?.getChild('x', DATA);

/** What was filled in, by the names of the fields; of two of one name the last. */
export type Filled = ReadonlyMap<string, readonly string[]>;

export const filled = (form: Element): Filled => new Map(saidIn(form));

/** The same, those of one name too. */
export function saidIn(form: Element): (readonly [name: string, values: readonly string[]])[] {
  return form.getChildren('field', DATA).map((field) => {
    const values = field.getChildren('value', DATA).map((value) => value.getText());
    return [field.attrs.var ?? '', values] as const;
  });
}

/** Section 3.3; undefined: neither. */
export const truth = (text: string | undefined): boolean | undefined =>
  text === '1' || text === 'true' ? true : text === '0' || text === 'false' ? false : undefined;
