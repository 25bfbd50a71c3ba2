// What a command knows of where it runs.

export interface Terminal {
  /** Arguments after the program's name. */
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  /** Standard output is read by a person. */
  readonly isTTY: boolean;
  readonly columns: number;
  readonly version: string;
  print(text: string): void;
  complain(text: string): void;
}
