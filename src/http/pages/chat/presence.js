// The presence of this window (RFC 6121 section 4): to all who are subscribed, and directed (section 4.6) to those whom it
// talks to without. The nickname goes with it (XEP-0172).
//
// Event: `state`.

import { NODE, VERIFICATION } from './features.js';
import { Source } from './source.js';
import { NS, xml } from './xml.js';

export class Presence extends Source {
  nick = '';
  /** '' (available), away or dnd. */
  show = '';
  text = '';
  /** The hash of our picture (XEP-0153), '' when there is none; undefined while we do not know. */
  photo;
  /** The server has shown it: it sends it to us too (RFC 6121 section 4.2.2). */
  isShown = false;
  #connection;
  #directed = new Set();

  constructor(connection) {
    super();
    this.#connection = connection;
    connection.addEventListener('online', ({ detail: { resumed } }) => this.#shown(resumed));
    connection.addEventListener('stanza', ({ detail }) => this.#isOwn(detail) && this.#shown(true));
  }

  get kept() {
    return { nick: this.nick, show: this.show, text: this.text, directed: [...this.#directed] };
  }

  restore({ nick, show, text, directed }) {
    Object.assign(this, { nick, show, text });
    this.#directed = new Set(directed);
  }

  /** To everybody who sees it: when the stream is new, and after every change. */
  announce() {
    this.#connection.send(this.#stanza());
    for (const address of this.#directed) this.#connection.send(this.#stanza(address));
  }

  /** A person without a subscription sees it from now on. */
  introduce(address) {
    if (!this.#directed.has(address) && this.#connection.send(this.#stanza(address))) this.#directed.add(address);
  }

  /** Somebody who has just been shown it otherwise: a room that was entered. */
  follow(address) {
    this.#directed.add(address);
  }

  /** The person has gone: who comes again has to be told again. */
  forget(address) {
    this.#directed.delete(address);
  }

  isTold(address) {
    return this.#directed.has(address);
  }

  /** The nickname as an element, for stanzas to people who may not know it. */
  get nickname() {
    return this.nick === '' ? undefined : xml('nick', { xmlns: NS.nick }, this.nick);
  }

  /** What it says, without whom it is of. */
  get contents() {
    return [
      this.show === '' ? undefined : xml('show', {}, this.show),
      this.text === '' ? undefined : xml('status', {}, this.text),
      this.photo === undefined ? undefined : xml('x', { xmlns: NS.vcardUpdate }, xml('photo', {}, this.photo)),
      xml('c', { xmlns: NS.caps, hash: 'sha-1', node: NODE, ver: VERIFICATION }),
    ];
  }

  #isOwn(stanza) {
    return stanza.localName === 'presence' && stanza.getAttribute('from') === this.#connection.address;
  }

  #shown(isShown) {
    this.isShown = isShown;
    this.tell('state');
  }

  #stanza(to) {
    return xml('presence', { to }, ...this.contents, this.nickname);
  }
}
