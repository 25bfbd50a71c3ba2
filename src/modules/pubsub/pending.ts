// Requests that wait for an owner's decision, all of them once more (XEP-0060 section 8.7): a command (XEP-0050) of two
// stages. Nothing is remembered in between: what comes second says all there is to know.

import { randomUUID } from 'node:crypto';
import type { IqRequest } from '../../core/hooks.js';
import { StanzaError } from '../../xmpp/errors.js';
import { attribute } from '../../xmpp/escape.js';
import { filled, formIn, formXml } from '../data-form.js';
import { tellLater, type Works } from './ask.js';
import { forbidden, notFound, PUBSUB } from './names.js';
import type { Node } from './node.js';
import { askAbout, inParts } from './subscribing.js';
import type { Tree } from './trees.js';

export const COMMANDS = 'http://jabber.org/protocol/commands';
export const GET_PENDING = `${PUBSUB}#get-pending`;

type Status = 'executing' | 'completed' | 'canceled';

const said = (session: string, status: Status, inside = ''): string =>
  `<command xmlns='${COMMANDS}' node='${GET_PENDING}'${attribute('sessionid', session)} status='${status}'>${inside}</command>`;

/** Throws StanzaError for whoever owns no node. */
export function getPending(works: Works, tree: Tree, request: IqRequest): string {
  const { from, payload } = request;
  const { node: command, sessionid, action = 'execute' } = payload.attrs;
  if (command !== GET_PENDING) throw notFound();
  const own = [...tree.nodes.values()].filter((node) => works.access.affiliation(tree, node, from) === 'owner');
  if (own.length === 0) throw forbidden();
  if (sessionid === undefined) return said(randomUUID(), 'executing', choice(own));
  if (action === 'cancel') return said(sessionid, 'canceled');
  const form = formIn(payload);
  const [name] = (form && filled(form).get('pubsub#node')) ?? [];
  if (name === undefined) throw new StanzaError('modify', 'bad-request', 'pubsub#node says which');
  const node = tree.nodes.get(name);
  if (node === undefined) throw notFound();
  works.access.needOwner(tree, node, from);
  tellLater(works, { tree, request }, () =>
    inParts(waiting(node), (address) => askAbout(works, tree, node, address, from)),
  );
  return said(sessionid, 'completed');
}

/** Those where somebody waits. */
function choice(own: readonly Node[]): string {
  const options = own.filter((node) => waiting(node).length > 0).map(({ name }) => name);
  const field = { name: 'pubsub#node', type: 'list-single', options } as const;
  return `<actions execute='complete'><complete/></actions>${formXml('form', `${PUBSUB}#subscribe_authorization`, [field])}`;
}

const waiting = ({ record }: Node): string[] =>
  record.subscriptions.entries.filter(([, { state }]) => state === 'pending').map(([address]) => address);
