// The first records of histories, by their keys, as far as they are remembered: a full archive loses its oldest ones all the
// time, and reads none of them for that.

/** Records that are remembered of a history, at most. */
export const FEW = 64;
/** Of all histories; those that were asked for longest ago are forgotten first. */
const MANY = 65_536;

export interface First {
  /** In their order. */
  readonly keys: readonly string[];
  /** There are no others. */
  readonly isAll: boolean;
}

export class Firsts {
  readonly #known = new Map<string, First>();
  #count = 0;

  /** Undefined: not known. */
  of(name: string): First | undefined {
    return this.#known.get(name);
  }

  /** `FEW` of them, or all there are. */
  learn(name: string, keys: readonly string[]): First {
    const first = { keys, isAll: keys.length < FEW };
    this.#set(name, first);
    for (const oldest of this.#known.keys()) {
      if (this.#count <= MANY) break;
      this.forget(oldest);
    }
    return first;
  }

  /** Behind all it had it has these. */
  append(name: string, keys: readonly string[]): void {
    const first = this.#known.get(name);
    if (!first?.isAll) return;
    const all = [...first.keys, ...keys];
    this.#set(name, { keys: all.slice(0, FEW), isAll: all.length < FEW });
  }

  /** So many of them are gone, and all the others are as they were; undefined: they are not. */
  drop(name: string, count: number | undefined): void {
    const first = this.#known.get(name);
    if (first === undefined) return;
    if (count === undefined) this.forget(name);
    else this.#set(name, { keys: first.keys.slice(count), isAll: first.isAll });
  }

  forget(name: string): void {
    this.#count -= this.#known.get(name)?.keys.length ?? 0;
    this.#known.delete(name);
  }

  forgetAll(): void {
    this.#known.clear();
    this.#count = 0;
  }

  /** Of who has none there is nothing to remember. */
  #set(name: string, first: First): void {
    this.forget(name);
    if (first.keys.length === 0) return;
    this.#known.set(name, first);
    this.#count += first.keys.length;
  }
}
