// Who may be reached: names the operator allowed, and addresses that lie outside. Names and addresses are judged as
// data here; nothing is resolved or dialled.

import { isIP, isIPv6 } from 'node:net';
import { domainToASCII } from 'node:url';
import { Networks } from './address.js';

/** Lists of names: exact, `*.example.net` (any name below it), or `*` (any name; an address has to be listed itself). */
export interface Firewall {
  readonly allow: readonly string[];
  readonly deny: readonly string[];
}

/**
 * A domain as it is compared, certified and looked up: ASCII, lower case, without a last dot. Undefined for what is no
 * domain name; an IP literal in any notation (`127.1`, `0x7f.1`, `[::1]`) comes out as the plain literal.
 */
export function normalizeDomain(name: string): string | undefined {
  if (name.length <= 253 && PLAIN.test(name)) return name;
  if (name.length > 1023 || /[\s/\\?#@%]/.test(name)) return undefined;
  const bare = /^\[(.*)\]$/.exec(name)?.[1] ?? name;
  if (bare.includes(':') && isIPv6(bare)) return bare.toLowerCase();
  const ascii = domainToASCII(bare.replace(/\.$/, ''));
  return isHostname(ascii) ? ascii : undefined;
}

/** What is as it is compared already, as nearly every name is: no digit at the start of a label, and no Punycode to check. */
const PLAIN = /^(?!.*xn--)[a-z][a-z0-9-]{0,62}(?:\.[a-z][a-z0-9-]{0,62})*$/;

/** Whether this is a name for the DNS: letters, digits, hyphens (and underscores), of legal lengths. */
export function isHostname(name: string): boolean {
  return name.length <= 253 && /^(?!-)[a-z0-9_-]{1,63}(?:\.(?!-)[a-z0-9_-]{1,63})*$/i.test(name);
}

/** How exactly a pattern matches a name: more is more exact; 0: not at all. */
function exactness(pattern: string, domain: string): number {
  if (pattern === '*') return isIP(domain) === 0 ? 1 : 0;
  if (pattern.startsWith('*.')) {
    const parent = normalizeDomain(pattern.slice(2));
    return parent !== undefined && domain.endsWith(`.${parent}`) ? 1 + parent.length : 0;
  }
  return pattern === domain || normalizeDomain(pattern) === domain ? Number.POSITIVE_INFINITY : 0;
}

function best(patterns: readonly string[], domain: string): number {
  let most = 0;
  for (const pattern of patterns) most = Math.max(most, exactness(pattern, domain));
  return most;
}

/**
 * Whether the lists allow a normalized domain. What is in neither is denied. In both, the more exact pattern counts, and
 * at equal exactness allow (as in node-xmpp-bosh): `allow: ["*"], deny: ["example.org"]` denies example.org.
 */
export function allows(firewall: Firewall, domain: string): boolean {
  const allowed = best(firewall.allow, domain);
  return allowed === Number.POSITIVE_INFINITY || (allowed > 0 && allowed >= best(firewall.deny, domain));
}

/** Whether a list of patterns has this name or address. */
export const matches = (patterns: readonly string[], name: string): boolean => best(patterns, name) > 0;

// Ranges that are no public unicast (of IPv6 only those inside of 2000::/3), or where clouds keep their instances' secrets.
const FORBIDDEN = [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '168.63.129.16/32',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.88.99.0/24',
  '192.168.0.0/16',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/3',
  '2001::/23',
  '2001:db8::/32',
  '2002::/16',
  '3fff::/20',
];

const forbidden = new Networks(FORBIDDEN);
// IPv4 inside of IPv6: mapped, and NAT64 as networks without IPv4 need it.
const wrapping = new Networks(['::ffff:0:0/96', '64:ff9b::/96']);
const globalUnicast = new Networks(['2000::/3']);

/**
 * Whether an address literal is one that strangers may make us dial: public unicast, also where IPv4 is wrapped in IPv6;
 * 6to4 and Teredo are refused whole. No literal, or one with a zone: false.
 */
export function isPublic(address: string): boolean {
  if (isIP(address) === 0 || address.includes('%')) return false;
  if (!isIPv6(address)) return !forbidden.has(address);
  if (wrapping.has(address)) return isPublic(lastFour(address));
  return globalUnicast.has(address) && !forbidden.has(address);
}

/** The IPv4 address in the last 32 bits of an IPv6 address. */
function lastFour(address: string): string {
  if (address.includes('.')) return address.slice(address.lastIndexOf(':') + 1);
  const [high = '0', low = '0'] = address.replace(/^.*::/, '0:').split(':').slice(-2);
  const bits = [high, low].map((group) => Number.parseInt(group || '0', 16));
  return bits.flatMap((group) => [group >> 8, group & 0xff]).join('.');
}
