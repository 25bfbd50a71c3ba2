// Where clients reach a server, in URLs.

import { type AddressInfo, isIPv6 } from 'node:net';

/** Where clients reach a server. */
export interface Urls {
  readonly bosh: string;
  readonly websocket: string;
  /** Over TCP, where it listens to that: `xmpp://host:port`. */
  readonly xmpp?: string;
  /** The same within TLS from the first byte. */
  readonly xmpps?: string;
  /** The chat page, while there is one. */
  readonly chat?: string;
  /** Where components connect to, where it listens to that: `tcp://host:port`. */
  readonly component?: string;
}

export function authorityOf({ address, port, family }: AddressInfo): string {
  const host = /^(0\.0\.0\.0|::1?|127\.0\.0\.1)$/.test(address) ? 'localhost' : address;
  return `${family === 'IPv6' && host === address ? `[${host}]` : host}:${port}`;
}

/** Where a server with this configuration is reached by HTTP, when nobody says better. */
export function baseOf({ host, port, tls }: { host: string; port: number; tls: object | null }): string {
  const authority = authorityOf({ address: host, port, family: isIPv6(host) ? 'IPv6' : 'IPv4' });
  return `http${tls === null ? '' : 's'}://${authority}`;
}
