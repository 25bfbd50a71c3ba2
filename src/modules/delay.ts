// Delayed delivery (XEP-0203): a stanza that was kept says since when, and by whom.

import { attribute } from '../xmpp/escape.js';
import { Stanza } from '../xmpp/stanza.js';

export const DELAY = 'urn:xmpp:delay';

/** The stanza with a delay at its end; `at`: milliseconds since 1970. The bytes in front of it stay as they are. */
export function delayed(stanza: Stanza, from: string, at: number): Stanza {
  const { raw, closed } = stanza;
  const { start, end, name } = stanza.content;
  const stamp = new Date(at).toISOString();
  const delay = `<delay xmlns='${DELAY}'${attribute('from', from)} stamp='${stamp}'/>`;
  if (closed) return new Stanza(Buffer.concat([raw.subarray(0, start - 2), Buffer.from(`>${delay}</${name}>`)]));
  return new Stanza(Buffer.concat([raw.subarray(0, end), Buffer.from(delay), raw.subarray(end)]));
}

/** Whether it says already that it was kept there. */
export function isDelayed(stanza: Stanza, from: string): boolean {
  if (!stanza.raw.includes(DELAY)) return false;
  return stanza.tree.getChildren('delay', DELAY).some((delay) => delay.attrs.from === from);
}
