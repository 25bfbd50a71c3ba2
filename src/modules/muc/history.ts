// The last messages of a room (XEP-0045 section 7.2.13), and how many of them who enters wants to see.

import type { Element } from '../../xmpp/element.js';
import { NS } from '../../xmpp/ns.js';
import { Stanza } from '../../xmpp/stanza.js';
import { delayed } from '../delay.js';

/** A message as it was reflected, without a `to`. */
export interface Said {
  readonly stanza: Stanza;
  /** Milliseconds since 1970. */
  readonly at: number;
}

export class History {
  readonly #kept: Said[] = [];
  #bytes = 0;

  constructor(
    /** Of the room; delays are said by it. */
    readonly room: string,
    kept: readonly Said[] = [],
  ) {
    for (const said of kept) this.add(said, kept.length, Number.POSITIVE_INFINITY);
  }

  get size(): number {
    return this.#kept.length;
  }

  add(said: Said, most: number, mostBytes: number): void {
    this.#kept.push(said);
    this.#bytes += said.stanza.raw.length;
    while (this.#kept.length > most || (this.#bytes > mostBytes && this.#kept.length > 0))
      this.#bytes -= this.#kept.shift()?.stanza.raw.length ?? 0;
  }

  /** Oldest first, each with its delay. `wish`: `<history/>` of who enters; `now`: milliseconds since 1970. */
  wanted(wish: Element | undefined, most: number, now: number): Stanza[] {
    const { maxchars, maxstanzas, seconds, since } = wish?.attrs ?? {};
    const count = Math.min(most, whole(maxstanzas) ?? most);
    const earliest = Math.max(now - (whole(seconds) ?? Number.POSITIVE_INFINITY) * 1000, time(since));
    let left = whole(maxchars) ?? Number.POSITIVE_INFINITY;
    const chosen: Stanza[] = [];
    for (let i = this.#kept.length - 1; i >= 0 && chosen.length < count; i--) {
      const { stanza, at } = this.#kept[i];
      if (at < earliest) break;
      const dated = delayed(stanza, this.room, at);
      left -= dated.raw.length;
      if (left < 0) break;
      chosen.unshift(dated);
    }
    return chosen;
  }
}

export const keptStanza = (text: string): Stanza => new Stanza(Buffer.from(text), NS.client);

/** Section 8.1: there is a subject in it, and nothing that is said. */
export function changesSubject(stanza: Stanza): boolean {
  if (!stanza.raw.includes('subject')) return false;
  const { tree } = stanza;
  const has = (name: string) => tree.getChild(name, NS.client) !== undefined;
  return has('subject') && !has('body') && !has('thread');
}

const whole = (text: string | undefined): number | undefined =>
  text !== undefined && /^\d{1,12}$/.test(text.trim()) ? Number(text) : undefined;

/** XEP-0082; what is none is as if it had not been said. */
function time(text: string | undefined): number {
  const at = Date.parse(text ?? '');
  return Number.isNaN(at) ? Number.NEGATIVE_INFINITY : at;
}
