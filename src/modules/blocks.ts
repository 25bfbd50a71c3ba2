// Whom an account does not want to hear of, for modules that send in its name.

import { Part } from '../core/parts.js';
import type { JID } from '../xmpp/jid.js';

export interface Blocks {
  /** Whether the account blocks this address. */
  blocked(username: string, jid: JID): boolean;
  /** The same, now, of many addresses; undefined: it blocks nobody. */
  blocking(username: string): ((jid: JID) => boolean) | undefined;
}

export const BLOCKS = new Part<Blocks>('blocks');
