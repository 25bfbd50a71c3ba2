// The options in words: for `--help` and for docs/configuration.md.

import type { Fields, Option } from './option.js';
import { flagName } from './paths.js';
import { schema, sections } from './schema.js';

interface Entry {
  readonly path: string;
  readonly option: Option<unknown>;
}

/** The flags under their headings, wrapped to the width. */
export function helpText(width = 100): string {
  const lists = sections.map(({ title, names }) => {
    const entries = names.flatMap((name) => entriesOf(name, topLevel(name))).filter(({ path }) => !path.includes('.<'));
    return `${title}:\n${entries.map((entry) => helpEntry(entry, width)).join('')}`;
  });
  return lists.join('\n');
}

/** What `docs/configuration.md` holds. */
export function manual(): string {
  const tables = sections.map(({ title, names }) => {
    const entries = names.flatMap((name) => entriesOf(name, topLevel(name)));
    return `## ${title}\n\n${table(entries)}`;
  });
  return `${INTRODUCTION}\n${tables.join('\n')}`;
}

/** The options of one group, by their names within it. */
export function optionTable({ shape }: Option<unknown>): string {
  const fields: Fields = shape.kind === 'group' ? shape.fields : {};
  return table(Object.entries(fields).flatMap(([name, option]) => entriesOf(name, option)));
}

function table(entries: readonly Entry[]): string {
  return `| option | value | default | |\n| --- | --- | --- | --- |\n${entries.map((entry) => `${row(entry)}\n`).join('')}`;
}

const INTRODUCTION = `# Configuration

This page is written by \`bosh-server config docs\`; the source is \`src/config/schema.ts\`.

Every option has a default, and can be said in three ways:

| where | how | |
| --- | --- | --- |
| file | \`"max_inactivity": 160\` | JSON with comments and trailing commas; in groups \`"limits": { "sessions": 1000 }\` |
| environment | \`BOSH_MAX_INACTIVITY=160\` | in groups \`BOSH_LIMITS_SESSIONS=1000\`; beats the file |
| flag | \`--max-inactivity=160\` | in groups \`--limits.sessions=1000\`; beats environment and file |

- **The file** is the one of \`--config=PATH\` or \`BOSH_CONFIG\`, else \`./bosh.conf.json\`, else \`/etc/bosh.conf.json\`, else none.
  \`bosh-server init\` writes one. Relative paths in it start at its own folder, those of flags and environment at the working directory.
- **Times** are in seconds, or text with a unit: \`"500ms"\`, \`"30s"\`, \`"2m"\`, \`"1h"\`. **Sizes** are in bytes, or \`"64KiB"\`, \`"1MB"\`.
- **Lists** in flags and environment have commas, and a flag can be repeated: \`--origins=https://a.example --origins=https://b.example\`.
  Objects are JSON there; headers can be \`--http-headers='X-Node: a'\`. Switches: \`--jsonp\`, \`--no-jsonp\`.
- **Upstreams** in short: \`--upstream=example.com\` (found by DNS), \`--upstream=example.com=10.0.0.5:5222\`,
  \`--upstream=example.com=xmpps://10.0.0.5:5223\` (direct TLS); \`BOSH_UPSTREAM\` takes the same, with commas. They add to those of the file.
- **Domains** in short: \`--domain=example.com\` adds one to \`domains\`.
- **Secrets** can stand in a file of their own, \`"system_info_password_file": "/run/secrets/sysinfo"\`. Any text of the file may hold
  \`\${env:NAME}\`. Secrets are printed and logged as \`<redacted>\`.
- **Mistakes** are told all at once, each with its place and what to do; the exit code is then 2. \`bosh-server check\` also tries ports,
  certificates, storage and upstreams. \`bosh-server config print\` shows what is in effect and where it was said.
- **SIGHUP** reads everything again. A wrong file is refused and the old configuration kept. Options marked *restart* count from the next start on.
`;

function topLevel(name: string): Option<unknown> {
  return (schema.shape as { fields: Fields }).fields[name];
}

/** The option, or the options of its group; those of a map's members are named with `<key>`. */
function entriesOf(path: string, option: Option<unknown>): Entry[] {
  const { shape } = option;
  const inner = (fields: Fields, prefix: string) =>
    Object.entries(fields).flatMap(([name, field]) => entriesOf(`${prefix}.${name}`, field));
  if (shape.kind === 'group') return [...(option.nullable ? [{ path, option }] : []), ...inner(shape.fields, path)];
  if (shape.kind === 'map' && shape.item.shape.kind === 'group')
    return [{ path, option }, ...inner(shape.item.shape.fields, `${path}.<${shape.keys}>`)];
  return [{ path, option }];
}

function row({ path, option }: Entry): string {
  const remarks = [
    option.was && `Old name: \`${option.was.join('`, `')}\`.`,
    option.secret && `Secret: also \`${path.slice(path.lastIndexOf('.') + 1)}_file\`.`,
    option.restart && '*restart*',
  ].filter((remark) => remark);
  return `| \`${path}\` | ${valueText(option)} | ${defaultText(option)} | ${[escaped(option.about), ...remarks].join(' ')} |`;
}

function valueText({ shape, nullable }: Option<unknown>): string {
  const or = nullable ? ' or null' : '';
  if (shape.kind === 'text')
    return (shape.values?.map((value) => `\`${value}\``).join(' ') ?? FORMS[shape.form ?? ''] ?? 'text') + or;
  if (shape.kind === 'list') return `list of ${FORMS[shape.form]}${or}`;
  if (shape.kind === 'flag') return '`true` `false`';
  if (shape.kind !== 'number') return `object${or}`;
  const unit = shape.unit === undefined ? '' : ` ${shape.unit}`;
  const word = shape.word === undefined ? '' : ` or \`${shape.word}\``;
  return `${shape.fraction ? '' : 'whole '}${shape.min} to ${shape.max}${unit}${word}`;
}

const FORMS: Readonly<Record<string, string>> = {
  address: 'host or address',
  path: 'URL path',
  url: 'URL',
  uri: 'URL',
  cidr: 'addresses, networks',
  domain: 'domains',
  pattern: 'domain patterns',
  origin: 'origins',
  file: 'path of a file',
  pem: 'path of a file',
  folder: 'path of a folder',
  ip: 'addresses',
  media: 'types of files',
};

function defaultText({ default: value, required }: Option<unknown>): string {
  if (required) return 'must be said';
  return value === undefined ||
    (typeof value === 'object' && value !== null && !Array.isArray(value) && Object.keys(value).length > 0)
    ? ''
    : `\`${JSON.stringify(value)}\``;
}

const escaped = (text: string) => text.replaceAll('|', '\\|').replaceAll('<', '&lt;');

function helpEntry({ path, option }: Entry, width: number): string {
  const kind = option.shape.kind;
  const value =
    kind === 'flag'
      ? ''
      : kind === 'number'
        ? '=N'
        : kind === 'map' || (kind === 'group' && option.nullable)
          ? '=JSON'
          : '=TEXT';
  const shown = kind === 'flag' && option.default === true ? `--no-${path.replaceAll('_', '-')}` : flagName(path);
  const fallback = defaultText(option);
  const said = fallback === '' || option.nullable || kind === 'map' ? '' : ` [${fallback.replaceAll('`', '')}]`;
  return `  ${shown}${value}\n${wrapped(`${option.about}${said}`, width - 6)
    .map((line) => `      ${line}\n`)
    .join('')}`;
}

function wrapped(text: string, width: number): string[] {
  const lines: string[] = [''];
  for (const word of text.split(' ')) {
    const last = lines[lines.length - 1];
    if (last !== '' && last.length + word.length + 1 > width) lines.push(word);
    else lines[lines.length - 1] = last === '' ? word : `${last} ${word}`;
  }
  return lines;
}
