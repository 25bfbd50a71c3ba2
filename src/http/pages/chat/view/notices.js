// Short notices, and the number of unread messages in the title of the window.

import { find, h } from './dom.js';

const LAST = 4000;

export class Notices {
  #title = document.title;

  constructor(conversations) {
    const count = () => {
      const { unread } = conversations;
      document.title = unread > 0 ? `(${unread}) ${this.#title}` : this.#title;
    };
    conversations.addEventListener('change', count);
  }

  tell(text) {
    const notice = h('p', {}, text);
    find('#notices').append(notice);
    setTimeout(() => notice.remove(), LAST);
  }
}
