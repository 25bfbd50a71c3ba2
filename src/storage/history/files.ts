// The files that histories lie in, in a folder of their own: numbered, each written from its beginning to its end and
// never changed. What was written is synced. A write that failed is cut off before the next one.

import { constants } from 'node:fs';
import { type FileHandle, mkdir, open, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { announced, HEADER, isWhole } from './frame.js';

/** A part of a file. */
export interface Place {
  readonly file: number;
  readonly offset: number;
  readonly length: number;
}

/** Where a frame begins. */
export interface Ground {
  readonly file: number;
  readonly offset: number;
}

/** Size of a file from which on the next one is begun. */
const LARGE = 67_108_864;
/** What is written is synced: one call for both spares a thread's turn. */
const WRITTEN_THROUGH = constants.O_RDWR | constants.O_DSYNC;
/** Places that are so near are read in one go. */
const NEAR = 32_768;

export class Files {
  /** Where the next frame goes. */
  file = 1;
  offset = 0;
  #handle: FileHandle | undefined;
  /** The end of the file may have what was not to be there. */
  #torn = true;
  #made = false;

  constructor(readonly folder: string) {}

  /** Goes through all whole frames from there on, and stands behind the last of them. */
  async *from(file: number, offset: number): AsyncIterable<{ file: number; offset: number; entries: Buffer }> {
    this.file = file;
    this.offset = offset;
    for (const each of await this.#numbers()) {
      if (each < file) continue;
      if (each > file) this.offset = 0;
      this.file = each;
      for await (const frame of this.frames(each, this.offset)) {
        yield frame;
        this.offset = frame.offset + HEADER + frame.entries.length;
      }
    }
  }

  /** All whole frames of a file from there on. */
  async *frames(file: number, from: number): AsyncIterable<{ file: number; offset: number; entries: Buffer }> {
    const handle = await open(this.#path(file), 'r');
    try {
      for (let offset = from; ; ) {
        const header = await part(handle, offset, HEADER);
        const size = announced(header);
        if (size === undefined) return;
        const entries = await part(handle, offset + HEADER, size);
        if (!isWhole(header, entries)) return;
        yield { file, offset, entries };
        offset += HEADER + size;
      }
    } finally {
      await handle.close();
    }
  }

  /** Writes a frame to its place, which is where the last one ended, and syncs. */
  async write(frame: Buffer, { file, offset }: Ground): Promise<void> {
    if (file !== this.file) await this.#turn(file);
    if (offset !== this.offset) throw new Error('a frame is not where it was to be');
    const handle = await this.#current();
    if (this.#torn) await handle.truncate(this.offset);
    this.#torn = true;
    let written = 0;
    while (written < frame.length) {
      const { bytesWritten } = await handle.write(frame, written, frame.length - written, this.offset + written);
      written += bytesWritten;
    }
    this.#torn = false;
    this.offset += frame.length;
  }

  /** Where the frame goes that follows one of that size here. */
  next({ file, offset }: Ground, size: number): Ground {
    const end = offset + size;
    return end < LARGE ? { file, offset: end } : { file: file + 1, offset: 0 };
  }

  /** The bytes of places, in their order; nothing for a file that was deleted meanwhile. */
  async read(places: readonly Place[]): Promise<(Buffer | undefined)[]> {
    const found = new Array<Buffer | undefined>(places.length);
    const order = places.map((_, i) => i).sort((a, b) => compare(places[a], places[b]));
    for (let from = 0; from < order.length; ) {
      const { file } = places[order[from]];
      let to = from + 1;
      while (to < order.length && places[order[to]].file === file) to++;
      await this.#readOf(file, order.slice(from, to), places, found);
      from = to;
    }
    return found;
  }

  async #readOf(file: number, order: readonly number[], places: readonly Place[], found: (Buffer | undefined)[]) {
    const handle = await open(this.#path(file), 'r').catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error;
    });
    if (handle === undefined) return;
    try {
      for (let from = 0; from < order.length; ) {
        let [to, end] = [from, 0];
        const start = places[order[from]].offset;
        for (; to < order.length && (to === from || places[order[to]].offset - end < NEAR); to++) {
          const { offset, length } = places[order[to]];
          end = Math.max(end, offset + length);
        }
        const bytes = await part(handle, start, end - start);
        for (const at of order.slice(from, to)) {
          const { offset, length } = places[at];
          found[at] = bytes.subarray(offset - start, offset - start + length);
        }
        from = to;
      }
    } finally {
      await handle.close();
    }
  }

  /** Deletes all files that nobody has a use for. */
  async retain(used: (file: number) => boolean): Promise<void> {
    for (const file of await this.#numbers()) if (file < this.file && !used(file)) await rm(this.#path(file));
  }

  async close(): Promise<void> {
    const handle = this.#handle;
    this.#handle = undefined;
    try {
      if (this.#torn) await handle?.truncate(this.offset);
    } finally {
      await handle?.close();
    }
  }

  async #turn(file: number): Promise<void> {
    await this.#handle?.close();
    this.#handle = undefined;
    this.file = file;
    this.offset = 0;
  }

  async #current(): Promise<FileHandle> {
    if (this.#handle !== undefined) return this.#handle;
    if (!this.#made) await mkdir(this.folder, { recursive: true, mode: 0o700 });
    this.#made = true;
    const handle = await open(this.#path(this.file), 'a+').then(async (made) => {
      await made.close();
      return open(this.#path(this.file), WRITTEN_THROUGH);
    });
    await synced(this.folder);
    await synced(join(this.folder, '..'));
    this.#handle = handle;
    this.#torn = true;
    return handle;
  }

  async #numbers(): Promise<number[]> {
    const names = await readdir(this.folder).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error;
      return [];
    });
    return names.flatMap((name) => (/^\d{8}$/.test(name) ? [Number(name)] : [])).sort((a, b) => a - b);
  }

  #path(file: number): string {
    return join(this.folder, String(file).padStart(8, '0'));
  }
}

const compare = (a: Place, b: Place) => a.file - b.file || a.offset - b.offset;

/** As much of it as there is. */
async function part(handle: FileHandle, offset: number, length: number): Promise<Buffer> {
  const bytes = Buffer.allocUnsafe(length);
  let end = 0;
  while (end < length) {
    const { bytesRead } = await handle.read(bytes, end, length - end, offset + end);
    if (bytesRead === 0) break;
    end += bytesRead;
  }
  return bytes.subarray(0, end);
}

async function synced(folder: string): Promise<void> {
  const handle = await open(folder);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
