// What an address tells of who uses it. Addresses are judged as data; nothing is resolved.

import { BlockList, isIP, isIPv4, isIPv6 } from 'node:net';

/** A set of addresses and CIDR networks. */
export class Networks {
  readonly #list = new BlockList();
  /** The IPv4 addresses by themselves: looked up as they are written, for the list makes an object of what it is asked. */
  readonly #addresses = new Set<string>();
  #isOfAddresses = true;

  /** Throws on what is neither an address nor a network. */
  constructor(list: readonly string[]) {
    for (const entry of list) this.#add(entry);
  }

  /** What is no address literal (that of a socket that is gone is '') is in no set. */
  has(address: string): boolean {
    if (this.#addresses.has(address)) return true;
    const version = isIP(address);
    if (version === 0 || (this.#isOfAddresses && version === 4)) return false;
    return this.#list.check(address, version === 4 ? 'ipv4' : 'ipv6');
  }

  #add(entry: string): void {
    const [address, prefix] = entry.split('/');
    const version = isIP(address);
    if (version === 0) throw new TypeError(`"${entry}" is neither an address nor a network`);
    const family = version === 4 ? 'ipv4' : 'ipv6';
    if (prefix !== undefined) this.#list.addSubnet(address, Number(prefix), family);
    else this.#list.addAddress(address, family);
    if (prefix === undefined && version === 4) this.#addresses.add(address);
    // ::1 has no IPv4 address in it; what has is the list's to find.
    else if (address !== '::1') this.#isOfAddresses = false;
  }
}

/** 127/8 and ::1, the former also where it is mapped into IPv6. */
export function isLoopback(address: string): boolean {
  const four = address.startsWith('::ffff:') ? address.slice(7) : address;
  return address === '::1' || (four.startsWith('127.') && isIPv4(four));
}

/** Who counts as one: an IPv4 address (mapped or not), or the /64 of an IPv6 address. */
export function partyOf(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address);
  if (mapped !== null) return mapped[1];
  if (!address.includes(':') || !isIPv6(address)) return address;
  const [left, right] = address.toLowerCase().replace(/%.*$/, '').split('::');
  const head = left === '' ? [] : left.split(':');
  const tail = right === undefined || right === '' ? [] : right.split(':');
  const groups = [...head, ...Array<string>(Math.max(0, 8 - head.length - tail.length)).fill('0'), ...tail];
  return groups
    .slice(0, 4)
    .map((group) => group.replace(/^0+(?=.)/, ''))
    .join(':');
}
