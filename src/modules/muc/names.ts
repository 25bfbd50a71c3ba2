// The namespaces of rooms, and the errors that many of its rules end in.

import { type StanzaCondition, StanzaError, type StanzaErrorType } from '../../xmpp/errors.js';

export const MUC = 'http://jabber.org/protocol/muc';
export const USER = `${MUC}#user`;
export const ADMIN = `${MUC}#admin`;
export const OWNER = `${MUC}#owner`;
export const REGISTER = 'jabber:iq:register';
export const INFO = 'http://jabber.org/protocol/disco#info';
export const ITEMS = 'http://jabber.org/protocol/disco#items';
export const CONFERENCE = 'jabber:x:conference';
export const OCCUPANT_ID = 'urn:xmpp:occupant-id:0';
export const STANZA_ID = 'urn:xmpp:sid:0';

const refusal = (type: StanzaErrorType, condition: StanzaCondition) => (text?: string) =>
  new StanzaError(type, condition, text);

export const badRequest = refusal('modify', 'bad-request');
export const conflict = refusal('cancel', 'conflict');
export const forbidden = refusal('auth', 'forbidden');
export const itemNotFound = refusal('cancel', 'item-not-found');
export const notAcceptable = refusal('modify', 'not-acceptable');
export const notAllowed = refusal('cancel', 'not-allowed');
export const tooMany = refusal('wait', 'resource-constraint');
