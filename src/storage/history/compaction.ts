// What is left in a file that has little of what it had is moved to where new items are written, some of it at a time, and
// the file goes; not where something was deleted from it lately, for then it will go by itself soon. An item keeps its id and
// its place among others; the database says from one moment to the next where it is. A crash before that leaves bytes
// behind that nobody knows of, for a start passes over what was moved.

import type { Bounds, Catalogue } from './catalogue.js';
import type { Files, Place } from './files.js';
import { HEADER, type Mention, mentions } from './frame.js';
import { changed, type Page, Tally } from './pages.js';
import { compareOrders, Places, type Spot } from './places.js';

/** Bytes of a file that are gone through at a time, or one frame. */
const STEP = 262_144;
/** Between that and the next, so that chat is not held up; milliseconds. */
const PAUSE = 100;
/** Deletions elsewhere after which a file is not on its way out by itself: archives that are full lose their oldest items all the time. */
const LATELY = 30;

/** What a frame says of an item of a history. */
export interface Entry {
  readonly mention: Mention;
  /** Of the frame. */
  readonly entries: Buffer;
  /** Where those begin in the file. */
  readonly offset: number;
}

/** Writes items anew, and resolves to where they are when they are durable. */
export type Mover = (items: readonly Entry[]) => Promise<readonly Place[]>;

/** One that the database knows. */
interface Found extends Entry {
  readonly page: Page;
  readonly index: number;
}

export class Compaction {
  /** Files that were gone through; what could not be moved is left to the next start. */
  readonly #tried = new Set<number>();
  /** Files from which something was deleted lately, the last one last, and when, counted in deletions. */
  readonly #waning = new Map<number, number>();
  #deletions = 0;
  /** The one that is being emptied, and how far that is. */
  #file: number | undefined;
  #offset = 0;
  #pause: NodeJS.Timeout | undefined;
  #stopped = false;

  /** `freed`: a file may have nothing any more. */
  constructor(
    readonly catalogue: Catalogue,
    readonly files: Files,
    readonly moved: Mover,
    readonly freed: () => Promise<void>,
  ) {}

  /** Something was deleted, in these files: there may be one to be emptied. */
  look(files: Iterable<number>): void {
    this.#deletions++;
    for (const file of files) {
      this.#waning.delete(file);
      this.#waning.set(file, this.#deletions);
    }
    for (const [file, at] of this.#waning) {
      if (this.#deletions - at < LATELY) break;
      this.#waning.delete(file);
    }
    if (this.#deletions >= LATELY) this.#begin();
  }

  #begin(): void {
    if (this.#file !== undefined || this.#stopped) return;
    this.#file = this.catalogue.sparse((file) => !this.#tried.has(file) && !this.#waning.has(file));
    if (this.#file === undefined) return;
    this.#tried.add(this.#file);
    this.#offset = 0;
    this.#soon();
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#pause);
  }

  #soon(): void {
    this.#pause = setTimeout(() => void this.catalogue.inTurn(() => this.#next()), PAUSE);
    this.#pause.unref();
  }

  async #next(): Promise<void> {
    if (this.#stopped || this.#file === undefined) return;
    if (await this.#step(this.#file).catch(() => false)) {
      this.#soon();
      return;
    }
    this.#file = undefined;
    await this.freed();
    this.#begin();
  }

  /** Resolves to whether there is more to do. */
  async #step(file: number): Promise<boolean> {
    const begun = this.#offset;
    const histories = new Map<string, Entry[]>();
    for await (const { offset: frame, entries } of this.files.frames(file, begun)) {
      const offset = frame + HEADER;
      for (const mention of mentions(entries, true)) {
        const known = histories.get(mention.name);
        const entry = { mention, entries, offset };
        if (known === undefined) histories.set(mention.name, [entry]);
        else known.push(entry);
      }
      this.#offset = offset + entries.length;
      if (this.#offset - begun >= STEP) break;
    }
    await this.#move(await this.#found(file, histories));
    return this.#offset > begun;
  }

  async #move(found: readonly Found[]): Promise<void> {
    if (found.length === 0) return;
    const places = await this.moved(found);
    const [from, to] = [new Tally(), new Tally()];
    const pages = new Map<Page, { readonly name: string; readonly moved: Map<number, Place> }>();
    for (const [i, { page, index, mention }] of found.entries()) {
      const { file, length } = page.places.at(index);
      from.add(file, 1, length);
      to.add(places[i].file, 1, places[i].length);
      const known = pages.get(page) ?? { name: mention.name, moved: new Map<number, Place>() };
      known.moved.set(index, places[i]);
      pages.set(page, known);
    }
    const writes = [...pages].flatMap(([page, { name, moved }]) => changed(page, name, withThese(page.places, moved)));
    await this.catalogue.move(writes, from, to);
  }

  /** Those that are in a history, in the order in which they are in the file. */
  async #found(file: number, histories: ReadonlyMap<string, readonly Entry[]>): Promise<Found[]> {
    const found: Found[] = [];
    for (const [name, those] of histories) {
      for await (const page of this.catalogue.pages(name, boundsOf(those), false)) {
        for (const entry of those) {
          const index = page.places.before(entry.mention);
          if (index < page.places.count && isAt(page.places.at(index), file, entry))
            found.push({ ...entry, page, index });
        }
      }
    }
    return found.sort((a, b) => a.offset + a.mention.end - b.offset - b.mention.end);
  }
}

function isAt(spot: Spot, file: number, { mention: { time, number, start, end }, offset }: Entry): boolean {
  const isSame = spot.time === time && spot.number === number;
  return isSame && spot.file === file && spot.offset === offset + start && spot.length === end - start;
}

function boundsOf(those: readonly Entry[]): Bounds {
  const sorted = those.map(({ mention }) => mention).sort(compareOrders);
  const [from, to] = [sorted[0], sorted[sorted.length - 1]];
  return { from, to: { time: to.time, number: to.number + 1 } };
}

function withThese(places: Places, moved: ReadonlyMap<number, Place>): Places {
  const next = new Places();
  for (let i = 0; i < places.count; i++) next.add({ ...places.at(i), ...moved.get(i) });
  return next;
}
