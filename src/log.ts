// One door to the logger.

import { pino } from 'pino';

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
void pino;
