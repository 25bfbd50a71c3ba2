// Which changes a reload cannot bring.

import type { Fields, Option } from './option.js';
import { type Config, schema } from './schema.js';

/** Options that differ and count from the next start on only, by full name. */
export function changedForRestart(before: Config, after: Config): string[] {
  return changed(schema, before, after, '');
}

/** What is in effect after a reload: the new values, and the old ones of options that count from the next start on. */
export function reloaded(before: Config, after: Config): Config {
  return kept(schema, before, after) as Config;
}

function kept(option: Option<unknown>, before: unknown, after: unknown): unknown {
  if (option.restart) return before;
  if (option.shape.kind !== 'group' || option.nullable) return after;
  const of = (value: unknown, name: string) => (value as Record<string, unknown>)[name];
  const names = Object.entries(option.shape.fields as Fields);
  return Object.freeze(
    Object.fromEntries(names.map(([name, field]) => [name, kept(field, of(before, name), of(after, name))])),
  );
}

function changed(option: Option<unknown>, before: unknown, after: unknown, path: string): string[] {
  if (option.restart) return JSON.stringify(before) === JSON.stringify(after) ? [] : [path];
  if (option.shape.kind !== 'group' || option.nullable) return [];
  return Object.entries(option.shape.fields as Fields).flatMap(([name, field]) => {
    const of = (value: unknown) => (value as Record<string, unknown>)[name];
    return changed(field, of(before), of(after), path === '' ? name : `${path}.${name}`);
  });
}
