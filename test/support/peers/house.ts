// A domain of ours with rooms and a publish-subscribe service beside it, for clients as they are shipped.

import { createServer, type ServerOptions, silentLog } from '../../../src/index.js';
import { visitor } from '../visitor.js';
import { PASSWORD } from './peer.js';

export const HOUSE = 'verona.test';
export const ROOMS = `rooms.${HOUSE}`;
export const NODES = `nodes.${HOUSE}`;

/** What is configured, wherever it listens. */
export const HOUSE_OPTIONS = {
  host: '127.0.0.1',
  c2s: { port: 0, direct_tls_port: null, require_tls: false },
  domains: { [HOUSE]: {} },
  components: { [ROOMS]: { module: 'muc' }, [NODES]: { module: 'pubsub' } },
} satisfies ServerOptions;

export interface House {
  readonly bosh: string;
  readonly ws: string;
  /** Of TCP, where nothing has to be encrypted. */
  readonly port: number;
  stop(): Promise<void>;
}

/** Started, with an account for each name. */
export async function openHouse(names: readonly string[], options: ServerOptions = {}): Promise<House> {
  const { module, host } = visitor();
  const server = createServer({ ...HOUSE_OPTIONS, port: 0, modules: [module], log: silentLog, ...options });
  await server.start();
  const { accounts } = await host;
  await Promise.all(names.map((name) => accounts.create(name, PASSWORD)));
  const { bosh, websocket: ws, xmpp = '' } = server.urls;
  return { bosh, ws, port: Number(new URL(xmpp).port), stop: () => server.stop() };
}
