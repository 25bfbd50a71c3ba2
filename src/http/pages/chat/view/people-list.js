// The list of people: who asks to see us or invites us, the rooms, who is here, the contacts.

import { local, resource } from '../jid.js';
import { arrows, avatar, find, h, shown, time } from './dom.js';

export class PeopleList {
  #people;
  #rooms;
  #conversations;
  #open;
  #enter;
  #chosen;
  #planned = false;

  /** @param open is told the address that was chosen; @param enter, the invitation that was accepted */
  constructor({ people, rooms, conversations, avatars }, open, enter) {
    this.#people = people;
    this.#rooms = rooms;
    this.#conversations = conversations;
    this.#open = open;
    this.#enter = enter;
    for (const source of [people, rooms, conversations, avatars]) source.addEventListener('change', () => this.#plan());
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
    const rooms = [...this.#rooms].sort((a, b) => a.title.localeCompare(b.title));
    const invitations = [...this.#rooms.invitations.values()];
    this.#section('#requests', asking, (each) => this.#request(each));
    this.#section('#invitations', invitations, (each) => this.#invitation(each));
    this.#section('#rooms', rooms, (each) => this.#person(each));
    this.#section('#here', here, (each) => this.#person(each));
    this.#section('#contacts', contacts, (each) => this.#person(each));
    find('#people .nobody').hidden = all.length + rooms.length + invitations.length > 0;
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
    const { address, presence } = person;
    const conversation = this.#conversations.find(address);
    const unread = conversation?.unread ?? 0;
    return button(
      'person',
      () => this.#open(address),
      {
        'data-address': address,
        'aria-current': String(address === this.#chosen),
        title: address,
        ariaLabel: `${person.title}, ${person.isRoom ? 'room' : shown(presence)}${unread ? `, ${unread} unread` : ''}`,
      },
      face(person),
      h('span', { className: 'name' }, person.title),
      conversation?.last ? time(conversation.last.at) : '',
      h('span', { className: 'line' }, this.#line(conversation, person)),
      unread ? h('span', { className: 'unread' }, String(unread)) : '',
    );
  }

  #line(conversation, person) {
    if (conversation?.typing) return `${person.isRoom ? `${conversation.typing} ` : ''}typing…`;
    const last = conversation?.last;
    if (person.told) return person.told;
    if (last) return `${last.own ? 'You: ' : last.from ? `${last.from.slice(0, 40)}: ` : ''}${inShort(last.text)}`;
    if (person.pending) return 'has not yet accepted';
    if (person.isRoom) return person.subject || person.address;
    return person.presence?.text || shown(person.presence);
  }

  #invitation(invitation) {
    const { address, from, reason } = invitation;
    const room = local(address);
    const who = from.startsWith(`${address}/`) ? resource(from) : (this.#people.find(from)?.title ?? from);
    return h(
      'div',
      { className: 'request', 'data-address': address },
      avatar({ title: room, address, isRoom: true }),
      h('p', {}, h('b', {}, who.slice(0, 80)), ' invites you to ', h('b', {}, room), h('small', {}, reason || address)),
      button('small primary', () => this.#enter(invitation), {}, 'Enter'),
      button('small', () => this.#rooms.decline(invitation), {}, 'Decline'),
    );
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

/** Of an address that stands alone only what it ends with: that is the name of a file. */
function inShort(text) {
  const name = /^https?:\/\/\S+\/([^/?#\s]+)$/.exec(text)?.[1];
  if (name === undefined) return text.slice(0, 120);
  try {
    return decodeURIComponent(name).slice(0, 120);
  } catch {
    return name.slice(0, 120);
  }
}

function button(className, onclick, properties, ...children) {
  return h('button', { type: 'button', className, onclick, ...properties }, ...children);
}

/** The avatar with a dot for the presence. */
export function face(person) {
  if (person.isRoom) return h('span', { className: 'face' }, avatar(person));
  const kind = person.presence ? person.presence.show || 'on' : 'off';
  return h('span', { className: 'face' }, avatar(person), h('span', { className: `dot ${kind}` }));
}
