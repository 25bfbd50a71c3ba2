// Which changes a reload cannot bring.

import type { Fields, Option } from './option.js';
import { type Config, schema } from './schema.js';

/** Options that differ and count from the next start on only, by full name. */
export function changedForRestart(before: Config, after: Config): string[] {
  return changed(schema, before, after, '');
}

function changed(option: Option<unknown>, before: unknown, after: unknown, path: string): string[] {
  if (option.restart) return JSON.stringify(before) === JSON.stringify(after) ? [] : [path];
  if (option.shape.kind !== 'group' || option.nullable) return [];
  return Object.entries(option.shape.fields as Fields).flatMap(([name, field]) => {
    const of = (value: unknown) => (value as Record<string, unknown>)[name];
    return changed(field, of(before), of(after), path === '' ? name : `${path}.${name}`);
  });
}
