// Unique and stable stanza ids (XEP-0359): under which id an archive has a stanza.

import { attribute } from '../xmpp/escape.js';
import type { Stanza } from '../xmpp/stanza.js';

export const STANZA_ID = 'urn:xmpp:sid:0';

/** The stanza with its id in the archive of `by` at its end; itself where there is no id. */
export function identified(stanza: Stanza, by: string, id: string | undefined): Stanza {
  if (id === undefined) return stanza;
  return stanza.ending(`<stanza-id xmlns='${STANZA_ID}'${attribute('by', by)}${attribute('id', id)}/>`);
}

const TAIL = "'/>";
/** Elements that are remembered. */
const MANY = 10_000;

/** Does the same for archives that are asked again and again; their ids are letters and digits, as many in each. */
export class Identifying {
  /** `<stanza-id/>` with its last id, by address. */
  readonly #elements = new Map<string, Buffer>();

  identified(stanza: Stanza, by: string, id: Uint8Array): Stanza {
    const element = this.#elements.get(by) ?? this.#made(by, id.length);
    element.set(id, element.length - TAIL.length - id.length);
    return stanza.endingIn(element);
  }

  #made(by: string, length: number): Buffer {
    if (this.#elements.size >= MANY) this.#elements.clear();
    const text = `<stanza-id xmlns='${STANZA_ID}'${attribute('by', by)} id='${' '.repeat(length)}${TAIL}`;
    // Of its own: a piece of a shared one would keep all of that.
    const element = Buffer.alloc(Buffer.byteLength(text), text);
    this.#elements.set(by, element);
    return element;
  }
}

/** Whether it says already that it has an id there. */
export function isIdentified(stanza: Stanza, by: string): boolean {
  if (!stanza.raw.includes(STANZA_ID)) return false;
  return stanza.tree.getChildren('stanza-id', STANZA_ID).some((each) => each.attrs.by === by);
}
