// What is to be dialled for a domain, and how: configuration, DNS and the BOSH route put together.

import { isIP } from 'node:net';
import { isHostname, isPublic, matches, normalizeDomain } from '../stream/access.js';
import { isLoopback } from '../stream/address.js';
import type { ClientStream } from '../stream/end.js';
import type { ProxyOptions, TlsMode, UpstreamOptions } from './options.js';
import { isSane, type Resolver, type Target } from './resolve.js';
import { Unreachable } from './unreachable.js';

/** A domain that a client may reach, normalized, with everything configured for it. */
export interface Destination {
  readonly domain: string;
  readonly upstream: UpstreamOptions;
  /** Configured by the operator: any address may be dialled. */
  readonly trusted: boolean;
  /** Where the client asks to go, as far as `route_filter` allows it. */
  readonly route: Target | undefined;
  /** Undefined where nobody said: then it depends on the address. */
  readonly tls: TlsMode | undefined;
}

export function destination(domain: string, client: ClientStream, options: ProxyOptions): Destination {
  const { upstreams } = options;
  const configured = Object.hasOwn(upstreams, domain)
    ? upstreams[domain]
    : Object.entries(upstreams).find(([name]) => normalizeDomain(name) === domain)?.[1];
  const route = allowedRoute(client.route, options.route_filter);
  const tls = matches(options.no_tls_domains, domain) ? 'none' : configured?.tls;
  return { domain, upstream: configured ?? {}, trusted: configured !== undefined && route === undefined, route, tls };
}

/** `xmpp:host:port` (XEP-0124 section 7.1), if the filter has the host and the port is one to try. */
export function allowedRoute(route: string | undefined, filter: readonly string[] | null): Target | undefined {
  const [, name, number = '5222'] = /^xmpp:([^:\s/]+|\[[^\]]+\])(?::(\d{1,5}))?$/i.exec(route ?? '') ?? [];
  const host = name === undefined ? undefined : normalizeDomain(name);
  const port = Number(number);
  if (host === undefined || filter === null || !matches(filter, host) || !isSane(port)) return undefined;
  return { host, port, direct: false };
}

/** The places to try, in their order: a promise only where the DNS has to be asked. Throws or rejects with `Unreachable`. */
export function targets(destination: Destination, resolver: Resolver): Target[] | Promise<Target[]> {
  const { domain, upstream, route, tls, trusted } = destination;
  if (domain === '') throw new Unreachable('nxdomain', 'not a domain name');
  if (isIP(domain) !== 0 && !trusted && route === undefined) {
    throw new Unreachable('forbidden_address', `${domain} is an address`, 'upstreams');
  }
  if (route !== undefined) return [route];
  const direct = tls === 'direct';
  const { host, port = direct ? 5223 : 5222 } = upstream;
  return host !== undefined ? [{ host, port, direct }] : services(destination, resolver);
}

async function services({ domain, tls }: Destination, resolver: Resolver): Promise<Target[]> {
  const found = await resolver.services(domain);
  const usable = found.filter(({ direct }) => (tls === 'direct' ? direct : !(direct && tls === 'none')));
  if (usable.length > 0) return usable;
  throw new Unreachable('service_refused', `the DNS names no server of ${domain} for tls "${tls}"`, 'tls');
}

/** The addresses of a target that may be dialled; likewise. */
export function addresses(
  { host }: Target,
  { domain, trusted, route }: Destination,
  resolver: Resolver,
  isAllowed = isPublic,
): readonly string[] | Promise<readonly string[]> {
  const literal = isIP(host) !== 0;
  if (!trusted && route === undefined && (literal || !isHostname(host)))
    throw new Unreachable('forbidden_address', `${host} is an address`, 'upstreams');
  const allowed = (found: readonly string[]) => {
    const left = trusted ? found : found.filter(isAllowed);
    if (left.length > 0) return left;
    throw new Unreachable('forbidden_address', `${host} is at an address that only upstreams may name`, 'upstreams');
  };
  if (literal) return allowed([host.toLowerCase()]);
  return resolver.addresses(host.toLowerCase()).then(allowed, (error: Unreachable) => {
    // Only a domain that itself does not exist is unknown; anything else is a mistake on the way to it.
    throw error.reason === 'nxdomain' && host !== domain ? new Unreachable('dns', error.message) : error;
  });
}

/** How to secure a connection to this address, and whether a certificate that cannot be verified ends it. */
export function security(
  { tls, trusted }: Destination,
  target: Target,
  address: string,
): { readonly tls: TlsMode; readonly verify: boolean } {
  if (tls === 'none') return { tls, verify: true };
  if (target.direct) return { tls: 'direct', verify: true };
  // Nobody can listen in on the loopback, and servers there are often set up with certificates of their own making.
  if (tls === undefined && trusted && isLoopback(address)) return { tls: 'optional', verify: false };
  return { tls: tls === undefined || tls === 'direct' ? 'starttls' : tls, verify: true };
}
