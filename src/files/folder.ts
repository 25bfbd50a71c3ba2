// Files on disk, each under its id and nothing else: what its owner calls it stands in no path. One is there whole or not at
// all: it is written beside its place, synced, and then renamed into it. Links are not followed.

import { constants } from 'node:fs';
import { type FileHandle, mkdir, open, opendir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

const ID = /^[0-9a-f]{40}$/;
const DRAFT = /^[0-9a-f]{40}\.part$/;

/** A body came to no good end: its connection broke, it was too slow, or it has not the size that was said. */
export class BodyError extends Error {
  override readonly name = 'BodyError';

  constructor(readonly reason: 'cut' | 'slow' | 'size') {
    super(reason);
  }
}

export class Folder {
  constructor(readonly path: string) {}

  /** Makes it, for the server's own user, where it is not there. */
  async make(): Promise<void> {
    await mkdir(this.path, { recursive: true, mode: 0o700 });
  }

  /**
   * Resolves when the file is there, and survives a crash. Rejects with BodyError, or with the error of the
   * system; then nothing of it is there.
   */
  async receive(id: string, body: AsyncIterable<Buffer>, size: number): Promise<void> {
    const draft = `${this.#at(id)}.part`;
    try {
      await write(draft, exactly(body, size));
      await rename(draft, this.#at(id));
      await this.#sync();
    } catch (error) {
      await rm(draft, { force: true });
      throw error;
    }
  }

  /** Open for reading; undefined when there is no file of this id and size. */
  async open(id: string, size: number): Promise<FileHandle | undefined> {
    const file = await open(this.#at(id), constants.O_RDONLY | constants.O_NOFOLLOW).catch(() => undefined);
    const stats = await file?.stat();
    if (stats?.isFile() && stats.size === size) return file;
    await file?.close();
    return undefined;
  }

  async remove(id: string): Promise<void> {
    await rm(this.#at(id), { force: true });
  }

  /** Removes it, with all that is in it. */
  async destroy(): Promise<void> {
    await rm(this.path, { recursive: true, force: true });
  }

  /** Removes what a server left that ended in the middle: drafts, and files that nobody knows. How many there were. */
  async tidy(isKnown: (id: string) => boolean): Promise<number> {
    let left = 0;
    for await (const { name } of await opendir(this.path)) {
      if (!(DRAFT.test(name) || (ID.test(name) && !isKnown(name)))) continue;
      await rm(join(this.path, name), { force: true });
      left++;
    }
    return left;
  }

  #at(id: string): string {
    if (!ID.test(id)) throw new RangeError('no id of a file');
    return join(this.path, id);
  }

  async #sync(): Promise<void> {
    const folder = await open(this.path, constants.O_RDONLY);
    try {
      await folder.sync();
    } finally {
      await folder.close();
    }
  }
}

async function write(path: string, body: AsyncIterable<Buffer>): Promise<void> {
  const file = await open(path, 'wx', 0o600);
  try {
    await writeFile(file, body);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function* exactly(body: AsyncIterable<Buffer>, size: number): AsyncGenerator<Buffer> {
  let left = size;
  for await (const chunk of body) {
    left -= chunk.length;
    if (left < 0) throw new BodyError('size');
    yield chunk;
  }
  if (left > 0) throw new BodyError('size');
}
