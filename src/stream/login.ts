// Whether a client is authenticated, as its server tells it: `<success/>` of SASL (RFC 6120 section 6.4.6, XEP-0388), or
// the result of jabber:iq:auth (XEP-0078). A server that sends messages or presence has made up its mind too, however the
// client came to that. Nothing is checked here: it is the server's word that counts.

import { NS } from '../xmpp/ns.js';
import type { Stanza } from '../xmpp/stanza.js';
import { IQ, kindOf, OTHER } from './counts.js';

const IQ_AUTH = 'jabber:iq:auth';
const MECHANISM =
  /^(PLAIN|EXTERNAL|ANONYMOUS|DIGEST-MD5|CRAM-MD5|GSSAPI|OAUTHBEARER|X-OAUTH2|SCRAM-SHA-(1|256|512)(-PLUS)?)$/;

/** What the server said: the log-in succeeded or failed, or there was none to be seen. */
export type Outcome = 'success' | 'failure' | 'none';

/** What is known of a stream whose client is not authenticated yet. */
export class Login {
  /** Of the attempt that is on its way; names that nobody registered are `other`. */
  mechanism = 'other';
  /** Of the iq that holds a jabber:iq:auth. */
  #id: string | undefined;

  /** The client sent this. */
  asked(stanza: Stanza): void {
    const kind = kindOf(stanza.raw);
    if (kind === IQ) this.#askedByIq(stanza);
    if (kind !== OTHER || !isSasl(stanza)) return;
    const mechanism = stanza.attr('mechanism');
    if (mechanism !== undefined) this.mechanism = labelOf(mechanism);
  }

  /** The server sent this. Undefined: nothing is decided. */
  answered(stanza: Stanza): Outcome | undefined {
    const kind = kindOf(stanza.raw);
    if (kind === IQ) return this.#id === undefined ? undefined : this.#answeredByIq(stanza);
    if (kind !== OTHER) return 'none';
    if (!isSasl(stanza)) return undefined;
    const { name } = stanza;
    return name === 'success' || name === 'failure' ? name : undefined;
  }

  #askedByIq(stanza: Stanza): void {
    if (!stanza.raw.includes(IQ_AUTH) || stanza.type !== 'set' || stanza.payload?.ns !== IQ_AUTH) return;
    this.mechanism = IQ_AUTH;
    this.#id = stanza.id;
  }

  #answeredByIq({ id, type }: Stanza): Outcome | undefined {
    if (id !== this.#id) return undefined;
    return type === 'result' ? 'success' : 'failure';
  }
}

const isSasl = ({ ns }: Stanza): boolean => ns === NS.sasl || ns === NS.sasl2;

function labelOf(mechanism: string): string {
  if (MECHANISM.test(mechanism)) return mechanism;
  // XEP-0484: hashed tokens, by any hash and channel binding.
  return mechanism.startsWith('HT-') ? 'HT' : 'other';
}
