// What passed on the stream as the XML console shows it: elements with the passwords struck out, and of which kinds they are.

import { parse } from './xml.js';

const KINDS = ['message', 'presence', 'iq'];
const ACKNOWLEDGING = 'urn:xmpp:sm:3';
const HIDDEN = '••••••';

/** The elements of the markup, none where it cannot be read, and their kinds. */
export function passed(markup) {
  const elements = markup === undefined ? [] : read(markup);
  return { elements, kinds: kindsOf(elements) };
}

function read(markup) {
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
