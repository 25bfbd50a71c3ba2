// What is done to a room for somebody, and has to be kept first: its sender waits, and is told when it could not be.

import type { ComponentHost } from '../../core/host.js';
import type { Routed } from '../../core/routed.js';
import { StanzaError } from '../../xmpp/errors.js';
import { stanzaErrorOf } from '../store-error.js';

export function later(host: ComponentHost, routed: Routed, work: Promise<unknown>): void {
  routed.later(
    work.catch((thrown) => {
      const error = stanzaErrorOf(thrown);
      const isRefusal = error instanceof StanzaError;
      if (!isRefusal) host.log.error('rooms_failed', { error: thrown });
      host.refuse(routed, isRefusal ? error : new StanzaError('cancel', 'internal-server-error'));
    }),
  );
}
