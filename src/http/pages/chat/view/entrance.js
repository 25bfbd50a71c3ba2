// The dialog to enter a room (Ctrl or Cmd and J), by a name on our own service or by the whole address.

import { items } from '../disco.js';
import { address } from '../jid.js';
import { find, h, onSubmit } from './dom.js';

const MOST = 100;

export class Entrance {
  #connection;
  #services;
  #presence;
  #enter;
  #open;
  #dialog = find('#entrance');
  #form = find('#entrance form');

  /** @param enter enters the room; rejects with a sentence and its condition; @param open opens it */
  constructor({ connection, services, presence }, enter, open) {
    this.#open = open;
    this.#connection = connection;
    this.#services = services;
    this.#presence = presence;
    this.#enter = enter;
    onSubmit(this.#form, () => this.#submit());
    find('#entrance .cancel').addEventListener('click', () => this.#dialog.close());
  }

  /** Empty, or for a room that is known. */
  open({ room = '', password = '', failure = '' } = {}) {
    if (document.querySelector('dialog[open]')) return;
    this.#field('room').value = room;
    this.#field('nick').value ||= this.#presence.nick;
    this.#ask(password !== '', password);
    this.#failed(failure);
    this.#dialog.showModal();
    this.#list();
  }

  #field(name) {
    return this.#form.elements.namedItem(name);
  }

  #ask(wantsPassword, password = '') {
    find('#entrance .password').hidden = !wantsPassword;
    this.#field('password').value = password;
  }

  #failed(sentence) {
    find('#entrance .failure').textContent = sentence;
    find('#entrance .primary').disabled = false;
  }

  async #list() {
    const service = this.#services.rooms;
    const rooms = service ? await items(this.#connection, service).catch(() => []) : [];
    const option = (each) => h('option', { value: each.address }, each.name);
    find('#open-rooms').replaceChildren(...rooms.slice(0, MOST).map(option));
  }

  /** What was typed as an address: a name is one of our own service. */
  #address(typed) {
    const { rooms } = this.#services;
    if (typed.includes('@')) return address(typed);
    return rooms && address(`${typed.trim().replace(/\s+/g, '-')}@${rooms}`);
  }

  async #submit() {
    const { room, nick, password, stays } = Object.fromEntries(new FormData(this.#form));
    this.#failed('');
    find('#entrance .primary').disabled = true;
    await this.#services.known;
    const to = this.#address(room);
    const unknown = this.#services.rooms
      ? 'This is no name of a room.'
      : 'This server has no rooms: type a whole address.';
    if (!to) return this.#failed(unknown);
    const name = room.includes('@') ? undefined : room.trim();
    try {
      await this.#enter(to, { nick: nick.trim(), password: password || undefined, name, stays: stays === 'on' });
      this.#dialog.close();
      this.#open(to);
    } catch (error) {
      const wantsPassword = error.condition === 'not-authorized';
      if (wantsPassword) this.#ask(true);
      this.#failed(error.message);
      this.#field(wantsPassword ? 'password' : error.condition === 'conflict' ? 'nick' : 'room').focus();
    }
  }
}
