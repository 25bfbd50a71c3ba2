// Subscriptions of those who ask for them (XEP-0060 sections 5.6, 5.7, 6.1 to 6.4), and requests that owners decide
// about (section 8.6). An address has one subscription at a node.

import { Breather } from '../../core/breather.js';
import type { Routed } from '../../core/routed.js';
import { StanzaError } from '../../xmpp/errors.js';
import { attribute } from '../../xmpp/escape.js';
import type { JID } from '../../xmpp/jid.js';
import { type Filled, filled, formIn, formXml, truth } from '../data-form.js';
import {
  type Action,
  type Ask,
  addressIn,
  companion,
  nodeOf,
  pubsub,
  subscriptionXml,
  tellLater,
  type Works,
} from './ask.js';
import { badRequest, forbidden, notFound, PUBSUB, refusal, unsupported } from './names.js';
import type { Node } from './node.js';
import { ATOM, event } from './notifications.js';
import { DEFAULTS, type OptionRules, optionsForm, withOptions } from './subscription-options.js';
import type { Subscription, SubscriptionState } from './subscriptions.js';
import type { Tree } from './trees.js';

const NOTHING: Filled = new Map();

/** Section 6.1; section 6.3.7: with options. */
export const subscribe: Action = async (works, ask) => {
  const { tree, from, action } = ask;
  const jid = addressIn(works, action);
  if (jid.bare.toString() !== from.bare.toString()) throw badRequest('invalid-jid');
  const node = nodeOf(ask);
  const form = formIn(companion(ask, 'options'));
  const becomes = await works.access.needSubscriber(tree, node, from);
  const isOwner = works.access.affiliation(tree, node, from) === 'owner';
  if (!node.config.subscribe && !isOwner) throw unsupported('subscribe');
  const address = jid.toString();
  const is = node.record.subscriptions.get(address);
  if (is?.state === 'pending' && becomes === 'pending') throw refusal('auth', 'not-authorized', 'pending-subscription');
  const state = is?.state === 'subscribed' ? is.state : becomes;
  const said = form === undefined ? NOTHING : filled(form);
  const options = withOptions(is?.options ?? DEFAULTS, said, optionRules(works, node));
  if (is === undefined) needFewAddresses(works, node, from);
  if (state !== is?.state || said.size > 0) await setSubscription(works, tree, node, address, { state, options });
  if (state === 'pending') askOwners(works, ask, node, address);
  else if (is?.state !== 'subscribed') {
    tellOwners(works, ask, node, address, state);
    await sendLast(works, tree, node, jid);
  }
  const shown =
    form === undefined ? '' : `<options>${optionsForm(options, optionRules(works, node), 'result')}</options>`;
  return pubsub(subscriptionXml(node.name, address, state) + shown);
};

/** Section 6.2. There are no ids of subscriptions: one that is said does not matter (section 6.2.3.5). */
export const unsubscribe: Action = async (works, ask) => {
  const { node, address, is } = ownSubscription(works, ask);
  await setSubscription(works, ask.tree, node, address, undefined);
  if (is.state === 'subscribed') tellOwners(works, ask, node, address, 'none');
  return pubsub(subscriptionXml(node.name, address, 'none'));
};

/** Section 6.3.2. */
export const options: Action = async (works, ask) => {
  const { node, address, is } = ownSubscription(works, ask);
  const form = optionsForm(is.options, optionRules(works, node));
  return pubsub(`<options${attribute('node', node.name)}${attribute('jid', address)}>${form}</options>`);
};

/** Section 6.3.5. */
export const setOptions: Action = async (works, ask) => {
  const { node, address, is } = ownSubscription(works, ask);
  const form = formIn(ask.action);
  if (form === undefined) throw badRequest('invalid-options');
  if (form.attrs.type === 'cancel') return undefined;
  const after = withOptions(is.options, filled(form), optionRules(works, node));
  await setSubscription(works, ask.tree, node, address, { ...is, options: after });
  return undefined;
};

/** Section 6.4. */
export const defaultOptions: Action = async (works, ask) => {
  const { node: name } = ask.action.attrs;
  const rules = optionRules(works, name === undefined ? undefined : nodeOf(ask));
  return pubsub(`<default${attribute('node', name)}>${optionsForm(DEFAULTS, rules)}</default>`);
};

/** Section 12.7: a body can be offered where payloads are understood. */
const optionRules = ({ face }: Works, node: Node | undefined): OptionRules => ({
  presence: face.shows !== undefined,
  bodies: node?.config.type === ATOM,
});

/** The subscription that he speaks of, which has to be his. Throws StanzaError. */
function ownSubscription(works: Works, ask: Ask): { node: Node; address: string; is: Subscription } {
  const jid = addressIn(works, ask.action);
  const node = nodeOf(ask);
  if (jid.bare.toString() !== ask.from.bare.toString()) throw forbidden();
  const address = jid.toString();
  const is = node.record.subscriptions.get(address);
  if (is === undefined) throw refusal('cancel', 'unexpected-request', 'not-subscribed');
  return { node, address, is };
}

/** Section 5.6: his own, at one node or at all. */
export const subscriptions: Action = async (_works, ask) => {
  const { tree, from, action } = ask;
  const nodes = action.attrs.node === undefined ? [...tree.nodes.values()] : [nodeOf(ask)];
  const bare = from.bare.toString();
  const own = nodes.flatMap((node) =>
    node.record.subscriptions.of(bare).map(([address, { state }]) => subscriptionXml(node.name, address, state)),
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

/** Undefined: there is none any more. */
async function setSubscription(
  works: Works,
  tree: Tree,
  node: Node,
  address: string,
  subscription: Subscription | undefined,
): Promise<void> {
  const subscriptions = node.record.subscriptions.with([[address, subscription]]);
  if (subscription !== undefined) needRoom(works, node, subscriptions.entries.length);
  await works.trees.write(tree, node, { subscriptions });
}

export function needRoom(works: Works, node: Node, size: number): void {
  if (size <= works.face.limits.max_subscriptions || size <= node.record.subscriptions.entries.length) return;
  works.limited('max_subscriptions');
  throw refusal('wait', 'policy-violation', 'too-many-subscriptions');
}

/** Section 6.1.3.9: nobody fills a node with addresses of his own. */
function needFewAddresses(works: Works, node: Node, from: JID): void {
  if (node.record.subscriptions.of(from.bare.toString()).length < works.face.limits.max_addresses) return;
  works.limited('max_addresses');
  throw refusal('wait', 'policy-violation', 'too-many-subscriptions');
}

/** Those who may not hear of the node any more are not subscribed any more (XEP-0163 section 7.1). */
export async function endAll(works: Works, tree: Tree, node: Node, addresses: readonly string[]): Promise<void> {
  if (addresses.length === 0) return;
  // They may have been read anew since.
  await works.trees.change(tree.owner, async (now) => {
    const there = now.nodes.get(node.name);
    if (there?.record.uid !== node.record.uid) return;
    const lost: string[] = [];
    for (const address of addresses) {
      const may = await works.access.mayRead(now, there, works.face.host.addresses.read(address));
      if (!may && there.record.subscriptions.get(address)?.state === 'subscribed') lost.push(address);
    }
    if (lost.length === 0) return;
    const subscriptions = there.record.subscriptions.with(lost.map((address) => [address, undefined]));
    await works.trees.write(now, there, { subscriptions });
    for (const address of lost) tellSubscription(works, now, there, works.face.host.addresses.read(address), 'none');
  });
}

/** Section 6.1.7. */
export async function sendLast(works: Works, tree: Tree, node: Node, to: JID): Promise<void> {
  if (node.config.send_last_published_item === 'never') return;
  const item = await node.last();
  if (item !== undefined) void works.later(tree, () => works.notifications.last(tree, node, item, to));
}

const AUTHORIZATION = `${PUBSUB}#subscribe_authorization`;

/** Section 8.6.1. */
function askOwners(works: Works, ask: Ask, node: Node, address: string): void {
  tellLater(works, ask, () =>
    inParts(ownersOf(works, ask.tree, node), (to) => askAbout(works, ask.tree, node, address, to)),
  );
}

/** A few at a time: others have their turn in between. */
export async function inParts<T>(all: readonly T[], work: (one: T) => void): Promise<void> {
  const breather = new Breather();
  for (const one of all) {
    work(one);
    await breather.breathe();
  }
}

/** Whether this address may subscribe. */
export function askAbout(works: Works, tree: Tree, node: Node, address: string, owner: JID): void {
  const form = formXml('form', AUTHORIZATION, [
    { name: 'pubsub#node', type: 'text-single', value: node.name },
    { name: 'pubsub#subscriber_jid', type: 'jid-single', value: address },
    { name: 'pubsub#allow', type: 'boolean', label: 'Let this address subscribe?', value: false },
  ]);
  works.notifications.tell(tree, owner, form, 'normal');
}

/** `pubsub#notify_sub`. */
function tellOwners(works: Works, ask: Ask, node: Node, address: string, state: SubscriptionState | 'none'): void {
  if (!node.config.notify_sub) return;
  const said = event(subscriptionXml(node.name, address, state));
  const { tree } = ask;
  tellLater(works, ask, () => inParts(ownersOf(works, tree, node), (to) => works.notifications.tell(tree, to, said)));
}

function ownersOf({ face }: Works, tree: Tree, node: Node): JID[] {
  const owners = [...node.record.affiliations].filter(([, affiliation]) => affiliation === 'owner');
  const jids = owners.map(([bare]) => face.host.addresses.read(bare));
  return tree.owner === '' ? jids : [face.address(tree.owner), ...jids];
}

/** Whether a message is an owner's decision; who cancels has made none. */
export function isDecision({ stanza, type }: Routed): boolean {
  if (type === 'error' || !stanza.raw.includes(AUTHORIZATION)) return false;
  const form = formIn(stanza.tree);
  if (form === undefined || filled(form).get('FORM_TYPE')?.[0] !== AUTHORIZATION) return false;
  return form.attrs.type === 'submit' || form.attrs.type === 'cancel';
}

/** Section 8.6.2: an owner decides about a request. Throws StanzaError when it is not his to decide, or nothing that can be. */
export async function decide(works: Works, tree: Tree, { from, stanza }: Routed): Promise<void> {
  const form = formIn(stanza.tree);
  if (form === undefined || form.attrs.type === 'cancel') return;
  const said = filled(form);
  const value = (name: string) => said.get(name)?.[0] ?? '';
  const node = tree.nodes.get(value('pubsub#node'));
  if (node === undefined) throw notFound();
  works.access.needOwner(tree, node, from);
  const allowed = truth(value('pubsub#allow'));
  if (allowed === undefined) throw new StanzaError('modify', 'bad-request', 'pubsub#allow is true or false');
  const jid = works.face.host.addresses.read(value('pubsub#subscriber_jid'));
  const address = jid.toString();
  const is = node.record.subscriptions.get(address);
  // Another owner was faster.
  if (is?.state !== 'pending') return;
  await setSubscription(works, tree, node, address, allowed ? { ...is, state: 'subscribed' } : undefined);
  tellSubscription(works, tree, node, jid, allowed ? 'subscribed' : 'none');
  if (allowed) await sendLast(works, tree, node, jid);
}

/** Somebody else changed it. */
export function tellSubscription(works: Works, tree: Tree, node: Node, jid: JID, state: string): void {
  works.notifications.tell(tree, jid, event(subscriptionXml(node.name, jid.toString(), state)));
}
