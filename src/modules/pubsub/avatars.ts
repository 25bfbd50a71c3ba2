// Avatars, wherever clients keep them (XEP-0398): one that an account publishes (XEP-0084) is in its vCard as well, and one
// that is put into the vCard is published. Clients that know of neither are not asked to say its hash in their presence
// (XEP-0153): it is written there for them.

import { createHash } from 'node:crypto';
import type { Host } from '../../core/host.js';
import type { Module } from '../../core/module.js';
import type { Routed } from '../../core/routed.js';
import { type Element, parseElement } from '../../xmpp/element.js';
import { attribute, escapeText } from '../../xmpp/escape.js';
import { Stanza } from '../../xmpp/stanza.js';
import { VCARDS, type VCards } from '../vcard.js';
import type { NewItem, Node } from './node.js';
import { PEP, type Pep } from './pep.js';
import { put } from './publishing.js';

const DATA = 'urn:xmpp:avatar:data';
const METADATA = 'urn:xmpp:avatar:metadata';
const VCARD = 'vcard-temp';
const UPDATE = 'vcard-temp:x:update';
const NAME = 'avatars';

export const avatars: Module = {
  name: NAME,
  about: 'Keeps the avatar of an account the same in its vCard and where it is published.',
  specifications: [
    { id: 'XEP-0398', name: 'User Avatar to vCard-Based Avatars Conversion', version: '1.0.0' },
    { id: 'XEP-0153', name: 'vCard-Based Avatars', version: '1.1.1' },
  ],
  needs: ['pep', 'vcard'],
  load(host) {
    const { hooks } = host;
    const pep = host.use(PEP);
    const conversion = new Conversion(host, pep, host.use(VCARDS));
    const hashes = new Hashes(host, host.use(VCARDS));
    hooks.on('vcard-changed', (event) => conversion.vcardChanged(event));
    hooks.on('disco/account', ({ features }) => void features.add('urn:xmpp:pep-vcard-conversion:0'));
    hashes.listen();
    return pep.watch((username, node, item) => conversion.published(username, node, item));
  },
};

class Conversion {
  constructor(
    readonly host: Host,
    readonly pep: Pep,
    readonly vcards: VCards,
  ) {}

  /** Section 4.1; only what everybody may see goes where everybody sees it. */
  published(username: string, node: Node, item: NewItem): void {
    if (node.name === METADATA) this.#soon(this.#toVCard(username, parseElement(item.xml || '<none/>')));
  }

  async #toVCard(username: string, metadata: Element): Promise<void> {
    const infos = metadata.getChildren('info', METADATA);
    const info = infos.find(({ attrs }) => attrs.url === undefined);
    if (infos.length === 0) return this.#update(username, undefined);
    const data = (await this.pep.engine.trees.load(username)).nodes.get(DATA);
    if (info === undefined || data?.config.access_model !== 'open') return;
    const [item] = await data.items([info.attrs.id ?? '']);
    const image = item && Buffer.from(parseElement(item.xml).getText(), 'base64');
    if (image === undefined || image.length === 0 || hashOf(image) !== info.attrs.id) return;
    await this.#update(username, { image, type: info.attrs.type ?? 'image/png' });
  }

  async #update(username: string, photo: Photo | undefined): Promise<void> {
    const before = photoIn(await this.vcards.get(username));
    if (before === undefined ? photo === undefined : photo?.image.equals(before.image)) return;
    await this.vcards.update(username, NAME, (vcard) => withPhoto(vcard, photo));
  }

  /** Section 4.2. A vCard without a photo says nothing about the avatar. */
  vcardChanged({ username, vcard, source }: { username: string; vcard: string; source: string | undefined }): void {
    const photo = source === NAME ? undefined : photoIn(vcard);
    if (photo !== undefined) this.#soon(this.#publish(username, photo));
  }

  #publish(username: string, { image, type }: Photo): Promise<void> {
    const { trees, face } = this.pep.engine;
    const id = hashOf(image);
    const data = `<data xmlns='${DATA}'>${image.toString('base64')}</data>`;
    if (Buffer.byteLength(data) > face.limits.max_item_bytes) return Promise.resolve();
    const size = `${attribute('id', id)}${attribute('bytes', image.length)}${attribute('type', type)}`;
    return trees.change(username, async (tree) => {
      if ((await tree.nodes.get(METADATA)?.last())?.id === id) return;
      await this.#put(tree, DATA, id, data);
      await this.#put(tree, METADATA, id, `<metadata xmlns='${METADATA}'><info${size}/></metadata>`);
    });
  }

  async #put(tree: Parameters<typeof put>[1], name: string, id: string, xml: string): Promise<void> {
    const { works, trees, face } = this.pep.engine;
    const there = tree.nodes.get(name);
    if (there === undefined && tree.nodes.size >= face.limits.max_nodes) return;
    const node = there ?? (await trees.create(tree, name, { ...face.defaults, access_model: 'open' }, tree.owner));
    const item = { id, by: face.address(tree.owner).toString(), at: Date.now(), xml };
    await put(works, tree, node, item, (tell) => void works.later(tree, tell));
  }

  #soon(work: Promise<void>): void {
    work.catch((error) => this.host.log.error('avatar_failed', { error }));
  }
}

/** The hashes of those who are there, in their presence (section 5). */
class Hashes {
  readonly #hashes = new Map<string, string>();

  constructor(
    readonly host: Host,
    readonly vcards: VCards,
  ) {}

  listen(): void {
    const { hooks, sessions } = this.host;
    hooks.on('session-binding', ({ session, waits }) => void waits.push(this.#read(session.jid.local)));
    hooks.on('session-closed', ({ session: { jid } }) => {
      if (sessions.of(jid.local).length === 0) this.#hashes.delete(jid.local);
    });
    hooks.on('vcard-changed', ({ username, vcard }) => {
      if (sessions.of(username).length > 0) this.#know(username, vcard);
    });
    for (const to of ['self', 'full', 'bare'] as const)
      hooks.on(`pre-presence/${to}`, (routed) => this.#write(routed), 50);
  }

  async #read(username: string): Promise<void> {
    if (!this.#hashes.has(username)) this.#know(username, await this.vcards.get(username));
  }

  #know(username: string, vcard: string | undefined): void {
    const photo = photoIn(vcard);
    if (photo === undefined) this.#hashes.delete(username);
    else this.#hashes.set(username, hashOf(photo.image));
  }

  /** A client that says something about its avatar is left alone; one that says that it knows nothing is not. */
  #write(routed: Routed): void {
    const hash = this.#hashes.get(routed.from.local);
    if (hash === undefined || routed.type !== undefined) return;
    const tree = parseElement(routed.stanza.raw.toString());
    const said = tree.getChild('x', UPDATE);
    if (said?.getChild('photo', UPDATE) !== undefined) return;
    if (said !== undefined) tree.remove(said);
    tree.cnode(parseElement(`<x xmlns='${UPDATE}'><photo>${escapeText(hash)}</photo></x>`));
    routed.stanza = Stanza.from(tree);
  }
}

interface Photo {
  readonly image: Buffer;
  readonly type: string;
}

const hashOf = (image: Buffer): string => createHash('sha1').update(image).digest('hex');

function photoIn(vcard: string | undefined): Photo | undefined {
  if (vcard?.includes('BINVAL') !== true) return undefined;
  const photo = parseElement(vcard).getChild('PHOTO', VCARD);
  const image = Buffer.from(photo?.getChildText('BINVAL', VCARD) ?? '', 'base64');
  return image.length === 0 ? undefined : { image, type: photo?.getChildText('TYPE', VCARD) ?? 'image/png' };
}

function withPhoto(vcard: string | undefined, photo: Photo | undefined): string {
  const tree = parseElement(vcard ?? `<vCard xmlns='${VCARD}'/>`);
  for (const old of tree.getChildren('PHOTO', VCARD)) tree.remove(old);
  if (photo !== undefined) {
    const added = tree.c('PHOTO');
    added.c('TYPE').t(photo.type);
    added.c('BINVAL').t(photo.image.toString('base64'));
  }
  return tree.toString();
}
