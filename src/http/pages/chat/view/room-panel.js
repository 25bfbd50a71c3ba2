// The panel about the open room: subject, occupants and what one may do to them, invitations, the own nickname, and the way out.

import { bare } from '../jid.js';
import { arrows, copy, find, h, icon, onSubmit } from './dom.js';
import { face } from './people-list.js';

const MOST = 300;

export class RoomPanel {
  #rooms;
  #people;
  #deeds;
  #room;

  /** @param deeds `mention` and `whisper` to (a nickname), `leave` (the room), `tell` (a notice), `link` (to the room), `close` (the panel) */
  constructor({ rooms, people }, deeds) {
    this.#rooms = rooms;
    this.#people = people;
    this.#deeds = deeds;
    this.#wire();
  }

  /** Another room is open, or none. */
  begin(room) {
    if (room !== this.#room) this.#failed('');
    this.#room = room;
    if (room) for (const each of [find('#subject'), find('#nick')]) each.value = room[each.id];
  }

  /** What it shows, as the room is now. */
  fill(room) {
    const all = [...room.occupants.values()].sort((a, b) => a.nick.localeCompare(b.nick));
    const focused = document.activeElement?.closest?.('#occupants [data-nick]');
    const deed = document.activeElement?.dataset.deed;
    find('#about-room h4').textContent = `Here now: ${all.length}`;
    find('#occupants').replaceChildren(...all.slice(0, MOST).map((each) => this.#occupant(room, each)));
    if (focused) find(`#occupants [data-nick="${CSS.escape(focused.dataset.nick)}"] [data-deed="${deed}"]`)?.focus();
    for (const each of [find('#subject'), find('#nick')])
      if (each !== document.activeElement) each.value = room[each.id];
    find('#about-room .destroy').hidden = room.own?.affiliation !== 'owner';
    const contacts = [...this.#people].filter(({ isContact }) => isContact);
    find('#contact-addresses').replaceChildren(
      ...contacts.map(({ address, title }) => h('option', { value: address }, title)),
    );
  }

  #occupant(room, occupant) {
    const { nick, role, affiliation, show, jid } = occupant;
    const isOwn = nick === room.nick;
    const what = affiliation === 'none' || affiliation === 'member' ? role : affiliation;
    const person = { title: nick, address: nick, presence: { show }, image: occupant.image };
    const deed = (name, label, sign, work) =>
      h(
        'button',
        { type: 'button', className: 'bare', 'data-deed': name, onclick: work, title: label, ariaLabel: label },
        icon(sign),
      );
    const name = h(
      'button',
      { type: 'button', className: 'occupant', 'data-deed': 'name', title: jid || nick },
      face(person),
      h('span', { className: 'name' }, isOwn ? `${nick} (you)` : nick),
      what === 'participant' ? '' : h('small', {}, what),
    );
    name.addEventListener('click', () => this.#deeds.mention(nick));
    const may = room.own?.role === 'moderator' && !isOwn && role !== 'moderator';
    const mayBan = may && jid && /^(?:owner|admin)$/.test(room.own.affiliation);
    return h(
      'li',
      { 'data-nick': nick },
      name,
      isOwn ? '' : deed('whisper', `Write to ${nick} alone`, 'send', () => this.#deeds.whisper(nick)),
      may ? deed('remove', `Remove ${nick}`, 'leave', () => this.#set({ nick, role: 'none' })) : '',
      mayBan ? deed('ban', `Ban ${nick}`, 'remove', () => this.#ban(nick, jid)) : '',
    );
  }

  #ban(nick, jid) {
    if (confirm(`Ban ${nick} (${jid}) for good?`)) this.#set({ jid, affiliation: 'outcast' });
  }

  #set(item) {
    this.#rooms.set(this.#room, item).catch(({ text }) => this.#failed(text));
  }

  #failed(text) {
    find('#about-room .failure').textContent = text;
  }

  #wire() {
    const on = (selector, work) => find(selector).addEventListener('click', work);
    arrows(find('#occupants'), '.occupant');
    on('#about-room .close', () => this.#deeds.close());
    on('#about-room .leave', () => this.#deeds.leave(this.#room));
    on('#about-room .copy', () => this.#copy());
    on('#about-room .destroy', () => this.#destroy());
    onSubmit(find('#about-room .subject'), () => this.#rooms.retitle(this.#room, find('#subject').value.trim()));
    onSubmit(find('#about-room .invite'), () => this.#invite());
    onSubmit(find('#about-room .nick'), () => this.#rename());
  }

  #invite() {
    const field = find('#invitee');
    const to = bare(field.value.trim());
    this.#rooms.invite(this.#room, to);
    this.#deeds.tell(`${to} is invited.`);
    field.value = '';
  }

  #rename() {
    this.#failed('');
    this.#rooms.rename(this.#room, find('#nick').value.trim()).catch(({ message }) => this.#failed(message));
  }

  #destroy() {
    if (!confirm(`Close ${this.#room.title} for everybody, for good?`)) return;
    this.#rooms.destroy(this.#room).catch(({ text }) => this.#failed(text));
  }

  async #copy() {
    const done = await copy(this.#deeds.link(this.#room));
    this.#deeds.tell(done ? 'Copied the link.' : 'The browser does not let this page copy.');
  }
}
