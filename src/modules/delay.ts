// Delayed delivery (XEP-0203): a stanza that was kept says since when, and by whom.

import { attribute } from '../xmpp/escape.js';
import type { Stanza } from '../xmpp/stanza.js';

export const DELAY = 'urn:xmpp:delay';

/** The stanza with a delay at its end; `at`: milliseconds since 1970. The bytes in front of it stay as they are. */
export function delayed(stanza: Stanza, from: string, at: number): Stanza {
  const stamp = new Date(at).toISOString();
  return stanza.ending(`<delay xmlns='${DELAY}'${attribute('from', from)} stamp='${stamp}'/>`);
}

/** Whether it says already that it was kept there. */
export function isDelayed(stanza: Stanza, from: string): boolean {
  if (!stanza.raw.includes(DELAY)) return false;
  return stanza.tree.getChildren('delay', DELAY).some((delay) => delay.attrs.from === from);
}
