// What a node tells: its subscribers, and whoever else listens, of items and of itself (XEP-0060 sections 7.1.2, 7.2.2, 8);
// single addresses of what became of their subscriptions and affiliations.

import { Routed } from '../../core/routed.js';
import { attribute } from '../../xmpp/escape.js';
import type { JID } from '../../xmpp/jid.js';
import { NS } from '../../xmpp/ns.js';
import { Stanza } from '../../xmpp/stanza.js';
import { delayed } from '../delay.js';
import type { Access } from './access.js';
import type { Face } from './face.js';
import { EVENT } from './names.js';
import type { NewItem, Node } from './node.js';
import type { Tree } from './trees.js';

export class Notifications {
  constructor(
    readonly face: Face,
    readonly access: Access,
  ) {}

  async published(tree: Tree, node: Node, item: NewItem): Promise<void> {
    await this.#toAll(tree, node, itemsXml(node, item));
  }

  async retracted(tree: Tree, node: Node, ids: readonly string[]): Promise<void> {
    const gone = ids.map((id) => `<retract${attribute('id', id)}/>`).join('');
    await this.#toAll(tree, node, `<items${attribute('node', node.name)}>${gone}</items>`);
  }

  /** `event` is what stands in the event element: purge, delete, configuration. */
  async changed(tree: Tree, node: Node, event: string): Promise<void> {
    await this.#toAll(tree, node, event);
  }

  /** The last item, to one who came. */
  last(tree: Tree, node: Node, item: NewItem, to: JID): void {
    if (!node.config.deliver_notifications) return;
    const from = this.face.address(tree.owner);
    const stanza = message(from, to, event(itemsXml(node, item)));
    this.#send(tree, to, delayed(stanza, from.toString(), item.at));
  }

  /** To one address, whatever it is. */
  tell(tree: Tree, to: JID, content: string, type: 'headline' | 'normal' = 'headline'): void {
    const from = this.face.address(tree.owner);
    this.#send(tree, to, message(from, to, content, type));
  }

  async #toAll(tree: Tree, node: Node, inside: string): Promise<void> {
    if (!node.config.deliver_notifications) return;
    const from = this.face.address(tree.owner);
    const content = event(inside);
    const tell = (to: JID) => this.#send(tree, to, message(from, to, content));
    for (const [address, state] of [...node.record.subscriptions]) {
      const jid = this.face.host.addresses.read(address);
      // Who was let in once may have left the roster since.
      if (state === 'subscribed' && (await this.access.mayRead(tree, node, jid))) tell(jid);
    }
    await this.face.audience(tree, node, tell);
  }

  #send({ owner }: Tree, to: JID, stanza: Stanza): void {
    if (this.face.silent(owner, to)) return;
    this.face.host.send(new Routed(stanza, 'message', stanza.type, this.face.address(owner), to));
  }
}

export const event = (inside: string): string => `<event xmlns='${EVENT}'>${inside}</event>`;

function itemsXml(node: Node, { id, xml }: NewItem): string {
  const payload = node.config.deliver_payloads ? xml : '';
  // Section 7.1.2.2: a node that keeps nothing and publishes nothing has no item to name.
  const item = id === '' ? '' : `<item${attribute('id', id)}>${payload}</item>`;
  return `<items${attribute('node', node.name)}>${item}</items>`;
}

function message(from: JID, to: JID, content: string, type: 'headline' | 'normal' = 'headline'): Stanza {
  const addresses = `${attribute('from', from.toString())}${attribute('to', to.toString())}`;
  return new Stanza(
    Buffer.from(`<message xmlns='${NS.client}' type='${type}'${addresses}>${content}</message>`),
    NS.client,
  );
}
