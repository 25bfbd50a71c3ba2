// Which changes a reload cannot bring.

import type { Fields } from './option.js';
import { type Config, schema } from './schema.js';

/** Options that differ and count from the next start on only. */
export function changedForRestart(before: Config, after: Config): string[] {
  const { fields } = schema.shape as { fields: Fields };
  return (Object.keys(before) as (keyof Config)[]).filter(
    (name) => fields[name].restart && JSON.stringify(before[name]) !== JSON.stringify(after[name]),
  );
}
