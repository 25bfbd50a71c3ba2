// Pings (XEP-0199): the host answers, and so does an account for its own client.

import { DONE } from '../core/hooks.js';
import type { Module } from '../core/module.js';

const PING = 'urn:xmpp:ping';

export const ping: Module = {
  name: 'ping',
  about: 'Answers pings.',
  specifications: [{ id: 'XEP-0199', name: 'XMPP Ping', version: '2.0.1' }],
  load({ hooks }) {
    hooks.iq('get', 'host', PING, 'ping', () => DONE);
    hooks.iq('get', 'own', PING, 'ping', () => DONE);
    hooks.on('disco/host', ({ features }) => void features.add(PING));
    hooks.on('disco/account', ({ features }) => void features.add(PING));
  },
};
