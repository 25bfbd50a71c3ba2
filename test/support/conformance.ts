// The tables of docs/conformance-*.md: a requirement, whether it is met, and the tests that show it.

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const TESTS = join(import.meta.dirname, '..');

type Row = readonly string[];

/** Tables of a page, those of one section together, as rows of cells. */
export function tablesOf(page: string): Row[][] {
  return readFileSync(join(TESTS, '../docs', page), 'utf8')
    .split('\n## ')
    .slice(1)
    .map((section) => section.split('\n').filter((line) => /^\| (\d|A|XEP)/.test(line)))
    .map((lines) => lines.map((line) => line.split(' | ').map((cell) => cell.replace(/^\| | \|$/g, '').trim())));
}

/** As `file: title`. */
export const testsIn = ([, , , tests = '']: Row): string[] =>
  tests.split('<br>').filter((each) => each !== '' && each !== '|');

type Written = Readonly<Record<string, readonly { readonly title: string }[]>>;

/** Whether there is that test; `written`: plays that are written by a program, by its name. */
export function isThere(test: string, written: Written = {}): boolean {
  const [file, ...rest] = test.split(': ');
  const title = rest.join(': ');
  const titles = written[file];
  if (titles) return titles.some((play) => new RegExp(`^${pattern(title, '.*')}$`).test(play.title));
  const play = join(TESTS, `${file}.scs`);
  if (existsSync(play)) return readFileSync(play, 'utf8').split('\n')[0].endsWith(`: ${title}`);
  const source = readFileSync(join(TESTS, `${file}.test.ts`), 'utf8');
  return new RegExp(`['"\`]${pattern(title, '(?:\\$\\{[^}]+\\}|%s)')}['"\`]`).test(source);
}

/** A title, `…` standing for what a template fills in. */
function pattern(title: string, filled: string): string {
  const literal = title.replace(/[.*+?^${}()|[\]\\]/g, '\\$&').replace(/\\?[`']/g, "\\\\?[`']");
  return literal.replaceAll('…', filled);
}
