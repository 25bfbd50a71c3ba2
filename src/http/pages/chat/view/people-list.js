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
    this.#section(
      '#requests',
      all.filter(({ asking }) => asking).map((each) => this.#request(each)),
    );
    this.#section(
      '#here',
      here.map((each) => this.#person(each)),
    );
    this.#section(
      '#contacts',
      contacts.map((each) => this.#person(each)),
    );
    find('#people .nobody').hidden = all.length > 0;
    if (focused) find(`#people [data-address="${CSS.escape(focused)}"]`)?.focus();
  }

  #isHere({ address, presence }) {
    return presence !== undefined || this.#conversations.find(address) !== undefined;
  }

  #section(selector, items) {
    const section = find(selector);
    section.hidden = items.length === 0 && !section.classList.contains('always');
    find('ul', section).replaceChildren(...items.map((each) => h('li', {}, each)));
  }

  #person(person) {
    const { address, presence, pending } = person;
    const conversation = this.#conversations.find(address);
    const unread = conversation?.unread ?? 0;
    const button = h(
      'button',
      {
        type: 'button',
        className: 'person',
        'data-address': address,
        'aria-current': String(address === this.#chosen),
        title: address,
        ariaLabel: `${person.title}, ${shown(presence)}${unread ? `, ${unread} unread` : ''}`,
        onclick: () => this.#open(address),
      },
      face(person),
      h('span', { className: 'name' }, person.title),
      conversation?.last ? time(conversation.last.at) : '',
      h('span', { className: 'line' }, this.#line(conversation, presence, pending)),
      unread ? h('span', { className: 'unread' }, String(unread)) : '',
    );
    return button;
  }

  #line(conversation, presence, pending) {
    if (conversation?.typing) return 'typing…';
    const last = conversation?.last;
    if (last) return `${last.own ? 'You: ' : ''}${last.text.slice(0, 120)}`;
    if (pending) return 'has not yet accepted';
    return presence?.text || shown(presence);
  }

  #request(person) {
    const accept = h(
      'button',
      { type: 'button', className: 'small primary', onclick: () => this.#people.accept(person) },
      'Accept',
    );
    const decline = h(
      'button',
      { type: 'button', className: 'small', onclick: () => this.#people.decline(person) },
      'Decline',
    );
    return h(
      'div',
      { className: 'request', 'data-address': person.address },
      face(person),
      h('p', {}, h('b', {}, person.title), ' wants to see when you are here', h('small', {}, person.address)),
      accept,
      decline,
    );
  }
}

/** The avatar with a dot for the presence. */
export function face(person) {
  const kind = person.presence ? person.presence.show || 'on' : 'off';
  return h('span', { className: 'face' }, avatar(person), h('span', { className: `dot ${kind}` }));
}
