// The requests of users that clients of a client_proxy answer, and those of the clients to users. An answer counts once,
// from who was asked, by the token that only he was told. What a client leaves unanswered when it goes is asked of another:
// it may have been done already, so that a request can be done twice, but is never lost.

import type { ClientProxyOptions } from '../config/modules.js';
import type { ComponentHost } from '../core/host.js';
import { Routed } from '../core/routed.js';
import type { Tokens } from '../tokens.js';
import { StanzaError } from '../xmpp/errors.js';
import { NS } from '../xmpp/ns.js';
import type { ClientPool, Serving } from './client-pool.js';
import type { ClientProxyCounts } from './client-proxy-counts.js';
import type { Conversations } from './conversations.js';
import { masked } from './masks.js';
import type { OpenRequest, OpenRequests } from './open-requests.js';

/** Clients that are asked one after the other when each says that it did not take the request. */
const MOST_REFUSALS = 3;

interface Deps {
  readonly clients: ClientPool;
  readonly open: OpenRequests;
  readonly conversations: Conversations;
  readonly tokens: Tokens;
  readonly counts: ClientProxyCounts;
}

export class ProxiedRequests {
  constructor(
    readonly host: ComponentHost,
    readonly options: ClientProxyOptions,
    readonly deps: Deps,
  ) {}

  /** A user asks. False: there is nobody to be asked. */
  asked(routed: Routed): boolean {
    const client = this.deps.clients.choose(routed.from.bare.toString());
    if (client === undefined) return false;
    this.#ask(this.#open(routed), client);
    return true;
  }

  /** A client asks a user who has spoken: his answer is known by its id, which is a token. */
  askUser(routed: Routed, user: string | undefined): void {
    if (!this.options.requests) throw new StanzaError('cancel', 'feature-not-implemented');
    const { conversations, open, tokens } = this.deps;
    const { user: answerer, address, asked } = conversations.need(user);
    const request = this.#open(routed);
    const token = tokens.next();
    open.askUser(request, token, asked, answerer);
    const stanza = routed.stanza.with({ from: address, to: answerer.toString(), id: token });
    this.host.send(new Routed(stanza, 'iq', routed.type, asked, answerer));
  }

  /** Somebody answers what he was asked by this token. */
  answered(routed: Routed, token: string | undefined): void {
    const { open, counts } = this.deps;
    const request = token === undefined ? undefined : open.find(token, routed.from);
    const id = request?.client === undefined ? token : request.routed.stanza.id;
    if (request === undefined || routed.stanza.id !== id || !isToAsker(request, routed)) counts.told('unsolicited');
    else if (!isRefusal(routed) || !this.#askAnother(request)) {
      open.close(request);
      counts.told('answered');
      this.#pass(routed, request.routed);
    }
  }

  /** A client has gone: what it was asked is asked of others. */
  left(gone: Serving): void {
    for (const request of this.deps.open.of(gone)) {
      // What became of others may have moved it already.
      if (request.client === gone) this.#move(request);
    }
  }

  sweep(now: number): void {
    const error = () => new StanzaError('wait', 'remote-server-timeout', 'no answer in time');
    for (const request of this.deps.open.overdue(now)) {
      this.deps.counts.told('timeout');
      this.host.refuse(request.routed, error());
    }
  }

  stop(): void {
    for (const request of this.deps.open.clear()) this.host.refuse(request.routed, this.unserved());
  }

  /** To be told to who asked. */
  unserved(): StanzaError {
    this.deps.counts.told('unserved');
    return new StanzaError('cancel', 'service-unavailable', 'no client serves this address now');
  }

  /** Throws StanzaError when there are too many. */
  #open(routed: Routed): OpenRequest {
    const { open, counts } = this.deps;
    const limit = open.limitFor(routed);
    if (limit === undefined) return open.open(routed, this.host.now());
    this.host.limited(`client_proxy.${limit}`);
    counts.told('refused');
    throw new StanzaError('wait', 'resource-constraint', 'too many requests wait for an answer');
  }

  #ask(request: OpenRequest, client: Serving): void {
    const { routed } = request;
    const { open, tokens, conversations } = this.deps;
    const token = tokens.next();
    const user = this.options.requests ? conversations.of(routed).token : undefined;
    const from = masked(routed.to, routed.from, { request: token, user });
    open.ask(request, token, from, client);
    const stanza = routed.stanza.with({ from: from.toString(), to: client.address });
    this.host.send(new Routed(stanza, 'iq', routed.type, from, client.jid));
  }

  /** False: there is nobody else. */
  #askAnother(request: OpenRequest): boolean {
    if (request.client === undefined || request.tried.length >= MOST_REFUSALS) return false;
    const other = this.deps.clients.choose(request.routed.from.bare.toString(), request.tried);
    if (other === undefined) return false;
    this.deps.counts.told('moved');
    this.#ask(request, other);
    return true;
  }

  #move(request: OpenRequest): void {
    const { clients, counts, open } = this.deps;
    const other = clients.choose(request.routed.from.bare.toString());
    if (other !== undefined) {
      counts.told('moved');
      this.#ask(request, other);
    } else if (open.close(request)) this.host.refuse(request.routed, this.unserved());
  }

  #pass({ stanza, type }: Routed, { stanza: asked, from, to }: Routed): void {
    const id = stanza.id === asked.id ? {} : { id: asked.id };
    const answer = stanza.with({ from: asked.to, to: asked.from ?? from.toString(), ...id });
    this.host.send(new Routed(answer, 'iq', type, to, from));
  }
}

/** Users answer to the address that they have spoken to; of what clients are shown only the token counts. */
const isToAsker = ({ client, asker }: OpenRequest, { to }: Routed): boolean =>
  client !== undefined || (asker?.equals(to) ?? false);

/** Whether who was asked says that it did not take it (RFC 6120 section 8.3.3): another may. */
function isRefusal({ type, stanza }: Routed): boolean {
  if (type !== 'error') return false;
  const error = stanza.tree.getChild('error', NS.client);
  return REFUSALS.some((condition) => error?.getChild(condition, NS.stanzas) !== undefined);
}
const REFUSALS = ['service-unavailable', 'recipient-unavailable'];
