// The messages of the open conversation. It stays where the reader is when older ones come above, and at its end when new ones
// come below.

import { showDelivery } from './bubble.js';
import { dayOf, find, h } from './dom.js';

/** Messages of one person so soon after each other stand together. */
const TOGETHER = 180_000;
/** How near to its beginning it asks for more, and how near to its end it still counts as read to the end. */
const NEAR = 80;

export class Log {
  #log = find('#log');
  #elements = new Map();
  #conversation;
  #make;

  /** @param make makes the element of a message; @param older is told that the reader has come to the beginning */
  constructor(make, older) {
    this.#make = make;
    this.#log.addEventListener('scroll', () => this.#log.scrollTop < NEAR && this.#conversation && older());
    new ResizeObserver(() => this.#atEnd && this.end()).observe(this.#log);
    // Pictures have their size only when they are there.
    this.#log.addEventListener('load', () => this.#atEnd && this.end(), true);
    this.#log.addEventListener('scroll', () => {
      this.#atEnd = this.#log.scrollHeight - this.#log.scrollTop - this.#log.clientHeight < NEAR;
    });
  }

  #atEnd = true;

  show(conversation) {
    this.#conversation = conversation;
    this.#elements.clear();
    this.draw();
    this.end();
  }

  close() {
    this.#conversation = undefined;
    this.#log.replaceChildren();
  }

  /** All of it, as it is now. What is there already stays the same element, and the reader where he is. */
  draw() {
    const fromEnd = this.#log.scrollHeight - this.#log.scrollTop;
    const wasAtEnd = this.#atEnd;
    const all = [];
    let before;
    for (const message of this.#conversation.messages) {
      all.push(...this.#day(message, before), this.#place(message, before));
      before = message;
    }
    // A reader of the screen is told of new ones only.
    this.#log.ariaLive = 'off';
    // The browser's own way to keep the reader where he is would move him once more.
    this.#log.style.overflowAnchor = 'none';
    this.#log.replaceChildren(...all);
    this.#log.scrollTop = this.#log.scrollHeight - fromEnd;
    if (wasAtEnd) this.end();
    requestAnimationFrame(() => {
      this.#log.style.overflowAnchor = '';
      this.#log.ariaLive = 'polite';
    });
  }

  append(message) {
    const before = this.#conversation.messages.at(-2);
    this.#log.append(...this.#day(message, before), this.#place(message, before));
    if (this.#atEnd || message.own) this.end();
  }

  end() {
    this.#log.scrollTop = this.#log.scrollHeight;
    this.#atEnd = true;
  }

  page(direction) {
    this.#log.scrollBy({ top: direction * this.#log.clientHeight * 0.85 });
  }

  /** Whether it is too short to be scrolled. */
  get isShort() {
    return this.#log.clientHeight > 0 && this.#log.scrollHeight <= this.#log.clientHeight + NEAR;
  }

  deliveries() {
    for (const [message, element] of this.#elements) if (message.own && !message.note) showDelivery(element, message);
  }

  /** Makes all of it anew: names or pictures have changed. */
  remake() {
    this.#elements.clear();
    this.draw();
  }

  #day(message, before) {
    const isNew = !before || dayOf(before.at) !== dayOf(message.at);
    return isNew ? [h('p', { className: 'day' }, dayOf(message.at))] : [];
  }

  #place(message, before) {
    const element = this.#elements.get(message) ?? this.#make(message);
    this.#elements.set(message, element);
    const isSame = before && !before.note && before.own === message.own && before.from === message.from;
    element.classList.toggle('together', Boolean(isSame) && message.at - before.at < TOGETHER && !message.secret);
    return element;
  }
}
