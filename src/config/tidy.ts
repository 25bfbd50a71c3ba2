// One saying (a file, the flags, the environment) brought to today's names before it meets the others: old names become
// new ones, and `<secret>_file` becomes the secret that stands in the file.

import { readFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { resolve } from 'node:path';
import type { Fields, Option } from './option.js';
import { type Origin, type Problem, show } from './problem.js';
import type { Members, Said } from './said.js';

/** Where mistakes and warnings go, and where relative paths that stand in no file start. */
export interface Findings {
  readonly problems: Problem[];
  readonly warnings: Problem[];
  readonly cwd: string;
}

/** The same saying under today's names. */
export function tidied(said: Said, option: Option<unknown>, findings: Findings, prefix = ''): Said {
  const { shape } = option;
  if (!(said.value instanceof Map)) return said;
  if (shape.kind === 'map')
    return { ...said, value: each(said.value, (s, name) => tidied(s, shape.item, findings, `${prefix}${name}.`)) };
  if (shape.kind !== 'group') return said;
  const members: Members = new Map(said.value);
  for (const [name, field] of Object.entries(shape.fields as Fields)) {
    for (const was of field.was ?? []) rename(members, was, name, prefix, findings);
    if (field.secret) fromSecretFile(members, name, prefix, findings);
    const inner = members.get(name);
    if (inner !== undefined) members.set(name, tidied(inner, field, findings, `${prefix}${name}.`));
  }
  return { ...said, value: members };
}

/** Where a relative path that was said here starts. */
export function folderOf(origin: Origin, cwd: string): string {
  return origin.kind === 'file' ? origin.source.folder : cwd;
}

function each(members: Members, change: (said: Said, name: string) => Said): Members {
  return new Map([...members].map(([name, said]) => [name, change(said, name)]));
}

function rename(members: Members, was: string, name: string, prefix: string, { warnings }: Findings): void {
  const old = members.get(was);
  if (old === undefined) return;
  members.delete(was);
  const both = members.has(name);
  const message = both ? `is passed over: "${name}" is said too` : `is the old name of "${name}"`;
  warnings.push({ origin: old.origin, option: prefix + was, message, fix: both ? 'remove it' : `write "${name}"` });
  if (!both) members.set(name, old);
}

function fromSecretFile(members: Members, name: string, prefix: string, { problems, cwd }: Findings): void {
  const said = members.get(`${name}_file`);
  if (said === undefined) return;
  const { origin } = said;
  const option = `${prefix}${name}_file`;
  members.delete(`${name}_file`);
  if (members.has(name))
    problems.push({ origin, option, message: `is said together with "${name}"`, fix: 'keep one of them' });
  else if (typeof said.value !== 'string')
    problems.push({ origin, option, message: 'must be the path of a file', fix: 'write a path in "quotes"' });
  else {
    const path = resolve(folderOf(origin, cwd), said.value);
    try {
      members.set(name, { origin, value: readFileSync(path, 'utf8').replace(/\r?\n$/, '') });
    } catch (error) {
      problems.push(unreadable(origin, option, path, error));
    }
  }
}

/** As whom files are read, which is what EACCES is about; a uid may have no name. */
function whoami(): string {
  const uid = process.getuid?.();
  if (uid === undefined) return '';
  try {
    return `; the process runs as uid ${uid} (${userInfo().username})`;
  } catch {
    return `; the process runs as uid ${uid}`;
  }
}

/** A file that could not be read, and as whom it was tried. */
export function unreadable(origin: Origin, option: string, path: string, error: unknown, fix?: string): Problem {
  const code = (error as NodeJS.ErrnoException).code ?? 'unknown error';
  const what = code === 'ENOENT' ? 'file not found' : 'file cannot be read';
  return {
    origin,
    option,
    message: `${what}: ${show(path).slice(1, -1)}`,
    note: `cannot open (${code})${whoami()}`,
    fix:
      fix ??
      (code === 'ENOENT'
        ? 'put the file there, or write another path'
        : 'let this user read it, or write another path'),
  };
}
