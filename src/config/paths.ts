// Every option by its full name, such as `limits.sessions`: what flags, environment and "did you mean" look names up in.

import type { Fields, Option } from './option.js';
import { schema } from './schema.js';

/** Options by full name; groups that can be null and maps are here too, since they can be said as a whole. */
export const optionPaths: ReadonlyMap<string, Option<unknown>> = new Map(paths(schema));

function paths(option: Option<unknown>, prefix = ''): [string, Option<unknown>][] {
  if (option.shape.kind !== 'group') return [];
  return Object.entries(option.shape.fields as Fields).flatMap(([name, field]) => {
    const path = prefix + name;
    const own: [string, Option<unknown>][] = field.shape.kind === 'group' && !field.nullable ? [] : [[path, field]];
    const files: [string, Option<unknown>][] = field.secret ? [[`${path}_file`, field]] : [];
    const old: [string, Option<unknown>][] = (field.was ?? []).map((was) => [prefix + was, field]);
    return [...own, ...files, ...old, ...paths(field, `${path}.`)];
  });
}

/** The name of the environment variable that says the option. */
export function variable(path: string): string {
  return `BOSH_${path.replaceAll('.', '_').toUpperCase()}`;
}

/** The flag that says the option. */
export function flagName(path: string): string {
  return `--${path.replaceAll('_', '-')}`;
}
