// A password for a command: asked twice on a terminal, where nothing of it is shown, or one line of standard input.

import type { Terminal } from './terminal.js';

/** More than any password has, in bytes. */
const LONGEST = 4096;

const ENTER = /^[\r\n]$/;
const INTERRUPT = '\u0003';
const END = '\u0004';
const CLEAR = '\u0015';
const BACKSPACE = /^[\b\u007f]$/;

/** Where a password comes from; process.stdin is one. */
export interface Input extends AsyncIterable<Buffer | string> {
  readonly isTTY?: boolean;
  setRawMode?(raw: boolean): unknown;
  destroy(): unknown;
}

/** Why there is no password. */
export type NoPassword = 'interrupted' | 'different' | 'none';

export async function readPassword(terminal: Terminal): Promise<{ password: string } | NoPassword> {
  const input = terminal.input();
  const keys = keysOf(input);
  try {
    if (!input.isTTY) return given(await line(keys));
    input.setRawMode?.(true);
    const first = await asked('Password: ', keys, terminal);
    const second = first ? await asked('The same again: ', keys, terminal) : first;
    if (first === undefined || second === undefined) return 'interrupted';
    return first === second ? given(first) : 'different';
  } finally {
    if (input.isTTY) input.setRawMode?.(false);
    input.destroy();
  }
}

const given = (password: string) => (password === '' ? 'none' : { password });

/** What is typed or piped, a character at a time. */
async function* keysOf(input: Input): AsyncGenerator<string, undefined> {
  const decoder = new TextDecoder();
  for await (const chunk of input) {
    yield* typeof chunk === 'string' ? chunk : decoder.decode(chunk, { stream: true });
  }
}

async function line(keys: AsyncGenerator<string, undefined>): Promise<string> {
  let text = '';
  for (let key = await keys.next(); !key.done && key.value !== '\n' && text.length < LONGEST; key = await keys.next()) {
    text += key.value;
  }
  return text.replace(/\r$/, '');
}

/** Undefined when it was broken off. */
async function asked(prompt: string, keys: AsyncGenerator<string, undefined>, { prompt: show }: Terminal) {
  show(prompt);
  const typed: string[] = [];
  try {
    for (;;) {
      const { value: key } = await keys.next();
      if (key === undefined || key === INTERRUPT || key === END) return undefined;
      if (ENTER.test(key)) return typed.join('');
      if (key === CLEAR) typed.length = 0;
      else if (BACKSPACE.test(key)) typed.pop();
      else if (typed.length < LONGEST) typed.push(key);
    }
  } finally {
    show('\n');
  }
}
