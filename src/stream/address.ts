// What an address tells of who uses it. Addresses are judged as data; nothing is resolved.

import { BlockList, isIP, isIPv6 } from 'node:net';

/** Single addresses and CIDR networks as one list. */
export function networks(list: readonly string[]): BlockList {
  const all = new BlockList();
  for (const entry of list) {
    const [address, prefix] = entry.split('/');
    const family = isIPv6(address) ? 'ipv6' : 'ipv4';
    if (prefix === undefined) all.addAddress(address, family);
    else all.addSubnet(address, Number(prefix), family);
  }
  return all;
}

/** Whether the list has this address; what is no address literal (that of a socket that is gone is '') is in no list. */
export function within(list: BlockList, address: string): boolean {
  const version = isIP(address);
  return version !== 0 && list.check(address, version === 6 ? 'ipv6' : 'ipv4');
}

const loopback = networks(['127.0.0.0/8', '::1']);

export const isLoopback = (address: string): boolean => within(loopback, address);

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
