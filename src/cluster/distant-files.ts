// What is known of files, asked from a process that carries their bytes of the one that knows it.

import type { Claim, FileFacts, Outcome, Registry, Slot } from '../files/registry.js';
import { StoreError } from '../storage/store.js';

export type FileQuestion =
  | { readonly what: 'slot' | 'begin'; readonly token: string }
  | { readonly what: 'end'; readonly token: string; readonly outcome: Outcome }
  | { readonly what: 'find'; readonly id: string };

type Ask = (question: FileQuestion) => Promise<unknown>;

export class DistantFiles implements Registry {
  readonly #ask: Ask;

  constructor(ask: Ask) {
    this.#ask = async (question) => {
      try {
        return await ask(question);
      } catch (cause) {
        throw new StoreError('failed', 'the files could not be asked for', { cause });
      }
    };
  }

  slot(token: string): Promise<Slot | undefined> {
    return this.#ask({ what: 'slot', token }) as Promise<Slot | undefined>;
  }

  begin(token: string): Promise<Claim | 'taken' | 'gone'> {
    return this.#ask({ what: 'begin', token }) as Promise<Claim | 'taken' | 'gone'>;
  }

  end(token: string, outcome: Outcome): Promise<Outcome> {
    return this.#ask({ what: 'end', token, outcome }) as Promise<Outcome>;
  }

  find(id: string): Promise<FileFacts | undefined> {
    return this.#ask({ what: 'find', id }) as Promise<FileFacts | undefined>;
  }
}

/** The answer, of what can be said to another process. */
export async function answerAbout(files: Registry, question: FileQuestion): Promise<unknown> {
  switch (question.what) {
    case 'slot':
      return said(await files.slot(question.token));
    case 'begin':
      return files.begin(question.token);
    case 'end':
      return files.end(question.token, question.outcome);
    case 'find':
      return files.find(question.id);
  }
}

function said(slot: Slot | undefined): Slot | undefined {
  if (slot === undefined) return undefined;
  const { owner, name, type, typed, size, before, id, token, isOpen, within } = slot;
  return { owner, name, type, typed, size, before, id, token, isOpen, within };
}
