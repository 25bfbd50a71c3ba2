// XML as the page needs it: elements to send, and reading what came. Strophe writes them out.

export const NS = Object.freeze({
  client: 'jabber:client',
  stanzas: 'urn:ietf:params:xml:ns:xmpp-stanzas',
  roster: 'jabber:iq:roster',
  register: 'jabber:iq:register',
  nick: 'http://jabber.org/protocol/nick',
  states: 'http://jabber.org/protocol/chatstates',
  receipts: 'urn:xmpp:receipts',
  carbons: 'urn:xmpp:carbons:2',
  forward: 'urn:xmpp:forward:0',
  delay: 'urn:xmpp:delay',
  ping: 'urn:xmpp:ping',
  info: 'http://jabber.org/protocol/disco#info',
  items: 'http://jabber.org/protocol/disco#items',
  caps: 'http://jabber.org/protocol/caps',
  data: 'jabber:x:data',
  muc: 'http://jabber.org/protocol/muc',
  mucUser: 'http://jabber.org/protocol/muc#user',
  mucOwner: 'http://jabber.org/protocol/muc#owner',
  mucAdmin: 'http://jabber.org/protocol/muc#admin',
  conference: 'jabber:x:conference',
  bookmarks: 'urn:xmpp:bookmarks:1',
  pubsub: 'http://jabber.org/protocol/pubsub',
  pubsubEvent: 'http://jabber.org/protocol/pubsub#event',
  publishing: 'http://jabber.org/protocol/pubsub#publish-options',
  ids: 'urn:xmpp:sid:0',
  archive: 'urn:xmpp:mam:2',
  pages: 'http://jabber.org/protocol/rsm',
  avatar: 'urn:xmpp:avatar:metadata',
  avatarData: 'urn:xmpp:avatar:data',
  vcard: 'vcard-temp',
  vcardUpdate: 'vcard-temp:x:update',
  upload: 'urn:xmpp:http:upload:0',
  outOfBand: 'jabber:x:oob',
});

const STANZA = /^(?:message|presence|iq)$/;
const document = globalThis.document.implementation.createDocument(null, 'x', null);

/** An element; attributes and children that are undefined are left out. */
export function xml(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  const all = STANZA.test(name) ? { xmlns: NS.client, ...attributes } : attributes;
  for (const [key, value] of Object.entries(all)) if (value !== undefined) element.setAttribute(key, legal(value));
  for (const each of children) {
    if (each !== undefined) element.append(typeof each === 'string' ? legal(each) : each);
  }
  return element;
}

/** The text without what XML 1.0 cannot say: one such character would end the stream. */
function legal(text) {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what it is about
  return `${text}`.toWellFormed().replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, '');
}

/** The first child of this name, in the namespace of the parent unless another is said. */
export function child(parent, name, namespace) {
  return children(parent, name, namespace)[0];
}

/** Its text, '' without one. */
export function text(parent, name, namespace) {
  return child(parent, name, namespace)?.textContent ?? '';
}

/** All children of this name and namespace. */
export function children(parent, name, namespace = parent.namespaceURI) {
  return [...parent.children].filter((each) => each.localName === name && each.namespaceURI === namespace);
}

/** A form to submit (XEP-0004): what is undefined is not said. */
export function form(type, values) {
  const field = ([name, value]) => value !== undefined && xml('field', { var: name }, xml('value', {}, `${value}`));
  const fields = Object.entries({ FORM_TYPE: type, ...values }).map((each) => field(each) || undefined);
  return xml('x', { xmlns: NS.data, type: 'submit' }, ...fields);
}

/** The elements that the markup has, as if sent on a stream of clients. Throws on what is not well-formed. */
export function parse(markup) {
  const wrapped = `<x xmlns='${NS.client}' xmlns:stream='http://etherx.jabber.org/streams'>${markup}</x>`;
  const root = new DOMParser().parseFromString(wrapped, 'text/xml').documentElement;
  const error = root.querySelector('parsererror');
  if (error) throw new SyntaxError(error.textContent.replace(/\s+/g, ' ').slice(0, 160));
  return [...root.children];
}

/** What a stanza of type error says: its condition, and its text or a sentence for it. */
export function problem(stanza) {
  const error = stanza && child(stanza, 'error');
  const known = error ? [...error.children].filter((each) => each.namespaceURI === NS.stanzas) : [];
  const condition = known.find((each) => each.localName !== 'text')?.localName ?? 'timeout';
  const said = known.find((each) => each.localName === 'text')?.textContent;
  return { condition, text: said || condition.replaceAll('-', ' ') };
}

/** A name that no other stanza of this window has. */
export function newId() {
  return [...crypto.getRandomValues(new Uint32Array(2))].map((each) => each.toString(36)).join('');
}
