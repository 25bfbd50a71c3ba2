// Pictures of people: those that they publish (XEP-0084), and those in the vCard that a presence tells of (XEP-0153), which is
// all that occupants of rooms have. Only data that comes over the stream is shown, never an address.
//
// Event: `change`.

import { bare } from './jid.js';
import { Source } from './source.js';
import { child, NS, text, xml } from './xml.js';

const TYPES = /^image\/(?:png|jpeg|gif|webp)$/;
/** What is longer in Base64 is not shown. */
const LARGEST = 300_000;
/** Occupants of one room whose pictures are asked for. */
const MOST_OF_ROOM = 40;
const OPTIONS = { persist_items: 1, access_model: 'open' };

export class Avatars extends Source {
  /** Our own: avatar (its hash) and image (a data: URL). */
  own = {};
  #connection;
  #pep;
  #people;
  #rooms;
  #presence;
  #images = new Map();
  #asked = new Set();
  #queue = Promise.resolve();

  constructor(connection, pep, people, rooms, presence) {
    super();
    this.#connection = connection;
    this.#pep = pep;
    this.#people = people;
    this.#rooms = rooms;
    this.#presence = presence;
    pep.addEventListener(NS.avatar, ({ detail }) => this.#published(detail));
    connection.addEventListener('stanza', ({ detail }) => detail.localName === 'presence' && this.#present(detail));
    rooms.addEventListener('change', () => this.#inRooms());
  }

  get kept() {
    return this.own.avatar;
  }

  /** After a reload: asks again for what was there. */
  restore(kept) {
    this.own = { avatar: kept, isPublished: true };
  }

  fetch() {
    this.#look(this.own, this.#self);
    for (const each of this.#people) if (each.isContact) this.#look(each, each.address);
    this.#inRooms();
  }

  clear() {
    this.own = {};
    this.#asked.clear();
  }

  /** Everybody may see it. Rejects as the server says. */
  async publish(blob) {
    const { sha1 } = await import('./sha1.js');
    const bytes = new Uint8Array(await blob.arrayBuffer());
    const id = sha1(bytes);
    const data = btoa(Array.from(bytes, (each) => String.fromCharCode(each)).join(''));
    await this.#pep.publish(NS.avatarData, id, xml('data', { xmlns: NS.avatarData }, data), OPTIONS);
    const about = xml('info', { id, type: blob.type, bytes: bytes.length, width: 96, height: 96 });
    await this.#pep.publish(NS.avatar, id, xml('metadata', { xmlns: NS.avatar }, about), OPTIONS);
    this.#images.set(id, url(blob.type, data));
    this.#change(this.own, id, this.#self);
    this.#presence.announce();
  }

  /** Nobody sees one any more (XEP-0084 section 4.4). Rejects as the server says. */
  async remove() {
    await this.#pep.publish(NS.avatar, '', xml('metadata', { xmlns: NS.avatar }), OPTIONS);
    this.#change(this.own, undefined, this.#self);
    this.#presence.announce();
  }

  get #self() {
    return bare(this.#connection.address);
  }

  #published({ from, items: [{ payload } = {}] }) {
    if (payload?.localName !== 'metadata') return;
    const holder = from === this.#self ? this.own : this.#people.find(from);
    const info = [...payload.children].find((each) => !each.hasAttribute('url'));
    if (!holder || (payload.children.length > 0 && !info)) return;
    holder.isPublished = info !== undefined;
    this.#change(holder, info?.getAttribute('id') ?? undefined, from);
  }

  #present(stanza) {
    const from = bare(stanza.getAttribute('from') ?? '');
    const update = child(stanza, 'x', NS.vcardUpdate);
    const person = update && this.#people.find(from);
    const photo = update && child(update, 'photo')?.textContent.trim();
    if (!person || photo === undefined || person.isPublished) return;
    this.#change(person, photo || undefined, from);
  }

  /** They are talked to. */
  want(address) {
    this.#look(this.#people.of(address), address);
  }

  #inRooms() {
    for (const { address, occupants } of this.#rooms) {
      for (const each of [...occupants.values()].slice(0, MOST_OF_ROOM)) this.#look(each, `${address}/${each.nick}`);
    }
  }

  #change(holder, id, from) {
    holder.avatar = id;
    holder.image = this.#images.get(id);
    // To ask shows that somebody is here.
    const may = holder === this.own || holder.isContact || this.#presence.isTold(from);
    if (may) this.#look(holder, from);
    if (holder === this.own) this.#presence.photo = id ?? '';
    this.tell('change');
  }

  /** Fetches what is not there yet, one after the other, each once. */
  #look(holder, from) {
    const { avatar: id, image, isPublished } = holder;
    if (!id || image) return;
    holder.image = this.#images.get(id);
    const key = `${from} ${id}`;
    if (holder.image || this.#asked.has(key)) return;
    this.#asked.add(key);
    this.#queue = this.#queue.then(() => this.#load(from, id, isPublished)).catch(() => {});
  }

  async #load(from, id, isPublished) {
    if (this.#images.has(id)) return this.#spread(id);
    const node = async () => (from.includes('/') ? undefined : this.#fromNode(from, id).catch(() => undefined));
    const image =
      (isPublished && (await node())) || (await this.#fromVCard(from).catch(() => undefined)) || (await node());
    if (image) this.#images.set(id, image);
    this.#spread(id);
  }

  async #fromNode(from, id) {
    const [item] = await this.#pep.items(from, NS.avatarData, [id]);
    // Its kind is said elsewhere; browsers look at the data anyway.
    return item?.payload && url('image/png', item.payload.textContent);
  }

  async #fromVCard(from) {
    const result = await this.#connection.request('get', from, xml('vCard', { xmlns: NS.vcard }));
    const vcard = child(result, 'vCard', NS.vcard);
    const photo = vcard && child(vcard, 'PHOTO');
    return photo && url(text(photo, 'TYPE') || 'image/png', text(photo, 'BINVAL'));
  }

  #spread(id) {
    const occupants = [...this.#rooms].flatMap((room) => [...room.occupants.values()]);
    for (const each of [this.own, ...this.#people, ...occupants]) {
      if (each.avatar === id) each.image = this.#images.get(id);
    }
    this.tell('change');
  }
}

function url(type, data) {
  const packed = data.replace(/\s/g, '');
  const isFine = TYPES.test(type) && packed.length > 0 && packed.length <= LARGEST && /^[A-Za-z0-9+/]+=*$/.test(packed);
  return isFine ? `data:${type};base64,${packed}` : undefined;
}
