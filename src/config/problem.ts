// A mistake in the configuration, and how it is shown: where it stands, what is wrong, the line with a caret, what to do.

/** A configuration file as it was read. */
export interface Source {
  readonly name: string;
  /** Relative paths in it start here. */
  readonly folder: string;
  readonly text: string;
}

/** Where a value was said. */
export type Origin =
  | { readonly kind: 'file'; readonly source: Source; readonly offset: number }
  | { readonly kind: 'flag'; readonly said: string }
  | { readonly kind: 'environment'; readonly name: string }
  | { readonly kind: 'given' };

/** `note` explains the message at the caret, `fix` is what to do about it. */
export interface Problem {
  readonly origin: Origin;
  /** The option's full name, such as `tls.cert`; empty when it concerns no option. */
  readonly option: string;
  readonly message: string;
  readonly note?: string;
  readonly fix?: string;
}

/** Everything that is wrong with a configuration, at once; `message` is the text for people. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';

  constructor(readonly problems: readonly Problem[]) {
    super(problems.map(explain).join('\n\n'));
  }
}

/** The problem as people read it, in two to four lines, safe for a terminal and without secrets. */
export function explain(problem: Problem): string {
  const { origin, option, message, note, fix } = problem;
  const head = [place(origin), option, message].filter((part) => part !== '').join('  ');
  const lines = [head, ...(origin.kind === 'file' ? excerpt(origin, note ?? '') : note ? [`   ${note}`] : [])];
  if (fix !== undefined) lines.push(`   fix: ${fix}`);
  return lines.map(printable).join('\n');
}

/** The problem on one line, for a log. */
export function brief({ origin, option, message, note, fix }: Problem): string {
  const head = [place(origin), option, message].filter((part) => part !== '').join('  ');
  return printable([head, note, fix && `fix: ${fix}`].filter((part) => part !== undefined).join('; '));
}

/** Where it was said, in short: `bosh.conf.json:14:5`, `--port=x`, `BOSH_PORT`. */
export function place(origin: Origin): string {
  if (origin.kind === 'flag') return origin.said;
  if (origin.kind === 'environment') return origin.name;
  if (origin.kind === 'given') return '';
  const { line, column } = position(origin.source.text, origin.offset);
  return `${origin.source.name}:${line}:${column}`;
}

/** A value as it may be shown: short, on one line. */
export function show(value: unknown): string {
  const whole = typeof value === 'string' ? JSON.stringify(value) : String(value);
  return printable(whole.length > 80 ? `${whole.slice(0, 77)}...` : whole);
}

/** The name says that the value is nobody's business. */
export function isSecret(name: string): boolean {
  return /password|passphrase|secret|token/i.test(name);
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not reach a terminal
const UNPRINTABLE = /[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g;

/** Nothing in it moves the cursor, changes colours or turns the direction of writing. */
export function printable(text: string): string {
  return text.replaceAll('\t', ' ').replaceAll(UNPRINTABLE, '\ufffd');
}

function position(text: string, offset: number): { line: number; column: number; start: number } {
  const start = text.lastIndexOf('\n', offset - 1) + 1;
  let line = 1;
  for (let at = text.indexOf('\n'); at !== -1 && at < start; at = text.indexOf('\n', at + 1)) line++;
  return { line, column: offset - start + 1, start };
}

const GUTTER = 5;
const WIDTH = 100;

function excerpt({ source, offset }: { source: Source; offset: number }, note: string): string[] {
  const { line, start } = position(source.text, offset);
  const end = source.text.indexOf('\n', start);
  const masked = mask(source.text, start, end === -1 ? source.text.length : end, offset);
  const from = masked.caret > WIDTH - 20 ? masked.caret - 20 : 0;
  const shown = masked.text.slice(from, from + WIDTH).trimEnd();
  return [
    `${String(line).padStart(GUTTER)} | ${shown}`,
    `${' '.repeat(GUTTER)} | ${' '.repeat(masked.caret - from)}^${note === '' ? '' : ` ${note}`}`,
  ];
}

const SECRET =
  /("[^"\n]{0,64}(?:password|passphrase|secret|token)[^"\n]{0,64}"\s{0,64}:\s{0,64})("(?:[^"\\\n]|\\.)*"?|[^",}\s]+)/gi;

/** The line from start to end with its secrets blotted out, and where the caret then is. */
function mask(text: string, start: number, end: number, offset: number): { text: string; caret: number } {
  let out = '';
  let at = start;
  let caret: number | undefined;
  for (const match of text.matchAll(SECRET)) {
    const from = Math.max(match.index + match[1].length, start);
    const to = Math.min(match.index + match[0].length, end);
    if (from >= to) continue;
    if (caret === undefined && offset < to) caret = out.length + Math.min(offset, from) - at;
    out += `${text.slice(at, from)}<redacted>`;
    at = to;
  }
  caret ??= out.length + offset - at;
  return { text: out + text.slice(at, end), caret };
}
