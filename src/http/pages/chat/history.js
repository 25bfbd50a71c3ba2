// What was said before: a new window learns the account's last conversations, one that was away what it has missed, and who reads
// upwards gets page after page. Messages that are there already are not there twice (conversation.js).

import { bare, resource } from './jid.js';
import { ends, isOfRoom, spoken } from './reading.js';

const PAGE = 40;
const LARGE = 100;
/** Pages of the account's archive that a new window reads to learn whom there are conversations with. */
const FIRST_PAGES = 3;
/** Pages that who was away reads at once. */
const MISSED_PAGES = 20;

export class History {
  /** The last id in the account's archive that has been seen. */
  newest;
  #connection;
  #archive;
  #people;
  #rooms;
  #conversations;
  #busy = new Map();

  constructor(connection, archive, people, rooms, conversations) {
    this.#connection = connection;
    this.#archive = archive;
    this.#people = people;
    this.#rooms = rooms;
    this.#conversations = conversations;
    rooms.addEventListener('entered', ({ detail }) => this.#entered(detail));
    conversations.addEventListener('message', ({ detail: { conversation, message } }) => {
      if (!conversation.isRoom) this.newest = message.archived ?? this.newest;
    });
  }

  /** On a new stream. */
  async catchUp() {
    for (const conversation of this.#conversations) conversation.isFetched = false;
    if (this.newest === undefined || !(await this.#missed())) await this.#learn();
  }

  /** A conversation has been opened: shows its last page. */
  opened(conversation) {
    if (!conversation.isFetched && !conversation.isRoom) return this.older(conversation);
  }

  /** Reads one page upwards; resolves when it is there, at once when there is none. */
  older(conversation) {
    const { address } = conversation;
    const busy = this.#busy.get(address) ?? this.#older(conversation).finally(() => this.#busy.delete(address));
    this.#busy.set(address, busy);
    return busy;
  }

  async #older(conversation) {
    const { address, isRoom, complete, oldest } = conversation;
    const room = isRoom ? this.#rooms.find(address) : undefined;
    if (complete || (isRoom && (!room?.hasArchive || room.state !== 'in'))) return;
    const whose = isRoom ? { room: address } : { with: address };
    const page = await this.#page({ ...whose, before: oldest, max: PAGE });
    if (!page) return;
    const messages = this.#readAll(page, room);
    if (oldest === undefined) for (const each of messages) this.#conversations.keep(conversation, each, false);
    else conversation.prepend(messages);
    conversation.isFetched = true;
    conversation.complete = page.complete;
    conversation.cursor = page.messages[0]?.id ?? conversation.cursor;
    if (isRoom) conversation.newest ??= page.messages.at(-1)?.id;
    this.#conversations.grown(conversation);
  }

  async #learn() {
    const found = [];
    let page;
    for (let pages = 0; pages < FIRST_PAGES && !page?.complete; pages++) {
      page = await this.#page({ before: found[0]?.id, max: LARGE });
      if (!page) return;
      found.unshift(...page.messages);
    }
    this.newest = found.at(-1)?.id;
    this.#spread(found, false);
    if (page.complete) this.#all();
  }

  /** The whole archive has been read. */
  #all() {
    for (const each of this.#conversations) if (!each.isRoom) Object.assign(each, { complete: true, isFetched: true });
  }

  async #missed() {
    for (let pages = 0; pages < MISSED_PAGES; pages++) {
      const page = await this.#page({ after: this.newest, max: LARGE });
      if (!page) return false;
      this.#spread(page.messages, true);
      this.newest = page.messages.at(-1)?.id ?? this.newest;
      if (page.complete) break;
    }
    return true;
  }

  #spread(found, counts) {
    const grown = new Set();
    for (const each of found) {
      const read = this.#read(each);
      if (!read) continue;
      const conversation = this.#conversations.of(read.peer);
      this.#conversations.keep(conversation, read.message, counts);
      grown.add(conversation);
    }
    for (const each of grown) this.#conversations.grown(each);
  }

  async #entered(room) {
    const conversation = this.#conversations.of(room.address, true);
    if (!room.hasArchive) return;
    if (conversation.newest === undefined) return this.older(conversation);
    for (let pages = 0; pages < MISSED_PAGES; pages++) {
      const page = await this.#page({ room: room.address, after: conversation.newest, max: LARGE });
      if (!page) break;
      for (const message of this.#readAll(page, room)) this.#conversations.keep(conversation, message, true);
      conversation.newest = page.messages.at(-1)?.id ?? conversation.newest;
      if (page.complete) break;
    }
    this.#conversations.grown(conversation);
  }

  #page(wish) {
    return this.#archive.page(wish).catch(() => undefined);
  }

  #readAll({ messages }, room) {
    return messages.map((each) => this.#read(each, room)?.message).filter((each) => each !== undefined);
  }

  /** As a message of a conversation, and with whom; undefined for what is not shown. */
  #read({ id, at, stanza }, room) {
    const message = spoken(stanza, undefined);
    if (!message) return undefined;
    const dated = { ...message, archived: id, at };
    const nick = resource(stanza.getAttribute('from') ?? '');
    if (room) return { message: nick === '' ? undefined : this.#rooms.read(room, nick, dated) };
    const [from, to] = ends(stanza);
    const self = bare(this.#connection.address);
    const own = from === self || from === '';
    const peer = own ? to || self : from;
    if (peer === self || isOfRoom(stanza) || /^(?:error|headline)$/.test(stanza.getAttribute('type'))) return undefined;
    if (!own) this.#people.named(this.#people.of(peer), stanza);
    return { peer, message: { ...dated, own, state: own ? 'sent' : undefined } };
  }
}
