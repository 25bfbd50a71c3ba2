// What a node tells: its subscribers, and whoever else listens, of items and of itself (XEP-0060 sections 7.1.2, 7.2.2, 8);
// single addresses of what became of their subscriptions and affiliations. What all are told is written once.

import { randomUUID } from 'node:crypto';
import { setImmediate as turn } from 'node:timers/promises';
import { Routed } from '../../core/routed.js';
import { parseElement } from '../../xmpp/element.js';
import { attribute, escapeText } from '../../xmpp/escape.js';
import type { JID } from '../../xmpp/jid.js';
import { NS } from '../../xmpp/ns.js';
import { Stanza } from '../../xmpp/stanza.js';
import { delayed } from '../delay.js';
import type { Access } from './access.js';
import type { Face } from './face.js';
import { EVENT } from './names.js';
import type { NewItem, Node } from './node.js';
import { SHOWS } from './subscription-options.js';
import type { Subscription } from './subscriptions.js';
import type { Tree } from './trees.js';

/** So many are told before others have their turn: some milliseconds. */
const AT_ONCE = 100;

interface Told {
  /** What stands in the event element. */
  readonly event: string;
  /** Those who wait for a decision are told too. */
  readonly pending?: boolean;
  readonly item?: NewItem;
}

export class Notifications {
  constructor(
    readonly face: Face,
    readonly access: Access,
  ) {}

  published(tree: Tree, node: Node, item: NewItem): Promise<string[]> {
    return this.#toAll(tree, node, { event: itemsXml(node, item), item });
  }

  retracted(tree: Tree, node: Node, ids: readonly string[]): Promise<string[]> {
    const gone = ids.map((id) => `<retract${attribute('id', id)}/>`).join('');
    return this.#toAll(tree, node, { event: `<items${attribute('node', node.name)}>${gone}</items>` });
  }

  /** Of the node: that it is empty, or has another configuration. */
  changed(tree: Tree, node: Node, event: string): Promise<string[]> {
    return this.#toAll(tree, node, { event });
  }

  deleted(tree: Tree, node: Node, event: string): Promise<string[]> {
    return this.#toAll(tree, node, { event, pending: true });
  }

  /** The last item, to one who came. */
  last(tree: Tree, node: Node, item: NewItem, to: JID): void {
    if (!node.config.deliver_notifications) return;
    const from = this.face.address(tree.owner);
    const envelope = new Envelope(from, event(itemsXml(node, item)), node.config.notification_type);
    this.#send(tree, to, delayed(envelope.to(to), from.toString(), item.at));
  }

  /** To one address, whatever it is. */
  tell(tree: Tree, to: JID, content: string, type: 'headline' | 'normal' = 'headline'): void {
    this.#send(tree, to, new Envelope(this.face.address(tree.owner), content, type).to(to));
  }

  /** Resolves to the addresses that are subscribed and may not hear of it any more. */
  async #toAll(tree: Tree, node: Node, told: Told): Promise<string[]> {
    if (!node.config.deliver_notifications) return [];
    const letter = new Letter(this.face.address(tree.owner), node, told);
    const lost: string[] = [];
    let count = 0;
    const tell = async (to: JID, body = false) => {
      this.#send(tree, to, letter.to(to, body));
      if (++count % AT_ONCE === 0) await turn();
    };
    for (const [address, subscription] of node.record.subscriptions.entries) {
      const jid = this.face.host.addresses.read(address);
      if (subscription.state === 'pending') {
        if (told.pending === true) await tell(jid);
        continue;
      }
      // Who was let in once may have left the roster since.
      const may = this.access.mayRead(tree, node, jid);
      if (may !== true && !(await may)) lost.push(address);
      else if (this.#hears(jid, subscription)) await tell(jid, subscription.options.include_body);
    }
    await this.face.audience(tree, node, tell);
    return lost;
  }

  #hears(jid: JID, { options }: Subscription): boolean {
    if (!options.deliver) return false;
    if (options['show-values'].length === SHOWS.length) return true;
    const shows = this.face.shows?.(jid);
    return shows === undefined || shows.some((show) => options['show-values'].includes(show));
  }

  #send({ owner }: Tree, to: JID, stanza: Stanza): void {
    if (this.face.silent(owner, to)) return;
    this.face.host.send(new Routed(stanza, 'message', stanza.type, this.face.address(owner), to));
  }
}

/** One event, with and without a body. */
class Letter {
  readonly #plain: Envelope;
  readonly #id = randomUUID();
  #withBody: Envelope | undefined;

  constructor(
    readonly from: JID,
    readonly node: Node,
    readonly told: Told,
  ) {
    this.#plain = new Envelope(from, event(told.event), node.config.notification_type, this.#id);
  }

  to(jid: JID, body: boolean): Stanza {
    return (body ? this.#bodied : this.#plain).to(jid);
  }

  get #bodied(): Envelope {
    const { item, event: inside } = this.told;
    const body = item === undefined ? undefined : bodyOf(item);
    if (body === undefined) return this.#plain;
    const content = `${event(inside)}<body>${escapeText(body)}</body>`;
    this.#withBody ??= new Envelope(this.from, content, this.node.config.notification_type, this.#id);
    return this.#withBody;
  }
}

/** A message in bytes, but for whom it is to. */
class Envelope {
  readonly #head: Buffer;
  readonly #tail: Buffer;

  constructor(from: JID, content: string, type: 'headline' | 'normal', id: string = randomUUID()) {
    const said = `${attribute('from', from.toString())} type='${type}' id='${id}'`;
    this.#head = Buffer.from(`<message xmlns='${NS.client}'${said}`);
    this.#tail = Buffer.from(`>${content}</message>`);
  }

  to(jid: JID): Stanza {
    return new Stanza(Buffer.concat([this.#head, Buffer.from(attribute('to', jid.toString())), this.#tail]), NS.client);
  }
}

export const event = (inside: string): string => `<event xmlns='${EVENT}'>${inside}</event>`;

function itemsXml(node: Node, item: NewItem): string {
  // Section 7.1.2.2: a node that keeps nothing and publishes nothing has no item to name.
  const shown = item.id === '' ? '' : itemXml(node, item, node.config.deliver_payloads);
  return `<items${attribute('node', node.name)}>${shown}</items>`;
}

/** Section 7.1.2.3: who published it is the server's to say. */
export function itemXml({ config }: Node, { id, by, xml }: NewItem, payload = true): string {
  const publisher = config.itemreply === 'publisher' ? by : undefined;
  return `<item${attribute('id', id)}${attribute('publisher', publisher)}>${payload ? xml : ''}</item>`;
}

export const ATOM = 'http://www.w3.org/2005/Atom';

/** Section 12.7: a summary, or else the title. */
function bodyOf({ xml }: NewItem): string | undefined {
  if (!xml.includes(ATOM)) return undefined;
  const entry = parseElement(xml);
  return entry.getChildText('summary', ATOM) ?? entry.getChildText('title', ATOM) ?? undefined;
}
