// What the primary process and its workers say to each other besides what crosses the hall: rare things, as messages of
// node:child_process.

import type { Config } from '../config/load.js';
import type { LogStyle } from '../log.js';
import type { FileQuestion } from './distant-files.js';

/** What a worker has to know to begin. */
export interface Beginning {
  readonly config: Config;
  /** Of this worker; no other ever has it. */
  readonly number: number;
  /** How many there are. */
  readonly size: number;
  /** Where workers reach each other. */
  readonly folder: string;
  readonly log: LogStyle;
}

/** What is open. */
export interface Load {
  readonly sessions: number;
  readonly streams: number;
  readonly websockets: number;
}

/** Of the whole server. */
export interface Whole extends Load {
  /** Milliseconds since 1970. */
  readonly startedAt: number;
  readonly components: readonly { readonly domain: string; readonly state: string }[];
  readonly draining: boolean;
}

/** Each is answered by one of the same `id`. A worker says that it listens to messages, and asks for what pages and
 * metrics of the whole server show, and for what is known of files. */
export type ToWorker =
  | { readonly id: number; readonly ask: 'begin'; readonly beginning: Beginning }
  | { readonly id: number; readonly ask: 'reload'; readonly config: Config }
  | { readonly id: number; readonly ask: 'drain' | 'load' | 'metrics' | 'ping' | 'end' }
  | Take
  | Answer;

export type FromWorker =
  | { readonly id: number; readonly ask: 'here' | 'whole' | 'text' }
  | { readonly id: number; readonly ask: 'file'; readonly about: FileQuestion }
  | Give
  | Answer;

/** With a connection, for that worker; `said` is what was read from it. Not answered. */
export interface Give {
  readonly id: 0;
  readonly ask: 'give';
  readonly owner: number;
  readonly said: Buffer;
}

/** With a connection. Not answered. */
export interface Take {
  readonly id: 0;
  readonly ask: 'take';
  readonly said: Buffer;
}

export interface Answer {
  readonly id: number;
  readonly ask: 'answer';
  readonly value?: unknown;
  readonly error?: Trouble;
}

/** An error, as far as it can be told. */
export interface Trouble {
  readonly name: string;
  readonly message: string;
  readonly stack?: string;
  readonly code?: string;
  readonly syscall?: string;
  readonly address?: string;
  readonly port?: number;
}

export function troubleOf(thrown: unknown): Trouble {
  const { name, message, stack, code, syscall, address, port } = thrown as Trouble;
  return { name, message, stack, code, syscall, address, port };
}

/** The error again. */
export function errorOf({ name, message, ...rest }: Trouble): Error {
  return Object.assign(new Error(message), { name }, rest);
}

/** Questions that wait for their answers. */
export class Questions {
  readonly #waiting = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>();
  #count = 0;

  /** Asks by calling `send` with a number; resolves with the answer. */
  ask<T>(send: (id: number) => void): Promise<T> {
    const id = ++this.#count;
    return new Promise<T>((resolve, reject) => {
      this.#waiting.set(id, { resolve: resolve as (value: unknown) => void, reject });
      send(id);
    });
  }

  answered({ id, value, error }: Answer): void {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (error === undefined) waiting?.resolve(value);
    else waiting?.reject(errorOf(error));
  }

  /** Nobody answers any more. */
  end(error: Error): void {
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
  }
}

/** The answer that comes of this work. */
export async function answerTo(id: number, work: Promise<unknown>): Promise<Answer> {
  try {
    return { id, ask: 'answer', value: await work };
  } catch (error) {
    return { id, ask: 'answer', error: troubleOf(error) };
  }
}
