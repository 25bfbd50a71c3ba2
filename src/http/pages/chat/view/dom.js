// Elements of the page. Text is set as text, never as markup, so what others wrote stays text.

const SVG = 'http://www.w3.org/2000/svg';

/** An element; properties by their DOM names, attributes where there is a dash or no such property. */
export function h(name, properties = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (value === undefined) continue;
    if (key in element) element[key] = value;
    else element.setAttribute(key, value);
  }
  element.append(...children.filter((each) => each !== undefined && each !== ''));
  return element;
}

export const find = (selector, root = document) => root.querySelector(selector);

/** One of the symbols in index.html. */
export function icon(name) {
  const svg = document.createElementNS(SVG, 'svg');
  const use = document.createElementNS(SVG, 'use');
  svg.setAttribute('class', 'icon');
  svg.setAttribute('aria-hidden', 'true');
  use.setAttribute('href', `#i-${name}`);
  svg.append(use);
  return svg;
}

/** The picture; without one, a disc with the first letter, or the sign of a room, of a colour that belongs to the address. */
export function avatar({ title, address, image, isRoom }) {
  if (image) return h('img', { className: 'avatar', src: image, alt: '' });
  const [letter = '?'] = title.trim();
  const sign = isRoom ? icon('room') : letter.toUpperCase();
  const element = h('span', { className: `avatar${isRoom ? ' square' : ''}`, 'aria-hidden': 'true' }, sign);
  element.style.setProperty('--hue', hue(address));
  return element;
}

/** From 0 to 360; for a name, too. */
export function hue(address) {
  let sum = 2166136261;
  for (const each of address) sum = Math.imul(sum ^ each.codePointAt(0), 16777619) >>> 0;
  // Without the yellows, which are dull as dark as white letters need them.
  return sum % 300 < 70 ? sum % 300 : (sum % 300) + 60;
}

const clock = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' });
const exact = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit', second: '2-digit' });
const day = new Intl.DateTimeFormat(undefined, { weekday: 'long', day: 'numeric', month: 'long' });

export function time(at, seconds = false) {
  return h('time', { dateTime: new Date(at).toISOString() }, (seconds ? exact : clock).format(at));
}

export function dayOf(at) {
  const name = day.format(at);
  return name === day.format(Date.now()) ? 'Today' : name;
}

const SHOWN = { '': 'available', chat: 'available', away: 'away', xa: 'away for long', dnd: 'do not disturb' };

/** A presence in words. */
export function shown(presence) {
  return presence ? SHOWN[presence.show] : 'offline';
}

/** Does it when the form is submitted; the page stays. */
export function onSubmit(form, work) {
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    work();
  });
}

/** How near to its end a list still counts as read to the end. */
const NEAR = 80;

/** Adds to the end of the list, which stays in sight if it was. */
export function addTo(list, ...elements) {
  const near = list.scrollHeight - list.scrollTop - list.clientHeight < NEAR;
  list.append(...elements);
  if (near) list.scrollTop = list.scrollHeight;
}

/** Up, Down, Home and End among the elements that match. */
export function arrows(root, selector) {
  root.addEventListener('keydown', (event) => {
    const all = [...root.querySelectorAll(selector)];
    const at = all.indexOf(document.activeElement);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: all.length - 1 }[event.key];
    if (at < 0 || to === undefined) return;
    event.preventDefault();
    all[Math.max(0, Math.min(all.length - 1, to))].focus();
  });
}

/** Puts the text on the clipboard; false where the browser does not let us. */
export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const field = h('textarea', { value: text, className: 'unseen' });
    document.body.append(field);
    field.select();
    const done = document.execCommand('copy');
    field.remove();
    return done;
  }
}
