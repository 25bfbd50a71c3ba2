// The open conversation: its head, the messages, and the box to write in.

import { bubble } from './bubble.js';
import { Composer } from './composer.js';
import { find, h, icon, shown } from './dom.js';
import { Log } from './log.js';
import { face } from './people-list.js';

export class ConversationView {
  #people;
  #rooms;
  #conversations;
  #history;
  #contacts;
  #open;
  #log;
  #composer;

  /**
   * @param contacts says whether there is a roster to add people to; @param isOurs, whether an address is in our upload service;
   * @param uploads, which service takes files
   */
  constructor({ connection, people, rooms, conversations, history, avatars }, { contacts, isOurs, uploads }) {
    this.#people = people;
    this.#rooms = rooms;
    this.#conversations = conversations;
    this.#history = history;
    this.#contacts = contacts;
    this.#log = new Log(
      (message) => bubble(message, this.#who(message), this.#room?.occupants.get(message.from), isOurs),
      () => this.#older(),
    );
    this.#composer = new Composer(connection, {
      uploads,
      send: (text) => this.#send(text),
      type: (draft) => conversations.type(this.#open, draft),
      page: (direction) => this.#log.page(direction),
      toAll: () => this.whisper(''),
      target: () => this.#open && { conversation: this.#open, only: this.#open.only },
      share: ({ conversation, only }, link) => conversations.say(conversation, link, { link, only }),
    });
    this.#listen(people, rooms, conversations, avatars);
    find('#contact').addEventListener('click', () => this.#toggleContact());
  }

  get open() {
    return this.#open?.address;
  }

  show(address) {
    this.#leave();
    const conversation = this.#conversations.of(address, this.#rooms.find(address) !== undefined);
    this.#open = conversation;
    conversation.isWatched = true;
    find('#conversation').hidden = false;
    find('#welcome').hidden = true;
    this.#log.show(conversation);
    this.#composer.draft = conversation.draft;
    this.#refresh();
    this.seen();
    this.#fill(this.#history.opened(conversation));
  }

  close() {
    this.#leave();
    this.#open = undefined;
    this.#log.close();
    find('#conversation').hidden = true;
    find('#welcome').hidden = false;
  }

  focus() {
    this.#composer.focus();
  }

  mention(nick) {
    this.#composer.mention(nick);
  }

  /** Writes to this nickname alone from now on; '' to all. */
  whisper(nick) {
    this.#conversations.whisper(this.#open, nick);
    this.focus();
  }

  choose() {
    if (this.#open) this.#composer.choose();
  }

  /** The user looks at it. */
  seen() {
    if (this.#open && document.hasFocus()) this.#conversations.read(this.#open);
  }

  get #room() {
    return this.#open?.isRoom ? this.#rooms.find(this.#open.address) : undefined;
  }

  #listen(people, rooms, conversations, avatars) {
    const ifOpen = (work) => (event) => this.#open && event.detail.conversation === this.#open && work(event.detail);
    conversations.addEventListener(
      'message',
      ifOpen(({ message }) => this.#append(message)),
    );
    conversations.addEventListener(
      'history',
      ifOpen(() => this.#log.draw()),
    );
    conversations.addEventListener(
      'change',
      ifOpen(() => this.#refresh()),
    );
    for (const source of [people, rooms]) source.addEventListener('change', () => this.#open && this.#head());
    avatars.addEventListener('change', () => this.#open && this.#pictures());
  }

  #leave() {
    if (!this.#open) return;
    this.#open.isWatched = false;
    this.#open.trim();
  }

  #older() {
    return this.#history.older(this.#open);
  }

  /** Reads on until there is something to scroll. */
  async #fill(first) {
    const conversation = this.#open;
    await first;
    while (this.#open === conversation && this.#log.isShort && !conversation.complete) {
      const { oldest } = conversation;
      await this.#older();
      if (conversation.oldest === oldest) return;
    }
  }

  #send(text) {
    this.#open.draft = '';
    this.#conversations.say(this.#open, text, { only: this.#open.only });
    this.#log.end();
  }

  #who({ own, from }) {
    if (this.#open.isRoom) return own ? 'You' : from;
    return own ? 'You' : this.#people.of(this.#open.address).title;
  }

  #append(message) {
    this.#log.append(message);
    this.seen();
  }

  #pictures() {
    this.#head();
    if (this.#room) this.#log.remake();
  }

  #head() {
    const room = this.#room;
    if (this.#open.isRoom && !room) return;
    const who = room ?? this.#people.of(this.#open.address);
    find('#conversation header .face').replaceWith(face(who));
    find('#conversation h2').textContent = who.title;
    const said = room ? room.subject : who.presence?.text || shown(who.presence);
    find('#conversation .about').textContent = [said, who.address].filter((each) => each !== '').join(' · ');
    this.#composer.placeholder = `Write to ${this.#open.only || who.title}`;
    this.#composer.only = this.#open;
    this.#composer.draw();
    this.#contact(who);
    this.#outside(room);
  }

  #contact({ isRoom, isContact }) {
    const contact = find('#contact');
    contact.hidden = isRoom || !this.#contacts();
    contact.replaceChildren(
      icon(isContact ? 'remove' : 'add'),
      h('span', {}, isContact ? 'Remove contact' : 'Add contact'),
    );
  }

  #outside(room) {
    const isOut = room?.state === 'out';
    find('#outside').hidden = !isOut;
    find('#outside p').textContent = room?.told || 'You are not in this room.';
    find('#composer').hidden = isOut;
  }

  async #toggleContact() {
    const person = this.#people.of(this.#open.address);
    if (!person.isContact) return this.#people.add(person.address, person.nick).catch(() => {});
    if (confirm(`Remove ${person.title} from your contacts?`))
      await this.#people.remove(person.address).catch(() => {});
  }

  #refresh() {
    this.#head();
    this.#log.deliveries();
    find('#typing').textContent = this.#open.typing && `${this.#open.typing} typing…`;
  }
}
