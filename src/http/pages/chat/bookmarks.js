// Rooms that come back (XEP-0402): an account keeps them on its server, so that all its windows are in the same rooms. A guest,
// whom nothing is kept for, has those of this window.

import { bare } from './jid.js';
import { NS, text, xml } from './xml.js';

const OPTIONS = { persist_items: 1, max_items: 'max', send_last_published_item: 'never', access_model: 'whitelist' };
const MOST = 50;

export class Bookmarks {
  #connection;
  #pep;
  #rooms;
  #enter;

  /** @param enter enters a room: address, nick, password */
  constructor(connection, pep, rooms, enter) {
    this.#connection = connection;
    this.#pep = pep;
    this.#rooms = rooms;
    this.#enter = enter;
    pep.addEventListener(NS.bookmarks, ({ detail }) => this.#changed(detail));
    rooms.addEventListener('left', ({ detail: { room, gone } }) => gone && this.#remove(room));
  }

  /** On a new stream: enters all that are to be entered. */
  async enter() {
    const kept = await this.#pep.items(undefined, NS.bookmarks).catch(() => []);
    const marks = kept.map(read).filter(({ autojoin }) => autojoin);
    const others = [...this.#rooms].filter(({ address }) => !marks.some((each) => each.address === address));
    for (const each of [...marks.slice(0, MOST), ...others]) this.#enter(each.address, each);
  }

  /** Enters it from now on. */
  async add({ address, nick, name }, password) {
    const secret = password ? xml('password', {}, password) : undefined;
    const mark = xml(
      'conference',
      { xmlns: NS.bookmarks, name: name || undefined, autojoin: 'true' },
      xml('nick', {}, nick),
      secret,
    );
    await this.#pep.publish(NS.bookmarks, address, mark, OPTIONS).catch(() => {});
  }

  #remove({ address }) {
    this.#pep.retract(NS.bookmarks, address).catch(() => {});
  }

  // Another window has entered or left a room. Nobody but the own account may say so.
  #changed({ from, items }) {
    if (from !== bare(this.#connection.address)) return;
    for (const mark of items.map(read)) {
      const room = this.#rooms.find(mark.address);
      if (mark.autojoin && !room) this.#enter(mark.address, mark);
      if (!mark.autojoin && room && room.state === 'in') this.#rooms.leave(room, true);
    }
  }
}

function read({ id, payload }) {
  return {
    address: bare(id),
    autojoin: /^(?:true|1)$/.test(payload?.getAttribute('autojoin') ?? ''),
    nick: (payload && text(payload, 'nick')) || undefined,
    password: (payload && text(payload, 'password')) || undefined,
  };
}
