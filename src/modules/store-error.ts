// What the sender of a stanza is told when a store cannot do what was asked.

import { DONE } from '../core/hooks.js';
import type { Routed } from '../core/routed.js';
import { StoreError } from '../storage/store.js';
import { StanzaError } from '../xmpp/errors.js';

/** The stanza error for a failed store; anything else is handed back as it is. */
export function stanzaErrorOf(error: unknown): unknown {
  if (!(error instanceof StoreError)) return error;
  return error.condition === 'full'
    ? new StanzaError('wait', 'resource-constraint', 'no room is left')
    : new StanzaError('wait', 'internal-server-error', 'it could not be stored');
}

/** Changes what is kept for a client: what it sends next waits until that is done. Rejects as `stanzaErrorOf` says. */
export function stored({ session }: Routed, work: Promise<unknown>): Promise<typeof DONE> {
  const done = fetched(work).then((): typeof DONE => DONE);
  session?.stream?.hold(done.catch(() => {}));
  return done;
}

/** Reads what is kept. Rejects as `stanzaErrorOf` says. */
export function fetched<T>(work: Promise<T>): Promise<T> {
  return work.catch((error) => {
    throw stanzaErrorOf(error);
  });
}
