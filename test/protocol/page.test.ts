import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

const page = readFileSync(new URL('../../docs/conformance.md', import.meta.url), 'utf8');
const rows = page
  .split('\n')
  .filter((line) => /^\| [A-Z]\d+ \|/.test(line))
  .map((line) => line.split(' | ').map((cell) => cell.replace(/^\| | \|$/g, '').trim()));

function numbered(letter: string, last: number): string[] {
  return Array.from({ length: last }, (_, at) => `${letter}${at + 1}`);
}

function source(file: string): string {
  return readFileSync(new URL(`../${file}.test.ts`, import.meta.url), 'utf8');
}

/** A title as it stands in the source, `…` being what a template fills in. */
function pattern(title: string): RegExp {
  const literal = title.replace(/[.*+?^${}()|[\]\\]/g, '\\$&').replace(/\\?[`']/g, "\\\\?[`']");
  return new RegExp(`['"\`]${literal.replaceAll('…', '(?:\\$\\{[^}]+\\}|%s)')}['"\`]`);
}

describe('docs/conformance.md', () => {
  it('has every clause once, in order', () => {
    const clauses = [
      ...numbered('B', 61),
      ...numbered('X', 11),
      ...numbered('W', 13),
      ...numbered('C', 12),
      ...numbered('D', 3),
      ...numbered('S', 6),
      ...numbered('T', 2),
      ...numbered('A', 5),
    ];
    expect(rows.map(([clause]) => clause)).toEqual(clauses);
  });

  it('says yes, partly or no, and shows what it says', () => {
    for (const [clause, , met, tests = ''] of rows) {
      expect(['yes', 'partly', 'no'], clause).toContain(met);
      expect(tests === '', clause).toBe(met === 'no');
    }
  });

  it('names tests that exist', () => {
    const missing = rows
      .flatMap(([clause, , , tests = '']) =>
        tests
          .split('<br>')
          .filter(Boolean)
          .map((test) => ({ clause, test })),
      )
      .filter(({ test }) => {
        const [file, ...title] = test.split(': ');
        return !pattern(title.join(': ')).test(source(file));
      });
    expect(missing).toEqual([]);
  });
});
