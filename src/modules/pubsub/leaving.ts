// An account is no more: it is subscribed nowhere, and has nothing to do with any node. A node that nobody else owns goes
// with it, for whoever has its address next is somebody else.

import { attribute } from '../../xmpp/escape.js';
import type { Works } from './ask.js';
import type { Node } from './node.js';
import type { Tree } from './trees.js';

/** `bare`: its address. */
export async function leave(works: Works, tree: Tree, bare: string): Promise<void> {
  for (const node of [...tree.nodes.values()]) {
    const { affiliations, subscriptions } = node.record;
    const own = subscriptions.of(bare);
    if (own.length === 0 && !affiliations.has(bare)) continue;
    const left = new Map(affiliations);
    left.delete(bare);
    if (affiliations.get(bare) === 'owner' && ![...left.values()].includes('owner')) {
      await remove(works, tree, node);
    } else {
      const others = subscriptions.with(own.map(([address]) => [address, undefined]));
      await works.trees.write(tree, node, { affiliations: left, subscriptions: others });
    }
  }
}

async function remove(works: Works, tree: Tree, node: Node): Promise<void> {
  await works.trees.delete(tree, node);
  if (!node.config.notify_delete) return;
  const event = `<delete${attribute('node', node.name)}/>`;
  void works.later(tree, () => works.notifications.deleted(tree, node, event));
}
