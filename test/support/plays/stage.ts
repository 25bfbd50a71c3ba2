// Where plays are performed: a server with the accounts of all of them, reached over TCP, WebSocket and BOSH.

import type { Carrier } from '../peers/carrier.js';
import type { PlayTransport } from './play.js';

export interface Account {
  readonly name: string;
  readonly password: string;
}

/** Whoever is called bard administers the domain. */
export const adminsAmong = (accounts: readonly Account[], domain: string): string[] =>
  accounts.filter(({ name }) => name.startsWith('bard-')).map(({ name }) => `${name}@${domain}`);

export interface Stage {
  /** The domain of all accounts. */
  readonly domain: string;
  /** Connects without opening a stream. */
  connect(transport: PlayTransport, domain: string): Promise<Carrier>;
  /** Resolves once the server knows that the stream of a resource is closed, where its client may know before. */
  left?(jid: string): Promise<unknown>;
  stop(): Promise<void>;
}

/** A kind of stage, before it is built. */
export interface Builder {
  readonly name: string;
  /** Programs that have to be installed. */
  readonly programs: readonly string[];
  readonly transports: readonly PlayTransport[];
  /** The names of what it can, as plays need them; undefined: everything. */
  readonly can?: ReadonlySet<string>;
  build(accounts: readonly Account[]): Promise<Stage>;
}
