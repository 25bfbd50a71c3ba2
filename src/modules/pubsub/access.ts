// Who may do what with a node (XEP-0060 sections 4.1 and 4.5).

import { StanzaError } from '../../xmpp/errors.js';
import type { JID } from '../../xmpp/jid.js';
import type { Face } from './face.js';
import { forbidden, refusal } from './names.js';
import type { Affiliation, Node } from './node.js';
import { bareOf } from './subscriptions.js';
import type { Tree } from './trees.js';

export class Access {
  constructor(readonly face: Face) {}

  affiliation(tree: Tree, node: Node, jid: JID): Affiliation | 'none' {
    if (this.face.owns(tree.owner, jid)) return 'owner';
    return node.affiliation(jid.bare.toString()) ?? 'none';
  }

  /** Throws StanzaError forbidden. */
  needOwner(tree: Tree, node: Node, jid: JID): void {
    if (this.affiliation(tree, node, jid) !== 'owner') throw forbidden();
  }

  /** Throws StanzaError when he may not read. */
  async needReader(tree: Tree, node: Node, jid: JID): Promise<void> {
    if (await this.#isMember(tree, node, jid)) return;
    const { access_model } = node.config;
    if (access_model === 'authorize' && !isSubscribed(node, jid))
      throw refusal('auth', 'not-authorized', 'not-subscribed');
    if (access_model === 'whitelist') throw closed();
  }

  /** Throws StanzaError when he may not subscribe; resolves to what becomes of it. */
  async needSubscriber(tree: Tree, node: Node, jid: JID): Promise<'subscribed' | 'pending'> {
    if (await this.#isMember(tree, node, jid)) return 'subscribed';
    const { access_model } = node.config;
    if (access_model === 'whitelist') throw closed();
    return access_model === 'authorize' ? 'pending' : 'subscribed';
  }

  /** Affiliated ones are in; outcasts are out. What the access model asks for is asked here where it decides. */
  async #isMember(tree: Tree, node: Node, jid: JID): Promise<boolean> {
    const affiliation = this.affiliation(tree, node, jid);
    if (affiliation === 'outcast') throw forbidden();
    if (affiliation === 'owner' || affiliation === 'publisher' || affiliation === 'member') return true;
    const { access_model, roster_groups_allowed } = node.config;
    if (access_model === 'presence' && !(await this.face.sees(tree.owner, jid))) {
      throw refusal('auth', 'not-authorized', 'presence-subscription-required');
    }
    if (access_model === 'roster') {
      const groups = await this.face.groups(tree.owner, jid);
      if (!groups.some((group) => roster_groups_allowed.includes(group))) {
        throw refusal('auth', 'not-authorized', 'not-in-roster-group');
      }
    }
    return false;
  }

  /** Known at once where nothing has to be read for it. */
  mayRead(tree: Tree, node: Node, jid: JID): boolean | Promise<boolean> {
    if (node.config.access_model === 'open') return this.affiliation(tree, node, jid) !== 'outcast';
    return this.#mayRead(tree, node, jid);
  }

  async #mayRead(tree: Tree, node: Node, jid: JID): Promise<boolean> {
    try {
      await this.needReader(tree, node, jid);
      return true;
    } catch (error) {
      if (error instanceof StanzaError) return false;
      throw error;
    }
  }

  /** Whether the node is shown to him where nodes are listed. */
  isListed(tree: Tree, node: Node, jid: JID): boolean {
    const affiliation = this.affiliation(tree, node, jid);
    if (affiliation === 'outcast') return false;
    const hidden = node.config.access_model === 'whitelist' || node.config.access_model === 'roster';
    return affiliation !== 'none' || !hidden || isSubscribed(node, jid);
  }

  /** Whether its items are named to him where they are listed; that he sees presence, where it matters, is known. */
  isNamed(tree: Tree, node: Node, jid: JID): boolean {
    const affiliation = this.affiliation(tree, node, jid);
    if (affiliation === 'owner' || affiliation === 'publisher' || affiliation === 'member') return true;
    const { access_model } = node.config;
    if (affiliation === 'outcast' || access_model === 'whitelist') return false;
    return access_model === 'open' || access_model === 'presence' || isSubscribed(node, jid);
  }

  /** Throws StanzaError forbidden. */
  needPublisher(tree: Tree, node: Node, jid: JID): void {
    const affiliation = this.affiliation(tree, node, jid);
    if (affiliation === 'owner' || affiliation === 'publisher' || affiliation === 'publish-only') return;
    const { publish_model } = node.config;
    if (affiliation === 'outcast' || publish_model === 'publishers') throw forbidden();
    if (publish_model === 'subscribers' && !isSubscribed(node, jid)) throw forbidden();
  }

  /** Whether items of others are his as well. Sections 7.2.3.1 and 4.5. */
  mayReplace(tree: Tree, node: Node, jid: JID, by: string): boolean {
    const affiliation = this.affiliation(tree, node, jid);
    if (affiliation === 'owner' || affiliation === 'publisher') return true;
    return bareOf(by) === jid.bare.toString();
  }
}

const closed = () => refusal('cancel', 'not-allowed', 'closed-node');

/** He, or one of his resources. */
export function isSubscribed(node: Node, jid: JID): boolean {
  return node.record.subscriptions.of(jid.bare.toString()).some(([, { state }]) => state === 'subscribed');
}
