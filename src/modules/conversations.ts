// Users who have spoken to a component, so that its clients can write to them: by a token for each user and address. A
// bounded number is remembered; who has not spoken for longest goes first.

import type { Routed } from '../core/routed.js';
import type { Tokens } from '../tokens.js';
import { StanzaError } from '../xmpp/errors.js';
import type { JID } from '../xmpp/jid.js';
import type { Serving } from './client-pool.js';

export class Conversation {
  /** Who carries it on, on our side. */
  client: Serving | undefined;

  constructor(
    readonly key: string,
    readonly token: string,
    readonly user: JID,
    /** As the user wrote it, and prepared. */
    readonly address: string,
    readonly asked: JID,
  ) {}
}

export class Conversations {
  readonly #byKey = new Map<string, Conversation>();
  readonly #byToken = new Map<string, Conversation>();

  constructor(
    readonly tokens: Tokens,
    readonly most: number,
  ) {}

  /** The one that this user has with this address; a new one where there is none. */
  of({ from, to, stanza }: Routed): Conversation {
    const key = keyOf(from, to);
    const known = this.#byKey.get(key);
    if (known !== undefined) this.end(known);
    else if (this.#byKey.size >= this.most) this.#endOldest();
    const conversation = known ?? new Conversation(key, this.tokens.next(), from, stanza.to ?? `${to}`, to);
    this.#byKey.set(key, conversation);
    this.#byToken.set(conversation.token, conversation);
    return conversation;
  }

  /** The one that this user has with this address, if there is one. */
  known({ from, to }: Routed): Conversation | undefined {
    return this.#byKey.get(keyOf(from, to));
  }

  find(token: string | undefined): Conversation | undefined {
    return token === undefined ? undefined : this.#byToken.get(token);
  }

  /** Throws StanzaError when there is none. */
  need(token: string | undefined): Conversation {
    const conversation = this.find(token);
    if (conversation === undefined) throw new StanzaError('cancel', 'item-not-found', 'this user is not known here');
    return conversation;
  }

  end({ key, token }: Conversation): void {
    this.#byKey.delete(key);
    this.#byToken.delete(token);
  }

  #endOldest(): void {
    const [oldest] = this.#byKey.values();
    this.end(oldest);
  }
}

const keyOf = (user: JID, asked: JID): string => `${user} ${asked}`;
