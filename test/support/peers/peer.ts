// A real XMPP server as the tests see it, and what all of them serve: the domain test.example with Romeo, Juliet and some
// others. Its certificates come from a generated CA; `wrong.example` is served with the certificate of test.example.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export const DOMAIN = 'test.example';
export const WRONG_DOMAIN = 'wrong.example';
export const PASSWORD = 'wherefore art thou';
export const ACCOUNTS = ['romeo', 'juliet', 'mercutio', 'nurse'] as const;

/** A started server: STARTTLS on `port`, direct TLS on `tlsPort`, both on 127.0.0.1. */
export interface Peer {
  readonly name: 'prosody' | 'ejabberd';
  readonly port: number;
  readonly tlsPort: number;
  /** STARTTLS behind a PROXY protocol header, where the server can. */
  readonly proxyPort?: number;
  /** Its own BOSH and WebSocket endpoints, when it was started with them. */
  readonly own?: Endpoint;
  readonly ca: string;
  log(): string;
  /** Resolves once its log contains the pattern. */
  until(pattern: RegExp): Promise<unknown>;
  stop(): Promise<void>;
}

/** Where a client of an edge connects: ours, a proxy in front of ours, or the peer's own. */
export interface Endpoint {
  readonly bosh: string;
  readonly ws: string;
}

export interface PeerOptions {
  /** Also serve BOSH and WebSocket itself: the reference the tests were first proven against. */
  readonly web?: boolean;
  /** Local parts of the accounts, instead of the four. */
  readonly accounts?: readonly string[];
  /** More of its modules, as Prosody calls them. */
  readonly modules?: readonly string[];
  /** A component that may connect to it. */
  readonly component?: { readonly domain: string; readonly port: number; readonly secret: string };
  /** More lines of its configuration. */
  readonly lines?: string;
}

/** A folder of its own below the system's temporary folder. */
export function scratch(name: string): { readonly path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), `bosh-${name}-`));
  return { path, remove: () => rmSync(path, { recursive: true, force: true, maxRetries: 3 }) };
}
