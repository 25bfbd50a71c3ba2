// What is counted of a client_proxy.

import type { ComponentHost } from '../core/host.js';

/** What became of a request, or of an answer that nobody waited for. */
export type ProxyOutcome =
  | 'answered'
  | 'moved' // to another client
  | 'timeout'
  | 'unserved' // no client was there
  | 'refused' // too many waited
  | 'unsolicited';

interface Figures {
  clients(): number;
  pending(): number;
  subscribed(): boolean;
}

export class ClientProxyCounts {
  readonly #counts = new Map<ProxyOutcome, number>();
  readonly #undo: (() => void)[];

  constructor({ domain: host, metrics }: ComponentHost, { clients, pending, subscribed }: Figures) {
    const one = (name: string, help: string, value: () => number) =>
      metrics.read(name, help, ['host'], () => [[{ host }, value()]]);
    const outcomes = () => [...this.#counts].map(([outcome, count]) => [{ host, outcome }, count] as const);
    this.#undo = [
      one('client_proxy_clients', 'Clients that may be asked.', clients),
      one('client_proxy_pending', 'Requests that wait for an answer.', pending),
      one('client_proxy_subscribed', 'Whether the presence of the clients can be seen.', () => Number(subscribed())),
      metrics.read(
        'client_proxy_requests_total',
        'Requests that were passed on, by what became of them.',
        ['host', 'outcome'],
        outcomes,
        'counter',
      ),
    ];
  }

  told(outcome: ProxyOutcome): void {
    this.#counts.set(outcome, (this.#counts.get(outcome) ?? 0) + 1);
  }

  stop(): void {
    for (const undo of this.#undo) undo();
  }
}
