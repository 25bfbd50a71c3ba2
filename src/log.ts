// One door to the logger: JSON lines by pino, or coloured lines on a terminal. Never stanza content above debug, never a
// password, token or whole sid: names that say so are blotted out, long values cut, characters that a terminal obeys
// replaced. Writing never blocks the event loop: what a slow reader does not take is dropped and counted.

import { createHash } from 'node:crypto';
import { type DestinationStream, type Logger, pino } from 'pino';

export type LogFields = Record<string, unknown>;

/** Structured lines: an event name in snake_case, then fields. Never stanza content, passwords, tokens or a whole sid. */
export interface Log {
  debug(event: string, fields?: LogFields): void;
  info(event: string, fields?: LogFields): void;
  warn(event: string, fields?: LogFields): void;
  error(event: string, fields?: LogFields): void;
  /** The same log with these fields on every line. */
  child(fields: LogFields): Log;
}

export type LogLevel = 'TRACE' | 'DEBUG' | 'INFO' | 'WARN' | 'ERROR';

/** The log of a process: also its level, what it lost, and its end. */
export interface RootLog extends Log {
  level: LogLevel;
  /** Lines that nobody will read: the reader was too slow, or is gone. */
  readonly dropped: number;
  /** Writes out what waits, but does not wait for a reader that takes nothing for longer than this. */
  flush(milliseconds?: number): Promise<void>;
}

/** How lines look. */
export interface LogStyle {
  /** For people on a terminal; JSON otherwise. */
  readonly pretty?: boolean;
  readonly colours?: boolean;
}

export interface LogOptions extends LogStyle {
  /** Whatever takes lines; standard output by default. */
  readonly to?: LineTaker;
}

/** A stream, or a part of one. */
export interface LineTaker {
  write(line: string, written?: () => void): unknown;
  readonly writableLength?: number;
  readonly writable?: boolean;
  readonly on?: (event: 'error', listener: () => void) => unknown;
  readonly listeners?: (event: 'error') => unknown[];
}

type Level = 'debug' | 'info' | 'warn' | 'error';

/** Eight hexadecimal digits that stand for a sid or another secret in logs. */
export function fingerprint(secret: string): string {
  return createHash('sha256').update(secret).digest('hex').slice(0, 8);
}

/** Says nothing: for tests, and for parts that nobody listens to. */
export const silentLog: Log = {
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: () => {},
  child: () => silentLog,
};

const LARGEST_BACKLOG = 4_194_304;

/** A log of its own. It never throws and never stops the process, whatever becomes of its reader. */
export function createLog(level: LogLevel = 'INFO', options: LogOptions = {}): RootLog {
  const { pretty = false, colours = false, to = process.stdout } = options;
  const output = new Output(to);
  const lines: DestinationStream = pretty ? { write: (line) => output.write(prettyLine(line, colours)) } : output;
  const settings = {
    base: null,
    level: level.toLowerCase(),
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
  };
  return new PinoLog(pino(settings, lines), output);
}

/** Where lines go. Standard output is written without blocking when it is a pipe; what its reader leaves waits here, up
 * to a limit, because nobody's XMPP may wait for a log. (pino's own destination waits for the reader as the process ends.) */
class Output implements DestinationStream {
  dropped = 0;
  readonly #to: LineTaker;

  constructor(to: LineTaker) {
    this.#to = to;
    if (to.listeners !== undefined && !to.listeners('error').includes(unheard)) to.on?.('error', unheard);
  }

  write(line: string): void {
    const { writableLength = 0, writable = true } = this.#to;
    if (!writable || writableLength > LARGEST_BACKLOG) this.dropped++;
    else this.#to.write(line);
  }

  flush(milliseconds: number): Promise<void> {
    if (!this.#to.writableLength) return Promise.resolve();
    return new Promise((resolve) => {
      setTimeout(resolve, milliseconds);
      this.#to.write('', resolve);
    });
  }
}

/** The reader has gone, or the disk is full: `writable` tells. */
const unheard = () => {};

class PinoLog implements RootLog {
  readonly #pino: Logger;
  readonly #output: Output;
  readonly #fields: LogFields;
  readonly #repeats: Repeats;

  constructor(logger: Logger, output: Output, fields: LogFields = {}, repeats = new Repeats()) {
    this.#pino = logger;
    this.#output = output;
    this.#fields = fields;
    this.#repeats = repeats;
  }

  get level(): LogLevel {
    return this.#pino.level.toUpperCase() as LogLevel;
  }

  set level(level: LogLevel) {
    this.#pino.level = level.toLowerCase();
  }

  get dropped(): number {
    return this.#output.dropped;
  }

  debug(event: string, fields?: LogFields): void {
    this.#write('debug', event, fields);
  }

  info(event: string, fields?: LogFields): void {
    this.#write('info', event, fields);
  }

  warn(event: string, fields?: LogFields): void {
    this.#write('warn', event, fields);
  }

  error(event: string, fields?: LogFields): void {
    this.#write('error', event, fields);
  }

  child(fields: LogFields): Log {
    return new PinoLog(this.#pino, this.#output, { ...this.#fields, ...cleanFields(fields) }, this.#repeats);
  }

  flush(milliseconds = 500): Promise<void> {
    return this.#output.flush(milliseconds);
  }

  #write(level: Level, event: string, fields: LogFields = {}): void {
    if (!this.#pino.isLevelEnabled(level)) return;
    const suppressed = level === 'warn' || level === 'error' ? this.#repeats.count(event) : 0;
    if (suppressed === undefined) return;
    const line = { event: cleanText(event), ...this.#fields, ...cleanFields(fields) };
    this.#pino[level](suppressed === 0 ? line : { ...line, suppressed });
  }
}

const REPEATS_PER_SECOND = 50;

/** The same complaint over and over: so many per second and event are told, and then how many were not. */
class Repeats {
  readonly #events = new Map<string, { since: number; told: number; suppressed: number }>();

  /** How many were suppressed since the last one told; undefined: this one too. */
  count(event: string): number | undefined {
    const now = performance.now();
    const entry = this.#events.get(event);
    if (entry === undefined || now - entry.since >= 1000) {
      this.#events.set(event, { since: now, told: 1, suppressed: 0 });
      return entry?.suppressed ?? 0;
    }
    if (entry.told++ < REPEATS_PER_SECOND) return 0;
    entry.suppressed++;
    return undefined;
  }
}

const LONGEST = 256;
const LONGEST_STACK = 2048;
const MOST_MEMBERS = 32;
const SECRET =
  /pass(word|phrase|wd)?$|secret|token|authorization|cookie|credential|^(auth|sasl|initial_response|response|challenge)$/i;

function cleanFields(fields: object, depth = 0): LogFields {
  const entries = Object.entries(fields).slice(0, MOST_MEMBERS);
  return Object.fromEntries(entries.map(([name, value]) => [cleanText(name), named(name, value, depth)]));
}

function named(name: string, value: unknown, depth: number): unknown {
  if (SECRET.test(name) && value !== undefined && value !== null && typeof value !== 'boolean') return '<redacted>';
  if (/^sid$/i.test(name) && typeof value === 'string' && !/^[0-9a-f]{8}$/.test(value)) return fingerprint(value);
  return clean(value, depth);
}

function clean(value: unknown, depth: number): unknown {
  if (typeof value === 'string') return cleanText(value);
  if (typeof value === 'bigint' || typeof value === 'symbol') return cleanText(String(value));
  if (typeof value === 'function') return '<function>';
  if (typeof value !== 'object' || value === null) return value;
  if (ArrayBuffer.isView(value)) return `<${value.byteLength} bytes>`;
  if (value instanceof Error) return cleanError(value, depth);
  if (depth >= 3) return '<deeper>';
  if (Array.isArray(value)) return value.slice(0, MOST_MEMBERS).map((item) => clean(item, depth + 1));
  return cleanFields(value, depth + 1);
}

function cleanError(error: Error, depth: number): LogFields {
  const { name, message, stack, cause } = error;
  const code = (error as NodeJS.ErrnoException).code;
  return {
    name: cleanText(String(name)),
    message: cleanText(String(message)),
    ...(code === undefined ? {} : { code: clean(code, 3) }),
    stack: cleanText(String(stack ?? ''), LONGEST_STACK),
    ...(cause === undefined || depth >= 3 ? {} : { cause: clean(cause, depth + 1) }),
  };
}

// C1, BiDi, zero width, line and paragraph separators: JSON leaves them as they are, terminals and readers obey them.
const OBEYED = /[\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g;
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not reach a terminal
const CONTROLS = /[\u0000-\u001f]+/g;

function cleanText(text: string, longest = LONGEST): string {
  const short = text.length > longest ? `${text.slice(0, longest - 1)}…` : text;
  const plain = short.replaceAll(OBEYED, '\ufffd');
  if (plain.length * 3 <= longest || Buffer.byteLength(plain) <= longest) return plain;
  return `${Buffer.from(plain)
    .subarray(0, longest - 3)
    .toString()
    .replace(/\ufffd+$/, '')}…`;
}

const COLOUR: Readonly<Record<string, string>> = {
  debug: '\u001b[2m',
  info: '\u001b[32m',
  warn: '\u001b[33m',
  error: '\u001b[31m',
};

function prettyLine(json: string, colours: boolean): string {
  const { level, time, event, ...fields } = JSON.parse(json) as Record<string, unknown>;
  const word = String(level).toUpperCase().padEnd(5);
  const painted = colours ? `${COLOUR[String(level)] ?? ''}${word}\u001b[0m` : word;
  const rest = Object.entries(fields).map(([name, value]) => `${name}=${prettyValue(value)}`);
  return `${String(time).slice(11, 23)} ${painted} ${[String(event), ...rest].join(' ').replaceAll(CONTROLS, ' ')}\n`;
}

function prettyValue(value: unknown): string {
  if (typeof value === 'string') return /^[\w.:/@+-]+$/.test(value) ? value : JSON.stringify(value);
  return JSON.stringify(value);
}
