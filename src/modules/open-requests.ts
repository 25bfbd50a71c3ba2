// Requests that were passed on and are not answered yet: whose each is, who may answer, and until when. They are found by a
// token that only who may answer was told.

import type { Routed } from '../core/routed.js';
import type { JID } from '../xmpp/jid.js';
import type { Serving } from './client-pool.js';

export class OpenRequest {
  /** The only one whose answer counts. */
  answerer: JID | undefined;
  /** Who he was told that asks. */
  asker: JID | undefined;
  token = '';
  /** The client that was asked last. */
  client: Serving | undefined;
  /** Those that were asked, in their order. */
  readonly tried: Serving[] = [];

  constructor(
    /** As it came. */
    readonly routed: Routed,
    /** Milliseconds. */
    readonly deadline: number,
  ) {}
}

interface Limits {
  readonly timeout: number;
  readonly max_pending: number;
  readonly max_pending_bytes: number;
}

export class OpenRequests {
  readonly #byToken = new Map<string, OpenRequest>();
  /** Oldest first: all wait equally long, so that these are the first whose time is over. */
  readonly #all = new Set<OpenRequest>();
  #bytes = 0;

  constructor(readonly limits: Limits) {}

  get size(): number {
    return this.#all.size;
  }

  /** The limit that is in the way of one more. */
  limitFor(routed: Routed): 'max_pending' | 'max_pending_bytes' | undefined {
    if (this.#all.size >= this.limits.max_pending) return 'max_pending';
    if (this.#bytes + routed.stanza.raw.length > this.limits.max_pending_bytes) return 'max_pending_bytes';
    return undefined;
  }

  open(routed: Routed, now: number): OpenRequest {
    const request = new OpenRequest(routed, now + this.limits.timeout * 1000);
    this.#all.add(request);
    this.#bytes += routed.stanza.raw.length;
    return request;
  }

  /** From now on this client is asked, and may answer by this token; nobody else any more. */
  ask(request: OpenRequest, token: string, asker: JID, client: Serving): void {
    this.#release(request);
    request.client = client;
    client.pending++;
    request.tried.push(client);
    this.#named(request, token, asker, client.jid);
  }

  /** A user is asked. */
  askUser(request: OpenRequest, token: string, asker: JID, user: JID): void {
    this.#named(request, token, asker, user);
  }

  /** The request that this one was asked by that token. */
  find(token: string, answerer: JID): OpenRequest | undefined {
    const request = this.#byToken.get(token);
    return request?.answerer?.equals(answerer) ? request : undefined;
  }

  /** It needs no answer any more. False: it was closed before. */
  close(request: OpenRequest): boolean {
    if (!this.#all.delete(request)) return false;
    this.#release(request);
    this.#bytes -= request.routed.stanza.raw.length;
    return true;
  }

  /** Those that this client was asked last. */
  of(client: Serving): OpenRequest[] {
    if (client.pending === 0) return [];
    return [...this.#all].filter((request) => request.client === client);
  }

  /** Those whose time is over, closed. */
  overdue(now: number): OpenRequest[] {
    const late: OpenRequest[] = [];
    for (const request of this.#all) {
      if (request.deadline > now) break;
      late.push(request);
    }
    for (const request of late) this.close(request);
    return late;
  }

  /** All, closed. */
  clear(): OpenRequest[] {
    return this.overdue(Number.POSITIVE_INFINITY);
  }

  #named(request: OpenRequest, token: string, asker: JID, answerer: JID): void {
    Object.assign(request, { token, asker, answerer });
    this.#byToken.set(token, request);
  }

  #release(request: OpenRequest): void {
    this.#byToken.delete(request.token);
    if (request.client !== undefined) request.client.pending--;
    request.client = undefined;
  }
}
