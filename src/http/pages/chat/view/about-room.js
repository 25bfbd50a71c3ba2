// Whether the panel about the open room is there, and the button that says how many are in it. The panel (room-panel.js) is
// loaded with the first room that is open: who opens it by keys types on at once.

import { later } from '../later.js';
import { find } from './dom.js';

export class AboutRoom {
  #room;
  #tell;
  #panel;
  #loaded;

  /** @param deeds what the panel needs; `tell` shows a notice */
  constructor(parts, deeds) {
    this.#tell = deeds.tell;
    this.#panel = later(async () => {
      const { RoomPanel } = await import('./room-panel.js');
      this.#loaded = new RoomPanel(parts, { ...deeds, close: () => this.toggle(false) });
    });
    for (const source of [parts.rooms, parts.avatars]) source.addEventListener('change', () => this.draw());
    find('#toggle-about').addEventListener('click', () => this.toggle());
  }

  /** The room that is open; undefined when it is none. */
  set room(room) {
    this.#room = room;
    this.draw();
    if (this.#loaded) this.#loaded.begin(room);
    else if (room)
      this.#panel().then(
        () => this.#loaded.begin(this.#room),
        () => {},
      );
  }

  get isOpen() {
    return find('#about-room').checkVisibility();
  }

  async toggle(open = !this.isOpen) {
    if (!this.#room) return;
    if (open && !(await this.#ready())) return;
    document.body.classList.toggle('about', open);
    this.draw();
    find(open ? '#subject' : '#composer textarea').focus();
  }

  draw() {
    const room = this.#room;
    const toggle = find('#toggle-about');
    const isOpen = Boolean(room) && document.body.classList.contains('about');
    toggle.hidden = !room;
    find('#about-room').hidden = !isOpen;
    if (!room) return;
    toggle.ariaPressed = String(isOpen);
    toggle.ariaLabel = `About the room, ${room.occupants.size} here`;
    find('span', toggle).textContent = room.occupants.size;
    if (isOpen) this.#loaded.fill(room);
  }

  /** False when the panel cannot be loaded, or there is no room any more. */
  async #ready() {
    if (this.#loaded) return true;
    try {
      await this.#panel();
      this.#loaded.begin(this.#room);
    } catch {
      this.#tell('This part of the page did not load: try again.');
    }
    return this.#loaded !== undefined && this.#room !== undefined;
  }
}
