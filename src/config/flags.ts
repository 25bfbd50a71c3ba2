// The command line, read by tav. Bare tav makes 127 of `--host=127.0.0.1`, `true` of the first word in `--config PATH`,
// keeps only the last of a repeated flag, leaves the process at `--help` and knows names only as they are written. So
// the words are first brought into a form it cannot mistake: every flag numbered, every value marked as text.

import tav from 'tav';
import { nearest } from './nearest.js';
import type { Option } from './option.js';
import { optionPaths } from './paths.js';
import { isSecret, type Problem } from './problem.js';
import { type Members, place, type Said } from './said.js';
import { upstreamSaid } from './upstream.js';

/** The words of a command line, sorted. */
export interface Arguments {
  /** The words that are no flags: a command and what it is about. */
  readonly words: readonly string[];
  readonly config?: string;
  readonly help: boolean;
  readonly version: boolean;
  /** What the other flags say of options. */
  readonly said: Said;
}

const SHORT: ReadonlyMap<string, string> = new Map([
  ['-h', '--help'],
  ['-v', '--version'],
  ['-V', '--version'],
  ['-c', '--config'],
]);

const SWITCHES = new Set(['help', 'version']);

interface Flag {
  readonly name: string;
  readonly value: string | undefined;
}

/** Reads the words after the program's name; what cannot be understood is added to the problems. */
export function readArguments(argv: readonly string[], problems: Problem[]): Arguments {
  const { flags, words } = throughTav(argv.map((word) => SHORT.get(word) ?? word));
  const members: Members = new Map();
  for (const flag of flags) if (!OWN.has(flag.name)) say(flag, members, problems);
  const config = flags.findLast(({ name }) => name === 'config');
  if (config && !config.value) problems.push(missing(config.name, 'the path of a file'));
  return {
    words,
    config: config?.value,
    help: flags.some(({ name }) => name === 'help'),
    version: flags.some(({ name }) => name === 'version'),
    said: { origin: { kind: 'flag', said: '' }, value: members },
  };
}

const OWN = new Set(['config', ...SWITCHES]);
const MARK = "'";

/** tav reads process.argv and fills itself; both are put back. */
function throughTav(argv: readonly string[]): { flags: Flag[]; words: string[] } {
  const before = process.argv;
  process.argv = [...before.slice(0, 2), ...marked(argv)];
  try {
    tav.set({}, '', false);
    const flags = Object.entries(tav).map(([name, value]) => ({
      name: name.slice(name.indexOf(':') + 1),
      value: typeof value === 'string' ? value.slice(MARK.length) : undefined,
    }));
    return { flags, words: tav.args.map((word) => word.slice(MARK.length)) };
  } finally {
    process.argv = before;
    for (const name of Object.keys(tav)) delete tav[name];
    tav.args.length = 0;
  }
}

function marked(argv: readonly string[]): string[] {
  const out: string[] = [];
  for (let i = 0; i < argv.length; i++) {
    if (!argv[i].startsWith('--') || argv[i] === '--') {
      if (argv[i] !== '--') out.push(MARK + argv[i]);
      continue;
    }
    const equals = argv[i].indexOf('=');
    const name = argv[i].slice(2, equals === -1 ? undefined : equals).replaceAll('-', '_');
    const value = equals === -1 ? (takesNext(name, argv[i + 1]) ? argv[++i] : undefined) : argv[i].slice(equals + 1);
    out.push(value === undefined ? `--${i}:${name}` : `--${i}:${name}=${MARK}${value}`);
  }
  return out;
}

/** Whether the next word is this flag's value; a switch such as --jsonp takes only true or false. */
function takesNext(name: string, next: string | undefined): boolean {
  if (next === undefined || next.startsWith('--') || SWITCHES.has(name)) return false;
  const option = optionPaths.get(name);
  return option?.shape.kind === 'flag'
    ? /^(true|false|yes|no|on|off)$/i.test(next)
    : option !== undefined || SINGLE.has(name);
}

/** Names that are no options, but take a value. */
const SINGLE = new Set(['config', 'upstream', 'domain']);

function say({ name, value }: Flag, members: Members, problems: Problem[]): void {
  if (name === 'upstream') {
    if (!value)
      problems.push(missing(name, 'a domain, as in --upstream=example.com or --upstream=example.com=10.0.0.5:5222'));
    else upstreamSaid(value, { kind: 'flag', said: `--upstream=${value}` }, members, problems);
    return;
  }
  if (name === 'domain') {
    const origin = { kind: 'flag', said: `--domain=${value}` } as const;
    if (!value) problems.push(missing(name, 'a domain, as in --domain=example.com'));
    else place(members, ['domains', value.toLowerCase()], { origin, value: new Map() });
    return;
  }
  const negated = name.startsWith('no_') && !optionPaths.has(name) ? optionPaths.get(name.slice(3)) : undefined;
  const path = negated ? name.slice(3) : name;
  const option = optionPaths.get(path);
  if (option === undefined || (negated && negated.shape.kind !== 'flag')) {
    problems.push(unknown(name));
    return;
  }
  const text = negated ? 'false' : (value ?? (option.shape.kind === 'flag' ? 'true' : undefined));
  if (text === undefined) problems.push(missing(name, 'a value'));
  else
    add(members, path.split('.'), option, {
      origin: { kind: 'flag', said: written(path, text) },
      value: text,
      loose: true,
    });
}

/** A repeated flag of a list or map adds to it, any other replaces. */
function add(members: Members, path: readonly string[], option: Option<unknown>, said: Said): void {
  const before = path.reduce<unknown>((at, name) => (at instanceof Map ? at.get(name)?.value : undefined), members);
  const many = option.shape.kind === 'list' || option.shape.kind === 'map';
  const more = many && typeof before === 'string' && before !== '';
  place(members, path, more ? { ...said, value: `${before},${said.value}` } : said);
}

const spelt = (name: string) => `--${name.replaceAll('_', '-')}`;

function written(name: string, value: string): string {
  return `${spelt(name)}=${isSecret(name) ? '<redacted>' : value.slice(0, 200)}`;
}

function missing(name: string, what: string): Problem {
  return {
    origin: { kind: 'flag', said: spelt(name) },
    option: '',
    message: `needs ${what}`,
    fix: `write ${spelt(name)}=VALUE`,
  };
}

function unknown(name: string): Problem {
  const near = nearest(name, [...optionPaths.keys(), 'upstream', 'domain', ...OWN]);
  return {
    origin: { kind: 'flag', said: spelt(name) },
    option: '',
    message: 'is not a flag',
    note: near && `did you mean ${spelt(near)}?`,
    fix: near ? `write ${spelt(near)}, or remove it` : 'remove it; bosh-server --help lists all flags',
  };
}
