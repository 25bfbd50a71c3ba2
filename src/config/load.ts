// File, environment and flags -> one frozen Config, or every mistake at once. Flags beat environment, environment beats
// the file. It reads files and nothing else of the machine; time and network it does not know.

import { existsSync, readFileSync } from 'node:fs';
import { dirname, isAbsolute, resolve } from 'node:path';
import { contradictions, unreachable, type Where } from './checks.js';
import { type Environment, readEnvironment } from './environment.js';
import { fileProblems } from './files.js';
import { firstMinute, namesDomains } from './first-minute.js';
import { type Arguments, readArguments } from './flags.js';
import { ConfigError, type Origin, type Problem, type Source } from './problem.js';
import { Reader } from './read.js';
import { fromFile, fromObject, joined, type Said } from './said.js';
import { type Config, type ConfigInput, schema } from './schema.js';
import { type Findings, tidied, unreadable } from './tidy.js';

export { brief, ConfigError, explain, type Problem } from './problem.js';
export type { Config, ConfigInput } from './schema.js';

/** Where to load from: arguments after the program's name, environment and folder of the process. */
export interface Given {
  readonly argv: readonly string[];
  readonly env: Environment;
  readonly cwd: string;
  /** Where the second default file stands. */
  readonly etc?: string;
  /** No file is read, whatever is named. */
  readonly withoutFile?: boolean;
}

export interface Loaded {
  readonly config: Config;
  readonly arguments: Arguments;
  /** The file that was read, if there was one. */
  readonly file: string | undefined;
  /** Nobody said anything of domains: it is the first minute. */
  readonly untold: boolean;
  /** Things that work, but should be said otherwise. */
  readonly warnings: readonly Problem[];
  /** Where an option was said; undefined when it has its default. */
  readonly where: Where;
}

/**
 * The configuration that the command line asks for; without a file, and without any domain, `localhost` is served. Throws
 * ConfigError with all mistakes, and nothing else.
 */
export function load(given: Given): Loaded {
  const findings: Findings = { problems: [], warnings: [], cwd: given.cwd };
  const words = readArguments(given.argv, findings.problems);
  const file = given.withoutFile ? undefined : configFile(words, given, findings.warnings);
  const sayings = [
    ...(file === undefined ? [] : [fileSaid(file, findings)]),
    readEnvironment(given.env, findings.problems, findings.warnings),
    words.said,
  ];
  const untold = file === undefined && !given.withoutFile && !namesDomains(sayings);
  const { config, where } = settle(untold ? [firstMinute, ...sayings] : sayings, findings, given.env);
  return { config, arguments: words, file: file?.path, untold, warnings: findings.warnings, where };
}

/** A program's own object, checked and completed. Throws ConfigError with all mistakes, and nothing else. */
export function configure(input: ConfigInput = {}): Config {
  const findings: Findings = { problems: [], warnings: [], cwd: process.cwd() };
  return settle([fromObject(input)], findings, {}).config;
}

function settle(sayings: readonly Said[], findings: Findings, env: Environment): { config: Config; where: Where } {
  const reader = new Reader(findings, env);
  const said = sayings.map((saying) => tidied(saying, schema, findings)).reduce(joined);
  const config = reader.read(schema, said, '') as Config;
  const where: Where = (path) => found(path, reader.origins);
  findings.problems.push(...(findings.problems.length === 0 ? contradictions(config, where) : []));
  findings.problems.push(...fileProblems(config, where));
  findings.warnings.push(...unreachable(config, where));
  if (findings.problems.length > 0) throw new ConfigError(findings.problems.sort(byPlace));
  return { config: frozen(config), where };
}

/** As they stand in the file; what stands elsewhere comes after. */
function byPlace(a: Problem, b: Problem): number {
  const at = ({ origin }: Problem) => (origin.kind === 'file' ? origin.offset : Number.MAX_SAFE_INTEGER);
  return at(a) - at(b);
}

/** The place of the option, or of the group or map it was said with. */
function found(path: string, origins: ReadonlyMap<string, Origin>): Origin | undefined {
  for (let at = path; at !== ''; at = at.slice(0, Math.max(at.lastIndexOf('.'), 0))) {
    const origin = origins.get(at);
    if (origin !== undefined) return origin;
  }
  return undefined;
}

function frozen<T>(value: T): T {
  if (typeof value !== 'object' || value === null) return value;
  for (const member of Object.values(value)) frozen(member);
  return Object.freeze(value);
}

interface Place {
  readonly path: string;
  readonly name: string;
  /** Who named it; nobody names the default files. */
  readonly origin: Origin;
}

function configFile({ config }: Arguments, { env, cwd, etc = '/etc' }: Given, warnings: Problem[]): Place | undefined {
  if (config) return { path: resolve(cwd, config), name: config, origin: { kind: 'flag', said: `--config=${config}` } };
  const { BOSH_CONFIG } = env;
  if (BOSH_CONFIG)
    return { path: resolve(cwd, BOSH_CONFIG), name: BOSH_CONFIG, origin: { kind: 'environment', name: 'BOSH_CONFIG' } };
  const name = ['bosh.conf.json', `${etc}/bosh.conf.json`].find((path) => existsSync(resolve(cwd, path)));
  if (name !== undefined) return { path: resolve(cwd, name), name, origin: { kind: 'given' } };
  const old = `${etc}/bosh.js.conf`;
  if (existsSync(old)) warnings.push(oldFile(old, etc));
  return undefined;
}

function oldFile(old: string, etc: string): Problem {
  const message = `${old} is passed over: it is a program of node-xmpp-bosh, and configuration is data here`;
  return {
    origin: { kind: 'given' },
    option: '',
    message,
    fix: `copy its options into ${isAbsolute(etc) ? etc : '/etc'}/bosh.conf.json; they keep their names`,
  };
}

const LARGEST = 4_194_304;

function fileSaid({ path, name, origin }: Place, { problems }: Findings): Said {
  let text = '';
  try {
    text = readFileSync(path, 'utf8').replace(/^\ufeff/, '');
  } catch (error) {
    problems.push(unreadable(origin, '', path, error, 'write the path of a file, or make one with "bosh-server init"'));
    return { origin, value: new Map() };
  }
  if (text.length > LARGEST) {
    problems.push({ origin, option: '', message: `${name} is larger than 4 MiB`, fix: 'name the right file' });
    return { origin, value: new Map() };
  }
  const source: Source = { name, folder: dirname(path), text };
  return fromFile(source, problems);
}
