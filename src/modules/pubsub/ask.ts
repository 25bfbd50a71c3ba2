// A request as all actions get it, and what they all read of it.

import type { IqRequest } from '../../core/hooks.js';
import { Turns } from '../../core/turns.js';
import type { Element } from '../../xmpp/element.js';
import { StanzaError } from '../../xmpp/errors.js';
import { attribute } from '../../xmpp/escape.js';
import type { JID } from '../../xmpp/jid.js';
import { Access } from './access.js';
import type { Face } from './face.js';
import { badRequest, moved, notFound, OWNER, PUBSUB } from './names.js';
import type { Node } from './node.js';
import { type Rules, rulesOf } from './node-config.js';
import { Notifications } from './notifications.js';
import type { Tree, Trees } from './trees.js';

/** What actions work with. */
export class Works {
  readonly access: Access;
  readonly notifications: Notifications;
  readonly rules: Rules;
  readonly #telling = new Turns();
  readonly #untold = new Map<string, number>();

  constructor(
    readonly face: Face,
    readonly trees: Trees,
  ) {
    this.access = new Access(face);
    this.notifications = new Notifications(face, this.access);
    this.rules = rulesOf(face.accessModels, face.limits.max_items);
  }

  limited(limit: keyof Face['limits'] | 'max_nodes_per_owner'): void {
    this.face.host.limited(`${this.face.name}.${limit}`);
  }

  /** Changes of this address that others have not been told of. */
  untold({ owner }: Tree): number {
    return this.#untold.get(owner) ?? 0;
  }

  /** Tells others of what is done, in its order. Resolves when they are told; whoever asked for it does not hear of what failed. */
  later({ owner }: Tree, work: () => unknown): Promise<void> {
    this.#count(owner, 1);
    const told = this.#telling.take(owner, async () => work());
    return told
      .then(() => {})
      .catch((error) => this.face.host.log.error('pubsub_failed', { error }))
      .finally(() => this.#count(owner, -1));
  }

  /** Resolves when all are told; undefined: they are. */
  unfinished(): Promise<unknown> | undefined {
    return this.#telling.unfinished();
  }

  #count(owner: string, more: number): void {
    const untold = (this.#untold.get(owner) ?? 0) + more;
    if (untold === 0) this.#untold.delete(owner);
    else this.#untold.set(owner, untold);
  }
}

export interface Ask {
  readonly request: IqRequest;
  readonly from: JID;
  readonly tree: Tree;
  /** The child of pubsub that says what is to be done. */
  readonly action: Element;
}

/**
 * Tells others of what was asked for. What the client who asked says next waits until they are told: he is no faster than
 * they are. His answer does not wait.
 */
export function tellLater(works: Works, { tree, request }: Pick<Ask, 'tree' | 'request'>, work: () => unknown): void {
  const told = works.later(tree, work);
  request.session?.stream?.hold(told);
}

/** The answer's payload; undefined for none. */
export type Answer = string | undefined;
export type Action = (works: Works, ask: Ask) => Promise<Answer>;

/** The node that is asked about. Throws StanzaError when none is named, or there is none. */
export function nodeOf({ tree, action }: Ask): Node {
  const { node: name } = action.attrs;
  if (name === undefined || name === '') throw badRequest('nodeid-required');
  const node = tree.nodes.get(name);
  if (node === undefined) throw missing(tree, name);
  return node;
}

/** What who asks about a node is told that is not there. */
export function missing(tree: Tree, name: string): StanzaError {
  const uri = tree.moved.get(name);
  return uri === undefined ? notFound() : moved(uri);
}

/** The same, for those it belongs to. */
export function ownNodeOf(works: Works, ask: Ask): Node {
  const node = nodeOf(ask);
  works.access.needOwner(ask.tree, node, ask.from);
  return node;
}

/**
 * What stands beside the action: its configuration, or its options. It comes after it, and names no node and no address
 * of its own (sections 6.3.7, 8.1.3). Throws StanzaError bad-request.
 */
export function companion({ request: { payload }, action }: Ask, name: string): Element | undefined {
  const element = payload.getChild(name, PUBSUB);
  if (element === undefined) return undefined;
  const all = payload.getChildElements();
  const { node, jid } = element.attrs;
  if (all.indexOf(element) > all.indexOf(action) && node === undefined && jid === undefined) return element;
  throw new StanzaError('modify', 'bad-request', `${name} comes second, and names nothing`);
}

export const pubsub = (inside: string): string => `<pubsub xmlns='${PUBSUB}'>${inside}</pubsub>`;
export const owned = (inside: string): string => `<pubsub xmlns='${OWNER}'>${inside}</pubsub>`;

export const subscriptionXml = (node: string | undefined, jid: string, state: string): string =>
  `<subscription${attribute('node', node)}${attribute('jid', jid)}${attribute('subscription', state)}/>`;

/** An address that somebody wrote. Throws StanzaError. */
export function addressIn({ face }: Works, { attrs: { jid = '' } }: Element): JID {
  if (jid === '') throw badRequest('jid-required');
  try {
    return face.host.addresses.read(jid);
  } catch {
    throw badRequest('invalid-jid');
  }
}
