// Configuration files written out: the example with every default, a new one for a new user, and the one in effect.

import type { Where } from './checks.js';
import type { Fields, Option } from './option.js';
import { place } from './problem.js';
import type { Config, ConfigInput } from './schema.js';
import { schema, sections } from './schema.js';

interface Writing {
  /** The value to be written. */
  readonly value: (path: string, option: Option<unknown>) => unknown;
  /** Written as a comment: the default counts. */
  readonly asComment?: (path: string) => boolean;
  readonly head?: string;
}

/** What `bosh.conf.example.json` holds: every option with its sentence and its default. */
export function exampleFile(): string {
  const head =
    '// Every option of bosh-server with its default. All are optional; comments and trailing commas are fine.\n';
  return file({ value: (_, option) => option.default, head }, '  "$schema": "./bosh.schema.json",\n');
}

/** What `bosh-server init` writes: what is said, and everything else as comments to be taken up. */
export function newFile(said: ConfigInput): string {
  const head =
    '// Configuration of bosh-server. What is commented out shows the default; take the slashes away to change it.\n';
  const value = (path: string, option: Option<unknown>) => within(said, path) ?? option.default;
  return file({ value, asComment: (path) => !Object.hasOwn(said, path), head }, '');
}

function within(said: unknown, path: string): unknown {
  return path.split('.').reduce((at, name) => (at as Record<string, unknown> | undefined)?.[name], said);
}

/** The configuration in effect, its secrets blotted out, with the place where each value was said. */
export function printedFile(config: Config, where: Where): string {
  const lines = Object.entries(config).map(([name, value]) => {
    const option = (schema.shape as { fields: Fields }).fields[name];
    const origin = where(name);
    const from = origin === undefined ? '' : place(origin);
    const comment = from === '' ? '' : `  // ${from}\n`;
    return `${comment}  ${JSON.stringify(name)}: ${indented(redacted(option, value))}`;
  });
  return `{\n${lines.join(',\n')}\n}\n`;
}

/** The value without its secrets. */
export function redacted(option: Option<unknown>, value: unknown): unknown {
  const { shape } = option;
  if (option.secret) return value === '' || value === undefined ? value : '<redacted>';
  if (typeof value === 'string' && value.includes('PRIVATE KEY-----')) return '<redacted>';
  if (typeof value !== 'object' || value === null || (shape.kind !== 'group' && shape.kind !== 'map')) return value;
  const of = (name: string) => (shape.kind === 'map' ? shape.item : (shape.fields as Fields)[name]);
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, redacted(of(name), member)]));
}

function file(writing: Writing, first: string): string {
  const { fields } = schema.shape as { fields: Fields };
  const parts = sections.map(({ title, names }) => {
    const options = names.map((name) => written(name, name, fields[name], '  ', writing)).join('');
    return `\n  // ---- ${title} ----\n\n${options}`;
  });
  return `${writing.head ?? ''}{\n${first}${parts.join('').replace(/^\n/, first === '' ? '' : '\n')}}\n`;
}

function written(name: string, path: string, option: Option<unknown>, indent: string, writing: Writing): string {
  const sentence = `${indent}// ${option.about}\n`;
  const group = option.shape.kind === 'group' && !option.nullable;
  const line = group ? groupText(name, path, option, indent, writing) : memberText(name, path, option, indent, writing);
  const text = line.includes('\n', 0) ? line : `${line}\n`;
  const whole = sentence + hint(option, indent) + text;
  const outermost = !path.includes('.');
  return outermost && writing.asComment?.(path) ? sentence + commented(hint(option, indent) + text, indent) : whole;
}

function memberText(name: string, path: string, option: Option<unknown>, indent: string, { value }: Writing): string {
  return `${indent}${JSON.stringify(name)}: ${indented(value(path, option), indent)},\n`;
}

function groupText(name: string, path: string, option: Option<unknown>, indent: string, writing: Writing): string {
  const { fields } = option.shape as { fields: Fields };
  const members = Object.entries(fields).map(([inner, field]) =>
    written(inner, `${path}.${inner}`, field, `${indent}  `, writing),
  );
  return `${indent}${JSON.stringify(name)}: {\n${members.join('')}${indent}},\n`;
}

/** What null and {} do not show: the options inside. */
function hint({ shape, nullable, example }: Option<unknown>, indent: string): string {
  const inside = shape.kind === 'map' ? shape.item.shape : nullable ? shape : undefined;
  if (inside?.kind !== 'group') return '';
  const lines = Object.entries(inside.fields as Fields).map(
    ([name, option]) => `${indent}//   "${name}": ${option.about}\n`,
  );
  return lines.join('') + (example === undefined ? '' : `${indent}//   For example: ${example}\n`);
}

function commented(text: string, indent: string): string {
  return text.replaceAll(/^.*$/gm, (line) =>
    line === '' || line.trimStart().startsWith('//') ? line : `${indent}// ${line.slice(indent.length)}`,
  );
}

function indented(value: unknown, indent = '  '): string {
  const compact = JSON.stringify(value);
  const short = Array.isArray(value) ? compact.replaceAll('","', '", "') : compact;
  return short.length < 60 && (Array.isArray(value) || short === '{}')
    ? short
    : JSON.stringify(value, null, 2).replaceAll('\n', `\n${indent}`);
}
