// A log that keeps its lines.

import type { Log, LogFields } from '../../src/log.js';

export class MemoryLog implements Log {
  readonly lines: { level: string; event: string; fields: LogFields }[] = [];

  debug = (event: string, fields: LogFields = {}) => void this.lines.push({ level: 'debug', event, fields });
  info = (event: string, fields: LogFields = {}) => void this.lines.push({ level: 'info', event, fields });
  warn = (event: string, fields: LogFields = {}) => void this.lines.push({ level: 'warn', event, fields });
  error = (event: string, fields: LogFields = {}) => void this.lines.push({ level: 'error', event, fields });
  child = (): Log => this;

  /** The fields of all lines with this event. */
  of(event: string): LogFields[] {
    return this.lines.filter((line) => line.event === event).map((line) => line.fields);
  }
}
