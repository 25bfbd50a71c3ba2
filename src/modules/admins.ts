// Who may administer a domain: those that its configuration names. What they may do is for modules to offer.

import { bareJid } from '../core/sasl/mechanism.js';
import type { JID } from '../xmpp/jid.js';

/** Of one host, as it is configured now. */
export class Admins {
  #said: readonly string[] = [];
  #prepared: ReadonlySet<string> = new Set();

  constructor(readonly host: { readonly options: { readonly admins: readonly string[] } }) {}

  /** Whichever resource: `jid` has to be proven. */
  has(jid: JID): boolean {
    const { admins } = this.host.options;
    if (admins !== this.#said) {
      this.#said = admins;
      this.#prepared = new Set(admins.flatMap((each) => bareJid(each) ?? []));
    }
    return this.#prepared.has(jid.bare.toString());
  }
}
