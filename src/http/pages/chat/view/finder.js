// The finder (Ctrl or Cmd and K): a person or room of the list by a part of the name, or anybody by the whole address.

import { address } from '../jid.js';
import { find, h, onSubmit } from './dom.js';
import { face } from './people-list.js';

const MOST = 8;

export class Finder {
  #people;
  #rooms;
  #open;
  #dialog = find('#finder');
  #field = find('#finder input');
  #list = find('#found');
  #at = 0;

  constructor(people, rooms, open) {
    this.#people = people;
    this.#rooms = rooms;
    this.#open = open;
    this.#field.addEventListener('input', () => this.#draw(0));
    this.#field.addEventListener('keydown', (event) => this.#key(event));
    onSubmit(find('#finder form'), () => this.#choose(this.#list.children[this.#at]));
  }

  open() {
    if (document.querySelector('dialog[open]')) return;
    this.#field.value = '';
    this.#draw(0);
    this.#dialog.showModal();
  }

  #found() {
    const typed = this.#field.value.trim().toLowerCase();
    const known = [...this.#rooms, ...this.#people]
      .filter((each) => `${each.title} ${each.address}`.toLowerCase().includes(typed))
      .slice(0, MOST);
    const whole = address(typed);
    const isNew = whole !== undefined && !known.some((each) => each.address === whole);
    return isNew ? [...known, { address: whole, title: whole, about: 'Write to this address' }] : known;
  }

  #draw(at) {
    const found = this.#found();
    this.#at = Math.max(0, Math.min(found.length - 1, at));
    this.#list.replaceChildren(...found.map((each, index) => this.#item(each, index)));
    this.#field.setAttribute('aria-activedescendant', found.length > 0 ? `found-${this.#at}` : '');
    find('#finder .none').hidden = found.length > 0;
  }

  #item(person, index) {
    const item = h(
      'div',
      {
        id: `found-${index}`,
        role: 'option',
        'data-address': person.address,
        ariaSelected: String(index === this.#at),
      },
      face(person),
      h('span', { className: 'name' }, person.title),
      h('small', {}, person.about ?? person.address),
    );
    item.addEventListener('click', () => this.#choose(item));
    return item;
  }

  #key(event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    this.#draw(this.#at + step);
  }

  #choose(item) {
    if (!item) return;
    this.#dialog.close();
    this.#open(item.dataset.address);
  }
}
