// A publish-subscribe service at a domain of its own (XEP-0060). Everybody may make nodes there. It knows nobody's presence
// and nobody's roster: access models that need them are for accounts (pep.ts).

import { type PubsubOptions, pubsubOptions } from '../../config/modules.js';
import type { DiscoEvent, IqRequest } from '../../core/hooks.js';
import type { ComponentHost } from '../../core/host.js';
import type { ComponentModule } from '../../core/module.js';
import { attribute } from '../../xmpp/escape.js';
import { fetched } from '../store-error.js';
import { missing } from './ask.js';
import { Engine, nodeInfo } from './engine.js';
import type { Face } from './face.js';
import { PUBSUB } from './names.js';
import { BASE } from './node-config.js';
import { page, RSM } from './page.js';
import { COMMANDS, GET_PENDING } from './pending.js';
import { isDecision } from './subscribing.js';

const INFO = 'http://jabber.org/protocol/disco#info';
const ITEMS = 'http://jabber.org/protocol/disco#items';

export const pubsub: ComponentModule<{ readonly pubsub?: PubsubOptions }> = {
  name: 'pubsub',
  about: 'A service where everybody can publish and subscribe.',
  specifications: [{ id: 'XEP-0060', name: 'Publish-Subscribe', version: '1.30.0' }],
  load(host, { pubsub: limits = pubsubOptions.default }) {
    const engine = new Engine(faceOf(host, limits));
    const discovery = new Discovery(engine);
    engine.listen('host', () => '');
    host.hooks.iq('get', 'host', INFO, 'query', (request) => discovery.info(request));
    host.hooks.iq('get', 'host', ITEMS, 'query', (request) => discovery.items(request));
    host.hooks.on('message/host', (routed) => {
      if (routed.type === 'error') return true;
      if (!isDecision(routed)) return false;
      routed.later(engine.decided(routed, ''));
      return true;
    });
    host.hooks.on('presence/host', () => true);
    host.hooks.on('user-deleted', ({ jid, waits }) => void waits.push(engine.left(jid.bare.toString())));
  },
};

const faceOf = (host: ComponentHost, limits: PubsubOptions): Face => ({
  name: 'pubsub',
  host,
  limits,
  mostOwned: limits.max_nodes_per_owner,
  defaults: { ...BASE, max_items: Math.min(20, limits.max_items) },
  accessModels: ['open', 'authorize', 'whitelist'],
  autoCreate: false,
  address: () => host.jid,
  owns: () => false,
  mayCreate: () => true,
  sees: async () => false,
  groups: async () => [],
  audience: async () => {},
  silent: () => false,
  published: () => {},
});

/** Nodes or items in one answer. */
const LISTED = 1000;

/** Sections 5.1 to 5.5. */
class Discovery {
  constructor(readonly engine: Engine) {}

  async info({ payload, from }: IqRequest): Promise<string> {
    const { node: name } = payload.attrs;
    const features = [INFO, ITEMS, RSM, COMMANDS, ...this.engine.features];
    if (name === GET_PENDING) return infoXml(name, { category: 'automation', type: 'command-node' }, [COMMANDS]);
    if (name === undefined) return infoXml(name, { category: 'pubsub', type: 'service' }, features);
    const tree = await fetched(this.engine.trees.load(''));
    const node = tree.nodes.get(name);
    if (node === undefined) throw missing(tree, name);
    const { title, form } = nodeInfo(node);
    // Of a node that is not shown to him he learns that there is one, as he would by subscribing.
    const isShown = this.engine.works.access.isListed(tree, node, from);
    const identity = { category: 'pubsub', type: 'leaf', name: isShown ? title : undefined };
    return infoXml(name, identity, [PUBSUB], isShown ? form.toString() : '');
  }

  async items({ payload, from }: IqRequest): Promise<string> {
    const { node: name } = payload.attrs;
    const { works, trees, face } = this.engine;
    const tree = await fetched(trees.load(''));
    const jid = face.host.domain;
    if (name === COMMANDS) return itemsXml(name, [{ jid, node: GET_PENDING, name: 'Requests that wait' }], '');
    if (name === undefined) {
      const shown = [...tree.nodes.values()].filter((node) => works.access.isListed(tree, node, from));
      const titles = new Map(shown.map((node) => [node.name, node.config.title || undefined]));
      const { ids, set } = page([...titles.keys()], payload, LISTED);
      return itemsXml(
        name,
        ids.map((node) => ({ jid, node, name: titles.get(node) })),
        set,
      );
    }
    const node = tree.nodes.get(name);
    if (node === undefined) throw missing(tree, name);
    await works.access.needReader(tree, node, from);
    const { ids, set } = page(await fetched(node.ids()), payload, LISTED);
    return itemsXml(
      name,
      ids.map((id) => ({ jid, name: id })),
      set,
    );
  }
}

function infoXml(
  node: string | undefined,
  { category, type, name }: DiscoEvent['identities'][number],
  features: readonly string[],
  form = '',
): string {
  const identity = `<identity category='${category}' type='${type}'${attribute('name', name || undefined)}/>`;
  const what = features.map((feature) => `<feature${attribute('var', feature)}/>`).join('');
  return `<query xmlns='${INFO}'${attribute('node', node)}>${identity}${what}${form}</query>`;
}

function itemsXml(
  node: string | undefined,
  items: readonly { jid: string; node?: string; name?: string }[],
  set: string,
): string {
  const all = items.map(
    (item) => `<item${attribute('jid', item.jid)}${attribute('node', item.node)}${attribute('name', item.name)}/>`,
  );
  return `<query xmlns='${ITEMS}'${attribute('node', node)}>${all.join('')}${set}</query>`;
}
