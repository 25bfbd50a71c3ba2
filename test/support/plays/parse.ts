// Reads a play. First comes its title as a comment, then comments that say where and how it is played; then a block for each
// person, a line of dashes, and the steps: a line at the margin is what somebody does, the indented lines below it are its XML.
//
//     # RFC 6121 5.2.1: a message reaches the full JID it was sent to
//     # needs: carbons
//     # not on prosody: why
//     # transport: tcp
//
//     [Client] Romeo
//       jid: romeo@localhost/orchard
//
//     -----
//
//     Romeo connects
//     Romeo sends:
//       <presence/>

import { readFileSync } from 'node:fs';
import { type Play, type PlayTransport, type Role, type Step, TRANSPORTS } from './play.js';

class Mistake extends Error {}

/** Reads a file; `name` is what the test's title and errors call it. */
export function readPlay(path: string, name: string): Play {
  return parsePlay(readFileSync(path, 'utf8'), name);
}

/** Throws with the file's name where the text is not a play. */
export function parsePlay(text: string, file: string): Play {
  const lines = text.split('\n');
  const curtain = lines.findIndex((line) => /^-{3,}\s*$/.test(line));
  try {
    if (curtain < 0) throw new Mistake('no line of dashes between the persons and the play');
    const programme = lines.slice(0, curtain);
    const notes = programme.filter((line) => line.startsWith('#')).map((line) => line.slice(1).trim());
    const [title] = notes;
    if (!title) throw new Mistake('no title: the first line is a comment');
    const transport = transportOf(note(notes, 'transport'));
    return {
      title,
      file,
      roles: rolesOf(programme, transport),
      steps: stepsOf(lines, curtain + 1),
      needs: words(note(notes, 'needs')),
      notOn: new Map(notes.flatMap(exclusion)),
    };
  } catch (error) {
    throw new Error(`${file}: ${(error as Error).message}`);
  }
}

function note(notes: readonly string[], name: string): string | undefined {
  return notes.find((each) => each.startsWith(`${name}:`))?.slice(name.length + 1);
}

function words(text = ''): readonly string[] {
  return text.split(/[\s,]+/).filter((word) => word !== '');
}

function exclusion(text: string): [string, string][] {
  const [, stage, reason] = /^not on (\w+):\s*(.+)$/.exec(text) ?? [];
  return stage === undefined ? [] : [[stage, reason]];
}

function rolesOf(lines: readonly string[], transport: PlayTransport | undefined): Role[] {
  const blocks: { name: string; fields: Map<string, string> }[] = [];
  for (const line of lines.filter((each) => each.trim() !== '' && !each.startsWith('#'))) {
    const [, name] = /^\[Client\]\s+(.+?)\s*$/.exec(line) ?? [];
    const [, field, value] = /^\s+([a-z]+):\s*(.*?)\s*$/.exec(line) ?? [];
    if (name !== undefined) blocks.push({ name, fields: new Map() });
    else if (field !== undefined && blocks.length > 0) blocks[blocks.length - 1].fields.set(field, value);
    else throw new Mistake(`not about a person: ${line}`);
  }
  return blocks.map(({ name, fields }) => role(name, fields, transport));
}

function role(name: string, fields: ReadonlyMap<string, string>, transport: PlayTransport | undefined): Role {
  const [, account, resource] = /^([^@/]+)@[^/]+(?:\/(.+))?$/.exec(fields.get('jid') ?? '') ?? [];
  if (account === undefined) throw new Mistake(`${name} has no jid`);
  return {
    name,
    account,
    resource,
    password: fields.get('password'),
    transport: transportOf(fields.get('transport')) ?? transport,
    registered: fields.get('account') !== 'none',
    acknowledges: fields.get('acks') !== 'none',
  };
}

function transportOf(text: string | undefined): PlayTransport | undefined {
  if (text === undefined) return undefined;
  const found = TRANSPORTS.find((each) => each === text.trim());
  if (found === undefined) throw new Mistake(`no such transport: ${text}`);
  return found;
}

function stepsOf(lines: readonly string[], from: number): Step[] {
  const steps: { line: number; text: string; xml: string }[] = [];
  for (const [at, line] of lines.entries()) {
    if (at < from || line.trim() === '' || line.startsWith('#')) continue;
    if (!/^\s/.test(line)) steps.push({ line: at + 1, text: line.trim(), xml: '' });
    else if (steps.length > 0) steps[steps.length - 1].xml += `${line}\n`;
    else throw new Mistake(`line ${at + 1} is nobody's`);
  }
  return steps;
}
