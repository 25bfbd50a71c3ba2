// Conversations with single people: messages both ways, their delivery (XEP-0184), who is typing (XEP-0085), and what other
// windows of the same account send (XEP-0280). Messages go to the bare address; without a stream they wait for it.
//
// Events: `message` (detail: conversation, message), `change` (detail: conversation).

import { bare } from './jid.js';
import { Source } from './source.js';
import { child, NS, newId, problem, text, xml } from './xml.js';

const LONGEST = 500;
const PAUSE = 5000;
const TYPING = 30_000;
const FAILURES = {
  'service-unavailable': 'nobody is reached at this address',
  'remote-server-not-found': 'there is no such server, or it is not reached from here',
};
const STATES = ['active', 'composing', 'paused', 'inactive', 'gone'];

class Conversation {
  address;
  /** Each: id, own, text, at (ms), state (waiting, sent, delivered, failed), error. */
  messages = [];
  unread = 0;
  draft = '';
  typing = false;
  /** They have told a chat state, so they want to be told ours (XEP-0085 section 5.1). */
  states = false;

  constructor(address) {
    this.address = address;
  }

  get last() {
    return this.messages.at(-1);
  }
}

export class Conversations extends Source {
  #all = new Map();
  #connection;
  #people;
  #presence;
  #told = new Map();
  #timers = new Map();

  constructor(connection, people, presence) {
    super();
    this.#connection = connection;
    this.#people = people;
    this.#presence = presence;
    connection.addEventListener('stanza', ({ detail }) => detail.localName === 'message' && this.#received(detail));
  }

  [Symbol.iterator]() {
    return this.#all.values();
  }

  get kept() {
    return [...this].map((each) => ({ ...each, typing: false }));
  }

  restore(kept) {
    for (const each of kept) this.#all.set(each.address, Object.assign(new Conversation(each.address), each));
  }

  clear() {
    this.#all.clear();
    this.#told.clear();
  }

  find(address) {
    return this.#all.get(address);
  }

  of(address) {
    const known = this.#all.get(address);
    if (known) return known;
    const conversation = new Conversation(address);
    this.#all.set(address, conversation);
    this.#people.of(address);
    return conversation;
  }

  get unread() {
    return [...this].reduce((sum, { unread }) => sum + unread, 0);
  }

  read(conversation) {
    if (conversation.unread === 0) return;
    conversation.unread = 0;
    this.#changed(conversation);
  }

  say(conversation, body) {
    const message = { id: newId(), own: true, text: body, at: Date.now(), state: 'waiting' };
    this.#transmit(conversation, message);
    this.#add(conversation, message);
  }

  /** A stream is there: what waited goes out. */
  flush() {
    for (const conversation of this) {
      for (const message of conversation.messages) {
        if (message.state === 'waiting') this.#transmit(conversation, message);
      }
      this.#changed(conversation);
    }
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

  #transmit(conversation, message) {
    this.#meet(conversation.address);
    const sent = this.#connection.send(
      xml(
        'message',
        { to: conversation.address, type: 'chat', id: message.id },
        xml('body', {}, message.text),
        xml('active', { xmlns: NS.states }),
        xml('request', { xmlns: NS.receipts }),
        this.#presence.nickname,
      ),
    );
    if (sent) message.state = 'sent';
    this.#told.set(conversation.address, 'active');
    clearTimeout(this.#timers.get(`own ${conversation.address}`));
  }

  #tell(conversation, state) {
    const { address } = conversation;
    clearTimeout(this.#timers.get(`own ${address}`));
    if (!conversation.states || (this.#told.get(address) ?? 'active') === state) return;
    this.#told.set(address, state);
    this.#connection.send(xml('message', { to: address, type: 'chat' }, xml(state, { xmlns: NS.states })));
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
    if (!message || stanza.getAttribute('from') !== bare(this.#connection.address)) return undefined;
    return { message, sent: wrapper.localName === 'sent' };
  }

  #sentElsewhere(stanza) {
    const body = text(stanza, 'body');
    const to = bare(stanza.getAttribute('to') ?? '');
    if (body === '' || to === '' || stanza.getAttribute('type') === 'groupchat') return;
    const id = stanza.getAttribute('id') ?? newId();
    this.#add(this.of(to), { id, own: true, text: body, at: Date.now(), state: 'sent' });
  }

  #heard(stanza, direct) {
    const from = bare(stanza.getAttribute('from') ?? '');
    const type = stanza.getAttribute('type') ?? 'normal';
    if (from === '' || type === 'groupchat' || type === 'headline') return;
    if (type === 'error') return this.#failed(from, stanza);
    const body = text(stanza, 'body');
    const receipt = child(stanza, 'received', NS.receipts);
    if (receipt) this.#mark(from, receipt.getAttribute('id'), 'delivered');
    this.#state(from, stanza, body !== '');
    if (body !== '') this.#incoming(from, stanza, body, direct);
  }

  #incoming(from, stanza, body, direct) {
    const conversation = this.of(from);
    this.#people.named(this.#people.of(from), stanza);
    const stamp = child(stanza, 'delay', NS.delay)?.getAttribute('stamp');
    const at = Math.min(Date.parse(stamp ?? '') || Date.now(), Date.now());
    if (direct) this.#acknowledge(from, stanza);
    conversation.unread++;
    this.#add(conversation, { id: stanza.getAttribute('id') ?? newId(), own: false, text: body, at });
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
    if (typing) this.#after(`their ${from}`, TYPING, () => this.#typing(conversation, false));
    if (state || spoken) this.#typing(conversation, typing);
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
    conversation.messages.push(message);
    if (conversation.messages.length > LONGEST) conversation.messages.shift();
    this.tell('message', { conversation, message });
    this.#changed(conversation);
  }

  #after(name, milliseconds, work) {
    clearTimeout(this.#timers.get(name));
    this.#timers.set(name, setTimeout(work, milliseconds));
  }

  #changed(conversation) {
    this.tell('change', { conversation });
  }
}
