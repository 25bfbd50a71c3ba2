// Data forms (XEP-0004) that people fill in for a command: a form is described once, and what comes back is held against
// the description. All that is wrong is told at once, field by field.

import type { Element } from '../xmpp/element.js';
import { attribute, escapeText } from '../xmpp/escape.js';
import { JID } from '../xmpp/jid.js';

export const DATA = 'jabber:x:data';

export interface FormField {
  readonly name: string;
  readonly type: 'boolean' | 'jid-multi' | 'jid-single' | 'list-single' | 'text-multi' | 'text-private' | 'text-single';
  readonly label: string;
  readonly required?: boolean;
  /** What can be chosen, and the words for it. */
  readonly options?: readonly (readonly [value: string, label: string])[];
  readonly value?: string | readonly string[];
  /** Most values, for the multiple ones. */
  readonly maxValues?: number;
  /** Most bytes of all values together. */
  readonly maxBytes?: number;
}

/** What no single field needs more of. */
const LONGEST = 4096;

export interface FormDescription {
  /** XEP-0068. */
  readonly formType: string;
  readonly title: string;
  readonly instructions: string;
  readonly fields: readonly FormField[];
}

/** What was filled in. Fields that may be left out are empty. */
export class Answers {
  constructor(readonly values: ReadonlyMap<string, readonly string[]>) {}

  /** Lines of several are joined. */
  text(name: string): string {
    return (this.values.get(name) ?? []).join('\n');
  }

  /** Of address fields. */
  jids(name: string): JID[] {
    return (this.values.get(name) ?? []).map((text) => JID.parse(text));
  }
}

/** XML of a form that is to be filled in. */
export function formXml({ formType, title, instructions, fields }: FormDescription): string {
  const head = `<title>${escapeText(title)}</title><instructions>${escapeText(instructions)}</instructions>`;
  return `<x xmlns='${DATA}' type='form'>${head}${typeField(formType)}${fields.map(fieldXml).join('')}</x>`;
}

/** XML of a form that tells something: fields with a label and any number of values. */
export function resultXml(formType: string, fields: readonly Told[], more = ''): string {
  const all = fields.map(({ name, label, values, type }) => {
    const said = values.map((value) => `<value>${escapeText(value)}</value>`).join('');
    return `<field${attribute('var', name)}${attribute('type', type)}${attribute('label', label)}>${said}</field>`;
  });
  return `<x xmlns='${DATA}' type='result'>${typeField(formType)}${all.join('')}${more}</x>`;
}

export interface Told {
  readonly name: string;
  readonly type?: 'jid-multi' | 'jid-single' | 'text-multi' | 'text-single';
  readonly label?: string;
  readonly values: readonly string[];
}

const typeField = (formType: string): string =>
  `<field var='FORM_TYPE' type='hidden'><value>${escapeText(formType)}</value></field>`;

function fieldXml({ name, type, label, required, options = [], value = [] }: FormField): string {
  const must = required ? '<required/>' : '';
  const values = [value].flat().map((each) => `<value>${escapeText(each)}</value>`);
  const choices = options.map(
    ([each, words]) => `<option${attribute('label', words)}><value>${escapeText(each)}</value></option>`,
  );
  const tag = `<field${attribute('var', name)} type='${type}'${attribute('label', label)}>`;
  return `${tag}${must}${values.join('')}${choices.join('')}</field>`;
}

/** What was filled in, or all that is wrong with it. */
export type Reading = { readonly answers: Answers } | { readonly faults: readonly string[] };

/** Reads what a client sent; fields that were not asked for are passed over. */
export function readForm(form: Element | undefined, { formType, fields }: FormDescription): Reading {
  // XEP-0050 section 3.5.1: some say cancel and mean submit.
  if (form === undefined || (form.attrs.type !== 'submit' && form.attrs.type !== 'cancel'))
    return { faults: ['a form that is filled in is missing'] };
  const said = new Map<string, string[][]>();
  for (const field of form.getChildren('field', DATA)) {
    const values = field.getChildren('value', DATA).map((value) => value.getText());
    const name = field.attrs.var ?? '';
    said.set(name, [...(said.get(name) ?? []), values]);
  }
  const [kind = formType] = said.get('FORM_TYPE')?.[0] ?? [];
  if (kind !== formType) return { faults: ['FORM_TYPE: is of another form'] };
  const values = new Map<string, readonly string[]>();
  const faults: string[] = [];
  for (const field of fields) {
    const [first = [], ...more] = said.get(field.name) ?? [];
    const filled = trimmed(field, first);
    const fault = more.length > 0 ? 'is there twice' : faultOf(field, filled);
    if (fault !== undefined) faults.push(`${field.name}: ${fault}`);
    values.set(field.name, filled);
  }
  return faults.length > 0 ? { faults } : { answers: new Answers(values) };
}

/** White space around addresses, and empty lines among them, are nobody's. */
function trimmed({ type }: FormField, values: readonly string[]): readonly string[] {
  if (type === 'text-private') return values.filter((value) => value !== '');
  if (type === 'text-multi') return values.every((value) => value.trim() === '') ? [] : values;
  return values.map((value) => value.trim()).filter((value) => value !== '');
}

const isMultiple = ({ type }: FormField): boolean => type === 'jid-multi' || type === 'text-multi';

function faultOf(field: FormField, values: readonly string[]): string | undefined {
  const { required, options, maxValues = Number.POSITIVE_INFINITY, maxBytes = LONGEST } = field;
  if (values.length === 0) return required ? 'is missing' : undefined;
  if (values.length > 1 && !isMultiple(field)) return 'has one value';
  if (values.length > maxValues) return `has at most ${maxValues} values`;
  const bytes = values.reduce((sum, value) => sum + Buffer.byteLength(value), 0);
  if (field.type !== 'jid-multi' && bytes > maxBytes) return `is longer than ${maxBytes} bytes`;
  if (options !== undefined && !options.some(([each]) => each === values[0])) return 'is none of what can be chosen';
  if (field.type === 'boolean' && !/^(0|1|true|false)$/.test(values[0])) return 'is neither 1 nor 0';
  if (field.type === 'jid-single' || field.type === 'jid-multi') return addressFault(values);
  return undefined;
}

function addressFault(values: readonly string[]): string | undefined {
  const wrong = values.find((value) => !isAddress(value));
  return wrong === undefined ? undefined : `${wrong.slice(0, 100)} is no address`;
}

function isAddress(text: string): boolean {
  try {
    JID.parse(text);
    return true;
  } catch {
    return false;
  }
}
