// Personal eventing (XEP-0163): every account is a publish-subscribe service of its own. Its nodes are made by publishing
// to them; whoever sees its presence hears of those that his client wants to hear of.

import type { PepOptions } from '../../config/modules.js';
import type { DiscoEvent, DiscoItemsEvent } from '../../core/hooks.js';
import type { Host } from '../../core/host.js';
import type { Module } from '../../core/module.js';
import { Part } from '../../core/parts.js';
import { JID } from '../../xmpp/jid.js';
import type { Stanza } from '../../xmpp/stanza.js';
import { BLOCKS } from '../blocks.js';
import { ROSTERS, type Rosters } from '../rosters.js';
import { Audience } from './audience.js';
import { Engine, nodeInfo } from './engine.js';
import type { Face } from './face.js';
import { PUBSUB } from './names.js';
import type { NewItem, Node } from './node.js';
import { ACCESS_MODELS, BASE } from './node-config.js';
import { RSM } from './page.js';
import { isDecision } from './subscribing.js';
import { SHOWS, type Show } from './subscription-options.js';
import type { Tree } from './trees.js';

export type Published = (username: string, node: Node, item: NewItem) => void;

/** What accounts publish, for other modules. */
export interface Pep {
  readonly engine: Engine;
  /** Hears of what is published; returns its undo. */
  watch(published: Published): () => void;
}
export const PEP = new Part<Pep>('personal eventing');

export const pep: Module<PepOptions> = {
  name: 'pep',
  about: 'Lets accounts publish to their contacts, and to their own clients.',
  specifications: [
    { id: 'XEP-0163', name: 'Personal Eventing Protocol', version: '1.2.2' },
    { id: 'XEP-0060', name: 'Publish-Subscribe', version: '1.30.0' },
    { id: 'XEP-0115', name: 'Entity Capabilities', version: '1.6.0' },
  ],
  needs: ['roster', 'presence', 'disco'],
  load(host, limits) {
    const { hooks } = host;
    const watchers = new Set<Published>();
    const face = new Accounts(host, limits, host.use(ROSTERS), watchers);
    const engine = new Engine(face);
    const audience = new Audience(host, engine, face.rosters, limits);
    face.told = (tree, node, tell) => audience.tell(tree, node, tell);
    host.provide(PEP, {
      engine,
      watch(published) {
        watchers.add(published);
        return () => void watchers.delete(published);
      },
    });
    engine.listen('account', ({ local }) => local);
    audience.listen();
    describe(host, engine);
    hooks.on(
      'message/bare',
      (routed) => {
        if (!isDecision(routed)) return false;
        routed.later(engine.decided(routed, routed.to.local));
        return true;
      },
      100,
    );
    hooks.on('account-deleted', ({ username, waits }) => void waits.push(engine.trees.remove(username)));
    hooks.on('user-deleted', ({ jid, waits }) => void waits.push(engine.left(jid.bare.toString())));
  },
};

class Accounts implements Face {
  readonly name = 'pep';
  readonly accessModels = ACCESS_MODELS;
  readonly mostOwned = Infinity;
  readonly autoCreate = true;
  readonly defaults = {
    ...BASE,
    access_model: 'presence',
    max_items: 1,
    send_last_published_item: 'on_sub_and_presence',
  } as const;
  told: Face['audience'] = async () => {};

  constructor(
    readonly host: Host,
    readonly limits: PepOptions,
    readonly rosters: Rosters,
    readonly watchers: ReadonlySet<Published>,
  ) {}

  address(owner: string): JID {
    return JID.of(owner, this.host.domain);
  }

  owns(owner: string, { local, domain }: JID): boolean {
    return local === owner && domain === this.host.domain;
  }

  mayCreate(owner: string, jid: JID): boolean {
    return this.owns(owner, jid);
  }

  async sees(owner: string, jid: JID): Promise<boolean> {
    return this.owns(owner, jid) || (await this.#contact(owner, jid)).from;
  }

  async groups(owner: string, jid: JID): Promise<readonly string[]> {
    return (await this.#contact(owner, jid)).groups;
  }

  /** Of clients of this host. Where nobody is there, nobody wants to hear. */
  shows({ local, domain, resource }: JID): readonly Show[] | undefined {
    if (domain !== this.host.domain) return undefined;
    const sessions = this.host.sessions.of(local).filter(({ jid }) => resource === '' || jid.resource === resource);
    return sessions.flatMap(({ presence }) => (presence === undefined ? [] : [showOf(presence)]));
  }

  audience(tree: Tree, node: Node, tell: (jid: JID) => unknown): Promise<void> {
    return this.told(tree, node, tell);
  }

  silent(owner: string, to: JID): boolean {
    return !this.owns(owner, to) && this.host.find(BLOCKS)?.blocked(owner, to) === true;
  }

  published({ owner }: Tree, node: Node, item: NewItem): void {
    for (const watcher of this.watchers) watcher(owner, node, item);
  }

  async #contact(owner: string, jid: JID) {
    const roster = this.rosters.get(owner) ?? (await this.rosters.load(owner));
    return roster.get(jid.bare.toString());
  }
}

function showOf(presence: Stanza): Show {
  const said = presence.tree.getChildText('show');
  return SHOWS.find((show) => show === said) ?? 'online';
}

/** Section 6; whoever asks sees the account's presence. */
function describe({ hooks }: Host, engine: Engine): void {
  const { trees } = engine;
  const { access } = engine.works;
  /** The node, when it is shown to him. */
  const shown = ({ from, to, node: name = '' }: DiscoEvent | DiscoItemsEvent): Node | undefined => {
    const tree = trees.there(to.local);
    const node = tree?.nodes.get(name);
    return tree && node && access.isListed(tree, node, from) ? node : undefined;
  };
  hooks.on('disco-asking/account', ({ username, node, waits }) => {
    waits.push(trees.load(username).then((tree) => tree.nodes.get(node ?? '')?.ids()));
  });
  hooks.on('disco/account', ({ identities, features }) => {
    identities.push({ category: 'pubsub', type: 'pep' });
    for (const feature of [...engine.features, RSM]) features.add(feature);
  });
  hooks.on('disco-items/account', ({ from, to, items }) => {
    const tree = trees.there(to.local);
    for (const node of tree?.nodes.values() ?? []) {
      if (tree === undefined || !access.isListed(tree, node, from)) continue;
      items.push({ jid: to.bare.toString(), node: node.name, name: node.config.title || undefined });
    }
  });
  hooks.on('disco-node/account', (event) => {
    const node = shown(event);
    if (node === undefined) return false;
    const { title, form } = nodeInfo(node, event.to.bare.toString());
    event.identities.push({ category: 'pubsub', type: 'leaf', name: title || undefined });
    event.features.add(PUBSUB);
    event.extensions.push(form);
    return true;
  });
  hooks.on('disco-node-items/account', (event) => {
    const { from, to } = event;
    const tree = trees.there(to.local);
    const node = shown(event);
    if (!tree || !node || !access.isNamed(tree, node, from)) return false;
    for (const id of node.listed) event.items.push({ jid: to.bare.toString(), name: id });
    return true;
  });
}
