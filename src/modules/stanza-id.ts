// Unique and stable stanza ids (XEP-0359): under which id an archive has a stanza.

import { attribute } from '../xmpp/escape.js';
import type { Stanza } from '../xmpp/stanza.js';

export const STANZA_ID = 'urn:xmpp:sid:0';

/** The stanza with its id in the archive of `by` at its end; itself where there is no id. */
export function identified(stanza: Stanza, by: string, id: string | undefined): Stanza {
  if (id === undefined) return stanza;
  return stanza.ending(`<stanza-id xmlns='${STANZA_ID}'${attribute('by', by)}${attribute('id', id)}/>`);
}

/** Whether it says already that it has an id there. */
export function isIdentified(stanza: Stanza, by: string): boolean {
  if (!stanza.raw.includes(STANZA_ID)) return false;
  return stanza.tree.getChildren('stanza-id', STANZA_ID).some((each) => each.attrs.by === by);
}
