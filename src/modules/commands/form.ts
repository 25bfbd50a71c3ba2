// Forms that people fill in for a command: a form is described once, and what comes back is held against the description.
// All that is wrong is told at once, field by field.

import type { Element } from '../../xmpp/element.js';
import { JID } from '../../xmpp/jid.js';
import { type Field, formXml, saidIn } from '../data-form.js';

export interface FormField extends Field {
  readonly type: 'boolean' | 'jid-multi' | 'jid-single' | 'list-single' | 'text-multi' | 'text-private' | 'text-single';
  readonly label: string;
  readonly options?: readonly (readonly [value: string, label: string])[];
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
export const questionXml = ({ formType, fields, ...surroundings }: FormDescription): string =>
  formXml('form', formType, fields, surroundings);

/** What was filled in, or all that is wrong with it. */
export type Reading = { readonly answers: Answers } | { readonly faults: readonly string[] };

/** Reads what a client sent; fields that were not asked for are passed over. */
export function readForm(form: Element | undefined, { formType, fields }: FormDescription): Reading {
  // XEP-0050 section 3.5.1: some say cancel and mean submit.
  if (form === undefined || (form.attrs.type !== 'submit' && form.attrs.type !== 'cancel'))
    return { faults: ['a form that is filled in is missing'] };
  const said = new Map<string, (readonly string[])[]>();
  for (const [name, values] of saidIn(form)) said.set(name, [...(said.get(name) ?? []), values]);
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
