// Stanzas of components have a namespace of their own on the wire (XEP-0114); in here all are the client's.

import { NS } from '../xmpp/ns.js';
import { Stanza } from '../xmpp/stanza.js';

/** As a component writes it. */
export const forComponent = (stanza: Stanza): Stanza =>
  new Stanza(stanza.with({ xmlns: NS.component }).raw, NS.component);

/** As it is in here. */
export const fromComponent = (stanza: Stanza): Stanza => new Stanza(stanza.with({ xmlns: NS.client }).raw, NS.client);
