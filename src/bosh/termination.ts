// How a session ends (XEP-0124 sections 13 and 17.2): the one place where its client is told, its servers are told, and
// what remains of it is handed over for requests that come later. That it is time, the session finds out.

import type { Ending } from '../stream/end.js';
import { StreamError } from '../xmpp/errors.js';
import type { Stanza } from '../xmpp/stanza.js';
import { type Condition, type Terminal, terminalOf, terminalResponse, UNKNOWN } from './conditions.js';
import type { Exchange, Last } from './exchange.js';
import type { BoshResponse, Held } from './held.js';
import type { Streams } from './streams.js';

/** What remains of a session that is over. */
export interface Aftermath {
  /** How it ended, for the log and the metrics. */
  readonly reason: string;
  /** What later requests are told. */
  readonly response: BoshResponse;
  /** The last request that was answered, for a repeat of it. */
  readonly last?: Last;
}

export class Termination {
  /** The session is over. */
  over = false;

  constructor(
    readonly exchange: Exchange,
    readonly streams: Streams,
  ) {}

  /** Section 13: the client wants it. */
  terminate(): void {
    this.#finish('terminate', {}, { how: 'closed' });
  }

  /** The servers are gone, and all they said was said but this. */
  conclude(terminal: Terminal, queued: readonly Stanza[]): void {
    this.#finish(terminal.condition ?? 'closed', terminal, { how: 'closed' }, queued);
  }

  /** Section 10: the client has been without a request for too long. */
  lose(): void {
    const error = new StreamError('connection-timeout', 'the client has gone silent');
    this.#finish('inactivity', {}, { how: 'lost', error });
  }

  overflow(): void {
    this.exchange.shared.counts.limited('queue_hard');
    const error = new StreamError('resource-constraint', 'the client does not read what is sent to it');
    this.#finish('overflow', { condition: 'policy-violation' }, { how: 'lost', error });
  }

  /** The server stops. */
  stop(error: StreamError): void {
    this.#finish(error.condition, terminalOf(error), { how: 'closed', error });
  }

  /** Section 17.2: something is wrong with a request, and `held` waits for its answer. */
  fail(condition: Condition, held?: Held): void {
    const { contentType, legacy } = this.exchange.terms;
    const response = terminalResponse({ condition }, contentType, legacy);
    if (held) this.exchange.reply(held, response);
    if (this.over) return;
    this.exchange.dismissAll();
    // Whoever lost the thread said no goodbye: XEP-0198 may still find the stream.
    const how = condition === 'item-not-found' ? 'lost' : 'closed';
    this.#leave({ reason: condition, response }, { how, error: errorOf(condition) });
  }

  /** Any other reason: told to the client if it waits. */
  #finish(reason: string, terminal: Terminal, ending: Ending, queued?: readonly Stanza[]): void {
    const { contentType, legacy } = this.exchange.terms;
    const last = this.exchange.conclude(terminalResponse(terminal, contentType, legacy, queued));
    const response = terminal.condition ? terminalResponse(terminal, contentType, legacy) : UNKNOWN;
    this.#leave({ reason, response, last }, ending);
  }

  /** Says goodbye to the servers; with what a client may have missed, unless it left by itself or was sent away. */
  #leave(after: Aftermath, ending: Ending): void {
    const { responses, session, shared } = this.exchange;
    this.over = true;
    session.deadline = Number.POSITIVE_INFINITY;
    this.streams.finish(ending, ending.how === 'lost' ? responses : undefined);
    responses.clear();
    shared.leave(session, after);
  }
}

function errorOf(condition: Condition): StreamError {
  if (condition === 'bad-request') return new StreamError('bad-format');
  if (condition === 'policy-violation' || condition === 'internal-server-error') return new StreamError(condition);
  return new StreamError('undefined-condition', condition);
}
