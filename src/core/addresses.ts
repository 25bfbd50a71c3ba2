// Addresses that were read before. Preparing one costs a microsecond, and a server sees the same ones again and again.

import { JID } from '../xmpp/jid.js';

const MOST = 4096;

/** Two generations of a bounded cache: what is not asked for within one is forgotten. */
export class Addresses {
  #young = new Map<string, JID>();
  #old = new Map<string, JID>();

  /** Throws StanzaError jid-malformed. */
  read(text: string): JID {
    const known = this.#young.get(text);
    if (known !== undefined) return known;
    const jid = this.#old.get(text) ?? JID.parse(text);
    if (this.#young.size >= MOST) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(text, jid);
    return jid;
  }
}
