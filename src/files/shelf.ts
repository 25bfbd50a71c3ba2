// Where the bytes of files come and go, in whichever process they do: what is known of them, a registry says.

import type { FileHandle } from 'node:fs/promises';
import type { Log } from '../log.js';
import { BodyError, Folder } from './folder.js';
import type { FileFacts, Outcome, Registry, Slot } from './registry.js';

const FULL = new Set(['ENOSPC', 'EDQUOT']);

export class Shelf {
  readonly #registry: Registry;
  readonly #log: Log;

  constructor(registry: Registry, log: Log) {
    this.#registry = registry;
    this.#log = log;
  }

  /** The slot that has this token, while its upload may begin; also when it was used. */
  slot(token: string): Promise<Slot | undefined> {
    return this.#registry.slot(token);
  }

  find(id: string): Promise<FileFacts | undefined> {
    return this.#registry.find(id);
  }

  /** Its bytes, which are the caller's to close; undefined when they are not there. */
  open({ id, size, path }: FileFacts): Promise<FileHandle | undefined> {
    return new Folder(path).open(id, size);
  }

  /** Takes the body of an upload; resolves when that has its outcome. A body that fails does so with a BodyError. */
  async receive(token: string, body: AsyncIterable<Buffer>): Promise<Outcome> {
    const claim = await this.#registry.begin(token);
    if (typeof claim === 'string') return claim;
    const { id, size, path } = claim;
    const folder = new Folder(path);
    const outcome = await folder.receive(id, body, size).then(
      (): Outcome => 'stored',
      (error) => this.#outcomeOf(error, id, size),
    );
    const ended = await this.#registry.end(token, outcome);
    if (outcome === 'stored' && ended !== 'stored') await folder.remove(id);
    return ended;
  }

  #outcomeOf(error: unknown, id: string, size: number): Outcome {
    if (error instanceof BodyError) return 'broken';
    this.#log.error('upload_failed', { file: id.slice(0, 8), size, error });
    return FULL.has((error as NodeJS.ErrnoException | undefined)?.code ?? '') ? 'full' : 'failed';
  }
}
