// The door: who comes in, how, and over which transport. It offers what the domain offers.

import { username } from '../jid.js';
import { choices, remember } from '../session.js';
import { find, h, onSubmit } from './dom.js';

const HINTS = {
  bosh: 'HTTP requests, through every proxy. A reload of the page keeps your session.',
  websocket: 'One connection for both ways, with stream management. A guest who reloads gets a new address.',
};
const DEEDS = { anonymous: 'Enter', login: 'Log in', register: 'Create the account' };

export class Door {
  #form = find('#door form');
  #domains;
  #enter;

  /** @param enter is told what the form says: how, domain, name, password, transport */
  constructor({ domains, transports }, enter) {
    this.#domains = domains;
    this.#enter = enter;
    this.#fill(transports);
    this.#form.addEventListener('change', () => this.#show());
    onSubmit(this.#form, () => this.#submit());
  }

  open({ failure = '', invitation }) {
    find('#door').hidden = false;
    find('#door .invitation').hidden = !invitation;
    find('#door .invitation b').textContent = invitation?.name ?? '';
    find('#door .invitation').title = invitation?.to ?? '';
    this.#show();
    this.failed(failure);
    const known = this.#field('name').value !== '' && !find('#door .password').hidden;
    this.#field(known ? 'password' : 'name').focus();
  }

  close() {
    find('#door').hidden = true;
    this.#field('password').value = '';
  }

  /** While the connection is being made. */
  set busy(busy) {
    find('#door [type=submit]').disabled = busy;
    this.#form.ariaBusy = String(busy);
  }

  failed(sentence) {
    this.busy = false;
    find('#door .failure').textContent = sentence;
  }

  get #said() {
    return Object.fromEntries(new FormData(this.#form));
  }

  #field(name) {
    return this.#form.elements.namedItem(name);
  }

  #fill(transports) {
    const { domain, transport, name = '', how } = choices();
    const names = this.#domains.map((each) => each.domain);
    this.#field('domain').append(...names.map((each) => h('option', { value: each }, each)));
    this.#field('domain').value = names.includes(domain) ? domain : names[0];
    find('#door .domain').hidden = names.length < 2;
    for (const radio of this.#field('transport')) radio.checked = radio.value === (transport ?? transports[0]);
    for (const radio of this.#field('how')) radio.checked = radio.value === how;
    this.#field('name').value = name;
  }

  #offers(how) {
    const { anonymous, register } = this.#domains.find(({ domain }) => domain === this.#field('domain').value);
    return { anonymous, register, login: true }[how];
  }

  #show() {
    const radios = [...this.#field('how')];
    for (const radio of radios) radio.parentElement.hidden = !this.#offers(radio.value);
    if (!radios.some(({ checked, value }) => checked && this.#offers(value))) {
      radios.find(({ value }) => this.#offers(value)).checked = true;
    }
    const { how, transport, domain } = this.#said;
    const guest = how === 'anonymous';
    find('#door h1 b').textContent = domain;
    find('#door .name span').textContent = guest ? 'Nickname' : 'User name';
    find('#door .password').hidden = guest;
    this.#field('password').required = !guest;
    this.#field('password').autocomplete = how === 'register' ? 'new-password' : 'current-password';
    this.#field('name').autocomplete = guest ? 'nickname' : 'username';
    find('#door .hint').textContent = HINTS[transport];
    find('#door [type=submit]').textContent = DEEDS[how];
  }

  #submit() {
    const { how, domain, password, transport, name: typed } = this.#said;
    const name = how === 'anonymous' ? typed.trim() : username(typed.replace(/@.*$/, ''));
    if (!name)
      return this.failed(
        how === 'anonymous' ? 'Say how you want to be called.' : 'A name has no spaces and none of "&\'/:<>@',
      );
    remember({ domain, transport, name, how: how === 'register' ? 'login' : how });
    this.failed('');
    this.busy = true;
    this.#enter({ how, domain, name, password, transport });
  }
}
