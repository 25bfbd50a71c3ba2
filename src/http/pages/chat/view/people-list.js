// The list of people: who asks to see us, who is here, the contacts.

import { arrows, avatar, find, h, shown, time } from './dom.js';

export class PeopleList {
  #people;
  #conversations;
  #open;
  #chosen;
  #planned = false;

  /** @param open is told the address that was chosen */
  constructor(people, conversations, open) {
    this.#people = people;
    this.#conversations = conversations;
    this.#open = open;
    for (const source of [people, conversations]) source.addEventListener('change', () => this.#plan());
    arrows(find('#people'), '.person, .request button');
  }

  set chosen(address) {
    this.#chosen = address;
    this.#plan();
  }

  /** The address that stands so many places below the chosen one; above, if negative. */
  neighbour(step) {
    const all = [...document.querySelectorAll('#people .person')].map(({ dataset }) => dataset.address);
    return all[(all.indexOf(this.#chosen) + step + all.length) % all.length];
  }

  focus() {
    (find('#people [aria-current=true]') ?? find('#people .person'))?.focus();
  }

  #plan() {
    if (this.#planned) return;
    this.#planned = true;
    queueMicrotask(() => {
      this.#planned = false;
      this.#draw();
    });
  }

  #draw() {
    const focused = document.activeElement?.closest?.('#people [data-address]')?.dataset.address;
    const all = [...this.#people];
    const here = all.filter((each) => !each.isContact && !each.asking && this.#isHere(each));
    const contacts = all.filter(({ isContact }) => isContact);
    const late = (each) => this.#conversations.find(each.address)?.last?.at ?? 0;
    here.sort((a, b) => late(b) - late(a));
    contacts.sort((a, b) => Number(!a.presence) - Number(!b.presence) || a.title.localeCompare(b.title));
    const asking = all.filter((each) => each.asking);
    this.#section('#requests', asking, (each) => this.#request(each));
    this.#section('#here', here, (each) => this.#person(each));
    this.#section('#contacts', contacts, (each) => this.#person(each));
    find('#people .nobody').hidden = all.length > 0;
    if (focused) find(`#people [data-address="${CSS.escape(focused)}"]`)?.focus();
  }

  #isHere({ address, presence }) {
    return presence !== undefined || this.#conversations.find(address) !== undefined;
  }

  #section(selector, people, item) {
    const section = find(selector);
    section.hidden = people.length === 0;
    find('ul', section).replaceChildren(...people.map((each) => h('li', {}, item(each))));
  }

  #person(person) {
    const { address, presence, pending } = person;
    const conversation = this.#conversations.find(address);
    const unread = conversation?.unread ?? 0;
    return button(
      'person',
      () => this.#open(address),
      {
        'data-address': address,
        'aria-current': String(address === this.#chosen),
        title: address,
        ariaLabel: `${person.title}, ${shown(presence)}${unread ? `, ${unread} unread` : ''}`,
      },
      face(person),
      h('span', { className: 'name' }, person.title),
      conversation?.last ? time(conversation.last.at) : '',
      h('span', { className: 'line' }, this.#line(conversation, presence, pending)),
      unread ? h('span', { className: 'unread' }, String(unread)) : '',
    );
  }

  #line(conversation, presence, pending) {
    if (conversation?.typing) return 'typing…';
    const last = conversation?.last;
    if (last) return `${last.own ? 'You: ' : ''}${last.text.slice(0, 120)}`;
    if (pending) return 'has not yet accepted';
    return presence?.text || shown(presence);
  }

  #request(person) {
    return h(
      'div',
      { className: 'request', 'data-address': person.address },
      face(person),
      h('p', {}, h('b', {}, person.title), ' wants to see when you are here', h('small', {}, person.address)),
      button('small primary', () => this.#people.accept(person), {}, 'Accept'),
      button('small', () => this.#people.decline(person), {}, 'Decline'),
    );
  }
}

function button(className, onclick, properties, ...children) {
  return h('button', { type: 'button', className, onclick, ...properties }, ...children);
}

/** The avatar with a dot for the presence. */
export function face(person) {
  const kind = person.presence ? person.presence.show || 'on' : 'off';
  return h('span', { className: 'face' }, avatar(person), h('span', { className: `dot ${kind}` }));
}
