// Who has what to do with a node, as its owners see and change it (XEP-0060 sections 8.8 and 8.9).

import type { Element } from '../../xmpp/element.js';
import { StanzaError } from '../../xmpp/errors.js';
import { attribute } from '../../xmpp/escape.js';
import type { JID } from '../../xmpp/jid.js';
import {
  type Action,
  type Ask,
  addressIn,
  owned,
  ownNodeOf,
  pubsub,
  subscriptionXml,
  tellLater,
  type Works,
} from './ask.js';
import { OWNER } from './names.js';
import type { Affiliation, Node } from './node.js';
import { needRoom, sendLast, tellSubscription } from './subscribing.js';
import { DEFAULTS } from './subscription-options.js';
import type { Subscription, Subscriptions } from './subscriptions.js';
import type { Tree } from './trees.js';

const AFFILIATIONS = ['owner', 'publisher', 'publish-only', 'member', 'outcast', 'none'] as const;
const STATES = ['subscribed', 'pending', 'none'] as const;

/** Section 8.8.1: those who wait for a decision are not among them. */
export const listSubscriptions: Action = async (works, ask) => {
  const node = ownNodeOf(works, ask);
  const all = node.record.subscriptions.entries
    .filter(([, { state }]) => state === 'subscribed')
    .map(([jid, { state }]) => subscriptionXml(undefined, jid, state));
  return owned(`<subscriptions${attribute('node', node.name)}>${all.join('')}</subscriptions>`);
};

/** Section 8.8.2: all of them, or none. */
export const setSubscriptions: Action = async (works, ask) => {
  const node = ownNodeOf(works, ask);
  const { subscriptions: before } = node.record;
  const said = wanted(works, ask, 'subscription', STATES);
  const changes = said.map(({ jid, value }) => {
    const { options } = before.get(jid.toString()) ?? { options: DEFAULTS };
    return [jid.toString(), value === 'none' ? undefined : { state: value, options }] as const;
  });
  const subscriptions = before.with(changes);
  needRoom(works, node, subscriptions.entries.length);
  await works.trees.write(ask.tree, node, { subscriptions });
  tellLater(works, ask, () => tellChanged(works, ask.tree, node, before, said));
  return undefined;
};

async function tellChanged(
  works: Works,
  tree: Tree,
  node: Node,
  before: Subscriptions,
  said: readonly Wanted<string>[],
): Promise<void> {
  for (const { jid, value } of said) {
    if ((before.get(jid.toString())?.state ?? 'none') === value) continue;
    tellSubscription(works, tree, node, jid, value);
    if (value === 'subscribed') await sendLast(works, tree, node, jid);
  }
}

/** Section 8.9.1. */
export const listAffiliations: Action = async (works, ask) => {
  const { tree } = ask;
  const node = ownNodeOf(works, ask);
  const account = tree.owner === '' ? [] : [[works.face.address(tree.owner).toString(), 'owner'] as const];
  const all = [...account, ...node.record.affiliations].map(([jid, affiliation]) =>
    affiliationXml(undefined, jid, affiliation),
  );
  return owned(`<affiliations${attribute('node', node.name)}>${all.join('')}</affiliations>`);
};

/** Section 8.9.2: all of them, or none. A node keeps an owner; outcasts are not subscribed. */
export const setAffiliations: Action = async (works, ask) => {
  const { tree } = ask;
  const node = ownNodeOf(works, ask);
  const said = wanted(works, ask, 'affiliation', AFFILIATIONS);
  const all = new Map<string, Affiliation>(node.record.affiliations);
  for (const { jid, value } of said) {
    const bare = jid.bare.toString();
    if (value === 'none') all.delete(bare);
    else all.set(bare, value);
  }
  needOwnerLeft(works, ask, all, said);
  needFew(works, node, all.size);
  const { affiliations: before, subscriptions: subscribed } = node.record;
  const decided = said.flatMap(({ jid, value }) => decisions(subscribed, jid.bare.toString(), value));
  const subscriptions = subscribed.with(decided);
  await works.trees.write(tree, node, { affiliations: all, subscriptions });
  tellLater(works, ask, async () => {
    for (const { jid, value } of said) {
      const bare = jid.bare.toString();
      if ((before.get(bare) ?? 'none') === value) continue;
      const one = affiliationXml(undefined, bare, value);
      const shown = `<affiliations${attribute('node', node.name)}>${one}</affiliations>`;
      works.notifications.tell(tree, jid.bare, pubsub(shown));
    }
    const now = decided.map(([address, is]) => ({ jid: read(works, address), value: is?.state ?? 'none' }));
    await tellChanged(works, tree, node, subscribed, now);
  });
  return undefined;
};

const LET_IN: readonly string[] = ['owner', 'publisher', 'member'];

/** Section 8.7.4: outcasts are not subscribed, and who is let in is not asked about any more. */
function decisions(
  subscriptions: Subscriptions,
  bare: string,
  affiliation: string,
): (readonly [string, Subscription | undefined])[] {
  if (affiliation === 'outcast') return subscriptions.of(bare).map(([address]) => [address, undefined] as const);
  if (!LET_IN.includes(affiliation)) return [];
  const pending = subscriptions.of(bare).filter(([, { state }]) => state === 'pending');
  return pending.map(([address, is]) => [address, { ...is, state: 'subscribed' }] as const);
}

function needOwnerLeft(
  works: Works,
  { tree }: Ask,
  all: ReadonlyMap<string, Affiliation>,
  said: readonly Wanted<string>[],
): void {
  const isAccount = ({ jid }: Wanted<string>) => works.face.owns(tree.owner, jid);
  if (said.some((each) => isAccount(each) && each.value !== 'owner')) throw new StanzaError('modify', 'not-acceptable');
  if (tree.owner === '' && ![...all.values()].includes('owner')) {
    throw new StanzaError('modify', 'not-acceptable', 'a node has an owner');
  }
}

function needFew(works: Works, node: Node, size: number): void {
  if (size <= works.face.limits.max_subscriptions || size <= node.record.affiliations.size) return;
  works.limited('max_subscriptions');
  throw new StanzaError('wait', 'resource-constraint', 'the node has too many affiliations');
}

interface Wanted<T extends string> {
  readonly jid: JID;
  readonly value: T;
}

/** What is not said is not changed. */
function wanted<T extends string>(works: Works, { action }: Ask, name: string, values: readonly T[]): Wanted<T>[] {
  const said = action.getChildren(name, OWNER).filter(({ attrs }) => attrs[name] !== undefined);
  return said.map((element) => ({ jid: addressIn(works, element), value: valueIn(element) }));

  function valueIn(element: Element): T {
    const value = values.find((each) => each === element.attrs[name]);
    if (value === undefined) throw new StanzaError('modify', 'not-acceptable', `there is no such ${name}`);
    return value;
  }
}

const read = ({ face }: Works, address: string): JID => face.host.addresses.read(address);

const affiliationXml = (node: string | undefined, jid: string, affiliation: string): string =>
  `<affiliation${attribute('node', node)}${attribute('jid', jid)}${attribute('affiliation', affiliation)}/>`;
