// Accounts that are no more: they are subscribed nowhere, and have nothing to do with any node. A node of a service that
// nobody else owns goes with its owner, for whoever has its address next is somebody else.

import { Breather } from '../../core/breather.js';
import { attribute } from '../../xmpp/escape.js';
import type { Works } from './ask.js';
import type { Node } from './node.js';
import { accountsOf, knows } from './relations.js';
import type { Tree } from './trees.js';

/** `gone`: their addresses. */
export async function leave(works: Works, tree: Tree, gone: ReadonlySet<string>): Promise<void> {
  const breather = new Breather();
  for (const node of [...tree.nodes.values()]) {
    for (const bare of known(node, gone)) if (tree.nodes.has(node.name)) await leaveOne(works, tree, node, bare);
    await breather.breathe();
  }
}

/** Those whom a node knows. */
function known({ record }: Node, gone: ReadonlySet<string>): string[] {
  const { affiliations, subscriptions } = record;
  if (gone.size <= affiliations.size + subscriptions.size) return [...gone].filter((bare) => knows(record, bare));
  return [...accountsOf(record)].filter((bare) => gone.has(bare));
}

async function leaveOne(works: Works, tree: Tree, node: Node, bare: string): Promise<void> {
  const { affiliations, subscriptions } = node.record;
  const left = new Map(affiliations);
  left.delete(bare);
  const isOwned = tree.owner !== '' || [...left.values()].includes('owner');
  if (affiliations.get(bare) === 'owner' && !isOwned) return remove(works, tree, node);
  const others = subscriptions.with(subscriptions.of(bare).map(([address]) => [address, undefined]));
  await works.trees.write(tree, node, { affiliations: left, subscriptions: others });
}

async function remove(works: Works, tree: Tree, node: Node): Promise<void> {
  await works.trees.delete(tree, node);
  if (!node.config.notify_delete) return;
  const event = `<delete${attribute('node', node.name)}/>`;
  void works.later(tree, () => works.notifications.deleted(tree, node, event));
}
