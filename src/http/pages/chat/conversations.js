// Conversations with people and in rooms: messages both ways, their delivery (XEP-0184), who is typing (XEP-0085), and what
// other windows of the same account send (XEP-0280). Messages go to the bare address; without a stream, or outside the room,
// they wait for it.
//
// Events: `message` (detail: conversation, message), which is its last one; `history` (detail: conversation), which has got
// others; `change` (detail: conversation).

import { Conversation } from './conversation.js';
import { bare, resource } from './jid.js';
import { spoken } from './reading.js';
import { Source } from './source.js';
import { child, NS, newId, problem, xml } from './xml.js';

const PAUSE = 5000;
const TYPING = 30_000;
const FAILURES = {
  'service-unavailable': 'nobody is reached at this address',
  'remote-server-not-found': 'there is no such server, or it is not reached from here',
};
const STATES = ['active', 'composing', 'paused', 'inactive', 'gone'];

export class Conversations extends Source {
  #all = new Map();
  #connection;
  #people;
  #presence;
  #told = new Map();
  #timers = new Map();
  #typists = new Map();

  constructor(connection, people, presence, rooms) {
    super();
    rooms.addEventListener('said', ({ detail }) => this.#saidIn(detail.room, detail.message));
    rooms.addEventListener('failed', ({ detail }) => this.#mark(detail.room.address, detail.id, 'failed', detail.text));
    rooms.addEventListener('typing', ({ detail }) => this.#typingIn(detail));
    rooms.addEventListener('change', () => this.#follow(rooms));
    this.#connection = connection;
    this.#people = people;
    this.#presence = presence;
    connection.addEventListener('stanza', ({ detail }) => detail.localName === 'message' && this.#received(detail));
  }

  [Symbol.iterator]() {
    return this.#all.values();
  }

  get kept() {
    return [...this].map(({ kept }) => kept);
  }

  restore(kept) {
    for (const each of kept) this.#all.set(each.address, Object.assign(new Conversation(), each));
  }

  clear() {
    this.#all.clear();
    this.#told.clear();
  }

  find(address) {
    return this.#all.get(address);
  }

  of(address, isRoom = false) {
    const known = this.#all.get(address);
    if (known) return known;
    const conversation = new Conversation(address, isRoom);
    this.#all.set(address, conversation);
    if (!isRoom) this.#people.of(address);
    return conversation;
  }

  remove(address) {
    this.#all.delete(address);
    this.tell('change', {});
  }

  get unread() {
    return [...this].reduce((sum, { unread }) => sum + unread, 0);
  }

  read(conversation) {
    if (conversation.unread === 0) return;
    conversation.unread = 0;
    this.#changed(conversation);
  }

  /**
   * Says the text; the link is that of a file which the text stands for (XEP-0066), `only` the nickname in a room that alone
   * hears it (XEP-0045 section 7.5).
   */
  say(conversation, body, { link, only } = {}) {
    const whispered = only ? { only, secret: true } : {};
    const message = { id: newId(), own: true, text: body, link, at: Date.now(), state: 'waiting', ...whispered };
    this.#transmit(conversation, message);
    this.#add(conversation, message);
  }

  /** From now on only this nickname is written to; '' for all. */
  whisper(conversation, only) {
    Object.assign(conversation, { only, isGone: false });
    this.#changed(conversation);
  }

  /** A stream is there: what waited goes out. */
  flush() {
    for (const conversation of this) this.#flush(conversation);
  }

  /** A message of an archive, which may be there already; `counts` if nobody has seen it. */
  keep(conversation, message, counts) {
    if (conversation.insert(message) && counts && !message.own && !message.note) conversation.unread++;
  }

  /** After pages of an archive. */
  grown(conversation) {
    this.tell('history', { conversation });
    this.#changed(conversation);
  }

  /** The user types, or has emptied the draft. */
  type(conversation, draft) {
    conversation.draft = draft;
    this.#tell(conversation, draft === '' ? 'active' : 'composing');
    if (draft !== '') this.#after(`own ${conversation.address}`, PAUSE, () => this.#tell(conversation, 'paused'));
  }

  // Who is written to may see who writes, if no subscription says so anyway.
  #meet(address) {
    const { subscription } = this.#people.of(address);
    if (subscription !== 'from' && subscription !== 'both') this.#presence.introduce(address);
  }

  #flush(conversation) {
    for (const message of conversation.messages) {
      if (message.state === 'waiting') this.#transmit(conversation, message);
    }
    this.#changed(conversation);
  }

  #transmit(conversation, message) {
    const { address, isRoom, closed } = conversation;
    const { only } = message;
    // Who has the nickname later may be somebody else: this does not wait.
    if (only && (closed || !this.#connection.send(this.#whispered(address, message))))
      return Object.assign(message, { state: 'failed', error: 'you are not connected to this room' });
    if (only) message.state = 'sent';
    if (closed || only) return;
    if (!isRoom) this.#meet(address);
    const sent = this.#connection.send(
      xml(
        'message',
        { to: address, type: isRoom ? 'groupchat' : 'chat', id: message.id },
        xml('body', {}, message.text),
        message.link && xml('x', { xmlns: NS.outOfBand }, xml('url', {}, message.link)),
        xml('active', { xmlns: NS.states }),
        xml('origin-id', { xmlns: NS.ids, id: message.id }),
        ...(isRoom ? [] : [xml('request', { xmlns: NS.receipts }), this.#presence.nickname]),
      ),
    );
    if (sent) message.state = 'sent';
    this.#told.set(address, 'active');
    clearTimeout(this.#timers.get(`own ${address}`));
  }

  #whispered(address, { id, only, text, link }) {
    return xml(
      'message',
      { to: `${address}/${only}`, type: 'chat', id },
      xml('body', {}, text),
      link && xml('x', { xmlns: NS.outOfBand }, xml('url', {}, link)),
      xml('origin-id', { xmlns: NS.ids, id }),
      xml('x', { xmlns: NS.mucUser }),
    );
  }

  #tell(conversation, state) {
    const { address, isRoom, closed, states, only } = conversation;
    clearTimeout(this.#timers.get(`own ${address}`));
    if (closed || only || !(isRoom || states) || (this.#told.get(address) ?? 'active') === state) return;
    this.#told.set(address, state);
    const type = isRoom ? 'groupchat' : 'chat';
    this.#connection.send(xml('message', { to: address, type }, xml(state, { xmlns: NS.states })));
  }

  #received(stanza) {
    const copy = this.#carbon(stanza);
    if (copy?.sent) this.#sentElsewhere(copy.message);
    else this.#heard(copy?.message ?? stanza, copy === undefined);
  }

  // XEP-0280 section 11: a copy from anybody but the own account is a forgery.
  #carbon(stanza) {
    const wrapper = child(stanza, 'sent', NS.carbons) ?? child(stanza, 'received', NS.carbons);
    const forwarded = wrapper && child(wrapper, 'forwarded', NS.forward);
    const message = forwarded && child(forwarded, 'message', NS.client);
    if (!message || stanza.getAttribute('from') !== this.#self) return undefined;
    return { message, sent: wrapper.localName === 'sent' };
  }

  #sentElsewhere(stanza) {
    const to = bare(stanza.getAttribute('to') ?? '');
    const message = spoken(stanza, this.#self);
    if (!message || to === '' || stanza.getAttribute('type') === 'groupchat') return;
    const conversation = this.of(to);
    const only = conversation.isRoom ? resource(stanza.getAttribute('to')) : '';
    this.#add(conversation, { ...message, own: true, state: 'sent', ...(only && { only, secret: true }) });
  }

  #heard(stanza, direct) {
    const from = bare(stanza.getAttribute('from') ?? '');
    const type = stanza.getAttribute('type') ?? 'normal';
    if (from === '' || type === 'groupchat' || type === 'headline') return;
    if (type === 'error') return this.#failed(from, stanza);
    const message = spoken(stanza, this.#self);
    const receipt = child(stanza, 'received', NS.receipts);
    if (receipt) this.#mark(from, receipt.getAttribute('id'), 'delivered');
    this.#state(from, stanza, message !== undefined);
    if (message) this.#incoming(from, stanza, message, direct);
  }

  #incoming(from, stanza, message, direct) {
    const conversation = this.of(from);
    this.#people.named(this.#people.of(from), stanza);
    if (direct) this.#acknowledge(from, stanza);
    this.#add(conversation, { ...message, own: false });
  }

  #saidIn(room, message) {
    const conversation = this.of(room.address, true);
    if (message.archived) conversation.newest = message.archived;
    this.#add(conversation, message);
  }

  /** What waits for a room goes out when we are in. */
  #follow(rooms) {
    for (const { address, state, occupants } of rooms) {
      const conversation = this.of(address, true);
      const opened = conversation.closed && state === 'in';
      conversation.closed = state !== 'in';
      if (opened || (state === 'in' && !occupants.has(conversation.only)))
        conversation.isGone = conversation.only !== '';
      if (opened) this.#flush(conversation);
    }
  }

  // XEP-0184 section 5.5: a receipt shows that somebody is here, so it is for those who may know.
  #acknowledge(from, stanza) {
    const id = stanza.getAttribute('id');
    const known = this.#people.of(from).isContact || this.#presence.isTold(from);
    const may = known || this.#connection.account.kind === 'anonymous';
    if (!may || !id || !child(stanza, 'request', NS.receipts)) return;
    this.#connection.send(
      xml('message', { to: stanza.getAttribute('from'), type: 'chat' }, xml('received', { xmlns: NS.receipts, id })),
    );
  }

  #state(from, stanza, spoken) {
    const state = STATES.find((each) => child(stanza, each, NS.states));
    const conversation = state && spoken ? this.of(from) : this.#all.get(from);
    if (!conversation) return;
    if (state) conversation.states = state !== 'gone';
    const typing = state === 'composing' && !spoken;
    if (typing) this.#after(`their ${from}`, TYPING, () => this.#typing(conversation, ''));
    if (state || spoken) this.#typing(conversation, typing ? `${this.#people.of(from).title} is` : '');
  }

  #typingIn({ room, nick, state }) {
    const conversation = this.#all.get(room.address);
    if (!state || !conversation) return;
    const typists = this.#typists.get(conversation) ?? new Set();
    this.#typists.set(conversation, typists);
    if (state === 'composing') typists.add(nick);
    else typists.delete(nick);
    const names = [...typists].slice(0, 3).map((each) => each.slice(0, 40));
    const stop = () => this.#typingIn({ room, nick, state: 'active' });
    if (state === 'composing') this.#after(`their ${room.address}/${nick}`, TYPING, stop);
    this.#typing(conversation, names.length > 0 ? `${names.join(', ')} ${names.length > 1 ? 'are' : 'is'}` : '');
  }

  #typing(conversation, typing) {
    if (conversation.typing === typing) return;
    conversation.typing = typing;
    this.#changed(conversation);
  }

  #failed(from, stanza) {
    const { condition, text } = problem(stanza);
    this.#mark(from, stanza.getAttribute('id'), 'failed', FAILURES[condition] ?? text);
  }

  #mark(address, id, state, error) {
    const conversation = this.#all.get(address);
    const message = conversation?.messages.findLast((each) => each.own && each.id === id);
    if (!message) return;
    Object.assign(message, { state, error });
    this.#changed(conversation);
  }

  #add(conversation, message) {
    if (!conversation.add(message)) return this.grown(conversation);
    if (!message.own && !message.note && !message.isOld) conversation.unread++;
    if (!conversation.isWatched) conversation.trim();
    this.tell('message', { conversation, message });
    this.#changed(conversation);
  }

  get #self() {
    return bare(this.#connection.address);
  }

  #after(name, milliseconds, work) {
    clearTimeout(this.#timers.get(name));
    this.#timers.set(name, setTimeout(work, milliseconds));
  }

  #changed(conversation) {
    this.tell('change', { conversation });
  }
}
