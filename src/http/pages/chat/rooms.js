// The rooms of this window (XEP-0045): entering and leaving, who is there, what is said, and invitations (also XEP-0249).
// Every stanza of a room ends here; what is said is told to conversations.js.
//
// Events: `change`; `entered` (detail: the room); `left` (detail: room, gone: it is no use to come back); `said` (detail: room,
// message); `failed` (detail: room, id, text); `typing` (detail: room, nick, state).

import { info } from './disco.js';
import { bare, resource } from './jid.js';
import { apply } from './occupancy.js';
import { isOfRoom, momentOf, spoken } from './reading.js';
import { Room } from './room.js';
import { Source } from './source.js';
import { child, form, NS, newId, problem, text, xml } from './xml.js';

const HISTORY = 30;
const WAIT = 20_000;
const MOST_INVITATIONS = 20;
const CONFIG = 'http://jabber.org/protocol/muc#roomconfig';
const STATES = ['composing', 'paused', 'active', 'inactive', 'gone'];
const REFUSALS = {
  conflict: 'This nickname is taken there: choose another.',
  'not-authorized': 'This room wants its password.',
  'registration-required': 'Only members may enter this room.',
  forbidden: 'You are banned from this room.',
  'service-unavailable': 'This room is full.',
  'not-allowed': 'You may not make rooms here.',
  'not-acceptable': 'You have a nickname of your own in this room: use that one.',
  'item-not-found': 'This room is not open yet.',
  'resource-constraint': 'There are too many rooms already.',
  'remote-server-not-found': 'There is no such server, or it is not reached from here.',
  timeout: 'The room does not answer.',
};

export class Rooms extends Source {
  /** By address of the room: address, from, reason, password. */
  invitations = new Map();
  #all = new Map();
  #connection;
  #presence;
  #asked = new Map();
  #retitling;

  constructor(connection, presence) {
    super();
    this.#connection = connection;
    this.#presence = presence;
    connection.addEventListener('stanza', (event) => this.#took(event.detail) && event.stopImmediatePropagation());
  }

  [Symbol.iterator]() {
    return this.#all.values();
  }

  get kept() {
    const rooms = [...this].map((room) => ({
      ...room,
      state: room.state === 'in' ? 'in' : 'out',
      occupants: [...room.occupants.values()].map(({ image, ...each }) => each),
    }));
    return { rooms, invitations: [...this.invitations.values()] };
  }

  restore({ rooms, invitations }) {
    this.invitations = new Map(invitations.map((each) => [each.address, each]));
    for (const { occupants, ...each } of rooms) {
      const byNick = new Map(occupants.map((occupant) => [occupant.nick, occupant]));
      this.#all.set(each.address, Object.assign(new Room(each.address), each, { occupants: byNick }));
    }
  }

  /** A new stream: we are in none of them. */
  reset() {
    for (const room of this) this.#out(room, room.told);
  }

  clear() {
    this.#all.clear();
    this.invitations.clear();
  }

  find(address) {
    return this.#all.get(address);
  }

  /**
   * Resolves when we are in; rejects with a sentence, and its condition. `since` says when we last heard something: a room
   * without an archive tells what came after. One that is made by this gets the name, and stays without occupants if `stays`.
   */
  async enter(address, { nick = this.#presence.nick, password, name, stays, since } = {}) {
    const known = this.#all.get(address);
    if (known && known.state !== 'out') return;
    const room = known ?? new Room(address);
    this.#all.set(address, room);
    Object.assign(room, { nick, state: 'entering', told: '', isNew: !since });
    this.#changed();
    await this.#describe(room);
    try {
      const made = await this.#ask(room, this.#join(room, password, since));
      if (made) await this.#configure(room, name, stays).then(() => this.#describe(room));
    } catch ({ condition, text }) {
      if (!known) this.#all.delete(address);
      const sentence = REFUSALS[condition] ?? `The room refused: ${text}.`;
      this.#out(room, sentence);
      throw Object.assign(new Error(sentence), { condition });
    }
    this.invitations.delete(address);
    this.tell('entered', room);
    this.#changed();
  }

  /** Resolves when the nickname is ours; rejects with a sentence. */
  async rename(room, nick) {
    const wish = xml('presence', { to: `${room.address}/${nick}` }, ...this.#presence.contents);
    await this.#ask(room, wish).catch(({ condition, text }) => {
      throw new Error(REFUSALS[condition] ?? `The room refused: ${text}.`);
    });
  }

  /** @param elsewhere another window of the account has left it already */
  leave(room, elsewhere = false) {
    const to = `${room.address}/${room.nick}`;
    if (room.state !== 'out') this.#connection.send(xml('presence', { to, type: 'unavailable' }));
    this.#all.delete(room.address);
    this.#out(room, '');
    this.tell('left', { room, gone: !elsewhere });
  }

  retitle({ address }, subject) {
    const id = newId();
    this.#retitling = id;
    this.#connection.send(xml('message', { to: address, type: 'groupchat', id }, xml('subject', {}, subject)));
  }

  invite({ address }, to) {
    this.#mediate(address, xml('invite', { to }));
  }

  decline({ address, from, isMediated }) {
    if (isMediated) this.#mediate(address, xml('decline', { to: from }));
    this.invitations.delete(address);
    this.#changed();
  }

  /** A role (`none` removes) of a nickname, or an affiliation (`outcast` bans) of an address. Rejects as the room says. */
  set({ address }, item) {
    return this.#connection.request('set', address, xml('query', { xmlns: NS.mucAdmin }, xml('item', item)));
  }

  destroy({ address }) {
    return this.#connection.request('set', address, xml('query', { xmlns: NS.mucOwner }, xml('destroy')));
  }

  #join({ address, nick, hasArchive }, password, since) {
    const limit = since ? { since: new Date(since + 1).toISOString() } : { maxstanzas: HISTORY };
    const history = xml('history', hasArchive ? { maxstanzas: 0 } : limit);
    const wish = xml('x', { xmlns: NS.muc }, password ? xml('password', {}, password) : undefined, history);
    return xml('presence', { to: `${address}/${nick}` }, wish, ...this.#presence.contents);
  }

  /** Resolves at the presence that answers, with whether the room was made; rejects with condition and text. */
  #ask({ address }, presence) {
    return new Promise((resolve, reject) => {
      this.#asked.get(address)?.reject({ condition: 'timeout' });
      this.#asked.set(address, { resolve, reject });
      setTimeout(reject, WAIT, { condition: 'timeout' });
      if (!this.#connection.send(presence)) reject({ condition: 'offline', text: 'not connected' });
    });
  }

  async #describe(room) {
    const about = await info(this.#connection, room.address).catch(() => undefined);
    room.hasArchive = about?.features.has(NS.archive) ?? false;
    room.name = about?.name || room.name;
  }

  #configure(room, name, stays) {
    const wanted = { 'muc#roomconfig_roomname': name, 'muc#roomconfig_persistentroom': stays ? 1 : undefined };
    const query = xml('query', { xmlns: NS.mucOwner }, form(CONFIG, wanted));
    return this.#connection.request('set', room.address, query);
  }

  #mediate(to, what) {
    this.#connection.send(xml('message', { to, id: newId() }, xml('x', { xmlns: NS.mucUser }, what)));
  }

  /** Whether it was for a room. */
  #took(stanza) {
    const from = stanza.getAttribute('from') ?? '';
    const room = this.#all.get(bare(from));
    if (stanza.localName === 'presence') return this.#present(room, stanza);
    if (stanza.localName !== 'message') return false;
    const direct = child(stanza, 'x', NS.conference);
    if (direct || isOfRoom(stanza)) this.#invited(stanza, direct);
    if (room) this.#heard(room, resource(from), stanza);
    return room !== undefined || direct !== undefined || isOfRoom(stanza);
  }

  #present(room, stanza) {
    if (!room) return child(stanza, 'x', NS.mucUser) !== undefined;
    if (stanza.getAttribute('type') === 'error') {
      this.#asked.get(room.address)?.reject(problem(stanza));
      return true;
    }
    const news = apply(room, stanza);
    if (news?.in) {
      this.#presence.follow(`${room.address}/${room.nick}`);
      this.#asked.get(room.address)?.resolve(news.made);
    }
    if (news?.note) this.#note(room, news.note);
    if (news?.out) this.#thrown(room, news);
    this.#changed();
    return true;
  }

  #thrown(room, { out, gone }) {
    this.#note(room, out);
    this.#out(room, out);
    this.tell('left', { room, gone });
  }

  #heard(room, nick, stanza) {
    const type = stanza.getAttribute('type') ?? 'normal';
    if (type === 'error') return this.#failed(room, nick, stanza);
    const subject = child(stanza, 'subject');
    const message = spoken(stanza, room.address);
    if (subject && !message && type === 'groupchat') return this.#retitled(room, nick, subject.textContent, stanza);
    const isOld = room.isNew && momentOf(stanza) !== undefined;
    if (message && nick !== '')
      this.tell('said', { room, message: { ...this.read(room, nick, message, type), isOld } });
    else if (message) this.#note(room, message.text);
    const state = STATES.find((each) => child(stanza, each, NS.states));
    if (nick !== room.nick && type === 'groupchat')
      this.tell('typing', { room, nick, state: message ? 'active' : state });
  }

  /** A message of an occupant as one of the conversation. */
  read(room, nick, message, type = 'groupchat') {
    const own = nick === room.nick;
    const state = own ? 'delivered' : undefined;
    return { ...message, own, from: nick, state, secret: type !== 'groupchat' || undefined };
  }

  #failed(room, nick, stanza) {
    const { condition, text } = problem(stanza);
    const sentence = condition === 'forbidden' && nick === '' ? 'you have no voice here' : text;
    const id = stanza.getAttribute('id');
    this.tell('failed', { room, id, text: sentence });
    if (id === this.#retitling) this.#note(room, `The subject was not changed: ${text}`);
  }

  #retitled(room, nick, subject, stanza) {
    room.subject = subject.slice(0, 1000);
    if (momentOf(stanza) === undefined && nick !== '') this.#note(room, `${nick} has set the subject: ${subject}`);
    this.#changed();
  }

  #invited(stanza, direct) {
    const from = bare(stanza.getAttribute('from') ?? '');
    const user = child(stanza, 'x', NS.mucUser);
    const invite = user && child(user, 'invite');
    const address = invite ? from : bare(direct?.getAttribute('jid') ?? '');
    if (!/^[^@/]+@[^@/]+$/.test(address) || this.#all.get(address)?.state === 'in') return;
    if (this.invitations.size >= MOST_INVITATIONS && !this.invitations.has(address)) return;
    this.invitations.set(address, {
      address,
      from: invite?.getAttribute('from') ?? from,
      isMediated: invite !== undefined,
      reason: ((invite && text(invite, 'reason')) || direct?.getAttribute('reason') || '').slice(0, 300),
      password: (user && text(user, 'password')) || direct?.getAttribute('password') || undefined,
    });
    this.#changed();
  }

  #note(room, text) {
    this.tell('said', { room, message: { id: newId(), note: true, text, at: Date.now() } });
  }

  #out(room, told) {
    this.#presence.forget(`${room.address}/${room.nick}`);
    Object.assign(room, { state: 'out', told });
    room.occupants.clear();
    this.#changed();
  }

  #changed() {
    this.tell('change');
  }
}
