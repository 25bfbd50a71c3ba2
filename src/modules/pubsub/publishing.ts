// Items: published, retracted, read (XEP-0060 sections 6.5 and 7).

import { randomUUID } from 'node:crypto';
import { type Element, standalone } from '../../xmpp/element.js';
import { StanzaError } from '../../xmpp/errors.js';
import { attribute } from '../../xmpp/escape.js';
import { type Filled, filled, formIn } from '../data-form.js';
import { type Action, type Answer, type Ask, missing, nodeOf, pubsub, tellLater, type Works } from './ask.js';
import { badRequest, forbidden, notFound, PUBSUB, refusal, unsupported } from './names.js';
import type { NewItem, Node } from './node.js';
import { configured, hasUnknown, isMet, mostItems, type NodeConfig } from './node-config.js';
import { itemXml } from './notifications.js';
import { newNode } from './owning.js';
import { type Page, page, setXml } from './page.js';
import { endAll } from './subscribing.js';
import type { Tree } from './trees.js';

const LONGEST_ID = 1024;
const READ_AT_ONCE = 20;
const NOTHING: Filled = new Map();

/** Section 7.1. */
export const publish: Action = async (works, ask) => {
  const { tree, from, action } = ask;
  const options = optionsOf(ask);
  const items = action.getChildren('item', PUBSUB);
  // Section 7.1.1: there are no batches.
  if (items.length > 1) throw badRequest('invalid-payload');
  const there = existing(works, ask, options);
  // All that can be wrong with the item is found before a node is made for it.
  const read = itemOf(works, ask, items[0], there?.config ?? configured(works.face.defaults, options, works.rules));
  if (there !== undefined) await needReplaceable(works, ask, there, read);
  const node = there ?? (await newNode(works, tree, from, String(action.attrs.node), options));
  await put(works, tree, node, read, (told) => tellLater(works, ask, told));
  const item = read.id === '' ? '' : `<item${attribute('id', read.id)}/>`;
  return pubsub(`<publish${attribute('node', node.name)}>${item}</publish>`);
};

/** Keeps the item, and gives what tells others of it. */
export async function put(
  works: Works,
  tree: Tree,
  node: Node,
  item: NewItem,
  later: (tell: () => unknown) => void,
): Promise<void> {
  const gone = await kept(works, node, item);
  const { notifications } = works;
  if (gone.length > 0 && node.config.publish_node_full === 'retract-oldest') {
    later(() => notifications.retracted(tree, node, gone));
  }
  later(async () => endAll(works, tree, node, await notifications.published(tree, node, item)));
  works.face.published(tree, node, item);
}

/** Resolves to the ids of those that had to go for it. Section 7.1.3.4: or there is no room for it. */
async function kept({ rules, face }: Works, node: Node, item: NewItem): Promise<string[]> {
  const { config } = node;
  if (!config.persist_items) {
    await node.pass(item);
    return [];
  }
  const room = { items: mostItems(config, rules), bytes: face.limits.max_node_bytes };
  const gone = await node.displaced(item, room);
  if (gone.length > 0 && config.publish_node_full === 'reject') throw refusal('cancel', 'conflict', 'node-full');
  await node.keep(item, gone);
  return gone;
}

/** Section 7.1.5. */
function optionsOf({ request }: Ask): Filled {
  const form = formIn(request.payload.getChild('publish-options', PUBSUB));
  return form === undefined ? NOTHING : filled(form);
}

/** The node that is published to; undefined when it is to be made. */
function existing(works: Works, ask: Ask, options: Filled): Node | undefined {
  const { tree, from, action } = ask;
  const name = action.attrs.node ?? '';
  if (name === '') throw badRequest('nodeid-required');
  const node = tree.nodes.get(name);
  if (node !== undefined) {
    works.access.needPublisher(tree, node, from);
    if (!isMet(node.config, options, works.rules)) throw notMet();
    return node;
  }
  const { face } = works;
  if (!face.mayCreate(tree.owner, from)) throw forbidden();
  if (!face.autoCreate) throw missing(tree, name);
  if (hasUnknown(options, works.rules)) throw notMet();
  return undefined;
}

const notMet = () => refusal('cancel', 'conflict', 'precondition-not-met');

function itemOf(works: Works, { from }: Ask, item: Element | undefined, config: NodeConfig): NewItem {
  const payloads = item?.getChildElements() ?? [];
  needConformity(config, item, payloads);
  const xml = payloads.length === 0 ? '' : standalone(payloads[0]);
  const said = item?.attrs.id ?? '';
  if (Buffer.byteLength(xml) > works.face.limits.max_item_bytes || said.length > LONGEST_ID) {
    works.limited('max_item_bytes');
    throw refusal('modify', 'not-acceptable', 'payload-too-big');
  }
  const id = said === '' && item !== undefined ? randomUUID() : said;
  return { id, by: from.toString(), at: Date.now(), xml };
}

/** Sections 7.1.3.6 and 7.1.3.7: what an item has to have depends on what its node keeps and tells. */
function needConformity(
  { persist_items, deliver_payloads }: NodeConfig,
  item: Element | undefined,
  payloads: readonly Element[],
): void {
  if (item === undefined && persist_items) throw badRequest('item-required');
  if (item !== undefined && !persist_items && !deliver_payloads) throw badRequest('item-forbidden');
  if (payloads.length > 1) throw badRequest('invalid-payload');
  if (payloads.length === 0 && deliver_payloads) throw badRequest('payload-required');
}

/** An item of somebody else is not written over. */
async function needReplaceable({ access }: Works, { tree, from }: Ask, node: Node, { id }: NewItem): Promise<void> {
  const before = node.config.persist_items ? (await node.known()).get(id) : undefined;
  if (before !== undefined && !access.mayReplace(tree, node, from, before.by)) throw forbidden();
}

/** Section 7.2. */
export const retract: Action = async (works, ask) => {
  const { tree, from, action } = ask;
  const node = nodeOf(ask);
  works.access.needPublisher(tree, node, from);
  const ids = action.getChildren('item', PUBSUB).map((item) => item.attrs.id ?? '');
  if (ids.length === 0 || ids.includes('')) throw badRequest('item-required');
  if (!node.config.persist_items) throw unsupported('persistent-items');
  const known = await node.known();
  for (const id of ids) {
    const item = known.get(id);
    if (item === undefined) throw notFound();
    if (!works.access.mayReplace(tree, node, from, item.by)) throw forbidden();
  }
  await node.retract(ids);
  const { notify } = action.attrs;
  const told = node.config.notify_retract || notify === '1' || notify === 'true';
  if (told && notify !== '0' && notify !== 'false') {
    tellLater(works, ask, () => works.notifications.retracted(tree, node, ids));
  }
  return undefined;
};

/** Section 6.5: by their ids, or the newest; the newest first. */
export const items: Action = async (works, ask): Promise<Answer> => {
  const { tree, from, action, request } = ask;
  const node = nodeOf(ask);
  await works.access.needReader(tree, node, from);
  if (!node.config.persist_items) throw unsupported('persistent-items');
  const wanted = action.getChildren('item', PUBSUB).map((item) => item.attrs.id ?? '');
  if (wanted.length > 0) {
    const known = await node.known();
    // Section 6.5.9.12: those that are not there are left out.
    const there = [...new Set(wanted)].filter((id) => known.has(id));
    return pubsub(await answer(works, node, there, { ids: there, set: '', backwards: false }));
  }
  const all = (await node.ids()).slice(0, mostOf(action));
  return pubsub(await answer(works, node, all, page(all, request.payload)));
};

/** As many items of the page as an answer has place for, but one; section 6.5.4: and which they are, when they are not all. */
async function answer(works: Works, node: Node, all: readonly string[], asked: Page): Promise<string> {
  const { max_answer_bytes } = works.face.limits;
  const ids = asked.backwards ? [...asked.ids].reverse() : asked.ids;
  const shown: { id: string; xml: string }[] = [];
  let bytes = 0;
  for (let i = 0; i < ids.length && bytes <= max_answer_bytes; i += READ_AT_ONCE) {
    for (const item of await node.items(ids.slice(i, i + READ_AT_ONCE))) {
      const xml = itemXml(node, item);
      bytes += Buffer.byteLength(xml);
      if (bytes > max_answer_bytes && shown.length > 0) break;
      shown.push({ id: item.id, xml });
    }
  }
  if (asked.backwards) shown.reverse();
  const inside = itemsXml(
    node,
    shown.map(({ xml }) => xml),
  );
  if (bytes <= max_answer_bytes || shown.length === ids.length) return inside + asked.set;
  works.limited('max_answer_bytes');
  return (
    inside +
    setXml(
      all,
      shown.map(({ id }) => id),
    )
  );
}

const itemsXml = (node: Node, all: readonly string[]): string =>
  `<items${attribute('node', node.name)}>${all.join('')}</items>`;

function mostOf({ attrs: { max_items } }: Element): number | undefined {
  if (max_items === undefined) return undefined;
  if (!/^\d{1,9}$/.test(max_items)) throw new StanzaError('modify', 'bad-request', 'max_items is a number');
  return Number(max_items);
}
