// Where plays are performed: a server with the accounts of all of them, reached over TCP, WebSocket and BOSH.

import type { Carrier } from '../peers/carrier.js';
import type { PlayTransport } from './play.js';

export interface Account {
  readonly name: string;
  readonly password: string;
}

export interface Stage {
  readonly name: string;
  /** The domain of all accounts. */
  readonly domain: string;
  /** Connects without opening a stream. */
  connect(transport: PlayTransport, domain: string): Promise<Carrier>;
  stop(): Promise<void>;
}

/** A kind of stage, before it is built. */
export interface Builder {
  readonly name: string;
  /** Programs that have to be installed. */
  readonly programs: readonly string[];
  /** The names of what it can, as plays need them; undefined: everything. */
  readonly can?: ReadonlySet<string>;
  build(accounts: readonly Account[]): Promise<Stage>;
}
