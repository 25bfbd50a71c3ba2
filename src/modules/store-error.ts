// What the sender of a stanza is told when a store cannot do what was asked.

import { StoreError } from '../storage/store.js';
import { StanzaError } from '../xmpp/errors.js';

/** The stanza error for a failed store; anything else is handed back as it is. */
export function stanzaErrorOf(error: unknown): unknown {
  if (!(error instanceof StoreError)) return error;
  return error.condition === 'full'
    ? new StanzaError('wait', 'resource-constraint', 'no room is left')
    : new StanzaError('wait', 'internal-server-error', 'it could not be stored');
}
