// What the clients of these tests connect to: our server in front of a peer. With PEERS_ENDPOINT=own it is the peer's own BOSH
// and WebSocket instead, so that a test can be proven against an implementation that is not ours.

import { startServer } from '../server.js';
import { startEjabberd } from './ejabberd.js';
import { DOMAIN, type Endpoint, type Peer } from './peer.js';
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
