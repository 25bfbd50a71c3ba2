// What the clients of these tests connect to: our server in front of a peer. With PEERS_ENDPOINT=own it is the peer's own BOSH
// and WebSocket instead, so that a test can be proven against an implementation that is not ours.

import { afterAll, beforeAll } from 'vitest';
import { startServer } from '../server.js';
import { startEjabberd } from './ejabberd.js';
import { DOMAIN, type Endpoint, type Peer, type PeerOptions } from './peer.js';
import { startProsody } from './prosody.js';

/** True when the peers' own endpoints are tested instead of ours. */
export const OWN = process.env.PEERS_ENDPOINT === 'own';

export interface Edge extends Endpoint {
  log(): string;
  stop(): Promise<unknown>;
}

/** The real servers by name, and the program whose absence skips them. */
export const PEERS = [
  { name: 'prosody', program: 'prosody', start: startProsody },
  { name: 'ejabberd', program: 'ejabberdctl', start: startEjabberd },
] as const;

/** Our server in front of the peer, over verified STARTTLS unless `upstream` says otherwise. */
export async function startEdge(
  peer: Peer,
  upstream: Readonly<Record<string, unknown>> = {},
  config: Readonly<Record<string, unknown>> = {},
): Promise<Edge> {
  if (OWN && peer.own) return { ...peer.own, log: peer.log, stop: async () => {} };
  return startServer({
    config: {
      upstreams: { [DOMAIN]: { host: '127.0.0.1', port: peer.port, tls: 'starttls', ca: peer.ca, ...upstream } },
      logging: 'DEBUG',
      ...config,
    },
  });
}

/**
 * A peer and our server in front of it for a suite: both there before its tests, and gone after them. With options of ours it
 * is always our server.
 */
export class Front {
  #peer: Peer | undefined;
  #edge: Edge | undefined;

  constructor(start: (options: PeerOptions) => Promise<Peer>, config?: Readonly<Record<string, unknown>>) {
    beforeAll(async () => {
      this.#peer = await start({ web: OWN && config === undefined });
      this.#edge = await startEdge(this.#peer, {}, config);
    });
    afterAll(async () => {
      await this.#edge?.stop();
      await this.#peer?.stop();
    });
  }

  get peer(): Peer {
    if (!this.#peer) throw new Error('no peer before the tests of the suite');
    return this.#peer;
  }

  get edge(): Edge {
    if (!this.#edge) throw new Error('no server before the tests of the suite');
    return this.#edge;
  }
}
