// What the engine asks of whoever it works for: a service at a domain, or the accounts of a virtual host.

import type { PubsubLimits } from '../../config/modules.js';
import type { ComponentHost } from '../../core/host.js';
import type { JID } from '../../xmpp/jid.js';
import type { NewItem, Node } from './node.js';
import type { AccessModel, NodeConfig } from './node-config.js';
import type { Show } from './subscription-options.js';
import type { Tree } from './trees.js';

export interface Face {
  /** The name of its options. */
  readonly name: 'pubsub' | 'pep';
  readonly host: ComponentHost;
  readonly limits: PubsubLimits;
  /** Most nodes that one account owns, when it makes another one. */
  readonly mostOwned: number;
  readonly defaults: NodeConfig;
  readonly accessModels: readonly AccessModel[];
  /** Whose publishing makes nodes that are not there. */
  readonly autoCreate: boolean;
  /** Whom notifications are from. */
  address(owner: string): JID;
  /** Whether all of it is his. */
  owns(owner: string, jid: JID): boolean;
  /** Whether he may make nodes. */
  mayCreate(owner: string, jid: JID): boolean;
  /** Whether he gets the presence of the account. */
  sees(owner: string, jid: JID): Promise<boolean>;
  /** The roster groups that he is in. */
  groups(owner: string, jid: JID): Promise<readonly string[]>;
  /** How clients of a subscriber are now; undefined: nobody knows. Absent where nobody ever does. */
  shows?(jid: JID): readonly Show[] | undefined;
  /** Tells those besides its subscribers who want to hear of a node; not those that are told already. */
  audience(tree: Tree, node: Node, tell: (jid: JID) => unknown): Promise<void>;
  /** Whether the owner does not speak to this address. */
  silent(owner: string, to: JID): boolean;
  /** An item is there. */
  published(tree: Tree, node: Node, item: NewItem): void;
}
