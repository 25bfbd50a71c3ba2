// Subscriptions of those who ask for them (XEP-0060 sections 5.6, 5.7, 6.1 and 6.2), and requests that owners decide
// about (section 8.6). An address has one subscription at a node; it has no options.

import type { Routed } from '../../core/routed.js';
import { attribute } from '../../xmpp/escape.js';
import type { JID } from '../../xmpp/jid.js';
import { bareOf } from './access.js';
import { type Action, type Ask, nodeOf, pubsub, subscriptionXml, type Works } from './ask.js';
import { filled, formIn, formXml } from './form.js';
import { badRequest, forbidden, PUBSUB, refusal, unsupported } from './names.js';
import type { Node, SubscriptionState } from './node.js';
import { event } from './notifications.js';
import type { Tree } from './trees.js';

/** Section 6.1. */
export const subscribe: Action = async (works, ask) => {
  const { tree, from, request } = ask;
  const jid = subscriberOf(works, ask);
  if (jid.bare.toString() !== from.bare.toString()) throw badRequest('invalid-jid');
  const node = nodeOf(ask);
  if (formIn(request.payload.getChild('options', PUBSUB)) !== undefined) throw unsupported('subscription-options');
  const becomes = await works.access.needSubscriber(tree, node, from);
  const isOwner = works.access.affiliation(tree, node, from) === 'owner';
  if (!node.config.subscribe && !isOwner) throw unsupported('subscribe');
  const address = jid.toString();
  const is = node.record.subscriptions.get(address);
  if (is === 'pending' && becomes === 'pending') throw refusal('auth', 'not-authorized', 'pending-subscription');
  const now = is === 'subscribed' ? is : becomes;
  if (now !== is) await setSubscription(works, tree, node, address, now);
  if (now === 'pending') askOwners(works, tree, node, address);
  else if (is !== 'subscribed') await sendLast(works, tree, node, jid);
  return pubsub(subscriptionXml(node.name, address, now));
};

/** Section 6.2. */
export const unsubscribe: Action = async (works, ask) => {
  const { tree, from, action } = ask;
  const jid = subscriberOf(works, ask);
  const node = nodeOf(ask);
  if (jid.bare.toString() !== from.bare.toString()) throw forbidden();
  const address = jid.toString();
  if (!node.record.subscriptions.has(address)) throw refusal('cancel', 'unexpected-request', 'not-subscribed');
  if (action.attrs.subid !== undefined) throw refusal('modify', 'not-acceptable', 'invalid-subid');
  await setSubscription(works, tree, node, address, undefined);
  return pubsub(subscriptionXml(node.name, address, 'none'));
};

/** Section 5.6: his own, at one node or at all. */
export const subscriptions: Action = async (_works, ask) => {
  const { tree, from, action } = ask;
  const nodes = action.attrs.node === undefined ? [...tree.nodes.values()] : [nodeOf(ask)];
  const bare = from.bare.toString();
  const own = nodes.flatMap((node) =>
    [...node.record.subscriptions]
      .filter(([address]) => bareOf(address) === bare)
      .map(([address, state]) => subscriptionXml(node.name, address, state)),
  );
  return pubsub(`<subscriptions${attribute('node', action.attrs.node)}>${own.join('')}</subscriptions>`);
};

/** Section 5.7. */
export const affiliations: Action = async ({ access }, ask) => {
  const { tree, from, action } = ask;
  const nodes = action.attrs.node === undefined ? [...tree.nodes.values()] : [nodeOf(ask)];
  const own = nodes
    .map((node) => ({ node, affiliation: access.affiliation(tree, node, from) }))
    .filter(({ affiliation }) => affiliation !== 'none')
    .map(
      ({ node, affiliation }) =>
        `<affiliation${attribute('node', node.name)}${attribute('affiliation', affiliation)}/>`,
    );
  return pubsub(`<affiliations${attribute('node', action.attrs.node)}>${own.join('')}</affiliations>`);
};

function subscriberOf({ face }: Works, { action }: Ask): JID {
  const { jid } = action.attrs;
  if (jid === undefined || jid === '') throw badRequest('jid-required');
  try {
    return face.host.addresses.read(jid);
  } catch {
    throw badRequest('invalid-jid');
  }
}

/** Undefined: there is none any more. */
async function setSubscription(
  works: Works,
  tree: Tree,
  node: Node,
  address: string,
  state: SubscriptionState | undefined,
): Promise<void> {
  const all = new Map(node.record.subscriptions);
  if (state === undefined) all.delete(address);
  else all.set(address, state);
  needRoom(works, node, all.size);
  await works.trees.write(tree, node, { subscriptions: all });
}

export function needRoom(works: Works, node: Node, size: number): void {
  if (size <= works.face.limits.max_subscriptions || size <= node.record.subscriptions.size) return;
  works.limited('max_subscriptions');
  throw refusal('wait', 'policy-violation', 'too-many-subscriptions');
}

/** Section 6.1.7. */
export async function sendLast(works: Works, tree: Tree, node: Node, to: JID): Promise<void> {
  if (node.config.send_last_published_item === 'never') return;
  const item = await node.last();
  if (item !== undefined) works.later(tree, async () => works.notifications.last(tree, node, item, to));
}

const AUTHORIZATION = `${PUBSUB}#subscribe_authorization`;

/** Section 8.6.1. */
function askOwners(works: Works, tree: Tree, node: Node, address: string): void {
  const form = formXml('form', AUTHORIZATION, [
    { name: 'pubsub#node', type: 'text-single', values: [node.name] },
    { name: 'pubsub#subscriber_jid', type: 'jid-single', values: [address] },
    { name: 'pubsub#allow', type: 'boolean', label: 'Let this address subscribe?', values: ['0'] },
  ]);
  for (const owner of ownersOf(works, tree, node)) works.notifications.tell(tree, owner, form, 'normal');
}

function ownersOf({ face }: Works, tree: Tree, node: Node): JID[] {
  const owners = [...node.record.affiliations].filter(([, affiliation]) => affiliation === 'owner');
  const jids = owners.map(([bare]) => face.host.addresses.read(bare));
  return tree.owner === '' ? jids : [face.address(tree.owner), ...jids];
}

/** Whether a message is an owner's decision. */
export const isDecision = ({ stanza }: Routed): boolean =>
  stanza.raw.includes(AUTHORIZATION) && formIn(stanza.tree)?.attrs.type === 'submit';

/** Section 8.6.2: an owner decides about a request. Throws StanzaError when it is not his to decide. */
export async function decide(works: Works, tree: Tree, { from, stanza }: Routed): Promise<void> {
  const form = formIn(stanza.tree);
  if (form === undefined) return;
  const said = filled(form);
  const value = (name: string) => said.get(name)?.[0] ?? '';
  const node = tree.nodes.get(value('pubsub#node'));
  if (node === undefined) return;
  works.access.needOwner(tree, node, from);
  const jid = works.face.host.addresses.read(value('pubsub#subscriber_jid'));
  const address = jid.toString();
  if (node.record.subscriptions.get(address) !== 'pending') return;
  const allowed = ['1', 'true'].includes(value('pubsub#allow'));
  await setSubscription(works, tree, node, address, allowed ? 'subscribed' : undefined);
  tellSubscription(works, tree, node, jid, allowed ? 'subscribed' : 'none');
  if (allowed) await sendLast(works, tree, node, jid);
}

/** Somebody else changed it. */
export function tellSubscription(works: Works, tree: Tree, node: Node, jid: JID, state: string): void {
  works.notifications.tell(tree, jid, event(subscriptionXml(node.name, jid.toString(), state)));
}
