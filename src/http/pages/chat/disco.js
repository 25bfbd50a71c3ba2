// What others say of themselves (XEP-0030), and which services the own domain has: rooms (XEP-0045), uploads (XEP-0363).

import { domain } from './jid.js';
import { child, children, NS, text, xml } from './xml.js';

/** Name, features, identities (`category/type`) and the fields of its forms. Rejects as the entity says. */
export async function info(connection, to) {
  const result = await connection.request('get', to, xml('query', { xmlns: NS.info }));
  const query = child(result, 'query', NS.info) ?? result;
  const identities = children(query, 'identity');
  const fields = children(query, 'x', NS.data).flatMap((form) => children(form, 'field'));
  return {
    name: identities[0]?.getAttribute('name') ?? '',
    identities: identities.map((each) => `${each.getAttribute('category')}/${each.getAttribute('type')}`),
    features: new Set(children(query, 'feature').map((each) => each.getAttribute('var'))),
    fields: new Map(fields.map((each) => [each.getAttribute('var'), text(each, 'value')])),
  };
}

/** Address and name of each. */
export async function items(connection, to) {
  const result = await connection.request('get', to, xml('query', { xmlns: NS.items }));
  const query = child(result, 'query', NS.items) ?? result;
  return children(query, 'item').map((each) => ({
    address: each.getAttribute('jid') ?? '',
    name: each.getAttribute('name') ?? '',
  }));
}

export class Services {
  /** Address of the service where rooms are made; undefined without one. */
  rooms;
  /** Address, and the most bytes of a file. */
  upload;
  /** Resolves when that is known. */
  known = Promise.resolve();
  #connection;

  constructor(connection) {
    this.#connection = connection;
  }

  get kept() {
    return { rooms: this.rooms, upload: this.upload };
  }

  restore(kept) {
    Object.assign(this, kept);
  }

  /** Asks the own domain; resolves when all have answered. */
  look() {
    this.known = this.#look();
    return this.known;
  }

  async #look() {
    const home = domain(this.#connection.address);
    const found = await items(this.#connection, home).catch(() => []);
    this.restore({ rooms: undefined, upload: undefined });
    await Promise.all([home, ...found.slice(0, 20).map(({ address }) => address)].map((each) => this.#ask(each)));
  }

  async #ask(address) {
    const about = await info(this.#connection, address).catch(() => undefined);
    if (about?.features.has(NS.muc) && about.identities.includes('conference/text')) this.rooms ??= address;
    if (about?.features.has(NS.upload)) {
      this.upload ??= { address, most: Number(about.fields.get('max-file-size')) || Number.POSITIVE_INFINITY };
    }
  }
}
