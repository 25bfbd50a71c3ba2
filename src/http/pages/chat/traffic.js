// What passed on the stream, for the XML console: newest last, so many and no more, passwords struck out.
//
// Events: `entry` (detail: the entry), `clear`.

import { Source } from './source.js';
import { parse } from './xml.js';

const LONGEST = 300;
const MARKUP = 60_000;
const KINDS = ['message', 'presence', 'iq'];
const ACKNOWLEDGING = 'urn:xmpp:sm:3';
const HIDDEN = '••••••';

export class Traffic extends Source {
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
    const elements = read(markup);
    const entry = { out, at: Date.now(), elements, kinds: kindsOf(elements), size: markup.length };
    this.entries.push(entry);
    if (this.entries.length > LONGEST) this.entries.shift();
    this.tell('entry', entry);
  }
}

function read(markup) {
  if (markup.length > MARKUP) return [];
  try {
    const elements = parse(markup.replace(/^<\?xml[^>]*\?>/, ''));
    for (const each of elements) strike(each);
    return elements;
  } catch {
    return [];
  }
}

function strike(element) {
  for (const each of [element, ...element.querySelectorAll('*')]) {
    const secret = each.localName === 'password' || each.getAttribute('mechanism') === 'PLAIN';
    if (secret && each.textContent !== '') each.textContent = HIDDEN;
  }
}

/** message, presence and iq; stream for what opens, secures or ends one; idle for acknowledgements and empty bodies. */
function kindsOf(elements) {
  const inner = elements.flatMap((each) => (each.localName === 'body' ? contents(each) : [each]));
  const kinds = inner.map((each) => {
    if (KINDS.includes(each.localName)) return each.localName;
    return each.namespaceURI === ACKNOWLEDGING && /^[ar]$/.test(each.localName) ? 'idle' : 'stream';
  });
  return kinds.length > 0 ? [...new Set(kinds)] : ['idle'];
}

// A body that is more than a wrapper opens, restarts or ends a session.
function contents(body) {
  const isWrapper = !['wait', 'type', 'xmpp:restart', 'restart', 'ver'].some((name) => body.hasAttribute(name));
  return isWrapper ? [...body.children] : [body];
}
