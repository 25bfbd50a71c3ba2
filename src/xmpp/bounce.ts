// What becomes of a stanza for a client that is gone (XEP-0206 section 7).

import { errorAnswer } from './answer.js';
import { StanzaError } from './errors.js';
import type { Stanza } from './stanza.js';

/**
 * The error to send back to the server for a stanza that its client never got. Nothing for what is not to be answered:
 * presence, errors, answers to requests, and what is no stanza.
 */
export function bounce(stanza: Stanza): Stanza | undefined {
  const { name, type } = stanza;
  if (name === 'message' && type !== 'error') {
    return errorAnswer(stanza, new StanzaError('wait', 'recipient-unavailable'), true);
  }
  if (name === 'iq' && (type === 'get' || type === 'set')) {
    return errorAnswer(stanza, new StanzaError('cancel', 'service-unavailable'), true);
  }
  return undefined;
}
