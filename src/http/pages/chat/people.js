// The people this window knows: contacts of the roster (RFC 6121 section 2) with their subscriptions, and those who are just
// here: an anonymous user has no contacts, who says something or shows presence to one becomes visible.
//
// Event: `change`.

import { answer, asks } from './connection.js';
import { bare, domain, local, resource } from './jid.js';
import { Source } from './source.js';
import { child, NS, text, xml } from './xml.js';

/** A stranger beyond these is not listed. */
const STRANGERS = 200;
const LONGEST_NAME = 80;
const SHOWS = ['chat', '', 'away', 'xa', 'dnd'];

export class Person {
  address;
  /** As the roster says, and as the person says. */
  name = '';
  nick = '';
  /** none, to, from or both; undefined for who is no contact. */
  subscription;
  /** We have asked for a subscription, and they have. */
  pending = false;
  asking = false;
  resources = new Map();
  /** The hash of their picture, whether it is published rather than in the vCard, and the picture as a data: URL. */
  avatar;
  isPublished = false;
  image;

  constructor(address) {
    this.address = address;
  }

  get title() {
    return (this.name || this.nick || local(this.address)).slice(0, LONGEST_NAME);
  }

  get isContact() {
    return this.subscription !== undefined;
  }

  /** What the most available of their clients says: show and text; undefined when nobody is there. */
  get presence() {
    return [...this.resources.values()].sort((a, b) => SHOWS.indexOf(a.show) - SHOWS.indexOf(b.show))[0];
  }
}

export class People extends Source {
  #people = new Map();
  #connection;
  #presence;

  constructor(connection, presence) {
    super();
    this.#connection = connection;
    this.#presence = presence;
    connection.addEventListener('stanza', ({ detail }) => this.#received(detail));
  }

  [Symbol.iterator]() {
    return this.#people.values();
  }

  get kept() {
    return [...this].map(({ resources, image, ...each }) => ({ ...each, resources: [...resources] }));
  }

  restore(kept) {
    for (const { resources, ...each } of kept) {
      this.#people.set(each.address, Object.assign(new Person(each.address), each, { resources: new Map(resources) }));
    }
  }

  find(address) {
    return this.#people.get(address);
  }

  /** The person, who is known from now on. */
  of(address) {
    const known = this.#people.get(address);
    if (known) return known;
    const person = new Person(address);
    this.#people.set(address, person);
    this.#changed();
    return person;
  }

  /** A new stream: nobody's presence is known any more. */
  reset() {
    for (const person of this) person.resources.clear();
    this.#changed();
  }

  /** Nobody is known any more. */
  clear() {
    this.#people.clear();
  }

  /** Asks for the contacts; a server without a roster is one with none. */
  async fetch() {
    const result = await this.#connection
      .request('get', undefined, xml('query', { xmlns: NS.roster }))
      .catch(() => undefined);
    const query = result && child(result, 'query', NS.roster);
    if (!query) return;
    for (const person of this) person.subscription = undefined;
    for (const item of query.children) this.#item(item);
    this.#changed();
  }

  /** Asks the person for their presence, and writes them into the roster. Rejects as the server says. */
  async add(address, name) {
    await this.#set({ jid: address, name: name || undefined });
    this.#connection.send(xml('presence', { to: address, type: 'subscribe' }, this.#presence.nickname));
  }

  async remove(address) {
    await this.#set({ jid: address, subscription: 'remove' });
  }

  accept({ address, nick, subscription = 'none', pending }) {
    this.#connection.send(xml('presence', { to: address, type: 'subscribed' }));
    if (subscription === 'none' || subscription === 'from') {
      if (!pending) this.add(address, nick).catch(() => {});
    }
    this.#answered(address);
  }

  decline({ address }) {
    this.#connection.send(xml('presence', { to: address, type: 'unsubscribed' }));
    this.#answered(address);
  }

  /** The name that a stanza of theirs brings. */
  named(person, stanza) {
    const nick = text(stanza, 'nick', NS.nick).trim().slice(0, LONGEST_NAME);
    if (nick === '' || nick === person.nick) return;
    person.nick = nick;
    this.#changed();
  }

  #set(attributes) {
    return this.#connection.request('set', undefined, xml('query', { xmlns: NS.roster }, xml('item', attributes)));
  }

  #answered(address) {
    this.of(address).asking = false;
    this.#changed();
  }

  #received(stanza) {
    if (stanza.localName === 'presence') this.#heard(stanza);
    if (stanza.localName === 'iq') this.#pushed(stanza);
  }

  // RFC 6121 section 2.1.6: only the own account or nobody may send a push.
  #pushed(iq) {
    const query = asks(iq, 'set', 'query', NS.roster);
    if (!query || !this.#isOwn(iq.getAttribute('from') ?? '')) return;
    for (const item of query.children) this.#item(item);
    this.#connection.send(answer(iq));
    this.#changed();
  }

  #isOwn(from) {
    return from === '' || bare(from) === bare(this.#connection.address) || from === domain(this.#connection.address);
  }

  #item(item) {
    const person = this.of(item.getAttribute('jid'));
    const subscription = item.getAttribute('subscription') ?? 'none';
    person.subscription = subscription === 'remove' ? undefined : subscription;
    person.name = item.getAttribute('name') ?? '';
    person.pending = item.getAttribute('ask') === 'subscribe';
  }

  #heard(stanza) {
    const from = stanza.getAttribute('from') ?? '';
    const address = bare(from);
    if (from === '' || address === bare(this.#connection.address)) return;
    if (!this.#people.has(address) && this.#people.size >= STRANGERS) return;
    const person = this.of(address);
    const type = stanza.getAttribute('type') ?? 'available';
    if (type === 'available') this.#available(person, from, stanza);
    else if (type === 'unavailable' || type === 'error') this.#gone(person, from);
    else if (type === 'subscribe') this.#asked(person);
    this.named(person, stanza);
    this.#changed();
  }

  #available(person, from, stanza) {
    const show = text(stanza, 'show');
    person.resources.set(resource(from), {
      show: SHOWS.includes(show) ? show : '',
      text: text(stanza, 'status').slice(0, 200),
    });
    // Who shows themselves to an anonymous user is shown them in turn.
    if (!person.isContact && this.#connection.account.kind === 'anonymous') this.#presence.introduce(person.address);
  }

  // Whom we have asked ourselves may see us too.
  #asked(person) {
    person.asking = true;
    if (person.pending || /^(?:to|both)$/.test(person.subscription)) this.accept(person);
  }

  #gone(person, from) {
    if (resource(from) === '') person.resources.clear();
    else person.resources.delete(resource(from));
    if (person.resources.size === 0) this.#presence.forget(person.address);
  }

  #changed() {
    this.tell('change');
  }
}
