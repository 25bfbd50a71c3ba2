// How fast one client may speak in a room: what is faster is refused, because everybody would have to hear it.

import type { ComponentHost } from '../../core/host.js';
import { StanzaError } from '../../xmpp/errors.js';
import type { Visit } from './occupant.js';
import type { MucOptions } from './options.js';

/** Seconds' worth that may come at once. */
const BURST = 10;

/** Throws StanzaError policy-violation when it was too much. */
export function takePace(host: ComponentHost, visit: Visit, { stanzas_per_second: rate }: MucOptions): void {
  if (rate === 0) return;
  const now = host.now();
  const paid = Math.max(visit.paid, now) + 1000 / rate;
  if (paid - now > BURST * 1000) {
    host.limited('muc.stanzas_per_second');
    throw new StanzaError('wait', 'policy-violation', 'too much at once');
  }
  visit.paid = paid;
}
