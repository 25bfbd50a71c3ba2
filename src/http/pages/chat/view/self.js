// The user's own card: name, presence, the address for others, and whether the stream is there.

import { bare, domain, local } from '../jid.js';
import { linkTo } from '../links.js';
import { avatar, copy, find, h } from './dom.js';

const STATES = {
  online: 'connected',
  connecting: 'connecting…',
  troubled: 'no answer',
  waiting: 'not connected',
  offline: 'not connected',
};
const TRANSPORTS = { bosh: 'BOSH', websocket: 'WebSocket' };

export class SelfCard {
  #connection;
  #presence;
  #avatars;
  #tell;

  /** @param tell shows a notice */
  constructor({ connection, presence, avatars }, tell) {
    this.#avatars = avatars;
    this.#connection = connection;
    this.#presence = presence;
    this.#tell = tell;
    for (const source of [connection, presence]) source.addEventListener('state', () => this.draw());
    avatars.addEventListener('change', () => this.draw());
    this.#picture();
    find('#show').addEventListener('change', () => this.#say());
    find('#status').addEventListener('change', () => this.#say());
    for (const button of document.querySelectorAll('[data-copy]')) {
      button.addEventListener('click', () => this.#copy(button.dataset.copy));
    }
    setInterval(() => this.#banner(), 1000);
  }

  get link() {
    return linkTo({ chat: bare(this.#connection.address), name: this.#presence.nick });
  }

  draw() {
    const { address, state, account } = this.#connection;
    const { nick, show, text } = this.#presence;
    find('#self .avatar').replaceWith(avatar({ title: nick, address: bare(address), image: this.#avatars.own.image }));
    find('#remove-picture').hidden = !this.#avatars.own.image;
    find('#self h2').textContent = nick;
    find('#self .dot').className = `dot ${state === 'online' && this.#presence.isShown ? show || 'on' : 'off'}`;
    find('#self .stream').textContent = `${TRANSPORTS[account?.transport] ?? ''} · ${STATES[state]}`;
    find('#show').value = show;
    if (document.activeElement !== find('#status')) find('#status').value = text;
    find('#self code').replaceChildren(local(address), h('wbr'), `@${domain(address)}`);
    find('#link').value = this.link;
    for (const each of document.querySelectorAll('a.second')) each.href = this.link;
    this.#banner();
  }

  #picture() {
    const field = find('#picture-file');
    find('#picture').addEventListener('click', () => field.click());
    field.addEventListener('change', async () => {
      const [file] = field.files;
      field.value = '';
      if (!file) return;
      const loaded = await import('./picture.js').catch(() => undefined);
      this.#tell((await loaded?.takePicture(this.#avatars, file)) ?? 'This part of the page did not load: try again.');
    });
    find('#remove-picture').addEventListener('click', () => this.#removePicture());
  }

  async #removePicture() {
    const failed = await this.#avatars.remove().catch(({ text }) => text);
    this.#tell(failed ? `The picture was not removed: ${failed}.` : 'Your picture is removed.');
    find('#picture').focus();
  }

  #banner() {
    const { state, again } = this.#connection;
    const banner = find('#banner');
    banner.hidden = state === 'online' || state === 'offline';
    const seconds = Math.max(0, Math.ceil((again - Date.now()) / 1000));
    const sentence = {
      connecting: 'Connecting…',
      troubled: 'The server does not answer. Trying again…',
      waiting: `The connection is lost. Next try in ${seconds} s.`,
    }[state];
    find('span', banner).textContent = sentence ?? '';
    find('button', banner).hidden = state !== 'waiting';
  }

  #say() {
    this.#presence.show = find('#show').value;
    this.#presence.text = find('#status').value.trim();
    this.#presence.announce();
    this.draw();
  }

  async #copy(what) {
    const done = await copy(what === 'link' ? this.link : bare(this.#connection.address));
    this.#tell(done ? `Copied the ${what}.` : 'The browser does not let this page copy.');
  }
}
