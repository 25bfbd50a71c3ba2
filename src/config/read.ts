// From what was said to values: type, limits, form and name of every option are checked here, and nothing stops at the
// first mistake. What is wrong takes the default, so that the rest can be looked at.

import { resolve } from 'node:path';
import type { Environment } from './environment.js';
import { isPem } from './files.js';
import { formFault } from './forms.js';
import { nearest } from './nearest.js';
import type { Fields, Form, Option, Shape } from './option.js';
import { optionPaths } from './paths.js';
import { isSecret, type Origin, type Problem, show } from './problem.js';
import { fromObject, type Members, type Said } from './said.js';
import { retired } from './schema.js';
import { type Findings, folderOf } from './tidy.js';
import { quantity } from './units.js';

type Of<K extends Shape['kind']> = Extract<Shape, { kind: K }>;

const EXAMPLE = { seconds: '90, "30s", "2m" or "1h"', bytes: '100000, "64KiB" or "1MB"' };

export class Reader {
  /** Where every value was said; what is not here has its default. */
  readonly origins = new Map<string, Origin>();

  constructor(
    readonly findings: Findings,
    readonly env: Environment,
  ) {}

  /** The option's value; its default where nothing, or nothing right, was said. */
  read(option: Option<unknown>, given: Said, path: string): unknown {
    const said = this.#substituted(given, path);
    this.origins.set(path, said.origin);
    if (option.nullable && (said.value === null || (said.loose && said.value === 'null'))) return null;
    const { shape } = option;
    switch (shape.kind) {
      case 'group':
        return this.#group(option, shape, said, path);
      case 'map':
        return this.#map(option, shape, said, path);
      case 'list':
        return this.#list(option, shape, said, path);
      case 'number':
        return this.#number(option, shape, said, path);
      case 'flag':
        return this.#flag(option, said, path);
      case 'text':
        return this.#text(option, shape, said, path);
    }
  }

  #group(option: Option<unknown>, { fields }: Of<'group'>, said: Said, path: string): unknown {
    const members = this.#members(said, path);
    if (members === undefined) return option.default;
    const prefix = path === '' ? '' : `${path}.`;
    for (const [name, member] of members) if (!Object.hasOwn(fields, name)) this.#unknown(name, member, fields, prefix);
    return Object.fromEntries(
      Object.entries(fields).map(([name, field]) => {
        const member = members.get(name);
        if (member !== undefined) return [name, this.read(field, member, prefix + name)];
        if (field.required) this.#missing(said, prefix + name, field);
        return [name, field.default];
      }),
    );
  }

  #map(option: Option<unknown>, { keys, item }: Of<'map'>, said: Said, path: string): unknown {
    const members = this.#members(said, path);
    if (members === undefined) return option.default;
    const entries: [string, unknown][] = [];
    for (const [name, member] of members) {
      const key = keys === 'domain' ? name.toLowerCase() : name;
      if (this.#formed(keys, name, member.origin, `${path}.${name}`))
        entries.push([key, this.read(item, member, `${path}.${key}`)]);
    }
    return Object.fromEntries(entries);
  }

  #members(said: Said, path: string): Members | undefined {
    const value = said.loose ? fromText(said) : said.value;
    if (value instanceof Map) return value;
    this.#wrong(said, path, 'must be an object', 'write { "name": value }');
    return undefined;
  }

  #list(option: Option<unknown>, { form }: Of<'list'>, said: Said, path: string): unknown {
    const value = said.loose ? listFromText(said) : said.value;
    if (!Array.isArray(value)) return this.#wrong(said, path, 'must be a list', `write [${show(said.value)}]`, option);
    const items = (value as Said[]).map((item) => this.#substituted(item, path));
    return items.filter((item) => this.#item(form, item, path)).map((item) => canonical(form, item.value as string));
  }

  #item(form: Form, item: Said, path: string): boolean {
    if (typeof item.value === 'string') return this.#formed(form, item.value, item.origin, path);
    this.#wrong(item, path, 'must be a list of texts', 'put every item into "quotes"');
    return false;
  }

  #number(option: Option<unknown>, shape: Of<'number'>, said: Said, path: string): unknown {
    const { unit, min, max, word } = shape;
    if (word !== undefined && said.value === word) return word;
    const or = word === undefined ? '' : ` or "${word}"`;
    const kind = (unit === undefined ? 'a number' : `a number of ${unit}`) + or;
    const texts = said.loose || unit !== undefined;
    const value = typeof said.value === 'string' && texts ? quantity(said.value, unit) : said.value;
    const how = unit === undefined ? `write digits only${or && `,${or}`}` : `write ${EXAMPLE[unit]}`;
    if (typeof value !== 'number' || !Number.isFinite(value))
      return this.#wrong(said, path, `must be ${kind}`, how, option);
    if (!shape.fraction && !Number.isInteger(value))
      return this.#wrong(said, path, 'must be a whole number', how, option);
    if (value >= min && value <= max) return value;
    const range = `must be from ${min} to ${max}${unit === undefined ? '' : ` ${unit}`}`;
    const otherwise = typeof option.default === 'number' ? `, or leave it at ${option.default}` : '';
    return this.#wrong(said, path, range, `write ${value < min ? min : max}${otherwise}`, option);
  }

  #flag(option: Option<unknown>, said: Said, path: string): unknown {
    if (typeof said.value === 'boolean') return said.value;
    if (said.loose && /^(true|yes|on|1)$/i.test(String(said.value))) return true;
    if (said.loose && /^(false|no|off|0)$/i.test(String(said.value))) return false;
    return this.#wrong(said, path, 'must be true or false', 'write true or false, without quotes', option);
  }

  #text(option: Option<unknown>, { values, form }: Of<'text'>, said: Said, path: string): unknown {
    const { value } = said;
    if (typeof value !== 'string') return this.#wrong(said, path, 'must be a text', 'put it into "quotes"', option);
    if (values !== undefined) return this.#chosen(option, values, value, said, path);
    if (form === undefined || (value === '' && (option.emptiable || (option.default === '' && !option.required))))
      return value;
    if (!this.#formed(form, value, said.origin, path)) return option.default;
    return form === 'file' || form === 'folder' || (form === 'pem' && !isPem(value))
      ? resolve(folderOf(said.origin, this.findings.cwd), value)
      : value;
  }

  #chosen(option: Option<unknown>, values: readonly string[], value: string, said: Said, path: string): unknown {
    const chosen = values.find((known) => known.toLowerCase() === value.toLowerCase());
    if (chosen !== undefined) return chosen;
    const near = nearest(value, values);
    const all = values.map((known) => `"${known}"`).join(', ');
    this.#problem(
      said.origin,
      path,
      `must be one of ${all}, not ${show(value)}`,
      `write "${near ?? option.default}"`,
      near,
    );
    return option.default;
  }

  #formed(form: Form, text: string, origin: Origin, path: string): boolean {
    const fault = formFault(form, text);
    if (fault === undefined) return true;
    this.#problem(origin, path, `${fault.message}: ${shown(path, text)}`, fault.fix);
    return false;
  }

  /** Puts `${env:NAME}` in; the result is text that may be any kind of value. */
  #substituted(said: Said, path: string): Said {
    if (said.origin.kind !== 'file' || typeof said.value !== 'string' || !said.value.includes('${env:')) return said;
    const value = said.value.replaceAll(/\$\{env:([A-Za-z_][A-Za-z0-9_]*)\}/g, (_, name: string) => {
      const found = this.env[name];
      if (found !== undefined) return found;
      this.#problem(said.origin, path, `the environment has no variable ${name}`, `set ${name}, or write the value`);
      return '';
    });
    return { ...said, value, loose: true };
  }

  #unknown(name: string, { origin }: Said, fields: Fields, prefix: string): void {
    if (prefix === '' && name === '$schema') return;
    const why = prefix === '' ? retired.get(name) : undefined;
    if (why !== undefined) {
      const message = `is passed over: ${why}`;
      this.findings.warnings.push({ origin, option: name, message, fix: 'remove it' });
      return;
    }
    const near = nearest(name, Object.keys(fields)) ?? elsewhere(name);
    const fix =
      near === undefined
        ? 'remove it; "bosh-server config docs" describes all options'
        : `write "${near}", or remove it`;
    this.#problem(origin, prefix + name, 'is not an option', fix, near);
  }

  #missing(group: Said, path: string, field: Option<unknown>): void {
    this.#problem(group.origin, path, 'is missing', `add it: ${field.about}`);
  }

  #wrong(said: Said, path: string, must: string, fix: string, option?: Option<unknown>): unknown {
    this.#problem(said.origin, path, `${must}, not ${shown(path, said.value)}`, fix);
    return option?.default;
  }

  #problem(origin: Origin, option: string, message: string, fix: string, near?: string): void {
    const note = near === undefined ? undefined : `did you mean "${near}"?`;
    const problem: Problem = { origin, option, message, note, fix };
    this.findings.problems.push(problem);
  }
}

/** An option that has this name in another group. */
function elsewhere(name: string): string | undefined {
  const last = nearest(
    name,
    [...optionPaths.keys()].map((path) => path.slice(path.lastIndexOf('.') + 1)),
  );
  return [...optionPaths.keys()].find((path) => last !== undefined && (path === last || path.endsWith(`.${last}`)));
}

function shown(path: string, value: unknown): string {
  if (isSecret(path)) return '<redacted>';
  if (value instanceof Map) return 'an object';
  if (Array.isArray(value)) return 'a list';
  return typeof value === 'function' || typeof value === 'symbol' ? `a ${typeof value}` : show(value);
}

function canonical(form: Form, text: string): string {
  return form === 'domain' || form === 'pattern' ? text.toLowerCase() : text;
}

/** A list as flags and environment say it: with commas, or as JSON. */
function listFromText(said: Said): unknown {
  const { value } = said;
  if (typeof value !== 'string') return value;
  if (value.trim().startsWith('[')) return jsonFromText(said);
  const items = value.split(',').map((item) => item.trim());
  return items.filter((item) => item !== '').map((item) => ({ origin: said.origin, value: item }));
}

/** An object as flags and environment say it: as JSON, or as `Name: value, Name: value`. */
function fromText(said: Said): unknown {
  const { value } = said;
  if (typeof value !== 'string' || value.trim().startsWith('{')) return jsonFromText(said);
  const pairs = value.split(',').map((pair) => /^\s*([^:=\s]+)\s*[:=]\s*(.*?)\s*$/.exec(pair));
  if (pairs.some((pair) => pair === null)) return value;
  return new Map(pairs.map((pair) => [pair?.[1], { origin: said.origin, value: pair?.[2] }]));
}

function jsonFromText({ value, origin }: Said): unknown {
  if (typeof value !== 'string') return value;
  try {
    return moved(fromObject(JSON.parse(value)), origin).value;
  } catch {
    return value;
  }
}

function moved(said: Said, origin: Origin): Said {
  const { value } = said;
  if (Array.isArray(value)) return { origin, value: value.map((item: Said) => moved(item, origin)) };
  if (!(value instanceof Map)) return { origin, value };
  return { origin, value: new Map([...(value as Members)].map(([name, member]) => [name, moved(member, origin)])) };
}
