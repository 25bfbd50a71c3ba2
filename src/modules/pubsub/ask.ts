// A request as all actions get it, and what they all read of it.

import type { IqRequest } from '../../core/hooks.js';
import { Turns } from '../../core/turns.js';
import type { Element } from '../../xmpp/element.js';
import { attribute } from '../../xmpp/escape.js';
import type { JID } from '../../xmpp/jid.js';
import { Access } from './access.js';
import type { Face } from './face.js';
import { badRequest, notFound, OWNER, PUBSUB } from './names.js';
import type { Node } from './node.js';
import type { Rules } from './node-config.js';
import { Notifications } from './notifications.js';
import type { Tree, Trees } from './trees.js';

/** What actions work with. */
export class Works {
  readonly access: Access;
  readonly notifications: Notifications;
  readonly rules: Rules;
  readonly #telling = new Turns();

  constructor(
    readonly face: Face,
    readonly trees: Trees,
  ) {
    this.access = new Access(face);
    this.notifications = new Notifications(face, this.access);
    this.rules = { accessModels: face.accessModels, maxItems: face.limits.max_items };
  }

  limited(limit: keyof Face['limits']): void {
    this.face.host.limited(`${this.face.name}.${limit}`);
  }

  /** Tells others of what is done, in its order: whoever asked for it does not wait, and does not hear of what failed. */
  later({ owner }: Tree, work: () => Promise<unknown>): void {
    this.#telling.take(owner, work).catch((error) => this.face.host.log.error('pubsub_failed', { error }));
  }
}

export interface Ask {
  readonly request: IqRequest;
  readonly from: JID;
  readonly tree: Tree;
  /** The child of pubsub that says what is to be done. */
  readonly action: Element;
}

/** The answer's payload; undefined for none. */
export type Answer = string | undefined;
export type Action = (works: Works, ask: Ask) => Promise<Answer>;

/** The node that is asked about. Throws StanzaError when none is named, or there is none. */
export function nodeOf({ tree, action }: Ask): Node {
  const { node: name } = action.attrs;
  if (name === undefined || name === '') throw badRequest('nodeid-required');
  const node = tree.nodes.get(name);
  if (node === undefined) throw notFound();
  return node;
}

/** The same, for those it belongs to. */
export function ownNodeOf(works: Works, ask: Ask): Node {
  const node = nodeOf(ask);
  works.access.needOwner(ask.tree, node, ask.from);
  return node;
}

export const pubsub = (inside: string): string => `<pubsub xmlns='${PUBSUB}'>${inside}</pubsub>`;
export const owned = (inside: string): string => `<pubsub xmlns='${OWNER}'>${inside}</pubsub>`;

export const subscriptionXml = (node: string | undefined, jid: string, state: string): string =>
  `<subscription${attribute('node', node)}${attribute('jid', jid)}${attribute('subscription', state)}/>`;
