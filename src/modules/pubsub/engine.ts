// Publish-subscribe (XEP-0060) for whoever has nodes: reads requests and does what they ask for, one change of an address
// after the other. What it does not have: collections, several subscriptions of one address, digests and batches.

import { Departures } from '../../core/departures.js';
import { DONE, type IqAnswer, type IqRequest } from '../../core/hooks.js';
import { Part } from '../../core/parts.js';
import type { Routed } from '../../core/routed.js';
import { type Element, parseElement } from '../../xmpp/element.js';
import { StanzaError } from '../../xmpp/errors.js';
import type { JID } from '../../xmpp/jid.js';
import { fetched } from '../store-error.js';
import { type Action, Works } from './ask.js';
import type { Face } from './face.js';
import { leave } from './leaving.js';
import { listAffiliations, listSubscriptions, setAffiliations, setSubscriptions } from './members.js';
import { OWNER, PUBSUB } from './names.js';
import type { Node } from './node.js';
import { metadataForm } from './node-config.js';
import { configuration, configure, create, defaults, purge, remove } from './owning.js';
import { COMMANDS, getPending } from './pending.js';
import { items, publish, retract } from './publishing.js';
import {
  affiliations,
  decide,
  defaultOptions,
  options,
  setOptions,
  subscribe,
  subscriptions,
  unsubscribe,
} from './subscribing.js';
import { type Tree, Trees } from './trees.js';

/** By type, namespace and element. */
const ACTIONS: Readonly<Record<string, Action | undefined>> = {
  [`get ${PUBSUB} items`]: items,
  [`get ${PUBSUB} subscriptions`]: subscriptions,
  [`get ${PUBSUB} affiliations`]: affiliations,
  [`get ${PUBSUB} options`]: options,
  [`get ${PUBSUB} default`]: defaultOptions,
  [`set ${PUBSUB} options`]: setOptions,
  [`set ${PUBSUB} create`]: create,
  [`set ${PUBSUB} publish`]: publish,
  [`set ${PUBSUB} retract`]: retract,
  [`set ${PUBSUB} subscribe`]: subscribe,
  [`set ${PUBSUB} unsubscribe`]: unsubscribe,
  [`get ${OWNER} configure`]: configuration,
  [`get ${OWNER} default`]: defaults,
  [`get ${OWNER} subscriptions`]: listSubscriptions,
  [`get ${OWNER} affiliations`]: listAffiliations,
  [`set ${OWNER} configure`]: configure,
  [`set ${OWNER} delete`]: remove,
  [`set ${OWNER} purge`]: purge,
  [`set ${OWNER} subscriptions`]: setSubscriptions,
  [`set ${OWNER} affiliations`]: setAffiliations,
};

const FEATURES = [
  'config-node',
  'create-and-configure',
  'create-nodes',
  'delete-items',
  'delete-nodes',
  'get-pending',
  'instant-nodes',
  'item-ids',
  'last-published',
  'leased-subscription',
  'manage-subscriptions',
  'member-affiliation',
  'meta-data',
  'modify-affiliations',
  'multi-items',
  'outcast-affiliation',
  'persistent-items',
  'publish',
  'publish-node-full',
  'publish-only-affiliation',
  'publish-options',
  'publisher-affiliation',
  'purge-nodes',
  'retract-items',
  'retrieve-affiliations',
  'retrieve-default',
  'retrieve-default-sub',
  'retrieve-items',
  'retrieve-subscriptions',
  'rsm',
  'subscribe',
  'subscription-notifications',
  'subscription-options',
  'config-node-max',
];

/** What accounts can besides (section 9, XEP-0163 section 5). */
const OF_ACCOUNTS = [
  'auto-create',
  'auto-subscribe',
  'filtered-notifications',
  'presence-notifications',
  'presence-subscribe',
  'pubsub-on-a-jid',
];

const TREES = new Part<Trees>('nodes');

export class Engine {
  readonly works: Works;
  readonly trees: Trees;
  readonly #departures = new Departures((gone) => this.#forget(gone));

  constructor(readonly face: Face) {
    this.trees = face.host.keep(TREES, () => new Trees(face.host, face.name, face.autoCreate));
    this.works = new Works(face, this.trees);
  }

  /** What disco#info says of it. */
  get features(): string[] {
    const { accessModels, autoCreate } = this.face;
    const models = accessModels.map((model) => `access-${model}`);
    return [PUBSUB, ...[...FEATURES, ...models, ...(autoCreate ? OF_ACCOUNTS : [])].map((name) => `${PUBSUB}#${name}`)];
  }

  /** Takes the requests to these addresses. */
  listen(address: 'host' | 'account', ownerOf: (to: JID) => string): void {
    const { hooks } = this.face.host;
    for (const ns of [PUBSUB, OWNER]) {
      hooks.iq('get', address, ns, 'pubsub', (request) => this.#asked(request, ownerOf(request.to)));
      hooks.iq('set', address, ns, 'pubsub', (request) => this.#told(request, ownerOf(request.to)));
    }
    hooks.on('stopping', ({ waits }) => {
      for (const work of [this.trees.unfinished(), this.works.unfinished()]) if (work !== undefined) waits.push(work);
    });
    hooks.iq('set', address, COMMANDS, 'command', async (request) => {
      const tree = await fetched(this.trees.load(ownerOf(request.to)));
      return getPending(this.works, tree, request);
    });
  }

  async #asked(request: IqRequest, owner: string): Promise<IqAnswer> {
    return this.#done(request, await fetched(this.trees.load(owner)));
  }

  /** What this client sends next waits until it is done. */
  #told(request: IqRequest, owner: string): Promise<IqAnswer> {
    const done = this.trees.change(owner, (tree) => {
      this.#needPace(tree);
      return this.#done(request, tree);
    });
    request.session?.stream?.hold(done.catch(() => {}));
    return done;
  }

  /** Clients wait until others are told of what they did; this is for who does not wait. */
  #needPace(tree: Tree): void {
    if (this.works.untold(tree) < this.face.limits.max_untold) return;
    this.works.limited('max_untold');
    throw new StanzaError('wait', 'resource-constraint', 'others have still to be told of what was done before');
  }

  async #done(request: IqRequest, tree: Tree): Promise<IqAnswer> {
    const { payload, type, from } = request;
    for (const element of payload.getChildElements()) {
      const action = ACTIONS[`${type} ${element.getNS()} ${element.getName()}`];
      if (action === undefined) continue;
      return (await fetched(action(this.works, { request, from, tree, action: element }))) ?? DONE;
    }
    throw new StanzaError('cancel', 'feature-not-implemented');
  }

  /** This account is no more: at nodes of others. `bare`: its address. */
  left(bare: string): Promise<void> {
    return this.#departures.left(bare);
  }

  async #forget(gone: ReadonlySet<string>): Promise<void> {
    const related = await Promise.all([...gone].map((bare) => this.trees.related(bare)));
    for (const owner of new Set(related.flat()))
      await this.trees.change(owner, (tree) => leave(this.works, tree, gone));
  }

  /** An owner's decision about a request came in a message; one that is not his to make is refused. */
  decided(routed: Routed, owner: string): Promise<void> {
    const done = this.trees.change(owner, (tree) => fetched(decide(this.works, tree, routed)));
    return done.catch((error) => {
      if (error instanceof StanzaError) this.face.host.refuse(routed, error);
      else this.face.host.log.error('pubsub_failed', { error });
    });
  }
}

/** What everybody may know of a node, as disco#info has it. `account`: whom the whole tree belongs to. */
export function nodeInfo(
  { facts, config }: Node,
  account?: string,
): { readonly form: Element; readonly title: string } {
  const owners = account === undefined ? facts.owners : [account, ...facts.owners];
  return { form: parseElement(metadataForm(config, { ...facts, owners })), title: config.title };
}
