// Messages and presence between users of a client_proxy and its clients: a user keeps to one client while it is there, and
// to the one that wrote to him last.

import type { ComponentHost } from '../core/host.js';
import { Routed } from '../core/routed.js';
import { StanzaError } from '../xmpp/errors.js';
import type { ClientPool, Serving } from './client-pool.js';
import type { Conversation, Conversations } from './conversations.js';
import { masked, maskOf } from './masks.js';

export class Carrying {
  constructor(
    readonly host: ComponentHost,
    readonly clients: ClientPool,
    readonly conversations: Conversations,
  ) {}

  isKnown(user: string | undefined): boolean {
    return this.conversations.find(user) !== undefined;
  }

  /** Throws StanzaError when nobody is there. */
  fromUser(routed: Routed): void {
    const error = routed.type === 'error';
    const conversation = error ? this.conversations.known(routed) : this.conversations.of(routed);
    const client = conversation && this.#carrier(conversation);
    if (client === undefined && !error) throw new StanzaError('cancel', 'service-unavailable', 'no client is there');
    if (client !== undefined && conversation !== undefined) this.#toClient(routed, conversation, client);
  }

  /** What he said before is forgotten. */
  userLeft(routed: Routed): void {
    const conversation = this.conversations.known(routed);
    if (conversation === undefined) return;
    if (conversation.client !== undefined) this.#toClient(routed, conversation, conversation.client);
    this.conversations.end(conversation);
  }

  /** Throws StanzaError when it is for nobody who has spoken. */
  fromClient({ stanza, kind, type, from, to }: Routed): void {
    const conversation = this.conversations.need(maskOf(to).user);
    const { user, address, asked } = conversation;
    conversation.client = this.clients.find(from.resource) ?? conversation.client;
    const sent = stanza.with({ from: address, to: user.toString() });
    this.host.send(new Routed(sent, kind, type, asked, user));
  }

  #carrier(conversation: Conversation): Serving | undefined {
    const { client, user } = conversation;
    if (client === undefined || !this.clients.has(client)) {
      conversation.client = this.clients.choose(user.bare.toString());
    }
    return conversation.client;
  }

  #toClient({ stanza, kind, type, from, to }: Routed, { token }: Conversation, client: Serving): void {
    const mask = masked(to, from, { user: token });
    const sent = stanza.with({ from: mask.toString(), to: client.address });
    this.host.send(new Routed(sent, kind, type, mask, client.jid));
  }
}
