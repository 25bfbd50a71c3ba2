// The open conversation: its head, the bubbles, and the box to write in.

import { addTo, dayOf, find, h, icon, onSubmit, shown, time } from './dom.js';
import { face } from './people-list.js';

/** Messages of one person so soon after each other stand together. */
const TOGETHER = 180_000;
const DELIVERY = { waiting: 'waits for the connection', sent: 'sent', delivered: 'delivered', failed: 'not delivered' };

export class ConversationView {
  #people;
  #conversations;
  #contacts;
  #open;
  #bubbles = new Map();
  #log = find('#log');
  #box = find('#composer textarea');

  /** @param contacts says whether there is a roster to add people to */
  constructor(people, conversations, contacts) {
    this.#people = people;
    this.#conversations = conversations;
    this.#contacts = contacts;
    conversations.addEventListener(
      'message',
      ({ detail }) => detail.conversation === this.#open && this.#append(detail.message),
    );
    conversations.addEventListener('change', ({ detail }) => detail.conversation === this.#open && this.#refresh());
    people.addEventListener('change', () => this.#open && this.#head());
    this.#write();
    find('#contact').addEventListener('click', () => this.#toggleContact());
  }

  get open() {
    return this.#open?.address;
  }

  show(address) {
    this.#open = this.#conversations.of(address);
    find('#conversation').hidden = false;
    find('#welcome').hidden = true;
    this.#bubbles.clear();
    this.#log.replaceChildren();
    for (const message of this.#open.messages) this.#append(message);
    this.#log.scrollTop = this.#log.scrollHeight;
    this.#box.value = this.#open.draft;
    this.#grow();
    this.#refresh();
    this.seen();
  }

  close() {
    this.#open = undefined;
    find('#conversation').hidden = true;
    find('#welcome').hidden = false;
  }

  focus() {
    this.#box.focus();
  }

  /** The user looks at it. */
  seen() {
    if (this.#open && document.hasFocus()) this.#conversations.read(this.#open);
  }

  #write() {
    onSubmit(find('#composer'), () => this.#send());
    this.#box.addEventListener('input', () => {
      this.#grow();
      this.#conversations.type(this.#open, this.#box.value);
    });
    this.#box.addEventListener('keydown', (event) => {
      if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      this.#send();
    });
  }

  #send() {
    const text = this.#box.value.trim();
    if (text === '') return;
    this.#box.value = '';
    this.#open.draft = '';
    this.#grow();
    this.#conversations.say(this.#open, text);
    this.#log.scrollTop = this.#log.scrollHeight;
  }

  #grow() {
    this.#box.style.height = 'auto';
    this.#box.style.height = `${Math.min(160, this.#box.scrollHeight)}px`;
  }

  #head() {
    const person = this.#people.of(this.#open.address);
    const { presence } = person;
    find('#conversation header .face').replaceWith(face(person));
    find('#conversation h2').textContent = person.title;
    find('#conversation .about').textContent = `${presence?.text || shown(presence)} · ${person.address}`;
    const contact = find('#contact');
    contact.hidden = !this.#contacts();
    contact.replaceChildren(
      icon(person.isContact ? 'remove' : 'add'),
      h('span', {}, person.isContact ? 'Remove contact' : 'Add contact'),
    );
    this.#box.placeholder = `Write to ${person.title}`;
  }

  async #toggleContact() {
    const person = this.#people.of(this.#open.address);
    if (!person.isContact) return this.#people.add(person.address, person.nick).catch(() => {});
    if (confirm(`Remove ${person.title} from your contacts?`))
      await this.#people.remove(person.address).catch(() => {});
  }

  #refresh() {
    this.#head();
    for (const message of this.#open.messages) if (message.own) this.#delivery(message);
    find('#typing').textContent = this.#open.typing ? `${this.#people.of(this.#open.address).title} is typing…` : '';
  }

  #append(message) {
    const before = this.#log.lastElementChild?.message;
    const isNewDay = !before || dayOf(before.at) !== dayOf(message.at);
    const day = isNewDay ? [h('p', { className: 'day' }, dayOf(message.at))] : [];
    const together = before && before.own === message.own && message.at - before.at < TOGETHER;
    const who = message.own ? 'You' : this.#people.of(this.#open.address).title;
    const delivery = message.own ? h('span', { className: 'delivery' }) : '';
    const bubble = h(
      'article',
      { className: `bubble ${message.own ? 'own' : 'their'}${together ? ' together' : ''}` },
      h('span', { className: 'unseen' }, `${who}: `),
      h('p', { dir: 'auto' }, message.text),
      h('footer', {}, h('span', { className: 'error' }), time(message.at), delivery),
    );
    bubble.message = message;
    this.#bubbles.set(message, bubble);
    if (message.own) this.#delivery(message);
    addTo(this.#log, ...day, bubble);
    this.seen();
  }

  #delivery(message) {
    const bubble = this.#bubbles.get(message);
    const { state, error = '' } = message;
    if (!bubble || bubble.dataset.state === state) return;
    bubble.dataset.state = state;
    const mark = find('.delivery', bubble);
    mark.replaceChildren(icon(state));
    mark.title = DELIVERY[state];
    mark.role = 'img';
    mark.ariaLabel = DELIVERY[state];
    find('.error', bubble).textContent = state === 'failed' ? `Not delivered: ${error}` : '';
  }
}
