// A Prosody that lets people in: anybody may register at its domain, and enter another one without an account.

import type { Peer } from './peer.js';
import { startProsody } from './prosody.js';

export const GUEST_DOMAIN = 'guest.example';

/** Started as startProsody does. */
export function startOpenProsody(): Promise<Peer> {
  return startProsody({
    modules: ['register', 'carbons', 'vcard', 'blocklist'],
    // Hashed: SCRAM's keys stay the same from login to login.
    lines: `authentication = "internal_hashed"\nallow_registration = true\nVirtualHost "${GUEST_DOMAIN}"\n  authentication = "anonymous"\n`,
  });
}
