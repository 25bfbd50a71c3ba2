// What was said: values with the place they were said at, from a file or from a caller's object; and how several
// sayings become one, the later before the earlier.

import jsonc, { type Node, type ParseError } from 'jsonc-parser';
import type { Origin, Problem, Source } from './problem.js';

/** A list, members, or a single value. `loose`: it came as text, so "5" may be a number and "a,b" a list. */
export interface Said {
  readonly origin: Origin;
  readonly value: unknown;
  readonly loose?: boolean;
}

export type Members = Map<string, Said>;

/** Deeper than any option stands; what is deeper is no option. */
const DEEPEST = 8;

/** Reads JSON with comments and trailing commas; mistakes of syntax are added to the problems. */
export function fromFile(source: Source, problems: Problem[]): Said {
  const errors: ParseError[] = [];
  const root = parse(source, errors);
  const wrong = (message: string) => {
    problems.push({
      origin: { kind: 'file', source, offset: 0 },
      option: '',
      message,
      fix: 'write { } around the options',
    });
  };
  const program = /^\s*(?:module\.)?exports\b/m.exec(source.text);
  if (source.text.trim() === '') wrong('the file is empty');
  else if (program && errors.length > 0)
    problems.push(isProgram(source, program[0].length - program[0].trimStart().length + program.index));
  else if (errors.length > 0) problems.push(...errors.slice(0, 10).map((error) => syntaxProblem(source, error)));
  else if (root === undefined) wrong('the file is nested too deep');
  else if (root.type !== 'object') wrong('the file must hold an object');
  else return fromNode(root, root.offset, source, '', problems, 0);
  return { origin: { kind: 'file', source, offset: 0 }, value: new Map() };
}

function isProgram(source: Source, offset: number): Problem {
  return {
    origin: { kind: 'file', source, offset },
    option: '',
    message: 'is a program of node-xmpp-bosh, and configuration is data here',
    fix: 'copy its options into a file as "bosh-server init" writes it; they keep their names',
  };
}

/** An object of a program; it may hold anything, also itself. */
export function fromObject(value: unknown, above: readonly object[] = []): Said {
  const origin: Origin = { kind: 'given' };
  if (typeof value !== 'object' || value === null) return { origin, value };
  if (above.length > DEEPEST || above.includes(value)) return { origin, value: undefined };
  const around = [...above, value];
  if (Array.isArray(value)) return { origin, value: value.map((item) => fromObject(item, around)) };
  const said = Object.entries(value).filter(([, member]) => member !== undefined);
  return { origin, value: new Map(said.map(([name, member]) => [name, fromObject(member, around)])) };
}

/** Both, the second before the first: members are joined, everything else is replaced. */
export function joined(first: Said, second: Said): Said {
  if (!(first.value instanceof Map) || !(second.value instanceof Map)) return second;
  const members: Members = new Map(first.value);
  for (const [name, said] of second.value as Members) {
    const before = members.get(name);
    members.set(name, before === undefined ? said : joined(before, said));
  }
  return { origin: second.origin, value: members };
}

/** Sets what is at this place among the members, making groups on the way. */
export function place(members: Members, [name, ...rest]: readonly string[], said: Said): void {
  if (rest.length === 0) {
    members.set(name, said);
    return;
  }
  const before = members.get(name);
  const inner: Members = before?.value instanceof Map ? before.value : new Map();
  members.set(name, { origin: before?.origin ?? said.origin, value: inner });
  place(inner, rest, said);
}

/** undefined when the file nests so deep that no parser follows. */
function parse(source: Source, errors: ParseError[]): Node | undefined {
  try {
    return jsonc.parseTree(source.text, errors, { allowTrailingComma: true });
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

function fromNode(node: Node, offset: number, source: Source, path: string, problems: Problem[], depth: number): Said {
  const origin: Origin = { kind: 'file', source, offset };
  if (depth > DEEPEST) return { origin, value: undefined };
  if (node.type === 'array') {
    return {
      origin,
      value: (node.children ?? []).map((n) => fromNode(n, n.offset, source, path, problems, depth + 1)),
    };
  }
  if (node.type !== 'object') return { origin, value: node.value };
  const members: Members = new Map();
  for (const property of node.children ?? []) {
    const [key, value] = property.children ?? [];
    const full = path === '' ? key.value : `${path}.${key.value}`;
    if (members.has(key.value)) problems.push(twice(source, key.offset, full));
    if (value) members.set(key.value, fromNode(value, key.offset, source, full, problems, depth + 1));
  }
  return { origin, value: members };
}

function twice(source: Source, offset: number, option: string): Problem {
  return { origin: { kind: 'file', source, offset }, option, message: 'is said twice', fix: 'keep one of them' };
}

/** jsonc-parser's errors by number, in words. */
const SYNTAX: Record<number, readonly [message: string, fix: string]> = {
  1: ['is not a value', 'put text into "double quotes"; the other values are numbers, true, false and null'],
  2: ['is not a number', 'write digits only, as in 60 or 0.5; units go into quotes: "2m"'],
  3: ['a name is missing', 'write "name": value'],
  4: ['a value is missing', 'write a value, or remove the name'],
  5: ['a colon is missing', 'write "name": value'],
  6: ['a comma is missing', 'put a comma between two members'],
  7: ['a closing brace is missing', 'write } at the end'],
  8: ['a closing bracket is missing', 'write ] at the end'],
  9: ['there is more after the end', 'remove what follows the last }'],
  11: ['a comment does not end', 'write */ where it ends'],
  12: ['a text does not end', 'write " where it ends'],
  13: ['a number ends too early', 'write all its digits'],
  14: ['is no Unicode escape', 'write \\u and four hexadecimal digits'],
  15: ['is no escape', 'write \\\\ for a backslash'],
  16: ['has a character that cannot stand here', 'remove it, or put the text into "double quotes"'],
};

function syntaxProblem(source: Source, { error, offset }: ParseError): Problem {
  const [message, fix] = SYNTAX[error] ?? ['is no JSON', 'write it as JSON; comments and trailing commas are fine'];
  return { origin: { kind: 'file', source, offset: Math.min(offset, source.text.length) }, option: '', message, fix };
}
