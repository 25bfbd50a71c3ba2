// What a command knows of where it runs.

import type { Input } from './password.js';

export interface Terminal {
  /** Arguments after the program's name. */
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  /** Standard output is read by a person. */
  readonly isTTY: boolean;
  readonly columns: number;
  readonly version: string;
  /** Where a password is read from; only looked at when one is. */
  input(): Input;
  print(text: string): void;
  complain(text: string): void;
  /** Asks for something: no line is ended, and standard output stays clean. */
  prompt(text: string): void;
}
