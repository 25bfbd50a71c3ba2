// Where a stanza goes (RFC 6120 section 10): an ordered list of routes, asked one after the other. What nobody takes
// goes back to its sender.

import type { Log } from '../log.js';
import { errorAnswer } from '../xmpp/answer.js';
import { StanzaError } from '../xmpp/errors.js';
import { Routed } from './routed.js';

/** Takes what is for its own addresses, and says so. */
export interface Route {
  readonly name: string;
  /** May throw StanzaError, for the sender. */
  take(routed: Routed): boolean;
}

export class Router {
  constructor(
    readonly routes: Route[],
    readonly log: Log,
  ) {}

  route(routed: Routed): void {
    try {
      if (!this.#taken(routed)) this.refuse(routed, new StanzaError('cancel', 'remote-server-not-found'));
    } catch (error) {
      if (error instanceof StanzaError) this.refuse(routed, error);
      else this.#failed(routed, error);
    }
  }

  /** Answers with an error; nothing for what is not to be answered: errors, and results of iq (RFC 6120 section 8.3.1). */
  refuse({ stanza, kind, type, from, to, session }: Routed, error: StanzaError): void {
    if (type === 'error' || (kind === 'iq' && type === 'result')) return;
    const answer = errorAnswer(stanza, error);
    if (session !== undefined && !session.over) session.send(answer);
    else this.route(new Routed(answer, kind, 'error', to, from));
  }

  #taken(routed: Routed): boolean {
    for (const route of this.routes) if (route.take(routed)) return true;
    return false;
  }

  #failed(routed: Routed, error: unknown): void {
    this.log.error('routing_failed', { error });
    this.refuse(routed, new StanzaError('cancel', 'internal-server-error'));
  }
}
