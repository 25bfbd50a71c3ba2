// What owners do with their nodes (XEP-0060 section 8, but for section 8.6): make, configure, empty and delete them.

import { randomUUID } from 'node:crypto';
import { StanzaError } from '../../xmpp/errors.js';
import { attribute } from '../../xmpp/escape.js';
import type { JID } from '../../xmpp/jid.js';
import { type Action, type Ask, owned, ownNodeOf, pubsub, type Works } from './ask.js';
import { type Filled, filled, formIn } from './form.js';
import { forbidden, OWNER, PUBSUB, unsupported } from './names.js';
import type { Node } from './node.js';
import { configForm, configured, mostItems, type NodeConfig } from './node-config.js';
import type { Tree } from './trees.js';

const LONGEST_NAME = 1024;
const NOTHING: Filled = new Map();

/** Section 8.1. */
export const create: Action = async (works, { tree, from, action, request }) => {
  const form = formIn(request.payload.getChild('configure', PUBSUB));
  const name = action.attrs.node === undefined || action.attrs.node === '' ? randomUUID() : action.attrs.node;
  if (!works.face.mayCreate(tree.owner, from)) throw forbidden();
  if (tree.nodes.has(name)) throw new StanzaError('cancel', 'conflict');
  const node = await newNode(works, tree, from, name, form === undefined ? NOTHING : filled(form));
  return pubsub(`<create${attribute('node', node.name)}/>`);
};

/** Makes a node with these fields. Whether he may is known. Throws StanzaError. */
export async function newNode(works: Works, tree: Tree, from: JID, name: string, said: Filled): Promise<Node> {
  const { face, rules, trees } = works;
  if (name.length > LONGEST_NAME) throw new StanzaError('modify', 'not-acceptable', 'the name is too long');
  const config = configured(face.defaults, said, rules);
  if (tree.nodes.size >= face.limits.max_nodes) {
    works.limited('max_nodes');
    throw new StanzaError('wait', 'resource-constraint', `at most ${face.limits.max_nodes} nodes`);
  }
  const owner = face.owns(tree.owner, from) ? undefined : from.bare.toString();
  return trees.create(tree, name, config, owner);
}

/** Section 8.2.1. */
export const configuration: Action = async (works, ask) => {
  const node = ownNodeOf(works, ask);
  const form = configForm(node.config, works.rules);
  return owned(`<configure${attribute('node', node.name)}>${form}</configure>`);
};

/** Section 8.3. */
export const defaults: Action = async ({ face, rules }) =>
  owned(`<default>${configForm(face.defaults, rules)}</default>`);

/** Section 8.2.4. */
export const configure: Action = async (works, ask) => {
  const { tree, action } = ask;
  const node = ownNodeOf(works, ask);
  const form = formIn(action);
  if (form === undefined) throw new StanzaError('modify', 'bad-request', 'a form');
  if (form.attrs.type === 'cancel') return undefined;
  const config = configured(node.config, filled(form), works.rules);
  await works.trees.write(tree, node, { config });
  await keepFewer(works, node, config);
  if (config.notify_config) {
    const shown = config.deliver_payloads ? configForm(config, works.rules, 'result') : '';
    tell(works, tree, node, `<configuration${attribute('node', node.name)}>${shown}</configuration>`);
  }
  return undefined;
};

/** Section 8.2.5: a node has no more items than it is configured to keep. */
async function keepFewer(works: Works, node: Node, config: NodeConfig): Promise<void> {
  await node.known();
  const most = config.persist_items ? mostItems(config, works.rules) : 0;
  const old = node.ids.slice(most);
  if (old.length > 0) await node.retract(old);
}

/** Section 8.4. */
export const remove: Action = async (works, ask) => {
  const { tree, action } = ask;
  const node = ownNodeOf(works, ask);
  const uri = action.getChild('redirect', OWNER)?.attrs.uri;
  await works.trees.delete(tree, node);
  if (node.config.notify_delete) {
    const redirect = uri === undefined ? '' : `<redirect${attribute('uri', uri)}/>`;
    tell(works, tree, node, `<delete${attribute('node', node.name)}>${redirect}</delete>`);
  }
  return undefined;
};

/** Section 8.5. */
export const purge: Action = async (works, ask: Ask) => {
  const node = ownNodeOf(works, ask);
  if (!node.config.persist_items) throw unsupported('persistent-items');
  await node.clear();
  if (node.config.notify_retract) tell(works, ask.tree, node, `<purge${attribute('node', node.name)}/>`);
  return undefined;
};

function tell(works: Works, tree: Tree, node: Node, inside: string): void {
  works.later(tree, () => works.notifications.changed(tree, node, inside));
}
