// Asks archives for pages (XEP-0313 with XEP-0059): that of the account, or that of a room.

import { bare } from './jid.js';
import { momentOf } from './reading.js';
import { child, form, NS, newId, xml } from './xml.js';

export class Archive {
  #connection;
  #asked = new Map();

  constructor(connection) {
    this.#connection = connection;
    connection.addEventListener('stanza', (event) => this.#took(event.detail) && event.stopImmediatePropagation());
  }

  /**
   * A page of what was said (`with` whom), before or after the message with an id, or the last one: messages (each its id, time
   * and stanza) in order, and whether there is no more in that direction. Rejects as the archive says.
   */
  async page({ room, with: peer, before, after, max }) {
    const queryid = newId();
    const asked = { from: room ?? bare(this.#connection.address), found: [] };
    this.#asked.set(queryid, asked);
    const direction = after === undefined ? xml('before', {}, before ?? '') : xml('after', {}, after);
    const set = xml('set', { xmlns: NS.pages }, xml('max', {}, `${max}`), direction);
    const filter = peer === undefined ? undefined : form(NS.archive, { with: peer });
    try {
      const result = await this.#connection.request(
        'set',
        room,
        xml('query', { xmlns: NS.archive, queryid }, filter, set),
      );
      const fin = child(result, 'fin', NS.archive);
      return { messages: asked.found, complete: fin?.getAttribute('complete') === 'true' || asked.found.length === 0 };
    } finally {
      this.#asked.delete(queryid);
    }
  }

  #took(stanza) {
    const result = stanza.localName === 'message' && child(stanza, 'result', NS.archive);
    if (!result) return false;
    const asked = this.#asked.get(result.getAttribute('queryid'));
    const forwarded = child(result, 'forwarded', NS.forward);
    const message = forwarded && child(forwarded, 'message', NS.client);
    const from = stanza.getAttribute('from') ?? bare(this.#connection.address);
    if (asked && asked.from === from && message) {
      asked.found.push({ id: result.getAttribute('id'), at: momentOf(forwarded) ?? Date.now(), stanza: message });
    }
    return true;
  }
}
