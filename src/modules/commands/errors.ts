// The errors of commands (XEP-0050 section 4.4).

import { StanzaError } from '../../xmpp/errors.js';

export const COMMANDS_NS = 'http://jabber.org/protocol/commands';

export type BadCondition = 'malformed-action' | 'bad-action' | 'bad-locale' | 'bad-payload' | 'bad-sessionid';

export const bad = (name: BadCondition, text: string): StanzaError =>
  new StanzaError('modify', 'bad-request', text, { name, ns: COMMANDS_NS });

export const expired = (): StanzaError =>
  new StanzaError('cancel', 'not-allowed', 'it was finished, or took too long', {
    name: 'session-expired',
    ns: COMMANDS_NS,
  });

export const forbidden = (): StanzaError => new StanzaError('cancel', 'forbidden');
