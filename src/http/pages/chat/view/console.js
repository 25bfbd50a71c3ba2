// The XML console: the stream in and out, indented and coloured, filtered by kind; and a box to send XML of one's own.

import { bare, domain } from '../jid.js';
import { passed } from '../passed.js';
import { remember } from '../session.js';
import { NS, newId, parse } from '../xml.js';
import { addTo, find, h, icon, onSubmit, time } from './dom.js';

const FULL = 300;

const TEMPLATES = {
  'Ping the server': ({ server, id }) =>
    `<iq type="get" to="${server}" id="${id}">\n  <ping xmlns="urn:xmpp:ping"/>\n</iq>`,
  'What can the server do?': ({ server, id }) =>
    `<iq type="get" to="${server}" id="${id}">\n  <query xmlns="http://jabber.org/protocol/disco#info"/>\n</iq>`,
  'What does it have?': ({ server, id }) =>
    `<iq type="get" to="${server}" id="${id}">\n  <query xmlns="http://jabber.org/protocol/disco#items"/>\n</iq>`,
  'My contacts': ({ id }) => `<iq type="get" id="${id}">\n  <query xmlns="jabber:iq:roster"/>\n</iq>`,
  'My vCard': ({ id }) => `<iq type="get" id="${id}">\n  <vCard xmlns="vcard-temp"/>\n</iq>`,
  'A message': ({ peer, id }) =>
    `<message type="chat" to="${peer}" id="${id}">\n  <body>Hello from the XML console</body>\n</message>`,
  'I am away': () => '<presence>\n  <show>away</show>\n  <status>Back at noon</status>\n</presence>',
};

export class XmlConsole {
  #traffic;
  #connection;
  #peer;
  #panel = find('#console');
  #list = find('#console .entries');
  #box = find('#console textarea');

  /** @param peer says the address of the open conversation */
  constructor(traffic, connection, peer) {
    this.#traffic = traffic;
    this.#connection = connection;
    this.#peer = peer;
    traffic.addEventListener('entry', ({ detail }) => this.isOpen && this.#append(detail));
    traffic.addEventListener('clear', () => this.#list.replaceChildren());
    this.#wire();
  }

  get isOpen() {
    return !this.#panel.hidden;
  }

  toggle(open = !this.isOpen) {
    this.#panel.hidden = !open;
    find('#toggle-console').ariaPressed = String(open);
    this.#list.replaceChildren();
    if (open) for (const entry of this.#traffic.entries) this.#append(entry);
    remember({ console: open });
  }

  #wire() {
    const templates = find('#console select');
    templates.append(...Object.keys(TEMPLATES).map((name) => h('option', { value: name }, name)));
    templates.addEventListener('change', () => this.#fill(templates));
    find('#console .close').addEventListener('click', () => this.toggle(false));
    find('#console .clear').addEventListener('click', () => this.#traffic.clear());
    find('#console .pause').addEventListener('click', ({ currentTarget }) => this.#pause(currentTarget));
    for (const chip of this.#panel.querySelectorAll('.kinds input')) {
      chip.addEventListener('change', () => this.#list.classList.toggle(`no-${chip.value}`, !chip.checked));
    }
    onSubmit(find('#console form'), () => this.#send());
    this.#box.addEventListener('keydown', (event) => {
      if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) this.#send();
    });
  }

  #fill(templates) {
    const server = domain(this.#connection.address);
    const values = { server, id: newId(), peer: this.#peer() ?? bare(this.#connection.address) };
    this.#box.value = TEMPLATES[templates.value]?.(values) ?? '';
    templates.value = '';
    this.#box.focus();
  }

  #pause(button) {
    this.#traffic.paused = !this.#traffic.paused;
    button.ariaPressed = String(this.#traffic.paused);
    button.replaceChildren(
      icon(this.#traffic.paused ? 'play' : 'pause'),
      h('span', {}, this.#traffic.paused ? 'Go on' : 'Pause'),
    );
  }

  #send() {
    const failure = find('#console .failure');
    try {
      const elements = parse(this.#box.value);
      for (const each of elements) {
        if (each.namespaceURI === NS.client) each.setAttribute('xmlns', NS.client);
        if (!this.#connection.send(each)) throw new Error('Not connected.');
      }
      failure.textContent = elements.length === 0 ? 'Write an element first.' : '';
    } catch ({ message }) {
      failure.textContent = message;
    }
  }

  #append(entry) {
    const { kinds, elements } = passed(entry.markup);
    const way = entry.out ? 'out' : 'in';
    const size = h('span', {}, `${entry.size} characters`);
    const head = h('header', {}, icon(way), h('b', {}, entry.out ? 'sent' : 'received'), time(entry.at, true), size);
    const lines = elements.length > 0 ? elements.flatMap((each) => painted(each)) : ['(not shown)'];
    const classes = [way, ...kinds.map((kind) => `is-${kind}`)];
    addTo(this.#list, h('li', { className: classes.join(' ') }, head, h('pre', {}, ...lines)));
    if (this.#list.childElementCount > FULL) this.#list.firstElementChild.remove();
  }
}

const span = (className, ...children) => h('span', { className }, ...children);

/** The element as coloured lines, each with the indentation of its depth. */
function painted(element, depth = 0) {
  const { nodeName, children, textContent } = element;
  const open = [span('mark', '<'), span('tag', nodeName), ...[...element.attributes].flatMap(attribute)];
  const end = [span('mark', '</'), span('tag', nodeName), span('mark', '>')];
  if (children.length > 0) {
    const inner = [...element.childNodes].flatMap((each) => within(each, depth + 1));
    return [line(depth, ...open, span('mark', '>')), ...inner, line(depth, ...end)];
  }
  if (textContent === '') return [line(depth, ...open, span('mark', '/>'))];
  return [line(depth, ...open, span('mark', '>'), h('wbr'), span('text', escaped(textContent)), h('wbr'), ...end)];
}

function within(node, depth) {
  if (node.nodeType === Node.ELEMENT_NODE) return painted(node, depth);
  return node.nodeValue.trim() === '' ? [] : [line(depth, span('text', escaped(node.nodeValue.trim())))];
}

/** What does not fit into it goes on deeper than it began. */
function line(depth, ...parts) {
  const element = span('line', ' '.repeat(depth * 2), ...parts);
  element.style.setProperty('--depth', depth);
  return element;
}

function attribute({ name, value }) {
  return [
    ' ',
    span(name === 'xmlns' ? 'name ns' : 'name', name),
    span('mark', '="'),
    span('value', escaped(value).replaceAll('"', '&quot;')),
    span('mark', '"'),
  ];
}

function escaped(text) {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
