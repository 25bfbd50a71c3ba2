// Fields of the forms that say how something is configured (XEP-0060 section 16.4): how each is read, and how it is written.

import { type Filled, type Field as FormField, truth } from '../data-form.js';

export interface Field {
  readonly kind: 'text' | 'texts' | 'flag' | 'choice' | 'choices' | 'count' | 'time';
  readonly label: string;
  /** Of `choice` and `choices`. */
  readonly choices?: readonly string[];
  /** The greatest `count` that can be said; `max` always can. */
  readonly most?: number;
}

export type Fields<Name extends string> = Readonly<Record<Name, Field>>;

/** A time is in milliseconds since 1970; undefined: none. */
export type Value = string | boolean | number | readonly string[] | undefined;

const LONGEST = 1024;
const TYPES = {
  text: 'text-single',
  texts: 'text-multi',
  flag: 'boolean',
  choice: 'list-single',
  choices: 'list-multi',
  count: 'text-single',
  time: 'text-single',
} as const;

/** What was said of the fields that are known. `wrong` makes the error for one that cannot be so. */
export function readFields<Name extends string>(
  fields: Fields<Name>,
  said: Filled,
  wrong: (name: Name) => Error,
): Map<Name, Value> {
  const read = new Map<Name, Value>();
  for (const name of namesOf(fields)) {
    const values = said.get(`${PREFIX}${name}`);
    if (values === undefined) continue;
    const value = readValue(fields[name], values);
    if (value === WRONG) throw wrong(name);
    read.set(name, value);
  }
  return read;
}

const PREFIX = 'pubsub#';
const WRONG = Symbol('no value of this field');

/** The name of a field; undefined when it is none of these. */
export const nameOf = <Name extends string>(fields: Fields<Name>, field: string): Name | undefined =>
  namesOf(fields).find((name) => `${PREFIX}${name}` === field);

const namesOf = <Name extends string>(fields: Fields<Name>): Name[] => Object.keys(fields) as Name[];

function readValue({ kind, choices = [], most = 0 }: Field, values: readonly string[]): Value | typeof WRONG {
  const [value = ''] = values;
  // XEP-0004 section 3.6: an empty value may say that there is none.
  const several = values.filter((each) => each !== '');
  if (kind === 'flag') return truth(value) ?? WRONG;
  if (kind === 'count') return countOf(value, most) ?? WRONG;
  if (kind === 'time') return value === '' ? undefined : (timeOf(value) ?? WRONG);
  if (kind === 'choice') return choices.includes(value) ? value : WRONG;
  if (kind === 'choices') return several.every((each) => choices.includes(each)) ? [...new Set(several)] : WRONG;
  if (values.join('').length > LONGEST) return WRONG;
  return kind === 'text' ? values.join('\n') : several;
}

function countOf(value: string, most: number): number | 'max' | undefined {
  if (value === 'max') return value;
  const count = /^\d{1,9}$/.test(value) ? Number(value) : 0;
  return count >= 1 && count <= most ? count : undefined;
}

/** XEP-0082 section 3.2. */
function timeOf(value: string): number | undefined {
  if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)$/.test(value)) return undefined;
  const at = Date.parse(value);
  return Number.isNaN(at) ? undefined : at;
}

/** As it is shown: to be filled in, with what can be chosen; or to be looked at. */
export function shownFields<Name extends string>(
  fields: Fields<Name>,
  values: Readonly<Record<Name, Value>>,
  type: 'form' | 'result',
): FormField[] {
  return namesOf(fields).map((name) => {
    const { kind, label, choices } = fields[name];
    const options = type === 'form' ? choices : undefined;
    return { name: `${PREFIX}${name}`, type: TYPES[kind], label, value: shownAs(kind, values[name]), options };
  });
}

const shownAs = (kind: Field['kind'], value: Value): Value =>
  kind === 'time' && value !== undefined ? new Date(Number(value)).toISOString() : value;
