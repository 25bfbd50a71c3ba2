// A message as it is shown. What others wrote is text; addresses in it become links that open elsewhere, and nothing is loaded
// from there. Only pictures in the upload service of this server are shown at once.

import { avatar, find, h, hue, icon, time } from './dom.js';

const DELIVERY = { waiting: 'waits for the connection', sent: 'sent', delivered: 'delivered', failed: 'not delivered' };
const LINK = /https?:\/\/[^\s<>"']+[^\s<>"'.,;:!?)\]}]/g;
const PICTURE = /\.(?:png|jpe?g|gif|webp)$/i;

/** @param isOurs says whether an address is in our upload service */
export function bubble(message, who, occupant, isOurs) {
  if (message.note) return h('p', { className: 'note', dir: 'auto' }, message.text);
  const delivery = message.own ? h('span', { className: 'delivery' }) : '';
  const element = h(
    'article',
    { className: `bubble ${message.own ? 'own' : 'their'}${message.secret ? ' secret' : ''}` },
    h('span', { className: 'unseen' }, `${who}: `),
    message.from && !message.own ? from(message, occupant) : '',
    content(message, isOurs),
    h(
      'footer',
      {},
      message.secret ? `only to ${message.only ?? 'you'}` : '',
      h('span', { className: 'error' }),
      time(message.at),
      delivery,
    ),
  );
  if (message.own) showDelivery(element, message);
  return element;
}

/** What became of an own message. */
export function showDelivery(element, { state, error = '' }) {
  if (element.dataset.state === state) return;
  element.dataset.state = state;
  const mark = find('.delivery', element);
  mark.replaceChildren(icon(state));
  mark.title = DELIVERY[state];
  mark.role = 'img';
  mark.ariaLabel = DELIVERY[state];
  find('.error', element).textContent = state === 'failed' ? `Not delivered: ${error}` : '';
}

function from({ from }, occupant) {
  const name = h('b', {}, from.slice(0, 80));
  const line = h('span', { className: 'from', 'aria-hidden': 'true', title: from }, name);
  name.style.setProperty('--hue', hue(from));
  line.prepend(avatar({ title: from, address: from, image: occupant?.image }));
  return line;
}

function content({ text, link }, isOurs) {
  if (link !== undefined && text === link && parsed(link)) return file(link, isOurs);
  const parts = [];
  let at = 0;
  for (const { 0: url, index } of text.matchAll(LINK)) {
    if (!parsed(url)) continue;
    parts.push(text.slice(at, index), outward(url, url));
    at = index + url.length;
  }
  return h('p', { dir: 'auto' }, ...parts, text.slice(at));
}

function file(link, isOurs) {
  const { pathname, hostname } = parsed(link);
  const name = decoded(pathname.split('/').at(-1)) || hostname;
  const ours = isOurs(link);
  if (ours && PICTURE.test(pathname)) {
    const picture = h('img', {
      src: link,
      alt: name,
      loading: 'lazy',
      decoding: 'async',
      referrerPolicy: 'no-referrer',
    });
    const frame = outward(link, picture, 'picture');
    picture.addEventListener('error', () => frame.replaceWith(named(link, name, hostname)));
    return frame;
  }
  return named(link, name, ours ? '' : hostname);
}

function named(link, name, where) {
  return outward(
    link,
    h('span', {}, icon('file'), h('span', { className: 'name' }, name.slice(0, 120)), where && h('small', {}, where)),
    'file',
  );
}

function outward(href, content, className = '') {
  return h('a', { href, target: '_blank', rel: 'noopener noreferrer', className }, content);
}

function parsed(url) {
  const read = URL.canParse(url) ? new URL(url) : undefined;
  return /^https?:$/.test(read?.protocol) ? read : undefined;
}

function decoded(name) {
  try {
    return decodeURIComponent(name);
  } catch {
    return name;
  }
}
