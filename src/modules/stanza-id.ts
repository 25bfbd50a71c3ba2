// Unique and stable stanza ids (XEP-0359): under which id an archive has a stanza.

import { attribute } from '../xmpp/escape.js';
import type { Stanza } from '../xmpp/stanza.js';

export const STANZA_ID = 'urn:xmpp:sid:0';

/** The stanza with its id in the archive of `by` at its end; itself where there is no id. */
export function identified(stanza: Stanza, by: string, id: string | undefined): Stanza {
  if (id === undefined) return stanza;
  return stanza.ending(`<stanza-id xmlns='${STANZA_ID}'${attribute('by', by)}${attribute('id', id)}/>`);
}

const TAIL = Buffer.from("'/>");
/** Beginnings that are remembered. */
const MANY = 10_000;

/** Does the same for archives that are asked again and again; their ids are letters and digits. */
export class Identifying {
  /** `<stanza-id/>` up to the id, by address. */
  readonly #heads = new Map<string, Buffer>();

  identified(stanza: Stanza, by: string, id: Uint8Array): Stanza {
    return stanza.endingIn(this.#headOf(by), id, TAIL);
  }

  #headOf(by: string): Buffer {
    let head = this.#heads.get(by);
    if (head === undefined) {
      if (this.#heads.size >= MANY) this.#heads.clear();
      const text = `<stanza-id xmlns='${STANZA_ID}'${attribute('by', by)} id='`;
      // Of its own: a piece of a shared one would keep all of that.
      head = Buffer.alloc(Buffer.byteLength(text), text);
      this.#heads.set(by, head);
    }
    return head;
  }
}

/** Whether it says already that it has an id there. */
export function isIdentified(stanza: Stanza, by: string): boolean {
  if (!stanza.raw.includes(STANZA_ID)) return false;
  return stanza.tree.getChildren('stanza-id', STANZA_ID).some((each) => each.attrs.by === by);
}
