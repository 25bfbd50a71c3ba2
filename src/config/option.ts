// How an option is described, and the type of its value carried along: Config is inferred from these, never written twice.

/** What a text must look like; the check of each form is in forms.ts. */
export type Form =
  | 'address'
  | 'host'
  | 'path'
  | 'url'
  | 'uri'
  | 'cidr'
  | 'domain'
  | 'pattern'
  | 'origin'
  | 'header'
  | 'value'
  | 'file'
  | 'pem'
  | 'folder'
  | 'ip'
  | 'media'
  | 'module'
  | 'jid';

/** The kinds of values. `unit` numbers may also be said as text: "2m", "64KiB". */
export type Shape =
  | { readonly kind: 'text'; readonly values?: readonly string[]; readonly form?: Form }
  | {
      readonly kind: 'number';
      readonly min: number;
      readonly max: number;
      readonly unit?: 'seconds' | 'bytes';
      readonly fraction?: boolean;
      /** What may be said in place of a number. */
      readonly word?: string;
    }
  | { readonly kind: 'flag' }
  | { readonly kind: 'list'; readonly form: Form }
  | { readonly kind: 'map'; readonly keys: Form; readonly item: Option<unknown> }
  | { readonly kind: 'group'; readonly fields: Fields };

/** What else may be said of an option. */
export interface Traits {
  /** Its names of before: they work, and warn once. */
  readonly was?: readonly string[];
  /** Printed as `<redacted>`; can be said as `<name>_file`. */
  readonly secret?: boolean;
  /** A new value counts from the next start on, not from a reload. */
  readonly restart?: boolean;
  /** Its group makes no sense without it. */
  readonly required?: boolean;
  /** The empty text can be said, and turns it off. */
  readonly emptiable?: boolean;
  /** A value as the file may have it, where the default shows nothing. */
  readonly example?: string;
  /** `null` can be said. */
  readonly nullable?: boolean;
}

/** One option: `about` is the one sentence that help, manual, example and editors show. */
export interface Option<T> extends Traits {
  readonly shape: Shape;
  readonly default: T;
  readonly about: string;
}

export type Fields = Readonly<Record<string, Option<unknown>>>;

/** The type of an option's value. */
export type Value<O> = O extends Option<infer T> ? T : never;
export type Values<F> = { readonly [K in keyof F]: Value<F[K]> };

export function text(value: string, form: Form | undefined, about: string, traits: Traits = {}): Option<string> {
  return { shape: { kind: 'text', form }, default: value, about, ...traits };
}

export function choice<const T extends string>(value: NoInfer<T>, values: readonly T[], about: string): Option<T> {
  return { shape: { kind: 'text', values }, default: value, about };
}

export function count(
  value: number,
  [min, max]: readonly [number, number],
  about: string,
  traits: Traits = {},
): Option<number> {
  return { shape: { kind: 'number', min, max }, default: value, about, ...traits };
}

/** A whole number, or the word that leaves it to the server. */
export function countOr<const W extends string>(
  value: number | W,
  word: W,
  [min, max]: readonly [number, number],
  about: string,
  traits: Traits = {},
): Option<number | W> {
  return { shape: { kind: 'number', min, max, word }, default: value, about, ...traits };
}

/** Whole seconds: they stand in the protocol's own attributes. */
export function seconds(value: number, [min, max]: readonly [number, number], about: string): Option<number> {
  return { shape: { kind: 'number', min, max, unit: 'seconds' }, default: value, about };
}

/** Seconds of our own patience, with fractions. */
export function patience(value: number, [min, max]: readonly [number, number], about: string): Option<number> {
  return { shape: { kind: 'number', min, max, unit: 'seconds', fraction: true }, default: value, about };
}

export function bytes(
  value: number,
  [min, max]: readonly [number, number],
  about: string,
  traits: Traits = {},
): Option<number> {
  return { shape: { kind: 'number', min, max, unit: 'bytes' }, default: value, about, ...traits };
}

export function flag(value: boolean, about: string, traits: Traits = {}): Option<boolean> {
  return { shape: { kind: 'flag' }, default: value, about, ...traits };
}

export function list(value: readonly string[], form: Form, about: string): Option<readonly string[]> {
  return { shape: { kind: 'list', form }, default: value, about };
}

export function map<O extends Option<unknown>>(
  keys: Form,
  item: O,
  about: string,
): Option<Readonly<Record<string, Value<O>>>> {
  return { shape: { kind: 'map', keys, item }, default: {}, about };
}

export function group<F extends Fields>(fields: F, about: string): Option<Values<F>> {
  const defaults = Object.fromEntries(Object.entries(fields).map(([name, option]) => [name, option.default]));
  return { shape: { kind: 'group', fields }, default: defaults as Values<F>, about };
}

/** The same option, not there unless it is said. */
export function optional<T>(option: Option<T>): Option<T | undefined> {
  return { ...option, default: undefined };
}

/** The same option, `null` unless it is said. */
export function orNull<T>(option: Option<T>): Option<T | null> {
  return { ...option, default: null, nullable: true };
}
