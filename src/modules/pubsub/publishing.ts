// Items: published, retracted, read (XEP-0060 sections 6.5 and 7).

import { randomUUID } from 'node:crypto';
import { type Element, standalone } from '../../xmpp/element.js';
import { StanzaError } from '../../xmpp/errors.js';
import { attribute } from '../../xmpp/escape.js';
import { type Action, type Answer, type Ask, nodeOf, pubsub, type Works } from './ask.js';
import { type Filled, filled, formIn } from './form.js';
import { badRequest, forbidden, notFound, PUBSUB, refusal, unsupported } from './names.js';
import type { NewItem, Node } from './node.js';
import { configured, hasUnknown, isMet, mostItems } from './node-config.js';
import { newNode } from './owning.js';
import { page } from './page.js';
import type { Tree } from './trees.js';

const LONGEST_ID = 1024;
const NOTHING: Filled = new Map();

/** Section 7.1. */
export const publish: Action = async (works, ask) => {
  const { tree, from, action } = ask;
  const options = optionsOf(ask);
  const items = action.getChildren('item', PUBSUB);
  if (items.length > 1) throw unsupported('multi-items');
  const there = existing(works, ask, options);
  // All that can be wrong with the item is found before a node is made for it.
  const read = itemOf(works, ask, items[0], there?.config.persist_items ?? wantsKept(works, options));
  if (there !== undefined) await needReplaceable(works, ask, there, read);
  const node = there ?? (await newNode(works, tree, from, String(action.attrs.node), options));
  await put(works, tree, node, read);
  const item = read.id === '' ? '' : `<item${attribute('id', read.id)}/>`;
  return pubsub(`<publish${attribute('node', node.name)}>${item}</publish>`);
};

/** Keeps the item, and tells of it. */
export async function put(works: Works, tree: Tree, node: Node, item: NewItem): Promise<void> {
  if (node.config.persist_items) await node.keep(item, mostItems(node.config, works.rules));
  else await node.pass(item);
  works.later(tree, () => works.notifications.published(tree, node, item));
  works.face.published(tree, node, item);
}

/** Section 7.1.5. */
function optionsOf({ request }: Ask): Filled {
  const form = formIn(request.payload.getChild('publish-options', PUBSUB));
  return form === undefined ? NOTHING : filled(form);
}

const wantsKept = (works: Works, options: Filled): boolean =>
  configured(works.face.defaults, options, works.rules).persist_items;

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
  if (!face.autoCreate) throw notFound();
  if (hasUnknown(options)) throw notMet();
  return undefined;
}

const notMet = () => refusal('cancel', 'conflict', 'precondition-not-met');

function itemOf(works: Works, { from }: Ask, item: Element | undefined, persists: boolean): NewItem {
  if (item === undefined && persists) throw badRequest('item-required');
  const payloads = item?.getChildElements() ?? [];
  if (payloads.length > 1) throw badRequest('invalid-payload');
  if (payloads.length === 0 && persists) throw badRequest('payload-required');
  const xml = payloads.length === 0 ? '' : standalone(payloads[0]);
  const said = item?.attrs.id ?? '';
  if (Buffer.byteLength(xml) > works.face.limits.max_item_bytes || said.length > LONGEST_ID) {
    works.limited('max_item_bytes');
    throw refusal('modify', 'not-acceptable', 'payload-too-big');
  }
  const id = said === '' && item !== undefined ? randomUUID() : said;
  return { id, by: from.toString(), at: Date.now(), xml };
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
    works.later(tree, () => works.notifications.retracted(tree, node, ids));
  }
  return undefined;
};

/** Section 6.5: by their ids, or the newest; the newest first. */
export const items: Action = async (works, ask): Promise<Answer> => {
  const { tree, from, action, request } = ask;
  const node = nodeOf(ask);
  await works.access.needReader(tree, node, from);
  if (!node.config.persist_items) throw unsupported('persistent-items');
  await node.known();
  const wanted = action.getChildren('item', PUBSUB).map((item) => item.attrs.id ?? '');
  if (wanted.length > 0) return pubsub(itemsXml(node, await found(node, wanted)));
  const most = mostOf(action);
  const { ids, set } = page(node.ids.slice(0, most), request.payload);
  return pubsub(itemsXml(node, await found(node, ids)) + set);
};

/** Section 6.5.9.11: those that are not there are left out; when there is none at all, that is said. */
async function found(node: Node, ids: readonly string[]): Promise<string[]> {
  const there = await node.items(ids);
  if (ids.length > 0 && there.length === 0) throw notFound();
  return there.map(({ id, xml }) => `<item${attribute('id', id)}>${xml}</item>`);
}

const itemsXml = (node: Node, all: readonly string[]): string =>
  `<items${attribute('node', node.name)}>${all.join('')}</items>`;

function mostOf({ attrs: { max_items } }: Element): number | undefined {
  if (max_items === undefined) return undefined;
  if (!/^\d{1,9}$/.test(max_items)) throw new StanzaError('modify', 'bad-request', 'max_items is a number');
  return Number(max_items);
}
