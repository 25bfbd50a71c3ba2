// Who has what to do with a node, as its owners see and change it (XEP-0060 sections 8.8 and 8.9).

import type { Element } from '../../xmpp/element.js';
import { StanzaError } from '../../xmpp/errors.js';
import { attribute } from '../../xmpp/escape.js';
import type { JID } from '../../xmpp/jid.js';
import { bareOf } from './access.js';
import { type Action, type Ask, owned, ownNodeOf, pubsub, type Works } from './ask.js';
import { badRequest, OWNER } from './names.js';
import type { Affiliation, Node, SubscriptionState } from './node.js';
import { needRoom, sendLast, tellSubscription } from './subscribing.js';

const AFFILIATIONS = ['owner', 'publisher', 'publish-only', 'member', 'outcast', 'none'] as const;
const STATES = ['subscribed', 'pending', 'none'] as const;

/** Section 8.8.1. */
export const listSubscriptions: Action = async (works, ask) => {
  const node = ownNodeOf(works, ask);
  const all = [...node.record.subscriptions].map(
    ([jid, state]) => `<subscription${attribute('jid', jid)}${attribute('subscription', state)}/>`,
  );
  return owned(`<subscriptions${attribute('node', node.name)}>${all.join('')}</subscriptions>`);
};

/** Section 8.8.2: all of them, or none. */
export const setSubscriptions: Action = async (works, ask) => {
  const { tree } = ask;
  const node = ownNodeOf(works, ask);
  const said = wanted(works, ask, 'subscription', STATES);
  const all = new Map<string, SubscriptionState>(node.record.subscriptions);
  for (const { jid, value } of said) {
    if (value === 'none') all.delete(jid.toString());
    else all.set(jid.toString(), value);
  }
  needRoom(works, node, all.size);
  const before = node.record.subscriptions;
  await works.trees.write(tree, node, { subscriptions: all });
  for (const { jid, value } of said) {
    if ((before.get(jid.toString()) ?? 'none') === value) continue;
    tellSubscription(works, tree, node, jid, value);
    if (value === 'subscribed') await sendLast(works, tree, node, jid);
  }
  return undefined;
};

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
  const out = new Set(said.filter(({ value }) => value === 'outcast').map(({ jid }) => jid.bare.toString()));
  const subscriptions = new Map([...node.record.subscriptions].filter(([address]) => !out.has(bareOf(address))));
  const before = node.record.affiliations;
  await works.trees.write(tree, node, { affiliations: all, subscriptions });
  for (const { jid, value } of said) {
    const bare = jid.bare.toString();
    if ((before.get(bare) ?? 'none') === value) continue;
    const shown = `<affiliations${attribute('node', node.name)}>${affiliationXml(undefined, bare, value)}</affiliations>`;
    works.notifications.tell(tree, jid.bare, pubsub(shown));
  }
  return undefined;
};

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

function wanted<T extends string>(works: Works, { action }: Ask, name: string, values: readonly T[]): Wanted<T>[] {
  return action.getChildren(name, OWNER).map((element) => ({ jid: jidOf(works, element), value: valueIn(element) }));

  function valueIn(element: Element): T {
    const value = values.find((each) => each === element.attrs[name]);
    if (value === undefined) throw new StanzaError('modify', 'not-acceptable', `there is no such ${name}`);
    return value;
  }
}

function jidOf({ face }: Works, { attrs: { jid = '' } }: Element): JID {
  try {
    return face.host.addresses.read(jid);
  } catch {
    throw badRequest('invalid-jid');
  }
}

const affiliationXml = (node: string | undefined, jid: string, affiliation: string): string =>
  `<affiliation${attribute('node', node)}${attribute('jid', jid)}${attribute('affiliation', affiliation)}/>`;
