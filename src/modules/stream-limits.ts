// What a stream takes at most (XEP-0478), told before a client runs into it: less, as long as it has not said who it is.

import { EARLY_BYTES } from '../core/c2s.js';
import type { Host } from '../core/host.js';
import type { Module } from '../core/module.js';

const LIMITS = 'urn:xmpp:stream-limits:0';

export const streamLimits: Module = {
  name: 'stream_limits',
  about: 'Tells clients how large a stanza may be.',
  specifications: [{ id: 'XEP-0478', name: 'Stream Limits Advertisement', version: '0.2.0' }],
  load(host) {
    host.hooks.on('stream-features', ({ stream, features }) => {
      const bytes = stream.identity === undefined ? early(host) : host.max_data_held;
      features.push(`<limits xmlns='${LIMITS}'><max-bytes>${bytes}</max-bytes></limits>`);
    });
  },
};

/** 0 of the option sets no limit of its own. */
function early({ limits: { stanza_before_auth }, max_data_held }: Host): number {
  return Math.min(EARLY_BYTES, max_data_held, stanza_before_auth || EARLY_BYTES);
}
