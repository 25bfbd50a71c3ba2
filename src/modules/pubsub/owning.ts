// What owners do with their nodes (XEP-0060 section 8, but for section 8.6): make, configure, empty and delete them.

import { randomUUID } from 'node:crypto';
import { StanzaError } from '../../xmpp/errors.js';
import { attribute } from '../../xmpp/escape.js';
import type { JID } from '../../xmpp/jid.js';
import { type Filled, filled, formIn } from '../data-form.js';
import { type Action, type Ask, companion, owned, ownNodeOf, pubsub, tellLater, type Works } from './ask.js';
import { forbidden, OWNER, refusal, unsupported } from './names.js';
import type { Node } from './node.js';
import { configForm, configured, mostItems } from './node-config.js';
import type { Tree } from './trees.js';

const LONGEST_NAME = 1024;
const LONGEST_URI = 2048;
const NOTHING: Filled = new Map();

/** Section 8.1. */
export const create: Action = async (works, ask) => {
  const { tree, from, action } = ask;
  const form = formIn(companion(ask, 'configure'));
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
  needPlace(works, tree, from);
  const bare = from.bare.toString();
  return trees.create(tree, name, config, bare, face.owns(tree.owner, from) ? undefined : bare);
}

function needPlace(works: Works, tree: Tree, from: JID): void {
  const { face } = works;
  if (tree.nodes.size >= face.limits.max_nodes) {
    works.limited('max_nodes');
    throw refusal('wait', 'resource-constraint', 'max-nodes-exceeded', `at most ${face.limits.max_nodes} nodes`);
  }
  if (face.mostOwned >= face.limits.max_nodes) return;
  const bare = from.bare.toString();
  let owned = 0;
  for (const node of tree.nodes.values()) if (node.affiliation(bare) === 'owner') owned++;
  if (owned < face.mostOwned) return;
  works.limited('max_nodes_per_owner');
  throw refusal('wait', 'resource-constraint', 'max-nodes-exceeded', `at most ${face.mostOwned} nodes of one owner`);
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
  await keepFewer(works, node);
  if (config.notify_config) {
    const shown = config.deliver_payloads ? configForm(config, works.rules, 'result') : '';
    tell(works, ask, node, `<configuration${attribute('node', node.name)}>${shown}</configuration>`);
  }
  return undefined;
};

/** Section 8.2.5: a node has no more items than it is configured to keep. */
async function keepFewer(works: Works, node: Node): Promise<void> {
  const ids = await node.ids();
  const old = ids.slice(node.config.persist_items ? mostItems(node.config, works.rules) : 0);
  if (old.length > 0) await node.retract(old);
}

/** Section 8.4. Who asks for the node from then on is told where it is (section 6.1.3.11). */
export const remove: Action = async (works, ask) => {
  const { tree, action } = ask;
  const node = ownNodeOf(works, ask);
  const uri = action.getChild('redirect', OWNER)?.attrs.uri || undefined;
  if (uri !== undefined && uri.length > LONGEST_URI)
    throw new StanzaError('modify', 'not-acceptable', 'the URI is too long');
  await works.trees.delete(tree, node, uri);
  if (node.config.notify_delete) {
    const redirect = uri === undefined ? '' : `<redirect${attribute('uri', uri)}/>`;
    const event = `<delete${attribute('node', node.name)}>${redirect}</delete>`;
    tellLater(works, ask, () => works.notifications.deleted(tree, node, event));
  }
  return undefined;
};

/** Section 8.5. */
export const purge: Action = async (works, ask: Ask) => {
  const node = ownNodeOf(works, ask);
  if (!node.config.persist_items) throw unsupported('persistent-items');
  await node.clear();
  if (node.config.notify_retract) tell(works, ask, node, `<purge${attribute('node', node.name)}/>`);
  return undefined;
};

function tell(works: Works, ask: Ask, node: Node, inside: string): void {
  tellLater(works, ask, () => works.notifications.changed(ask.tree, node, inside));
}
