// The namespaces of publish-subscribe (XEP-0060), and the errors that have a condition of their own there.

import { type StanzaCondition, StanzaError, type StanzaErrorType } from '../../xmpp/errors.js';

export const PUBSUB = 'http://jabber.org/protocol/pubsub';
export const OWNER = `${PUBSUB}#owner`;
export const EVENT = `${PUBSUB}#event`;
export const ERRORS = `${PUBSUB}#errors`;

export function refusal(type: StanzaErrorType, condition: StanzaCondition, name: string, text?: string): StanzaError {
  return new StanzaError(type, condition, text, { name, ns: ERRORS });
}

export const unsupported = (feature: string): StanzaError =>
  new StanzaError('cancel', 'feature-not-implemented', undefined, {
    name: 'unsupported',
    ns: ERRORS,
    attrs: { feature },
  });

export const forbidden = (): StanzaError => new StanzaError('auth', 'forbidden');
export const notFound = (): StanzaError => new StanzaError('cancel', 'item-not-found');
/** Section 6.1.3.11. */
export const moved = (uri: string): StanzaError =>
  new StanzaError('modify', 'gone', undefined, undefined, undefined, uri);
export const badRequest = (name: string): StanzaError => refusal('modify', 'bad-request', name);
