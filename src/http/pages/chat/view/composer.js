// The box to write in, and files: chosen, pasted, or dropped on the conversation.

import { find, h, icon, onSubmit } from './dom.js';

export class Composer {
  #box = find('#composer textarea');
  #only = find('#only');
  #isGone = false;
  #deeds;

  /**
   * @param deeds `send` (a text), `type` (the draft), `page` (up or down), `toAll` (not to one alone any more), and for files: `uploads` says which service takes them,
   * `share` sends the address of one that is there, to the conversation that `target` has said when it was chosen
   */
  constructor(connection, deeds) {
    this.#deeds = deeds;
    this.#write();
    this.#files(connection);
  }

  focus() {
    this.#box.focus();
  }

  set draft(draft) {
    this.#box.value = draft;
    this.#grow();
  }

  set placeholder(text) {
    this.#box.placeholder = text;
  }

  /** Who alone is written to; '' for all. */
  set only({ only, isGone }) {
    this.#isGone = isGone;
    this.#only.hidden = only === '';
    const words = isGone ? `${only} may have left` : `Only to ${only}`;
    find('span', this.#only).textContent = words;
    this.#only.ariaLabel = `${words}: write to all`;
    this.#box.ariaLabel = only === '' ? 'Message' : `Message only to ${only}`;
  }

  /** Adds to what is written: a nickname. */
  mention(nick) {
    this.#box.value = this.#box.value === '' ? `${nick}: ` : `${this.#box.value.trimEnd()} ${nick} `;
    this.focus();
    this.#typed();
  }

  choose() {
    if (!find('#attach').hidden) find('#files').click();
  }

  /** Whether files are taken. */
  draw() {
    find('#attach').hidden = this.#deeds.uploads() === undefined;
  }

  #write() {
    onSubmit(find('#composer'), () => this.#send());
    const toAll = () => {
      this.#deeds.toAll();
      this.focus();
    };
    this.#only.addEventListener('click', toAll);
    this.#box.addEventListener('input', () => this.#typed());
    this.#box.addEventListener('keydown', (event) => {
      const page = { PageUp: -1, PageDown: 1 }[event.key];
      if (page) this.#deeds.page(page);
      else if (event.key === 'Escape' && !this.#only.hidden) {
        event.stopPropagation();
        toAll();
      } else if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
      else this.#send();
      event.preventDefault();
    });
  }

  #typed() {
    this.#grow();
    this.#deeds.type(this.#box.value);
  }

  #send() {
    const text = this.#box.value.trim();
    if (text === '' || this.#isGone) return;
    this.draft = '';
    this.#deeds.send(text);
  }

  #grow() {
    this.#box.style.height = 'auto';
    this.#box.style.height = `${Math.min(160, this.#box.scrollHeight)}px`;
  }

  #files(connection) {
    const take = (files) => {
      const service = this.#deeds.uploads();
      const target = this.#deeds.target();
      if (service && target) for (const each of [...files]) this.#upload(connection, service, each, target);
      return service !== undefined;
    };
    const field = find('#files');
    find('#attach').addEventListener('click', () => field.click());
    field.addEventListener('change', () => {
      take(field.files);
      field.value = '';
    });
    this.#box.addEventListener('paste', (event) => {
      const { files } = event.clipboardData;
      if (files.length > 0 && take(files)) event.preventDefault();
    });
    const place = find('#conversation');
    const over = (event) => {
      const isFile = event.dataTransfer?.types.includes('Files') && this.#deeds.uploads() !== undefined;
      place.classList.toggle('dropping', isFile && event.type === 'dragover');
      if (!isFile) return;
      event.preventDefault();
      if (event.type === 'drop') take(event.dataTransfer.files);
    };
    for (const type of ['dragover', 'drop']) place.addEventListener(type, over);
    place.addEventListener('dragleave', ({ target }) => target === place && place.classList.remove('dropping'));
  }

  async #upload(connection, service, file, target) {
    const { name } = file;
    let upload;
    const bar = h('progress', { max: 1, value: 0, ariaLabel: name });
    const failure = h('span', { className: 'failure', role: 'alert' });
    const button = h('button', { type: 'button', className: 'bare', ariaLabel: `Cancel ${name}`, title: 'Cancel' });
    button.append(icon('close'));
    const item = h('li', {}, icon('file'), h('span', { className: 'name' }, name), bar, failure, button);
    button.addEventListener('click', () => {
      upload?.cancel();
      item.remove();
      this.focus();
    });
    find('#uploads').append(item);
    try {
      const { Upload } = await import('../upload.js');
      // Cancelled meanwhile.
      if (!item.isConnected) return;
      upload = new Upload(connection, service, file);
      const link = await upload.start((part) => {
        bar.value = part;
      });
      item.remove();
      this.#deeds.share(target, link);
    } catch ({ message }) {
      bar.remove();
      failure.textContent = message && `Not sent: ${message}.`;
    }
  }
}
