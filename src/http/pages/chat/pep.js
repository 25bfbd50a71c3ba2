// What accounts keep for themselves or show others (XEP-0163): items at nodes, and news of them.
//
// Events: by the name of the node (detail: from, and items, each with its id and its payload, which a retracted one has not).

import { bare } from './jid.js';
import { Source } from './source.js';
import { child, children, form, NS, xml } from './xml.js';

const OPTIONS = 'http://jabber.org/protocol/pubsub#publish-options';

export class Pep extends Source {
  #connection;

  constructor(connection) {
    super();
    this.#connection = connection;
    connection.addEventListener('stanza', ({ detail }) => detail.localName === 'message' && this.#received(detail));
  }

  /** Rejects as the server says: item-not-found when there is no such node. */
  async items(to, node, ids = []) {
    const wanted = xml('items', { node }, ...ids.map((id) => xml('item', { id })));
    const result = await this.#connection.request('get', to, xml('pubsub', { xmlns: NS.pubsub }, wanted));
    const found = child(child(result, 'pubsub', NS.pubsub) ?? result, 'items');
    return found ? read(found) : [];
  }

  /** Makes the node with these options (XEP-0060, `pubsub#` left out) if it is not there. */
  publish(node, id, payload, options) {
    const named = Object.entries(options).map(([name, value]) => [`pubsub#${name}`, value]);
    return this.#set(
      xml('publish', { node }, xml('item', { id }, payload)),
      xml('publish-options', {}, form(OPTIONS, Object.fromEntries(named))),
    );
  }

  retract(node, id) {
    return this.#set(xml('retract', { node, notify: 'true' }, xml('item', { id })));
  }

  #set(...what) {
    return this.#connection.request('set', undefined, xml('pubsub', { xmlns: NS.pubsub }, ...what));
  }

  #received(stanza) {
    const event = child(stanza, 'event', NS.pubsubEvent);
    const items = event && child(event, 'items');
    if (!items) return;
    const from = bare(stanza.getAttribute('from') ?? this.#connection.address);
    this.tell(items.getAttribute('node'), { from, items: read(items) });
  }
}

const read = (items) =>
  [...children(items, 'item'), ...children(items, 'retract')].map((each) => ({
    id: each.getAttribute('id') ?? '',
    payload: each.firstElementChild ?? undefined,
  }));
