// What passed on the stream, for the XML console: newest last, so many and no more, as it was. passed.js reads it.
//
// Events: `entry` (detail: the entry), `clear`.

import { Source } from './source.js';

const LONGEST = 300;
const MARKUP = 60_000;

export class Traffic extends Source {
  /** Each with out, at (milliseconds since 1970), size, and its markup, which is undefined when it is long. */
  entries = [];
  paused = false;

  constructor(connection) {
    super();
    connection.addEventListener('traffic', ({ detail: { out, markup } }) => this.#passed(out, markup));
  }

  clear() {
    this.entries = [];
    this.tell('clear');
  }

  #passed(out, markup) {
    if (this.paused) return;
    const size = markup.length;
    const entry = { out, at: Date.now(), size, markup: size > MARKUP ? undefined : markup };
    this.entries.push(entry);
    if (this.entries.length > LONGEST) this.entries.shift();
    this.tell('entry', entry);
  }
}
