// The owner of a domain, as modules see it.

import type { Log } from '../log.js';
import type { Metrics } from '../metrics.js';
import type { Store, StoreKind } from '../storage/store.js';
import type { StanzaError } from '../xmpp/errors.js';
import type { JID } from '../xmpp/jid.js';
import type { Stanza } from '../xmpp/stanza.js';
import type { Accounts } from './accounts.js';
import type { Addresses } from './addresses.js';
import type { HookRegistry, Hooks } from './hooks.js';
import type { CoreOptions, DomainOptions } from './options.js';
import type { Part } from './parts.js';
import type { Routed } from './routed.js';
import type { Session } from './session.js';
import type { SessionTable } from './sessions.js';

/** What becomes of a server that is stopped. */
export type Halt = 'shutdown' | 'restart';

/** A component, or what a virtual host has in common with one. */
export interface ComponentHost {
  readonly domain: string;
  readonly jid: JID;
  readonly hooks: HookRegistry;
  /** Reads addresses, and remembers them. */
  readonly addresses: Addresses;
  readonly log: Log;
  readonly metrics: Metrics;
  /** Domains of this server, this one among them. */
  readonly domains: Iterable<string>;
  /** Milliseconds that never go back. */
  now(): number;
  /** A limit was in the way, by the name of its option. */
  limited(limit: string): void;
  /** Sends in this host's name: `from` and `to` are on the stanza. Never throws. */
  route(stanza: Stanza): void;
  /** The same for what was read already. */
  send(routed: Routed): void;
  /** Tells the sender of a stanza that it was not taken. */
  refuse(routed: Routed, error: StanzaError): void;
  /** Tells the other modules of this host. */
  readonly tell: Hooks['tell'];
  /** Asks them; true: one has handled it. */
  readonly run: Hooks['run'];
  /** A store of this host. */
  open<K extends StoreKind>(store: string, kind: K): Store<K>;
  /**
   * What this module knows of those who are there. It is made once, and still there when the module is loaded anew with
   * other options; `gone` is called when it is unloaded for good.
   */
  keep<T>(part: Part<T>, make: () => T, gone?: (value: T) => void): T;
  /** Lends something to other modules, until this one is unloaded. */
  provide<T>(part: Part<T>, value: T): void;
  /** What another module lends; throws when it is not loaded. */
  use<T>(part: Part<T>): T;
  find<T>(part: Part<T>): T | undefined;
}

/** A virtual host. */
export interface Host extends ComponentHost {
  readonly options: DomainOptions;
  /** As they are now. */
  readonly limits: CoreOptions['limits'];
  readonly max_data_held: CoreOptions['max_data_held'];
  readonly trusted_proxies: CoreOptions['trusted_proxies'];
  readonly accounts: Accounts;
  readonly sessions: SessionTable;
  /** Asks whoever runs the server to stop or restart it; false: nobody does that. */
  halt(how: Halt): boolean;
  /** A session is bound from now on. */
  add(session: Session): void;
}
